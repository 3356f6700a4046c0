//! The keeper of data files: from the moment that a task relies on one until nobody does any more.
//!
//! ```text
//!   <data>/tenants/<tenant>/files/<batch>/<index>          a file, complete and synced
//!   <data>/tenants/<tenant>/files/<batch>/.<index>….part   one on its way
//! ```
//!
//! A file appears under its name only when all of it is on the disk; until then it has a temporary name or none. So what is
//! there under a name is good, and every step can be done again.
//!
//! - *Taking over* a claimed file gives it a second name: the claim is removed only when the queue has the batch (see
//!   [`claim`](super::claim)). It is copied where that cannot be: on another file system, where the kernel guards against links
//!   to other people's files, or where somebody made a link of his own meanwhile.
//! - *Receiving* streams, with the memory of one chunk; an upload that is cut off leaves nothing.
//! - What no batch in the queue knows (a kill came before it was queued) is [swept](FileStore::sweep) at the start.
//! - What it knows no more (another host has forgotten the batch) is [removed](FileStore::all_settled) from time to time. A batch
//!   that comes in is known to nobody yet: it is left alone until whoever takes it in says that it is [settled](FileStore::settled).
//!
//! How much is kept of a tenant is counted along, with what is on its way (see [`Terms`]).

mod copy;
mod receive;
mod room;
#[cfg(test)]
mod tests;

use super::ports::TakenFile;
use crate::task::{BatchId, StoredFile};
use crate::tenant::TenantId;
use copy::{Change, Hashed};
pub use room::Terms;
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Directory of a tenant's files, in the tenant's directory.
const FILES: &str = "files";

/// End of a temporary name.
const PART: &str = ".part";

/// How many write at the same time what they receive.
const PENS: usize = 32;

/// Why a file is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    /// The system said no.
    #[error("{file} cannot be {doing}: {source}")]
    Io {
        /// The file, fit to be shown.
        file: String,
        /// What was tried, as a participle.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It is larger than it may be; found while it was received.
    #[error("{file} has more than {limit} bytes, the most that a file may have: split it, or have the limit raised")]
    TooLarge {
        /// The file, fit to be shown.
        file: String,
        /// Most bytes.
        limit: u64,
    },
    /// It is longer than was said; found while it was received.
    #[error("more than the {said} bytes of {file} came: it grew meanwhile; send it again, or say how long it is")]
    TooLong {
        /// The file, fit to be shown.
        file: String,
        /// Bytes that had to come.
        said: u64,
    },
    /// It is shorter than was said; found when all of it was there.
    #[error("only {came} of the {said} bytes of {file} came: it shrank meanwhile; send it again")]
    TooShort {
        /// The file, fit to be shown.
        file: String,
        /// Bytes that came.
        came: u64,
        /// Fewest bytes that had to.
        said: u64,
    },
    /// The tenant would keep more than it may; found while it was received.
    #[error(
        "{kept} bytes are kept and {more} more of {file} are to come, where there is room for {room}: remove something first"
    )]
    NoRoom {
        /// The file, fit to be shown.
        file: String,
        /// Bytes that are kept besides it.
        kept: u64,
        /// Bytes of it that came.
        more: u64,
        /// Most bytes that may be kept.
        room: u64,
    },
    /// Other bytes came than its sender announced.
    #[error(
        "{file} came with the BLAKE3 {came}, where {wanted:?} was wanted: it was changed on its way; send it again"
    )]
    OtherContent {
        /// The file, fit to be shown.
        file: String,
        /// The BLAKE3 of what came.
        came: String,
        /// That which was said.
        wanted: String,
    },
    /// Somebody writes to it.
    #[error("{0} changed while it was read: somebody still writes to it")]
    Changed(String),
    /// The batch has another file in this place.
    #[error("batch {batch} already has another file as number {index}: submit {file} under a new batch id")]
    Different {
        /// The file, fit to be shown.
        file: String,
        /// The batch.
        batch: BatchId,
        /// The place.
        index: u32,
    },
    /// Nothing that the store ever gave out.
    #[error("{0:?} is not the key of a kept file")]
    NoKey(String),
}

/// Keeps the data files of all tenants.
#[derive(Debug)]
pub struct FileStore {
    tenants: PathBuf,
    kept: Mutex<HashMap<TenantId, u64>>,
    /// Batches that come in.
    coming: Mutex<HashSet<BatchId>>,
    /// Turns at writing what comes in, far fewer than the runtime has threads for: a slow disk holds up senders, not everything.
    pens: Semaphore,
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Batches that nobody knew; their files were removed.
    pub batches: u64,
    /// Bytes of those.
    pub bytes: u64,
}

impl FileStore {
    /// A store beneath this directory, which has (or will have) one directory for each tenant.
    pub fn new(tenants: PathBuf) -> Arc<FileStore> {
        Arc::new(FileStore { tenants, kept: Mutex::default(), coming: Mutex::default(), pens: Semaphore::new(PENS) })
    }

    /// Keeps a claimed file as number `index` of its batch; where that was done before, finds it there. The claim stays.
    ///
    /// # Errors
    /// It cannot be kept, or somebody writes to it.
    pub async fn take_over(self: &Arc<Self>, taken: &TakenFile, index: u32) -> Result<StoredFile, FileStoreError> {
        let (store, shown) = (self.clone(), taken.shown.clone());
        let (tenant, batch) = (taken.tenant.clone(), taken.batch);
        let file = taken.file.try_clone().map_err(failed(&shown, "kept"))?;
        let work = move || store.take_over_now(&tenant, batch, index, &file, shown);
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(interrupted(&taken.shown, lost)))
    }

    /// Where the file is that has this key.
    ///
    /// # Errors
    /// It is no key.
    pub fn path(&self, key: &str) -> Result<PathBuf, FileStoreError> {
        let parts: Vec<&str> = key.split('/').collect();
        if let [tenant, batch, index] = parts[..]
            && let (Ok(tenant), Ok(batch), Ok(index)) = (TenantId::parse(tenant), batch.parse(), index.parse::<u32>())
        {
            return Ok(self.batch(&tenant, batch).join(index.to_string()));
        }
        Err(FileStoreError::NoKey(key.to_owned()))
    }

    /// Opens the file that has this key.
    ///
    /// # Errors
    /// It is no key, or the file is not there.
    pub fn open(&self, key: &str) -> Result<File, FileStoreError> {
        File::open(self.path(key)?).map_err(failed(key, "opened"))
    }

    /// Removes all files of a batch; one that has none is no error.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub async fn remove(self: &Arc<Self>, tenant: &TenantId, batch: BatchId) -> Result<(), FileStoreError> {
        let (store, tenant) = (self.clone(), tenant.clone());
        let shown = format!("batch {batch}");
        let work = move || store.remove_now(&tenant, batch).map(|_| ());
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(interrupted(&shown, lost)))
    }

    /// Removes the files of every batch that `is_known` does not know, and what is left of files on their way. For the
    /// start, before anything is taken over or received.
    ///
    /// # Errors
    /// `is_known` cannot say, or something cannot be removed. What was not swept is as it was.
    pub async fn sweep<E: From<FileStoreError>>(
        self: &Arc<Self>,
        mut is_known: impl AsyncFnMut(&TenantId, BatchId) -> Result<bool, E>,
    ) -> Result<Swept, E> {
        let mut swept = Swept::default();
        for tenant in self.all_tenants() {
            for (batch, path) in self.batches(&tenant) {
                if is_known(&tenant, batch).await? {
                    remove_parts(&path).map_err(failed(&tenant.to_string(), "swept"))?;
                    continue;
                }
                swept.bytes += self.remove_now(&tenant, batch)?;
                swept.batches += 1;
            }
        }
        Ok(swept)
    }

    /// The batches that have come in: whoever finds that the queue does not know one has its files
    /// [removed](FileStore::remove_settled). Reads directories.
    pub fn all_settled(&self) -> Vec<(TenantId, BatchId)> {
        let batches = |tenant: TenantId| self.batches(&tenant).map(move |(batch, _)| (tenant.clone(), batch));
        self.all_tenants().into_iter().flat_map(batches).filter(|(_, batch)| !self.is_coming(*batch)).collect()
    }

    /// Removes the files of a batch, unless it has begun to come in again. Answers how many bytes they had.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub async fn remove_settled(self: &Arc<Self>, tenant: &TenantId, batch: BatchId) -> Result<u64, FileStoreError> {
        let (store, tenant) = (self.clone(), tenant.clone());
        let work = move || if store.is_coming(batch) { Ok(0) } else { store.remove_now(&tenant, batch) };
        let shown = format!("batch {batch}");
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(interrupted(&shown, lost)))
    }

    /// The queue knows this batch from here on.
    pub fn settled(&self, batch: BatchId) {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch);
    }

    fn is_coming(&self, batch: BatchId) -> bool {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).contains(&batch)
    }

    fn take_over_now(
        &self,
        tenant: &TenantId,
        batch: BatchId,
        index: u32,
        file: &File,
        shown: String,
    ) -> Result<StoredFile, FileStoreError> {
        // Looked at before there is more, which is counted along.
        self.bytes(tenant);
        let directory = self.make_batch(tenant, batch).map_err(failed(&shown, "kept"))?;
        let place = directory.path.join(index.to_string());
        let hashed = match File::open(&place) {
            Ok(there) => copy::hash(&there).map_err(failed(&shown, "read"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let part = directory.path.join(format!(".{index}{PART}"));
                let kept = copy::keep(file, &place, &part).map_err(failed(&shown, "kept"));
                let Change::None(hashed) = kept? else {
                    let _ = fs::remove_dir(&directory.path);
                    return Err(FileStoreError::Changed(shown));
                };
                directory.sync().map_err(failed(&shown, "kept"))?;
                self.count(tenant, hashed.bytes, 0);
                hashed
            }
            Err(error) => return Err(failed(&shown, "kept")(error)),
        };
        Ok(stored(tenant, batch, index, shown, hashed))
    }

    /// Answers the bytes that were there.
    fn remove_now(&self, tenant: &TenantId, batch: BatchId) -> Result<u64, FileStoreError> {
        let path = self.batch(tenant, batch);
        self.bytes(tenant);
        let bytes = bytes_in(&path);
        self.settled(batch);
        match fs::remove_dir_all(&path) {
            Ok(()) => self.count(tenant, 0, bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                // Some may be gone.
                self.count(tenant, 0, bytes.saturating_sub(bytes_in(&path)));
                return Err(failed(&format!("batch {batch} of {tenant}"), "removed")(error));
            }
        }
        Ok(bytes)
    }

    fn batch(&self, tenant: &TenantId, batch: BatchId) -> PathBuf {
        self.tenants.join(tenant.as_str()).join(FILES).join(batch.to_string())
    }

    /// Makes the directory of a batch.
    fn make_batch(&self, tenant: &TenantId, batch: BatchId) -> io::Result<BatchDirectory> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).insert(batch);
        let path = self.batch(tenant, batch);
        let mut unsynced = vec![path.clone()];
        let mut missing = Vec::new();
        let mut here = path.as_path();
        while !here.exists()
            && let Some(parent) = here.parent()
        {
            missing.push(here);
            unsynced.push(parent.to_owned());
            here = parent;
        }
        for directory in missing.into_iter().rev() {
            match DirBuilder::new().mode(0o700).create(directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(BatchDirectory { path, unsynced })
    }

    fn all_tenants(&self) -> Vec<TenantId> {
        names(&self.tenants).filter_map(|(name, _)| TenantId::parse(&name).ok()).collect()
    }

    fn batches(&self, tenant: &TenantId) -> impl Iterator<Item = (BatchId, PathBuf)> + use<> {
        let files = self.tenants.join(tenant.as_str()).join(FILES);
        names(&files).filter_map(|(name, path)| Some((name.parse().ok()?, path)))
    }
}

/// The directory of a batch, and what has to be synced before a file in it is there to stay.
struct BatchDirectory {
    path: PathBuf,
    /// The deepest first: file systems with a journal then have little left to do for the others.
    unsynced: Vec<PathBuf>,
}

impl BatchDirectory {
    fn sync(&self) -> io::Result<()> {
        self.unsynced.iter().try_for_each(|directory| File::open(directory)?.sync_all())
    }
}

fn stored(tenant: &TenantId, batch: BatchId, index: u32, name: String, hashed: Hashed) -> StoredFile {
    StoredFile { name, bytes: hashed.bytes, content: hashed.content, key: format!("{tenant}/{batch}/{index}") }
}

fn failed(file: &str, doing: &'static str) -> impl FnOnce(io::Error) -> FileStoreError {
    let file = file.to_owned();
    move |source| FileStoreError::Io { file, doing, source }
}

fn interrupted(file: &str, lost: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FileStoreError {
    failed(file, "kept")(io::Error::other(lost))
}

/// Entries of a directory whose names are text; none where it cannot be read.
fn names(directory: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

/// Of the files that are there under their names: those on their way are counted by whoever receives them.
fn bytes_in(directory: &Path) -> u64 {
    let whole = names(directory).filter(|(name, _)| !name.ends_with(PART));
    whole.filter_map(|(_, path)| fs::symlink_metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

fn remove_parts(directory: &Path) -> io::Result<()> {
    names(directory).filter(|(name, _)| name.ends_with(PART)).try_for_each(|(_, path)| fs::remove_file(path))
}
