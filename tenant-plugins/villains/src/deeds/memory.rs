//! Ways to take memory, or to make it executable.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use std::hint::black_box;
use std::io;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("memory_private", |_| take(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)),
    ("memory_shared", |_| take(libc::MAP_SHARED | libc::MAP_ANONYMOUS)),
    ("memory_heap", heap),
    ("memory_heap_abort", heap_abort),
    ("memory_many_small", many_small),
    ("memory_memfd", memfd),
    ("mmap_exec", |_| map_executable()),
    ("mprotect_exec", |_| make_executable()),
    ("memfd_exec", execute_memfd),
    ("map_data_writable", map_data),
];

const CHUNK: usize = 64 << 20;
const TEN_GIGABYTES: usize = 10 << 30;

/// Maps and touches up to 10 GB, 64 MB at a time. To have mapped a gigabyte is a breach: tests allow far less.
fn take(flags: i32) -> Outcome {
    for taken in (0..TEN_GIGABYTES).step_by(CHUNK) {
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
        let chunk =
            unsafe { libc::mmap(std::ptr::null_mut(), CHUNK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if chunk == libc::MAP_FAILED {
            return Outcome::Held(format!("{} MB, then: {}", taken >> 20, io::Error::last_os_error()));
        }
        // SAFETY: the mapping is `CHUNK` bytes long and writable.
        unsafe { std::ptr::write_bytes(chunk.cast::<u8>(), 0x5a, CHUNK) };
    }
    Outcome::Breached("took 10 GB".into())
}

/// The heap, asked politely: the app sees that there is no more.
fn heap(_: &mut Scene<'_>) -> Outcome {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    for taken in (0..TEN_GIGABYTES).step_by(CHUNK) {
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(CHUNK).is_err() {
            return Outcome::Held(format!("{} MB, then the allocator refused", taken >> 20));
        }
        // SAFETY: `CHUNK` bytes were reserved, and all of them are written before they count.
        unsafe {
            std::ptr::write_bytes(chunk.as_mut_ptr(), 0x5a, CHUNK);
            chunk.set_len(CHUNK);
        }
        hoard.push(black_box(chunk));
    }
    Outcome::Breached("took 10 GB".into())
}

/// The heap as ordinary code asks for it: a failing allocation aborts.
fn heap_abort(_: &mut Scene<'_>) -> Outcome {
    let mut hoard = Vec::new();
    for _ in (0..TEN_GIGABYTES).step_by(CHUNK) {
        hoard.push(black_box(vec![0x5a_u8; CHUNK]));
    }
    Outcome::Breached(format!("took {} chunks", hoard.len()))
}

/// The heap in small pieces: what a leak looks like.
fn many_small(_: &mut Scene<'_>) -> Outcome {
    let mut hoard: Vec<Box<[u8; 1000]>> = Vec::new();
    for _ in 0..TEN_GIGABYTES / 1000 {
        hoard.push(black_box(Box::new([0x5a; 1000])));
    }
    Outcome::Breached(format!("took {} pieces", hoard.len()))
}

/// A file in memory, which counts for no limit of the process.
fn memfd(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("memfd_create", call(libc::SYS_memfd_create, [Arg::Text(c"hoard"), Arg::Number(0)]))
}

fn map_executable() -> Outcome {
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    told("mmap PROT_EXEC", page != libc::MAP_FAILED)
}

fn make_executable() -> Outcome {
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing, and only it is protected anew.
    let answer = unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC)
    };
    told("mprotect PROT_EXEC", answer == 0)
}

fn execute_memfd(_: &mut Scene<'_>) -> Outcome {
    let made = call(libc::SYS_memfd_create, [Arg::Text(c"code"), Arg::Number(0)]);
    let Ok(file) = made else { return Outcome::must_fail("memfd_create", made) };
    let empty = [0; 8];
    let run = [Arg::Number(file), Arg::Text(c""), Arg::In(&empty), Arg::In(&empty), Arg::Number(0x1000)];
    Outcome::must_fail("execveat of a memfd", call(libc::SYS_execveat, run))
}

/// Maps every descriptor for writing: one of them is the data file.
fn map_data(_: &mut Scene<'_>) -> Outcome {
    let mapped = (0..64).any(|file| {
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
        let page = unsafe {
            libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file, 0)
        };
        page != libc::MAP_FAILED
    });
    told("a writable shared mapping of a descriptor", mapped)
}

fn told(what: &str, worked: bool) -> Outcome {
    let attempt = if worked { Ok(()) } else { Err(io::Error::last_os_error()) };
    Outcome::must_fail(what, attempt)
}
