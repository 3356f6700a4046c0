//! The bytes of a candidate, held so that nobody can change them: what is examined is what will be loaded.
//!
//! A path may stand for another file a moment later, and a file may be overwritten while it is mapped (which kills
//! whoever runs it). So the file is opened once, without following a link and without waiting for a pipe, copied into
//! memory of the host's own (a memfd), and that memory is sealed: from then on not even this process can write it. Its
//! descriptor goes to the worker, which loads `/proc/self/fd/N`.
//!
//! A copy that is going on meanwhile shows: size and time of change are compared before and after. Kernels round that
//! time (to some milliseconds), so a watcher also waits for a quiet moment before it comes here, and a file that was
//! caught between two writes is found incomplete by the examination.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use memmap2::Mmap;
use rustix::fs::{AtFlags, CWD, FileType, MemfdFlags, Mode, OFlags, SealFlags, Stat};
use rustix::io::Errno;

use super::candidate::{Finding, too_large};

/// Never again writable, longer, shorter or otherwise sealed.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// What a file must be like to be read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRules {
    /// Most bytes that are read.
    pub max_size: u64,
    /// Refuse a file that has another name somewhere, through which it could be changed. For staging directories;
    /// a build on a developer's machine does make such files.
    pub single_link: bool,
}

/// The sealed bytes of a file.
#[derive(Debug)]
pub struct Snapshot {
    /// The sealed memory, to be passed to a worker.
    pub fd: OwnedFd,
    /// Number of bytes.
    pub len: usize,
    map: Mmap,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The name is not there.
    #[error("there is no file {0}: it was removed or renamed, or the path is misspelt")]
    Missing(PathBuf),
    /// It is a symbolic link.
    #[error("{0} is a symbolic link, which could point elsewhere a moment later: give the file itself")]
    Symlink(PathBuf),
    /// It is something else than a regular file.
    #[error("{path} is {what}, not a regular file: give the .so file itself")]
    NotRegular {
        /// Which file.
        path: PathBuf,
        /// What it is, with an article.
        what: &'static str,
    },
    /// It has other names.
    #[error(
        "{path} has {links} names (hard links), through which it could be changed: \
         copy it into the staging directory instead of linking it"
    )]
    Linked {
        /// Which file.
        path: PathBuf,
        /// Number of names.
        links: u64,
    },
    /// It is larger than is read.
    #[error("{path} has {size} bytes, at most {cap} are read: strip it, or raise the limit")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// Most bytes that are read.
        cap: u64,
    },
    /// Somebody wrote to it.
    #[error("{0} changed while it was read: it is still being copied, wait until that is complete")]
    Changed(PathBuf),
    /// The system said no.
    #[error("{path} cannot be {doing}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried, as a participle.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl Snapshot {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn take(path: &Path, rules: &ReadRules) -> Result<Snapshot, SnapshotError> {
        Snapshot::take_at(CWD, path, rules)
    }

    /// Reads the file `path` of an opened directory: nobody can exchange the directories above it meanwhile.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn take_at(directory: BorrowedFd<'_>, path: &Path, rules: &ReadRules) -> Result<Snapshot, SnapshotError> {
        let (file, before) = open(directory, path, rules)?;
        copy(&file, &before, path)
    }

    /// Reads a file that is open already; `name` is what it is called in sentences.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn of(file: &File, name: &str) -> Result<Snapshot, SnapshotError> {
        let path = Path::new(name);
        let failed = |errno: Errno| SnapshotError::Io { path: path.to_owned(), doing: "read", source: errno.into() };
        copy(file, &rustix::fs::fstat(file).map_err(failed)?, path)
    }

    /// The sealed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}

impl AsFd for Snapshot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl SnapshotError {
    /// The same as a refusal, for those who show findings.
    pub fn finding(&self) -> Finding {
        let code = match self {
            SnapshotError::TooLarge { size, cap, .. } => return too_large(*size, *cap),
            SnapshotError::Missing(_) => "missing-file",
            SnapshotError::Symlink(_) => "symbolic-link",
            SnapshotError::NotRegular { .. } => "not-a-file",
            SnapshotError::Linked { .. } => "hard-links",
            SnapshotError::Changed(_) => "changing",
            SnapshotError::Io { .. } => "unreadable",
        };
        // These sentences say how to mend it themselves.
        Finding::refusal(code, self.to_string(), "")
    }
}

fn copy(file: &File, before: &Stat, path: &Path) -> Result<Snapshot, SnapshotError> {
    let failed = |doing| move |source: io::Error| SnapshotError::Io { path: path.to_owned(), doing, source };

    let mut memory = File::from(new_memory().map_err(|errno| failed("held in memory")(errno.into()))?);
    let size = u64::try_from(before.st_size).unwrap_or_default();
    // One byte more than there should be, so that a growing file shows.
    let copied = io::copy(&mut file.take(size.saturating_add(1)), &mut memory).map_err(failed("read"))?;
    let after = rustix::fs::fstat(file).map_err(|errno| failed("read")(errno.into()))?;
    if copied != size || !is_same(before, &after) {
        return Err(SnapshotError::Changed(path.to_owned()));
    }
    seal(&memory).map_err(|errno| failed("held in memory")(errno.into()))?;
    // SAFETY: the mapping's bytes never change: the memory is sealed against writing, growing and shrinking, and the
    // seal against removing seals. Where sealing failed we do not come here.
    let map = unsafe { Mmap::map(&memory) }.map_err(failed("held in memory"))?;
    Ok(Snapshot { fd: memory.into(), len: map.len(), map })
}

/// Seals it. The system refuses while it has one of the pages in hand itself (where it moves memory about, say): then it is asked
/// again for a while.
fn seal(memory: &File) -> Result<(), Errno> {
    for pause in [1, 5, 20, 100, 500, 1_000] {
        match rustix::fs::fcntl_add_seals(memory, SEALS) {
            Err(Errno::BUSY) => std::thread::sleep(Duration::from_millis(pause)),
            sealed => return sealed,
        }
    }
    rustix::fs::fcntl_add_seals(memory, SEALS)
}

fn open(directory: BorrowedFd<'_>, path: &Path, rules: &ReadRules) -> Result<(File, Stat), SnapshotError> {
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => SnapshotError::Missing(path.to_owned()),
        Errno::LOOP => SnapshotError::Symlink(path.to_owned()),
        Errno::NXIO | Errno::NODEV => SnapshotError::NotRegular { path: path.to_owned(), what: "a socket or a device" },
        other => SnapshotError::Io { path: path.to_owned(), doing: "opened", source: other.into() },
    };
    // Asked before opening as well, because opening a device can already have an effect.
    must_be_regular(&rustix::fs::statat(directory, path, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?, path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(directory, path, flags, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    must_be_regular(&stat, path)?;
    #[allow(clippy::useless_conversion, reason = "the field has 64 bits on x86_64, 32 on aarch64")]
    let links = u64::from(stat.st_nlink);
    if rules.single_link && links != 1 {
        return Err(SnapshotError::Linked { path: path.to_owned(), links });
    }
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    if size > rules.max_size {
        return Err(SnapshotError::TooLarge { path: path.to_owned(), size, cap: rules.max_size });
    }
    Ok((File::from(file), stat))
}

fn must_be_regular(stat: &Stat, path: &Path) -> Result<(), SnapshotError> {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => return Err(SnapshotError::Symlink(path.to_owned())),
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe (FIFO)",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    };
    Err(SnapshotError::NotRegular { path: path.to_owned(), what })
}

/// Memory that can be sealed, and where the kernel knows that wish (from 6.3 on) never be executed as a program.
fn new_memory() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create("mysimbdp-app", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("mysimbdp-app", flags),
        other => other,
    }
}

fn is_same(before: &Stat, after: &Stat) -> bool {
    let state = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    state(before) == state(after)
}

#[cfg(test)]
mod tests;
