//! The codec of what a worker sends: it never panics, never hands out a range outside of the payload, and what it reads
//! is written back as it was.

use fastrand::Rng;
use mysimbdp::worker::codec::{
    RowCursor, decode_guest_header, decode_host_header, decode_tray_word, encode_header, encode_tray_word, reason,
};
use mysimbdp::worker::protocol::{
    HEADER_LEN, MAX_HOST_PAYLOAD, MAX_REASON, MAX_ROWS_PAYLOAD, ROW_HEADER_LEN, RowFate, RowHeader,
};
use mysimbdp::worker::tray::PLACE_BYTES;

/// A frame header and a payload of rows, most of them sound.
pub(crate) fn generate(rng: &mut Rng) -> Vec<u8> {
    let kind = if rng.bool() { rng.u8(60..75) } else { rng.u8(..6) };
    let length = if rng.bool() { rng.usize(..100_000) } else { rng.usize(..u32::MAX as usize) };
    let mut input = encode_header(kind, rng.u32(..), length).to_vec();
    for _ in 0..rng.usize(..5) {
        let fate = *rng.choice(&[RowFate::Ended, RowFate::Rejected, RowFate::Loose]).unwrap_or(&RowFate::Ended);
        let bytes = rng.u32(..40);
        let row = RowHeader {
            number: rng.u64(..),
            start: rng.u64(..),
            end: rng.u64(..),
            line: rng.u64(..),
            refused: rng.u32(..),
            documents: rng.u32(..),
            bytes,
            fate,
        };
        input.extend_from_slice(&row.encode());
        let ascii = rng.u8(..4) != 0;
        input.extend((0..bytes).map(|_| if ascii { rng.u8(b' '..0x7f) } else { rng.u8(..) }));
    }
    if rng.bool() {
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..input.len());
            match rng.u8(..4) {
                0 => input[at] = rng.u8(..),
                1 => input[at] ^= 1 << rng.u8(..8),
                2 => input.truncate(at.max(1)),
                _ => input.extend(std::iter::repeat_with(|| rng.u8(..)).take(at % 60)),
            }
        }
    }
    input
}

pub(crate) fn check(input: &[u8]) -> Result<bool, String> {
    let Some((header, payload)) = input.split_first_chunk::<HEADER_LEN>() else { return Ok(false) };
    headers(header)?;
    let accepted = rows(payload)?;
    reasons(payload)?;
    tray_words(payload)?;
    Ok(accepted)
}

fn headers(header: &[u8; HEADER_LEN]) -> Result<(), String> {
    if let Ok(read) = decode_guest_header(header) {
        let same = encode_header(read.kind as u8, read.tag, read.length) == *header;
        ensure(same && read.length <= MAX_ROWS_PAYLOAD, || format!("a header read as {read:?}"))?;
    }
    if let Ok(read) = decode_host_header(header) {
        let same = encode_header(read.kind as u8, read.tag, read.length) == *header;
        ensure(same && read.length <= MAX_HOST_PAYLOAD, || format!("a header read as {read:?}"))?;
    }
    Ok(())
}

fn tray_words(payload: &[u8]) -> Result<(), String> {
    if let Ok(length) = decode_tray_word(payload) {
        let same = payload.starts_with(&encode_tray_word(length));
        ensure(same && length <= PLACE_BYTES, || format!("a word of the tray read as {length}"))?;
    }
    Ok(())
}

fn rows(payload: &[u8]) -> Result<bool, String> {
    let mut cursor = RowCursor::new();
    let mut end = 0;
    loop {
        match cursor.next(payload) {
            Ok(None) => {
                ensure(end == payload.len(), || format!("the last row ends at {end} of {}", payload.len()))?;
                return Ok(true);
            }
            Ok(Some((row, range))) => {
                ensure(range.start == end + ROW_HEADER_LEN, || format!("a row at {end} has its bytes at {range:?}"))?;
                ensure(range.start <= range.end && range.end <= payload.len(), || format!("a range of {range:?}"))?;
                ensure(range.len() == row.bytes as usize, || format!("{row:?} has {range:?}"))?;
                ensure(payload[end..range.start] == row.encode(), || format!("a row read as {row:?}"))?;
                end = range.end;
            }
            Err(why) => {
                ensure(cursor.next(payload) == Err(why), || "a broken payload was read on".to_owned())?;
                return Ok(false);
            }
        }
    }
}

fn reasons(bytes: &[u8]) -> Result<(), String> {
    if let Ok(text) = reason(bytes) {
        ensure(text.as_bytes() == bytes && bytes.len() <= MAX_REASON, || "a reason read as another".to_owned())?;
    }
    Ok(())
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
