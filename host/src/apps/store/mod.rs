//! The content-addressed store: `<folder>/<BLAKE3>.so`, one file for each content, whoever dropped it.
//!
//! ```text
//!   .<hash>.tmp  (new, 0400) ─ write ─ fsync ─ rename ─▶ <hash>.so ─ fsync of the folder
//! ```
//!
//! - A name stands for its bytes: a file under its final name is whole, or it was damaged later, which its hash tells
//!   ([`StoredCopy::open`]). It is never written again; a damaged one is replaced by a rename, so that workers that have the
//!   old one mapped are not hurt.
//! - There is one [`StoredCopy`] in memory for each content in use. A file whose copy nobody holds is garbage: one that was
//!   written but never recorded (the host was killed, or the probe refused it), or one whose last generation was given up.
//!   [`Store::sweep`] removes those, and temporary files with them. Whoever writes a file holds its copy before its first
//!   byte is there, so a sweep never takes what is about to be used.

mod copy;

pub use copy::CopyError;
pub(super) use copy::StoredCopy;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What the files of the store end in.
const ENDING: &str = ".so";
/// What files end in that are being written.
const UNFINISHED: &str = ".tmp";
/// Hex digits of a hash.
const HASH_DIGITS: usize = 64;

/// The store could not do something. The sentence names the file.
#[derive(Debug, thiserror::Error)]
#[error("the app store could not {doing} {}: {source}; the disk may be full, or this user may not write there", path.display())]
pub struct StoreError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl StoreError {
    fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |source| StoreError { doing, path: path.to_owned(), source }
    }
}

/// The folder, and the copies in it that somebody holds.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    copies: Mutex<HashMap<String, Weak<StoredCopy>>>,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Opens the folder, making it where there is none.
    pub(super) fn open(folder: &Path) -> Result<Store, StoreError> {
        let folder = std::path::absolute(folder).map_err(StoreError::new("find the folder", folder))?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made.map_err(StoreError::new("make the folder", &folder))?,
        }
        // So that the folder itself is there after a loss of power.
        if let Some(parent) = folder.parent() {
            sync_folder(parent).map_err(StoreError::new("sync the folder", parent))?;
        }
        Ok(Store { folder, copies: Mutex::default() })
    }

    /// The copy of this content, whether its file is there or not.
    pub(super) fn copy(&self, hash: &str, size: u64) -> Arc<StoredCopy> {
        let mut copies = self.lock();
        if let Some(copy) = copies.get(hash).and_then(Weak::upgrade) {
            return copy;
        }
        let path = self.folder.join(format!("{hash}{ENDING}"));
        let copy = Arc::new(StoredCopy::new(hash.to_owned(), size, path));
        copies.insert(hash.to_owned(), Arc::downgrade(&copy));
        copy
    }

    /// Keeps these bytes, whose hash this is: durable when it returns. What is there already and sound is left as it is.
    /// Only one may do so for one content at a time.
    pub(super) fn keep(&self, hash: &str, bytes: &[u8]) -> Result<Arc<StoredCopy>, StoreError> {
        let copy = self.copy(hash, bytes.len() as u64);
        if copy.open().is_err() {
            self.write(&copy, bytes)?;
            copy.mend();
        }
        Ok(copy)
    }

    fn write(&self, copy: &StoredCopy, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = self.folder.join(format!(".{}{UNFINISHED}", copy.hash()));
        // Where an earlier life was killed while it wrote.
        match fs::remove_file(&temporary) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::new("remove", &temporary)(why));
            }
            _ => {}
        }
        let written =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(&temporary).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
        if let Err(why) = written {
            // A full disk should at least get its bytes back; a sweep would do so later.
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::new("write", &temporary)(why));
        }
        fs::rename(&temporary, copy.path()).map_err(StoreError::new("name", copy.path()))?;
        sync_folder(&self.folder).map_err(StoreError::new("sync the folder", &self.folder))
    }

    /// Removes every file that nobody holds the copy of. Files that are none of the store's are left alone.
    pub(super) fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let failed = || StoreError::new("list", &self.folder);
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let Some(hash) = entry.file_name().to_str().and_then(hash_of).map(str::to_owned) else { continue };
            let bytes = entry.metadata().map_or(0, |found| found.len());
            if self.remove_unheld(&hash, &entry.path())? {
                swept.files += 1;
                swept.bytes += bytes;
            }
        }
        self.lock().retain(|_, copy| copy.strong_count() > 0);
        Ok(swept)
    }

    /// Gives a copy up; where nobody else holds it, its file goes.
    pub(super) fn discard(&self, copy: Arc<StoredCopy>) -> Result<(), StoreError> {
        let (hash, path) = (copy.hash().to_owned(), copy.path().to_owned());
        drop(copy);
        self.remove_unheld(&hash, &path).map(|_| ())
    }

    /// Under the lock that copies are handed out under: nobody can begin to hold it meanwhile.
    fn remove_unheld(&self, hash: &str, path: &Path) -> Result<bool, StoreError> {
        let copies = self.lock();
        if copies.get(hash).is_some_and(|copy| copy.strong_count() > 0) {
            return Ok(false);
        }
        match fs::remove_file(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true).map_err(StoreError::new("remove", path)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<StoredCopy>>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content that a file of the store is for: `<hash>.so` or `.<hash>.tmp`.
fn hash_of(name: &str) -> Option<&str> {
    let finished = name.strip_suffix(ENDING);
    let hash = finished.or_else(|| name.strip_prefix('.')?.strip_suffix(UNFINISHED))?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then_some(hash)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn hash(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex().to_string()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("apps")).unwrap();
        (directory, store)
    }

    fn files(store: &Store) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&store.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_is_one_read_only_file_under_its_hash() {
        let (_directory, store) = store();
        let copy = store.keep(&hash(b"code"), b"code").unwrap();
        let again = store.keep(&hash(b"code"), b"code").unwrap();
        assert!(Arc::ptr_eq(&copy, &again));
        assert_eq!(files(&store), [format!("{}.so", hash(b"code"))]);
        let found = fs::metadata(copy.path()).unwrap();
        assert_eq!((found.permissions().mode() & 0o777, found.len()), (0o400, 4));
        assert!(copy.open().is_ok());
    }

    #[test]
    fn a_damaged_or_missing_copy_is_told_until_it_is_kept_again() {
        let (_directory, store) = store();
        let copy = store.keep(&hash(b"code"), b"code").unwrap();
        for damage in [Some("c0de"), Some("cod"), None] {
            fs::remove_file(copy.path()).unwrap();
            if let Some(damage) = damage {
                fs::write(copy.path(), damage).unwrap();
            }
            let told = copy.open().unwrap_err().to_string();
            assert!(told.contains(&copy.path().display().to_string()), "{told}");
            assert!(copy.is_lost(), "{told}");
            store.keep(&hash(b"code"), b"code").unwrap();
            assert!(copy.open().is_ok() && !copy.is_lost());
        }
    }

    #[test]
    fn an_opened_file_is_shared_while_somebody_uses_it() {
        let (_directory, store) = store();
        let copy = store.keep(&hash(b"code"), b"code").unwrap();
        let (one, other) = (copy.open().unwrap(), copy.open().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn a_sweep_takes_what_nobody_holds_and_leaves_what_is_not_the_stores() {
        let (_directory, store) = store();
        let held = store.keep(&hash(b"held"), b"held").unwrap();
        drop(store.keep(&hash(b"dropped"), b"dropped").unwrap());
        // Left by a kill before the rename, and by somebody else.
        fs::write(store.folder.join(format!(".{}.tmp", hash(b"half"))), "ha").unwrap();
        fs::write(store.folder.join("README"), "mine").unwrap();
        assert_eq!(store.sweep().unwrap(), Swept { files: 2, bytes: 9 });
        let mut left = [format!("{}.so", held.hash()), "README".to_owned()];
        left.sort();
        assert_eq!(files(&store), left);
    }

    #[test]
    fn what_a_kill_left_half_written_does_not_hinder_the_next_copy() {
        let (_directory, store) = store();
        fs::write(store.folder.join(format!(".{}.tmp", hash(b"code"))), "co").unwrap();
        let copy = store.keep(&hash(b"code"), b"code").unwrap();
        assert_eq!(files(&store), [format!("{}.so", hash(b"code"))]);
        assert!(copy.open().is_ok());
    }

    #[test]
    fn a_discarded_copy_goes_unless_another_holds_it() {
        let (_directory, store) = store();
        let copy = store.keep(&hash(b"code"), b"code").unwrap();
        store.discard(Arc::clone(&copy)).unwrap();
        assert!(copy.open().is_ok());
        store.discard(copy).unwrap();
        assert!(files(&store).is_empty());
    }
}
