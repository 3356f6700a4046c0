//! The host's own view of a file that is being ingested: what a dead letter quotes comes from here, never from a worker.

use crate::sink::DeadLetter;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why a file cannot be ingested.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// It cannot be opened or asked about.
    #[error("{path} cannot be opened: {source}", path = .path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else than a file.
    #[error("{path} is {what}, not a regular file: copy its content into a file first", path = .path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
}

/// A file opened for reading.
#[derive(Debug)]
pub struct DataFile {
    file: File,
    name: String,
    size: u64,
    modified: Option<SystemTime>,
}

impl DataFile {
    /// Opens a regular file.
    ///
    /// # Errors
    /// It cannot be opened, or is not a regular file.
    pub fn open(path: &Path) -> Result<DataFile, DataFileError> {
        DataFile::open_as(path, &path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Opens a regular file that is called `name`, whatever it is called where it lies.
    ///
    /// # Errors
    /// It cannot be opened, or is not a regular file.
    pub fn open_as(path: &Path, name: &str) -> Result<DataFile, DataFileError> {
        let open = |source| DataFileError::Open { path: path.to_path_buf(), source };
        // A FIFO must not hang us: it is refused below.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(open)?;
        let metadata = file.metadata().map_err(open)?;
        let kind = metadata.file_type();
        if !kind.is_file() {
            let what = match () {
                () if kind.is_dir() => "a directory",
                () if kind.is_fifo() => "a pipe",
                () if kind.is_socket() => "a socket",
                () => "a device",
            };
            return Err(DataFileError::NotAFile { path: path.to_path_buf(), what });
        }
        let (name, size, modified) = (name.to_owned(), metadata.len(), metadata.modified().ok());
        Ok(DataFile { file, name, size, modified })
    }

    /// Its name, without a directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What has become of it since it was opened, where it is not what it was. The sentence fits after "the file".
    pub fn changed(&self) -> Option<String> {
        let Ok(now) = self.file.metadata() else { return Some("cannot be read any more".into()) };
        let (before, size) = (self.size, now.len());
        match () {
            () if size < before => Some(format!("shrank from {before} to {size} bytes while it was read")),
            () if size > before => Some(format!("grew from {before} to {size} bytes while it was read")),
            () if now.modified().ok() != self.modified => Some("was written to while it was read".into()),
            () => None,
        }
    }

    /// A descriptor for one worker: read-only, and with an offset of its own, so that what one worker does to it no other
    /// one sees.
    ///
    /// # Errors
    /// The file cannot be opened once more.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))?.into())
    }

    /// Hash of its content, as hexadecimal text.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn content_hash(&self) -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; 256 * 1024];
        let mut at = 0;
        loop {
            let read = self.file.read_at(&mut chunk, at)?;
            if read == 0 {
                return Ok(hasher.finalize().to_hex().to_string());
            }
            hasher.update(&chunk[..read]);
            at += read as u64;
        }
    }

    /// The raw bytes of a row, cut at [`DeadLetter::MAX_RAW`], and how many it has.
    pub fn row(&self, start: u64, end: u64) -> (Vec<u8>, u64) {
        let length = end.saturating_sub(start);
        let mut raw = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(DeadLetter::MAX_RAW)];
        let mut filled = 0;
        // A file that shrank while it was read leaves a shorter quotation; the run itself ends as partial.
        while let Ok(read) = self.file.read_at(&mut raw[filled..], start + filled as u64) {
            filled += read;
            if read == 0 {
                break;
            }
        }
        raw.truncate(filled);
        raw.shrink_to_fit();
        (raw, length)
    }

    /// Where the line ends that `start` stands in: the end of a row whose own is not known.
    pub fn end_of_line(&self, start: u64) -> u64 {
        let (raw, _) = self.row(start, self.size);
        let line = raw.iter().position(|byte| *byte == b'\n').map_or(raw.len(), |newline| newline + 1);
        start + line as u64
    }

    /// Whether nothing but blanks and line ends stands from `position` to the end.
    pub fn only_blanks_from(&self, position: u64) -> bool {
        let mut chunk = [0; 4096];
        let mut at = position;
        while at < self.size {
            match self.file.read_at(&mut chunk, at) {
                Ok(read) if read > 0 && chunk[..read].iter().all(u8::is_ascii_whitespace) => at += read as u64,
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}
