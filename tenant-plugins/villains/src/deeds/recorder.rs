//! Ways to scribble over the flight recorder: the page that tells the host, after a death, which row it was.
//!
//! It is found as an attacker would: from the stack upwards, and from there along whatever looks like a pointer, until a
//! page begins with the recorder's magic. The kernel tells which addresses can be read (a futex that is not mapped is
//! `EFAULT`), so that looking does not crash.

use super::Deed;
use crate::outcome::Outcome;
use std::collections::{HashSet, VecDeque};
use std::io;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("scribble_recorder", |_| scribble(|page| page.fill(u64::MAX))),
    ("scribble_magic", |_| scribble(|page| page[0] = 0)),
    ("accuse_the_first_row", |_| scribble(|page| name(page, 1))),
    ("accuse_an_innocent_row", |scene| {
        let innocent = scene.argument.parse().unwrap_or(1);
        scribble(|page| name(page, innocent))
    }),
    ("accuse_nobody", |_| scribble(|page| page[STATE] = 2)),
    ("forge_a_crash", |_| scribble(forge_a_crash)),
];

/// "MSFR", version 1.
const MAGIC: u64 = u64::from_le_bytes(*b"MSFR\0\0\0\x01");
/// Words of the page.
const PAGE_WORDS: usize = 512;
const STATE: usize = 1;
const NUMBER: usize = 2;
const START: usize = 3;
const END: usize = 4;
const LINE: usize = 5;
const FAULT: usize = 7;

/// Most blocks that are looked at.
const PATIENCE: usize = 20_000;
/// Words read behind each pointer.
const BLOCK: usize = 64;
/// Words of the stack that are read.
const STACK: usize = 32 * 1024;

fn name(page: &mut [u64], row: u64) {
    page[STATE] = 3;
    page[NUMBER] = row;
    page[START] = 0;
    page[END] = 8;
}

fn forge_a_crash(page: &mut [u64]) {
    page[FAULT] = (u64::from(u32::MAX >> 1) << 32) | 0xffff_ffff;
}

/// Finds the recorder, lets `lie` change it, and dies at once.
fn scribble(lie: impl FnOnce(&mut [u64])) -> Outcome {
    let Some(address) = find() else {
        return Outcome::Held("the recorder could not be found".into());
    };
    let page = std::ptr::with_exposed_provenance_mut::<u64>(address);
    // SAFETY: the page begins with the magic of a recorder, which is one whole page, mapped writable; nothing else of this
    // process reads it before it dies below.
    lie(unsafe { std::slice::from_raw_parts_mut(page, PAGE_WORDS) });
    std::process::abort()
}

/// The tag of the delivery in work, which stands there as the line of its message.
pub(super) fn tag() -> Option<u32> {
    u32::try_from(peek(find()? + 8 * LINE)).ok()
}

fn find() -> Option<usize> {
    let here = 0_usize;
    let stack = (&raw const here).expose_provenance();
    let mut seen = HashSet::new();
    let mut waiting = VecDeque::from([(stack, STACK)]);
    let mut looked = 0;
    while let Some((block, words)) = waiting.pop_front() {
        looked += 1;
        if looked > PATIENCE {
            return None;
        }
        for at in (0..words).map(|word| block + 8 * word) {
            if (at == block || at.is_multiple_of(4096)) && !readable(at) {
                break;
            }
            let word = peek(at);
            if !seen.insert(word) || !word.is_multiple_of(8) || !plausible(word) || !readable(word) {
                continue;
            }
            if word.is_multiple_of(4096) && peek(word) == usize::try_from(MAGIC).unwrap_or(0) {
                return Some(word);
            }
            waiting.push_back((word, BLOCK));
        }
    }
    None
}

/// User addresses are in the lower half, and the first pages are never mapped.
fn plausible(address: usize) -> bool {
    (0x1_0000..1 << 47).contains(&address)
}

fn readable(address: usize) -> bool {
    let no_time = [0_u8; 16];
    // SAFETY: a futex that is not mapped is EFAULT, any other is at most compared; nothing waits, for the time is zero.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_futex,
            address,
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            0x5a5a_5a5a_u32,
            no_time.as_ptr(),
            0_usize,
            0_u32,
        )
    };
    let error = io::Error::last_os_error().raw_os_error();
    answer == 0 || matches!(error, Some(libc::EAGAIN | libc::ETIMEDOUT))
}

fn peek(address: usize) -> usize {
    let pointer = std::ptr::with_exposed_provenance::<usize>(address);
    // SAFETY: `readable` was asked about the page it lies in, and eight aligned bytes do not cross a page.
    unsafe { pointer.read_volatile() }
}
