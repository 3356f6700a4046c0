//! An open sink file: its collections, its tasks, its end.

use super::documents::{MakeCollection, Statements};
use super::schema::SINK_FILE;
use super::tasks::NumberTask;
use super::{CollectionName, EmbeddedSink, Reader, Settings, StoreError, TaskKey};
use crate::sink::SinkError;
use crate::sqlite::Database;
use std::path::Path;
use std::sync::Arc;

/// An open sink file. Dropping it, like [`Store::close`], finishes what was asked for; its sinks then refuse.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens a sink file with the default [`Settings`], making it where there is none.
    ///
    /// # Errors
    /// See [`Store::open_with`].
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open_with(path, &Settings::default())
    }

    /// Opens a sink file, making it where there is none. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// Its directory does not exist or cannot be written; it is something else than a sink file, or one of a newer
    /// version; its file system cannot have it. What is there is then left as it was.
    pub fn open_with(path: &Path, settings: &Settings) -> Result<Store, StoreError> {
        Ok(Store { database: Database::open(path, SINK_FILE, settings)? })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// The sink of a collection, which is made where it does not exist.
    ///
    /// # Errors
    /// The name will not do, or another collection has it but for upper and lower case; or it cannot be made just now.
    pub async fn collection(&self, name: &str) -> Result<EmbeddedSink, StoreError> {
        let collection = CollectionName::parse(name)?;
        let statements = Arc::new(Statements::of(&collection));
        let sink = EmbeddedSink {
            label: format!("{collection} ({})", self.path().display()),
            path: self.path().into(),
            asker: self.database.asker(),
            statements: Arc::clone(&statements),
            collection: collection.clone(),
        };
        let make = MakeCollection { name: collection, statements };
        match self.database.ask(make).await.map_err(|trouble| trouble.into_sink_error(sink.label.clone()))? {
            None => Ok(sink),
            Some(existing) => Err(StoreError::SameButForCase { name: name.to_owned(), existing }),
        }
    }

    /// The number of a task: the same key has the same number, for as long as the file exists; the first is 1.
    ///
    /// So a file that is ingested again by the same generation numbers its documents as before and stores none twice.
    ///
    /// # Errors
    /// It cannot be looked up or kept just now; or all 2³⁸ − 1 numbers are given out.
    pub async fn task_number(&self, key: TaskKey) -> Result<u64, SinkError> {
        let numbered = self.database.ask(NumberTask { key }).await;
        numbered.map_err(|trouble| trouble.into_sink_error(self.path().display().to_string()))
    }

    /// Looks into the file beside the writer; sees what is committed.
    ///
    /// # Errors
    /// SQLite cannot open the file once more.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(self.path())
    }

    /// Finishes what was asked for, moves the log into the database and closes it. Blocks until then.
    ///
    /// # Errors
    /// The log could not be moved; nothing is lost, the next one to open the file finds it there.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.database.close()?)
    }
}
