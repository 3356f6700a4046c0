//! One file of the store: opened when it is first used, shared while it is, and believed only by its hash.

use crate::apps::generation::Facts;
use crate::worker::process::AppSource;
use blake3::Hasher;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// A file of the store cannot be used. Each sentence says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is not there.
    #[error("the file {} of the app store is gone: drop the app's .so again", .0.display())]
    Missing(PathBuf),
    /// It is not what its name says.
    #[error("the file {} of the app store is damaged ({what}) and is not run: drop the app's .so again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The system said no; the file may be sound.
    #[error("the file {} of the app store cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// One content of the store.
#[derive(Debug)]
pub(in crate::apps) struct StoredCopy {
    hash: String,
    size: u64,
    path: PathBuf,
    /// The file is gone or damaged, as far as anybody has looked.
    lost: AtomicBool,
    /// What a probe told of it, on this build of the host and under its isolation.
    probed: OnceLock<Arc<Facts>>,
    opened: Mutex<Opened>,
}

#[derive(Debug, Default)]
struct Opened {
    /// Whoever has it open now.
    file: Weak<File>,
    /// The state in which its hash was right.
    verified: Option<Stamp>,
}

/// Tells whether a file was changed or replaced: nobody can set the time of change back without the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    changed: (i64, i64),
}

impl StoredCopy {
    pub(super) fn new(hash: String, size: u64, path: PathBuf) -> StoredCopy {
        StoredCopy { hash, size, path, lost: AtomicBool::new(false), probed: OnceLock::new(), opened: Mutex::default() }
    }

    /// BLAKE3 of its bytes.
    pub(in crate::apps) fn hash(&self) -> &str {
        &self.hash
    }

    /// Number of its bytes.
    pub(in crate::apps) fn size(&self) -> u64 {
        self.size
    }

    pub(in crate::apps) fn path(&self) -> &Path {
        &self.path
    }

    /// Somebody found it gone or damaged, and it was not kept again since.
    pub(in crate::apps) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// What a probe told of it here, where there was one.
    pub(in crate::apps) fn probed(&self) -> Option<&Arc<Facts>> {
        self.probed.get()
    }

    /// A probe has told this; the first to tell is believed.
    pub(in crate::apps) fn note_probed(&self, facts: Arc<Facts>) -> &Arc<Facts> {
        self.probed.get_or_init(|| facts)
    }

    /// It has just been written.
    pub(super) fn mend(&self) {
        self.lost.store(false, Ordering::Release);
    }

    /// Looks whether it is there and has its size, without reading it.
    pub(in crate::apps) fn look(&self) -> Result<(), CopyError> {
        let found = match fs::symlink_metadata(&self.path) {
            Ok(found) if !found.is_file() => Err(self.damaged("it is not a regular file".into())),
            Ok(found) if found.len() != self.size => Err(self.damaged(self.wrong_size(found.len()))),
            Ok(_) => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Err(CopyError::Missing(self.path.clone())),
            Err(source) => Err(self.unreadable(source)),
        };
        found.inspect_err(|error| self.note(error))
    }

    /// Opens it for a worker. Its bytes are read and hashed the first time, and again when the file was touched since.
    pub(in crate::apps) fn open(&self) -> Result<Arc<dyn AppSource>, CopyError> {
        let mut opened = self.lock();
        let found = self.open_verified(&mut opened).inspect_err(|error| self.note(error))?;
        Ok(found as Arc<dyn AppSource>)
    }

    fn open_verified(&self, opened: &mut Opened) -> Result<Arc<File>, CopyError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::openat(CWD, &self.path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => CopyError::Missing(self.path.clone()),
            Errno::LOOP => self.damaged("it is a symbolic link".into()),
            other => self.unreadable(other.into()),
        })?;
        let file = File::from(file);
        let found = file.metadata().map_err(|source| self.unreadable(source))?;
        if !found.is_file() {
            return Err(self.damaged("it is not a regular file".into()));
        }
        let stamp = Stamp::of(&found);
        if opened.verified == Some(stamp) {
            // Not the file that was just opened, so that all workers of it share one descriptor of the host.
            if let Some(shared) = opened.file.upgrade() {
                return Ok(shared);
            }
        } else {
            opened.verified = None;
            self.verify(&file, found.len())?;
        }
        let file = Arc::new(file);
        *opened = Opened { file: Arc::downgrade(&file), verified: Some(stamp) };
        Ok(file)
    }

    fn verify(&self, file: &File, size: u64) -> Result<(), CopyError> {
        if size != self.size {
            return Err(self.damaged(self.wrong_size(size)));
        }
        let mut hasher = Hasher::new();
        hasher.update_reader(file).map_err(|source| self.unreadable(source))?;
        if hasher.finalize().to_hex().as_str() != self.hash {
            return Err(self.damaged("its bytes are not those that were stored".into()));
        }
        Ok(())
    }

    fn note(&self, error: &CopyError) {
        if !matches!(error, CopyError::Unreadable { .. }) {
            self.lost.store(true, Ordering::Release);
        }
    }

    fn wrong_size(&self, found: u64) -> String {
        format!("it has {found} bytes, {} were stored", self.size)
    }

    fn damaged(&self, what: String) -> CopyError {
        CopyError::Damaged { path: self.path.clone(), what }
    }

    fn unreadable(&self, source: io::Error) -> CopyError {
        CopyError::Unreadable { path: self.path.clone(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Stamp {
        let changed = (found.ctime(), found.ctime_nsec());
        Stamp { dev: found.dev(), ino: found.ino(), size: found.len(), changed }
    }
}
