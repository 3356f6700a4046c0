//! A file that comes in as a stream: written as it comes, under its name only when it is whole.

use super::copy::{self, Hashed};
use super::room::{Reserved, Terms};
use super::{FileStore, FileStoreError, PART, failed, interrupted, stored};
use crate::staging::name::shown;
use crate::task::{BatchId, StoredFile};
use crate::tenant::TenantId;
use rustix::fs::Advice;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::runtime::{Handle, RuntimeFlavor};

impl FileStore {
    /// Keeps what `reader` gives, on these terms, as number `index` of a batch. Where the batch has that file already, the same
    /// bytes are the same file, and nothing is written. Cancel-safe: dropped or failed, it leaves nothing and counts nothing.
    ///
    /// # Errors
    /// The stream fails, breaks the terms, cannot be kept, or the batch has another file in this place.
    pub async fn receive(
        self: &Arc<Self>,
        tenant: &TenantId,
        batch: BatchId,
        index: u32,
        name: &OsStr,
        mut reader: impl AsyncRead + Unpin,
        terms: Terms<'_>,
    ) -> Result<StoredFile, FileStoreError> {
        let shown = shown(name);
        let directory = {
            let (store, tenant) = (self.clone(), tenant.clone());
            let make = move || {
                store.bytes(&tenant);
                store.make_batch(&tenant, batch)
            };
            blocking(&shown, make).await?
        };
        let place = directory.path.join(index.to_string());
        // What is there already is compared, and needs no room.
        let part = match place.exists() {
            true => None,
            false => Some(Part::create(&directory.path, index).map_err(failed(&shown, "kept"))?),
        };
        let file = part.as_ref().map(|part| part.file.try_clone()).transpose();
        let mut pen = Pen::new(file.map_err(failed(&shown, "kept"))?);
        let mut reserved = Reserved::none(self, tenant);
        let mut piece = Vec::with_capacity(PIECE);
        let mut is_whole = false;
        while !is_whole {
            piece.clear();
            while !is_whole && piece.len() < PIECE {
                let read = reader.read_buf(&mut piece).await.map_err(failed(&shown, "received"))?;
                is_whole = read == 0;
                if pen.bytes + piece.len() as u64 > terms.most {
                    return Err(match terms.least == terms.most {
                        true => FileStoreError::TooLong { file: shown, said: terms.most },
                        false => FileStoreError::TooLarge { file: shown, limit: terms.most },
                    });
                }
            }
            if part.is_some() {
                reserved.add(piece.len() as u64, terms.room, &shown)?;
            }
            let _turn = self.pens.acquire().await.map_err(|closed| interrupted(&shown, closed))?;
            here(|| pen.write(&piece)).map_err(failed(&shown, "kept"))?;
        }
        let hashed = pen.end();
        if hashed.bytes < terms.least {
            return Err(FileStoreError::TooShort { file: shown, came: hashed.bytes, said: terms.least });
        }
        if let Some(wanted) = terms.blake3.filter(|wanted| !hashed.content.eq_ignore_ascii_case(wanted)) {
            return Err(FileStoreError::OtherContent { file: shown, came: hashed.content, wanted: wanted.to_owned() });
        }
        let there = blocking(&shown, move || {
            let there = match part {
                Some(part) => part.become_file(&place)?,
                None => Some(copy::hash(&File::open(&place)?)?),
            };
            if there.is_none() {
                // Here, where it is done although nobody may wait for it any more.
                reserved.keep();
            }
            // Of what is there already, too: whoever put it there may have been cut off before that.
            directory.sync()?;
            Ok(there)
        })
        .await?;
        match there {
            Some(other) if other != hashed => Err(FileStoreError::Different { file: shown, batch, index }),
            _ => Ok(stored(tenant, batch, index, shown, hashed)),
        }
    }
}

/// Bytes that are gathered before they are written: each piece costs the runtime a change of threads.
pub(super) const PIECE: usize = 1024 * 1024;
/// Bytes after which the disk is given what has been written, so that the sync at the end finds little left to do.
pub(super) const WRITE_BACK: usize = 8 * 1024 * 1024;
/// Bytes that are written at a time. For more the kernel looks for larger pages, and where a virtual machine has given those
/// back it has to fetch them from its host again.
const WRITE: usize = 64 * 1024;

/// Hashes and writes, on the thread that the bytes came in on: another one would have to fetch them from its caches, which costs
/// more than it gains.
struct Pen {
    /// Where it is written; nowhere, where it is only compared.
    file: Option<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    /// So many of them are on their way to the disk.
    begun: u64,
}

impl Pen {
    fn new(file: Option<File>) -> Pen {
        Pen { file, hasher: blake3::Hasher::new(), bytes: 0, begun: 0 }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        let Some(file) = &mut self.file else { return Ok(()) };
        for part in piece.chunks(WRITE) {
            file.write_all(part)?;
        }
        if let Some(length) =
            NonZeroU64::new(self.bytes - self.begun).filter(|length| length.get() >= WRITE_BACK as u64)
        {
            // The kernel begins to write what is dirty in this range, and waits for none of it. A hint: no file system owes us it.
            let _ = rustix::fs::fadvise(&*file, self.begun, Some(length), Advice::DontNeed);
            self.begun = self.bytes;
        }
        Ok(())
    }

    fn end(self) -> Hashed {
        Hashed { bytes: self.bytes, content: self.hasher.finalize().to_hex().to_string() }
    }
}

/// Blocks this thread; the runtime's other tasks go on elsewhere, where it has more than one.
fn here<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// A file on its way; dropped, it is gone, and so is the directory of its batch where nothing else is in it.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(directory: &Path, index: u32) -> io::Result<Part> {
        let path = directory.join(format!(".{index}-{}{PART}", uuid::Uuid::new_v4()));
        Ok(Part { file: copy::create(&path)?, path })
    }

    /// Gives it its name. Answers what is there where there is something already.
    fn become_file(self, place: &Path) -> io::Result<Option<Hashed>> {
        self.file.sync_all()?;
        match fs::hard_link(&self.path, place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return copy::hash(&File::open(place)?).map(Some);
            }
            // A file system without links. The queue has one place for each file of a batch, and its owner fills it once.
            Err(_) => fs::rename(&self.path, place)?,
        }
        Ok(None)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir(directory);
        }
    }
}

async fn blocking<T: Send + 'static>(
    shown: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, FileStoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(failed(shown, "kept")),
        Err(lost) => Err(interrupted(shown, lost)),
    }
}
