//! Damages a document: where it has structure most of the time, anywhere for the rest.

use super::generate::{Mark, Sketch};
use fastrand::Rng;

/// Damages `sketch` once to four times; half of the results get a right outer length again, so that what lies behind
/// the first check is reached.
pub(crate) fn damage(rng: &mut Rng, sketch: &mut Sketch, other: &[u8]) {
    for _ in 0..rng.usize(1..5) {
        if rng.u8(..4) == 0 {
            anywhere(rng, &mut sketch.bytes, other);
        } else {
            structured(rng, sketch);
        }
    }
    if rng.bool() {
        mend(&mut sketch.bytes);
    }
}

fn structured(rng: &mut Rng, sketch: &mut Sketch) {
    let Some(&(at, mark)) = rng.choice(&sketch.marks) else { return };
    let bytes = &mut sketch.bytes;
    match mark {
        Mark::Length => length(rng, bytes, at),
        Mark::Type => set(bytes, at, if rng.bool() { rng.u8(..) } else { rng.u8(..0x14) }),
        Mark::Key | Mark::Text => {
            let at = at + rng.usize(..4);
            set(bytes, at, *rng.choice(b"\0$_a\x7f\x80\xbf\xc3\xe2\xed\xf4\xff").unwrap_or(&0));
        }
        Mark::Value => set(bytes, at, rng.u8(..)),
    }
}

fn length(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    let Some(field) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) else { return };
    let length = i32::from_le_bytes(*field);
    let length = match rng.u8(..8) {
        0 => rng.i32(..),
        1 => *rng.choice(&[0, 1, 4, 5, -1, -4, -5, i32::MAX, i32::MIN, 1 << 24]).unwrap_or(&0),
        _ => length.wrapping_add(rng.i32(-6..7)),
    };
    *field = length.to_le_bytes();
}

fn anywhere(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..7) {
        0 | 1 => bytes[at] ^= 1 << rng.u8(..8),
        2 => length(rng, bytes, at),
        3 => bytes.truncate(at),
        4 => {
            let end = (at + rng.usize(1..9)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 => {
            let count = rng.usize(1..5);
            bytes.splice(at..at, std::iter::repeat_with(|| rng.u8(..)).take(count));
        }
        _ => {
            let from = rng.usize(..=other.len());
            let to = rng.usize(from..=other.len());
            let end = (at + rng.usize(..=to - from)).min(bytes.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

fn mend(bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if let Some(field) = bytes.first_chunk_mut::<4>() {
        *field = length.to_le_bytes();
    }
    if let [_, _, _, _, .., last] = bytes {
        *last = 0;
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}
