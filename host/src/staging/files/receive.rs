//! A file that comes in as a stream: written as it comes, under its name only when it is whole.

use super::copy::{self, CHUNK, Hashed};
use super::{FileStore, FileStoreError, PART, failed, interrupted, stored};
use crate::staging::name::shown;
use crate::task::{BatchId, StoredFile};
use crate::tenant::TenantId;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinError;

impl FileStore {
    /// Keeps what `reader` gives, at most `limit` bytes, as number `index` of a batch. Where the batch has that file already,
    /// the same bytes are the same file. Cancel-safe: dropped or failed, it leaves nothing.
    ///
    /// # Errors
    /// The stream fails, is longer than `limit`, cannot be kept, or the batch has another file in this place.
    pub async fn receive(
        self: &Arc<Self>,
        tenant: &TenantId,
        batch: BatchId,
        index: u32,
        name: &OsStr,
        mut reader: impl AsyncRead + Unpin,
        limit: u64,
    ) -> Result<StoredFile, FileStoreError> {
        let shown = shown(name);
        let directory = {
            let (store, tenant) = (self.clone(), tenant.clone());
            blocking(&shown, move || store.make_batch(&tenant, batch)).await?
        };
        let part = Part::create(&directory.path, index).map_err(failed(&shown, "kept"))?;
        let file = part.file.try_clone().map_err(failed(&shown, "kept"))?;
        let pen = Pen { file, hasher: blake3::Hasher::new(), bytes: 0, piece: Vec::with_capacity(CHUNK) };
        let mut written = tokio::task::spawn_blocking(move || Ok(pen));
        let mut piece = Vec::with_capacity(CHUNK);
        let mut bytes = 0_u64;
        let hashed = loop {
            let mut is_whole = false;
            while !is_whole && piece.len() < CHUNK {
                let read = reader.read_buf(&mut piece).await.map_err(failed(&shown, "received"))?;
                is_whole = read == 0;
                bytes += read as u64;
                if bytes > limit {
                    return Err(FileStoreError::TooLarge { file: shown, limit });
                }
            }
            let mut pen = done(written.await, &shown)?;
            std::mem::swap(&mut pen.piece, &mut piece);
            piece.clear();
            written = tokio::task::spawn_blocking(move || pen.write());
            if is_whole {
                break done(written.await, &shown)?.end();
            }
        };

        let wanted = hashed.clone();
        let place = directory.path.join(index.to_string());
        let there = blocking(&shown, move || {
            let there = part.become_file(&place)?;
            directory.sync()?;
            Ok(there)
        })
        .await?;
        match there {
            None => self.count(tenant, bytes, 0),
            Some(other) if other == wanted => {}
            Some(_) => return Err(FileStoreError::Different { file: shown, batch, index }),
        }
        Ok(stored(tenant, batch, index, shown, hashed))
    }
}

/// Hashes and writes, off the runtime: while it is away with one piece, the next one comes in. No thread waits for a sender.
struct Pen {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
    piece: Vec<u8>,
}

impl Pen {
    fn write(mut self) -> io::Result<Pen> {
        self.hasher.update(&self.piece);
        self.file.write_all(&self.piece)?;
        self.bytes += self.piece.len() as u64;
        Ok(self)
    }

    fn end(self) -> Hashed {
        Hashed { bytes: self.bytes, content: self.hasher.finalize().to_hex().to_string() }
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
    done(tokio::task::spawn_blocking(work).await, shown)
}

fn done<T>(ended: Result<io::Result<T>, JoinError>, shown: &str) -> Result<T, FileStoreError> {
    match ended {
        Ok(done) => done.map_err(failed(shown, "kept")),
        Err(lost) => Err(interrupted(shown, lost)),
    }
}
