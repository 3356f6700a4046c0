//! Opening what lies in a directory that somebody else may write to.
//!
//! A tenant's directory is opened once, and everything beneath it is named relative to that descriptor, a step at a time or
//! by `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS` (kernels before 5.6, and filters that do not know it, take the
//! steps). So no link is followed, not in the middle of a path either, and a directory that is exchanged meanwhile changes
//! nothing. A file is opened without waiting for a pipe's other end, and must be regular and have one name.

use super::candidate::{Finding, too_large};
use super::name::shown;
use super::ports::FileIdentity;
use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Why a file in a staging directory is not read. Each is one sentence that names the file, fit to be shown.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name is not there.
    #[error("there is no file {0}: it was removed or renamed")]
    Missing(String),
    /// It is a symbolic link.
    #[error("{0} is a symbolic link, which could point elsewhere a moment later: put the file itself there")]
    Symlink(String),
    /// It is something else than a regular file.
    #[error("{file} is {what}, not a regular file: {mend}")]
    NotRegular {
        /// Which file.
        file: String,
        /// What it is, with an article.
        what: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// It has other names.
    #[error(
        "{file} has {links} names (hard links), through which it could be changed: copy the file instead of linking it"
    )]
    Linked {
        /// Which file.
        file: String,
        /// Number of names.
        links: u64,
    },
    /// It is larger than is read.
    #[error("{file} has {size} bytes, at most {cap} are read: make it smaller, or have the limit raised")]
    TooLarge {
        /// Which file.
        file: String,
        /// Its size.
        size: u64,
        /// Most bytes that are read.
        cap: u64,
    },
    /// This user may not read it.
    #[error("{0} cannot be read by the user that runs mysimbdp: give it read permission (chmod a+r)")]
    Forbidden(String),
    /// The system said no.
    #[error("{file} cannot be opened: {source}")]
    Io {
        /// Which file.
        file: String,
        /// Why not.
        source: io::Error,
    },
}

/// A regular file with one name, opened for reading.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Which, and in which state when it was opened.
    pub identity: FileIdentity,
    /// When it was last changed.
    pub last_change: Timestamp,
}

/// What a name stands for, without following it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which file, in which state.
    pub identity: FileIdentity,
    /// When anything about it was last changed (its mode and owner too), in nanoseconds.
    pub ctime_ns: i64,
    /// It is a directory.
    pub is_directory: bool,
    /// It is a regular file.
    pub is_regular: bool,
}

/// Opens a directory by a path of the operator's, in which links are welcome.
///
/// # Errors
/// The system's.
pub fn trusted_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, DIRECTORY - OFlags::NOFOLLOW, Mode::empty())?)
}

/// Opens the directory `path` beneath `at` without following a link; an empty path opens `at` once more.
///
/// # Errors
/// [`Errno::LOOP`] or [`Errno::NOTDIR`] where there is a link; others are the system's.
pub fn directory(at: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&at, path, DIRECTORY, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::AGAIN) => directory_by_steps(at.as_fd(), path),
        other => other,
    }
}

/// The same without `openat2`.
fn directory_by_steps(at: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let mut here = rustix::fs::openat(at, ".", DIRECTORY, Mode::empty())?;
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => here = rustix::fs::openat(&here, name, DIRECTORY, Mode::empty())?,
            _ => return Err(Errno::XDEV),
        }
    }
    Ok(here)
}

/// Opens the directory `name`, making it where there is none. One that is made gets exactly this `mode`, and `owner` where
/// that is given and this user may give files away. Answers whether it was made.
///
/// # Errors
/// As [`directory`], and what making one can say.
pub fn make_directory(at: impl AsFd, name: &OsStr, mode: Mode, owner: Option<&Stat>) -> Result<(OwnedFd, bool), Errno> {
    match directory(&at, Path::new(name)) {
        Err(Errno::NOENT) => {}
        other => return other.map(|opened| (opened, false)),
    }
    let is_new = match rustix::fs::mkdirat(&at, name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(other) => return Err(other),
    };
    let made = directory(&at, Path::new(name))?;
    if is_new {
        if let Some(owner) = owner {
            let (user, group) = (rustix::fs::Uid::from_raw(owner.st_uid), rustix::fs::Gid::from_raw(owner.st_gid));
            // Only root may; anybody else makes directories that are the daemon's own.
            let _ = rustix::fs::fchown(&made, Some(user), Some(group));
        }
        rustix::fs::fchmod(&made, mode)?;
    }
    Ok((made, is_new))
}

/// What `name` stands for.
///
/// # Errors
/// The system's.
pub fn look(at: impl AsFd, name: &OsStr) -> Result<Entry, Errno> {
    rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| entry(&stat))
}

/// How many names a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One: nobody can change it through another.
    One,
    /// Several: one may be the host's own.
    Any,
}

/// Opens the regular file `name` of a directory, which has at most `cap` bytes.
///
/// # Errors
/// See [`OpenError`].
pub fn regular(at: impl AsFd, name: &OsStr, cap: u64, allowed: Links) -> Result<Opened, OpenError> {
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => OpenError::Missing(shown(name)),
        Errno::LOOP => OpenError::Symlink(shown(name)),
        Errno::NXIO | Errno::NODEV => not_regular(name, FileType::Socket),
        Errno::ACCESS => OpenError::Forbidden(shown(name)),
        other => OpenError::Io { file: shown(name), source: other.into() },
    };
    // Asked before opening as well, because opening a device can already have an effect.
    must_be_regular(&rustix::fs::statat(&at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?, name)?;
    let file = rustix::fs::openat(&at, name, FILE, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    must_be_regular(&stat, name)?;
    let links = links(&stat);
    if allowed == Links::One && links != 1 {
        return Err(OpenError::Linked { file: shown(name), links });
    }
    let entry = entry(&stat);
    if entry.identity.size > cap {
        return Err(OpenError::TooLarge { file: shown(name), size: entry.identity.size, cap });
    }
    let last_change = Timestamp::from_nanosecond(entry.identity.mtime_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Opened { file: File::from(file), identity: entry.identity, last_change })
}

/// Number of names that a file has.
#[allow(clippy::useless_conversion, reason = "the field has 64 bits on x86_64, 32 on aarch64")]
pub fn links(stat: &Stat) -> u64 {
    u64::from(stat.st_nlink)
}

/// What a file's status says of it.
pub fn entry(stat: &Stat) -> Entry {
    let kind = FileType::from_raw_mode(stat.st_mode);
    Entry {
        identity: FileIdentity {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            mtime_ns: nanoseconds(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
        },
        ctime_ns: nanoseconds(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or_default()),
        is_directory: kind == FileType::Directory,
        is_regular: kind == FileType::RegularFile,
    }
}

impl OpenError {
    /// The same as a refusal, for those who show findings.
    pub fn finding(&self) -> Finding {
        let code = match self {
            OpenError::TooLarge { size, cap, .. } => return too_large(*size, *cap),
            OpenError::Missing(_) => "missing-file",
            OpenError::Symlink(_) => "symbolic-link",
            OpenError::NotRegular { .. } => "not-a-file",
            OpenError::Linked { .. } => "hard-links",
            OpenError::Forbidden(_) | OpenError::Io { .. } => "unreadable",
        };
        // These sentences say how to mend it themselves.
        Finding::refusal(code, self.to_string(), "")
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

fn must_be_regular(stat: &Stat, name: &OsStr) -> Result<(), OpenError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(OpenError::Symlink(shown(name))),
        other => Err(not_regular(name, other)),
    }
}

fn not_regular(name: &OsStr, kind: FileType) -> OpenError {
    let (what, mend) = match kind {
        FileType::Directory => ("a directory", "put the files that are in it there"),
        FileType::Fifo => ("a pipe (FIFO)", "write what comes through it into a file first"),
        FileType::Socket => ("a socket", "put a file there"),
        FileType::CharacterDevice | FileType::BlockDevice => ("a device", "copy its content into a file first"),
        _ => ("of an unknown kind", "put a file there"),
    };
    OpenError::NotRegular { file: shown(name), what, mend }
}

#[cfg(test)]
mod tests;
