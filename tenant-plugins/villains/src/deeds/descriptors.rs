//! Ways to abuse the descriptors that a worker is born with: socket, recorder, app, data file, the two outputs.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use std::fs;
use std::time::Duration;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("close_fds", close_all_and_wait),
    ("close_fds_and_go_on", close_all),
    ("shutdown_socket", shut_down),
    ("nonblocking_socket", unblock),
    ("inherited_fds", count),
    ("dup_bomb", duplicate),
    ("write_data_fd", write),
    ("reopen_data_fd", reopen),
    ("truncate_data_fd", truncate),
    ("chmod_data_fd", change_mode),
    ("lock_data_fd", lock),
    ("lease_data_fd", lease),
    ("seek_data_fd", seek),
    ("async_socket", own),
];

/// More than any worker needs.
fn first_descriptors() -> std::ops::Range<i64> {
    0..64
}

const FILE_TYPE: u32 = libc::S_IFMT;

/// The type of file behind a descriptor, where there is one: `S_IFSOCK`, `S_IFREG`, ..
pub(super) fn kind(file: i64) -> Option<u32> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    let number = libc::c_int::try_from(file).ok()?;
    // SAFETY: `stat` is large enough for what is written to it.
    let answer = unsafe { libc::fstat(number, stat.as_mut_ptr()) };
    // SAFETY: all zeroes is a valid `stat`, and the kernel only ever fills it with valid ones.
    (answer == 0).then(|| unsafe { stat.assume_init() }.st_mode & FILE_TYPE)
}

/// The worker's socket: where its descriptors can be told apart, the socket among them; otherwise the first.
pub(super) fn socket() -> i64 {
    first_descriptors().find(|file| kind(*file) == Some(libc::S_IFSOCK)).unwrap_or(0)
}

fn files() -> Vec<i64> {
    first_descriptors().filter(|file| kind(*file) == Some(libc::S_IFREG)).collect()
}

fn close_all(_: &mut Scene<'_>) -> Outcome {
    for file in first_descriptors() {
        let _ = call(libc::SYS_close, [Arg::Number(file)]);
    }
    Outcome::Breached("closed every descriptor, and could still tell".into())
}

/// Lingers, so that the host finds the villain at it.
fn close_all_and_wait(scene: &mut Scene<'_>) -> Outcome {
    let told = close_all(scene);
    std::thread::sleep(Duration::from_millis(1000));
    told
}

fn shut_down(_: &mut Scene<'_>) -> Outcome {
    Outcome::may_work("shutdown", call(libc::SYS_shutdown, [Arg::Number(socket()), Arg::Number(2)]))
}

/// The worker's loop expects a socket that blocks.
fn unblock(_: &mut Scene<'_>) -> Outcome {
    let flags = i64::from(libc::O_RDWR | libc::O_NONBLOCK);
    let set = [Arg::Number(socket()), Arg::Number(libc::F_SETFL.into()), Arg::Number(flags)];
    Outcome::may_work("O_NONBLOCK", call(libc::SYS_fcntl, set))
}

/// Nothing of the host's own may have come along: neither many descriptors nor a file open for writing.
fn count(_: &mut Scene<'_>) -> Outcome {
    let open: Vec<i64> = (0..4096).filter(|file| kind(*file).is_some()).collect();
    let writable = files().into_iter().find(|file| {
        let flags = call(libc::SYS_fcntl, [Arg::Number(*file), Arg::Number(libc::F_GETFL.into())]).unwrap_or(0);
        flags & i64::from(libc::O_ACCMODE) != i64::from(libc::O_RDONLY)
    });
    match writable {
        Some(file) => Outcome::Breached(format!("descriptor {file} is a file open for writing")),
        None if open.len() > 8 => Outcome::Breached(format!("{} descriptors came along: {open:?}", open.len())),
        None => Outcome::Harmless(format!("descriptors {open:?}")),
    }
}

/// Descriptors until there are no more; they are closed again.
fn duplicate(_: &mut Scene<'_>) -> Outcome {
    let mut copies = Vec::new();
    while copies.len() < 1 << 17 {
        match call(libc::SYS_dup, [Arg::Number(0)]) {
            Ok(copy) => copies.push(copy),
            Err(error) => {
                let made = copies.len();
                for copy in copies {
                    let _ = call(libc::SYS_close, [Arg::Number(copy)]);
                }
                return Outcome::Held(format!("{made} copies, then: {error}"));
            }
        }
    }
    Outcome::Breached("as many descriptors as it liked".into())
}

/// Held where it is refused for every file it holds.
fn none_of_the_files(what: &str, attempt: impl Fn(i64) -> std::io::Result<i64>) -> Outcome {
    let files = files();
    if files.is_empty() {
        return Outcome::Harmless(format!("{what}: no file to be found among the descriptors"));
    }
    Outcome::worst(files.into_iter().map(|file| Outcome::must_fail(what, attempt(file))))
}

fn write(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("pwrite", |file| {
        call(libc::SYS_pwrite64, [Arg::Number(file), Arg::In(b"villain"), Arg::Number(7), Arg::Number(0)])
    })
}

fn reopen(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("opening it again for writing", |file| {
        fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{file}")).map(|_| 0)
    })
}

fn truncate(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("ftruncate", |file| call(libc::SYS_ftruncate, [Arg::Number(file), Arg::Number(0)]))
}

fn change_mode(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("fchmod", |file| call(libc::SYS_fchmod, [Arg::Number(file), Arg::Number(0o777)]))
}

/// A lock would make others wait who open the same file.
fn lock(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("flock", |file| {
        call(libc::SYS_flock, [Arg::Number(file), Arg::Number((libc::LOCK_EX | libc::LOCK_NB).into())])
    })
}

/// A lease makes whoever opens the file for writing wait for its holder.
fn lease(_: &mut Scene<'_>) -> Outcome {
    none_of_the_files("a lease", |file| {
        let set = [Arg::Number(file), Arg::Number(libc::F_SETLEASE.into()), Arg::Number(libc::F_RDLCK.into())];
        call(libc::SYS_fcntl, set)
    })
}

/// The place in the file is shared with whoever passed the descriptor, who must not rely on it.
fn seek(_: &mut Scene<'_>) -> Outcome {
    for file in files() {
        let _ = call(libc::SYS_lseek, [Arg::Number(file), Arg::Number(1_000_000), Arg::Number(0)]);
    }
    Outcome::Harmless("moved the place in every file".into())
}

/// Asks the kernel to signal the host whenever the socket can be read.
fn own(_: &mut Scene<'_>) -> Outcome {
    let set = [Arg::Number(socket()), Arg::Number(libc::F_SETOWN.into()), Arg::Number(crate::syscall::host_pid())];
    Outcome::must_fail("F_SETOWN", call(libc::SYS_fcntl, set))
}
