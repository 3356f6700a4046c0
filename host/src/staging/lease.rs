//! Whether somebody has a file open for writing: asked of the kernel, by taking a read lease on it for a moment.
//!
//! `F_SETLEASE` with `F_RDLCK` succeeds only while nobody on this machine has the file open (or mapped) for writing. The
//! lease is given back at once. Whoever opens the file for writing in that moment waits until it is, and the kernel sends its
//! holder a signal; that would be SIGIO, which kills, so it is made SIGURG, which nobody hears.
//!
//! The kernel gives leases to a file's owner and to those with `CAP_LEASE`, and on file systems that have them; elsewhere
//! nobody can say.

use super::quiet::Writers;
use std::fs::File;
use std::os::fd::AsRawFd;

/// `F_SETSIG` of `<fcntl.h>`, the same on all architectures; the libc crate has it for some only.
const SET_SIGNAL: libc::c_int = 10;

/// Whether somebody has this file open for writing. `file` must be open for reading only.
pub fn writers(file: &File) -> Writers {
    if control(file, SET_SIGNAL, libc::SIGURG).is_err() {
        return Writers::Unknown;
    }
    match control(file, libc::F_SETLEASE, libc::F_RDLCK) {
        Ok(()) => match control(file, libc::F_SETLEASE, libc::F_UNLCK) {
            Ok(()) => Writers::Nobody,
            Err(_) => Writers::Unknown,
        },
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Writers::Somebody,
        Err(_) => Writers::Unknown,
    }
}

fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> std::io::Result<()> {
    // SAFETY: the descriptor is open as long as `file` is borrowed, and these commands take a number and no pointer.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if answer == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_file_has_a_writer_exactly_while_somebody_has_it_open_for_writing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert_eq!(writers(&reader), Writers::Somebody);
        drop(writer);
        assert_eq!(writers(&reader), Writers::Nobody);
        // Asking leaves nothing behind that would hold up or kill anybody.
        drop(OpenOptions::new().append(true).open(&path).unwrap());
        assert_eq!(writers(&reader), Writers::Nobody);
    }

    #[test]
    fn asking_kills_nobody_while_somebody_opens_the_file_again_and_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        drop(File::create(&path).unwrap());
        let reader = File::open(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..5_000).for_each(|_| drop(OpenOptions::new().write(true).open(&path).unwrap())));
            for _ in 0..5_000 {
                assert_ne!(writers(&reader), Writers::Unknown);
            }
        });
    }
}
