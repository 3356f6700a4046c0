//! The wiring: the only file that names concrete adapters.

pub mod daemon;
mod lock;
pub mod preflight;
pub mod servers;

use crate::sink::DocumentSink;
pub use crate::sink::embedded::TaskKey;
use crate::sink::embedded::{Store, StoreError};
use crate::sink::null::NullSink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What a sink is called that validates and forgets.
const NULL: &str = "null";

/// Why a sink cannot be used. The sentence names it.
#[derive(Debug, thiserror::Error)]
pub enum SinkChoiceError {
    /// The file will not do.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no place for a throw-away file.
    #[error("no throw-away sink can be made in {folder}: {source}; name a file with --sink", folder = .folder.display())]
    NoRoom {
        /// Where it was tried.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// A sink that a command has opened.
pub struct OpenSink {
    port: Arc<dyn DocumentSink>,
    home: Home,
    tasks: u64,
}

enum Home {
    Null,
    File { store: Box<Store>, collection: String, throw_away: Option<TempDir> },
}

/// Opens the sink that a command was given: a file, `null`, or a throw-away file where it was given none.
///
/// # Errors
/// See [`SinkChoiceError`].
pub async fn open_sink(choice: Option<&Path>, collection: &str) -> Result<OpenSink, SinkChoiceError> {
    if choice == Some(Path::new(NULL)) {
        return Ok(OpenSink { port: Arc::new(NullSink::default()), home: Home::Null, tasks: 0 });
    }
    let (path, throw_away) = match choice {
        Some(path) => (path.to_owned(), None),
        None => {
            let folder = tempfile::Builder::new()
                .prefix("mysimbdp-run-")
                .tempdir()
                .map_err(|source| SinkChoiceError::NoRoom { folder: std::env::temp_dir(), source })?;
            (folder.path().join("documents.db"), Some(folder))
        }
    };
    let store = Store::open(&path)?;
    let port = Arc::new(store.collection(collection).await?);
    Ok(OpenSink {
        port,
        home: Home::File { store: Box::new(store), collection: collection.to_owned(), throw_away },
        tasks: 0,
    })
}

impl OpenSink {
    /// The sink as managers know it.
    pub fn port(&self) -> &Arc<dyn DocumentSink> {
        &self.port
    }

    /// The number of a task. In a file that is kept, the same content of the same source through the same code has the
    /// same one; only then is `key` asked for.
    ///
    /// # Errors
    /// There is no key, or the sink cannot look it up. The sentence names what failed.
    pub async fn task_number(&mut self, key: impl FnOnce() -> Result<TaskKey, String>) -> Result<u64, String> {
        match &self.home {
            Home::File { store, throw_away: None, .. } => {
                store.task_number(key()?).await.map_err(|error| error.to_string())
            }
            Home::Null | Home::File { .. } => {
                self.tasks += 1;
                Ok(self.tasks)
            }
        }
    }

    /// Some documents as JSON, where nobody can look at them afterwards: of a task, or whichever come first.
    pub fn sample(&self, task: Option<u64>, count: usize) -> Vec<String> {
        let Home::File { store, collection, throw_away: Some(_) } = &self.home else { return Vec::new() };
        // Before every `_id` that begins with this task's number.
        let after = task.map(|task| format!("{task:010x}"));
        let documents = store.reader().and_then(|reader| reader.documents(collection, after.as_deref(), count));
        documents.unwrap_or_default().into_iter().map(|document| document.json).collect()
    }

    /// Where the documents are, for people.
    pub fn place(&self) -> String {
        match &self.home {
            Home::Null => "no sink (validated and forgotten)".into(),
            Home::File { throw_away: Some(_), .. } => "a throw-away sink (keep them with --sink FILE)".into(),
            Home::File { store, collection, .. } => format!("{collection} of {}", store.path().display()),
        }
    }

    /// Closes it; a throw-away file is gone afterwards.
    ///
    /// # Errors
    /// The file could not be closed cleanly; nothing in it is lost.
    pub fn close(self) -> Result<(), StoreError> {
        drop(self.port);
        match self.home {
            Home::Null => Ok(()),
            Home::File { store, .. } => store.close(),
        }
    }
}
