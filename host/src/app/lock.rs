//! One daemon on one data directory: a lock that the kernel gives back when its holder ends, however it ends.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error(
        "another mysimbdp{} already runs on {}: stop it, or give this one a data directory of its own",
        pid.map_or_else(String::new, |pid| format!(" (process {pid})")),
        data.display()
    )]
    Held {
        /// The data directory.
        data: PathBuf,
        /// The process that has it.
        pid: Option<u32>,
    },
    /// The file cannot be made or locked.
    #[error("the data directory {} cannot be locked: {source}", data.display())]
    Io {
        /// The data directory.
        data: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// How long the processes of a daemon that is dead may take to end: one that was being started when it died has its lock.
const DYING: Duration = Duration::from_secs(2);

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of a data directory.
    ///
    /// # Errors
    /// Another daemon has it, or the directory cannot be written.
    pub(super) fn take(data: &Path) -> Result<DataLock, LockError> {
        let failed = |source| LockError::Io { data: data.to_owned(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let mut file = options.open(data.join("lock")).map_err(failed)?;
        let until = Instant::now() + DYING;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let mut text = String::new();
                    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
                    let pid = read.ok().and_then(|_| text.trim().parse().ok());
                    if pid.is_none_or(is_alive) || Instant::now() > until {
                        return Err(LockError::Held { data: data.to_owned(), pid });
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(errno) => return Err(failed(errno.into())),
            }
        }
        // For the sentence above; the lock itself is the kernel's.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(DataLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_refused_and_told_who_has_it() {
        let data = tempfile::tempdir().unwrap();
        let first = DataLock::take(data.path()).unwrap();
        let told = DataLock::take(data.path()).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("another mysimbdp (process {}) already runs on ", std::process::id())),
            "{told}"
        );
        drop(first);
        assert!(DataLock::take(data.path()).is_ok());
    }
}
