//! Gives a file a place in the store, and hashes it on the way.

use crate::failpoint;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD};

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    /// Its size.
    pub(super) bytes: u64,
    /// BLAKE3 of its content, in hexadecimal digits.
    pub(super) content: String,
}

/// Whether it stayed the same.
#[derive(Debug)]
pub(super) enum Change {
    None(Hashed),
    Some,
}

/// Keeps the content of `file` as `place`, itself synced: under a second name, or as a copy that is made as `part`. Nothing
/// is there where it changed meanwhile.
pub(super) fn keep(file: &File, place: &Path, part: &Path) -> io::Result<Change> {
    let before = state(file)?;
    let hashed = hash(file)?;
    failpoint::cross("files.before_keep");
    let kept = match link(file, place)? {
        true => hashed.clone(),
        false => {
            let copied = copy(file, part);
            if copied.is_err() {
                let _ = fs::remove_file(part);
            }
            let copied = copied?;
            fs::rename(part, place)?;
            copied
        }
    };
    if kept != hashed || state(file)? != before {
        fs::remove_file(place)?;
        return Ok(Change::Some);
    }
    failpoint::cross("files.after_keep");
    Ok(Change::None(kept))
}

/// Size and hash, read from the beginning.
pub(super) fn hash(file: &File) -> io::Result<Hashed> {
    let mut hasher = blake3::Hasher::new();
    let bytes = read_through(file, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok(Hashed { bytes, content: hasher.finalize().to_hex().to_string() })
}

/// Makes a file that nobody else has, for writing.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Gives the very file that is open a second name. `false` where it has to be copied instead.
fn link(file: &File, place: &Path) -> io::Result<bool> {
    if file.metadata()?.nlink() != 1 {
        return Ok(false);
    }
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    if rustix::fs::linkat(CWD, itself, CWD, place, AtFlags::SYMLINK_FOLLOW).is_err() {
        return Ok(false);
    }
    let done = file.metadata().and_then(|metadata| file.sync_all().map(|()| metadata.nlink() == 2));
    if !matches!(done, Ok(true)) {
        // Somebody else made a link too, through which it could be changed; or it cannot be synced.
        fs::remove_file(place)?;
    }
    done
}

fn copy(file: &File, part: &Path) -> io::Result<Hashed> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut copy = create(part)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = read_through(file, |chunk| {
        hasher.update(chunk);
        copy.write_all(chunk)
    })?;
    copy.sync_all()?;
    Ok(Hashed { bytes, content: hasher.finalize().to_hex().to_string() })
}

fn read_through(file: &File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    loop {
        match file.read_at(&mut chunk, at) {
            Ok(0) => return Ok(at),
            Ok(read) => {
                each(&chunk[..read])?;
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn state(file: &File) -> io::Result<(u64, i64, i64)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}
