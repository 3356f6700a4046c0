//! An open sink file: its writer thread, its collections, its end.

use super::documents::{MakeCollection, Statements};
use super::error::Trouble;
use super::queue::{Job, Queue};
use super::tasks::NumberTask;
use super::{CollectionName, EmbeddedSink, Reader, Settings, StoreError, TaskKey, schema, writer};
use crate::sink::SinkError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// An open sink file. Dropping it, like [`Store::close`], finishes what was asked for; its sinks then refuse.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    queue: Queue,
    writer: Option<JoinHandle<rusqlite::Result<()>>>,
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
        let (path, connection) = schema::open_for_writing(path, settings)?;
        let (queue, messages) = Queue::new(settings.queue_bytes);
        let group_bytes = settings.group_bytes;
        let writer = thread::Builder::new()
            .name("sink-writer".into())
            .spawn(move || writer::run(connection, &messages, group_bytes))
            .map_err(|why| StoreError::Writer { path: path.clone(), reason: format!("cannot be started: {why}") })?;
        Ok(Store { path, queue, writer: Some(writer) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sink of a collection, which is made where it does not exist.
    ///
    /// # Errors
    /// The name will not do, or another collection has it but for upper and lower case; or it cannot be made just now.
    pub async fn collection(&self, name: &str) -> Result<EmbeddedSink, StoreError> {
        let collection = CollectionName::parse(name)?;
        let statements = Arc::new(Statements::of(&collection));
        let sink = EmbeddedSink {
            label: format!("{collection} ({})", self.path.display()),
            queue: self.queue.clone(),
            statements: Arc::clone(&statements),
            collection: collection.clone(),
        };
        let make = MakeCollection { name: collection, statements };
        match self.ask(make).await.map_err(|trouble| trouble.into_sink_error(sink.label.clone()))? {
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
        let numbered = self.ask(NumberTask { key }).await;
        numbered.map_err(|trouble| trouble.into_sink_error(self.path.display().to_string()))
    }

    /// Looks into the file beside the writer; sees what is committed.
    ///
    /// # Errors
    /// SQLite cannot open the file once more.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Finishes what was asked for, moves the log into the database and closes it. Blocks until then.
    ///
    /// # Errors
    /// The log could not be moved; nothing is lost, the next one to open the file finds it there.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.stop()
    }

    async fn ask<J: Job>(&self, small: J) -> Result<J::Outcome, Trouble> {
        let room = self.queue.room(small.bytes()).await?;
        self.queue.ask(room, small).await
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.queue.close();
        let path = self.path.clone();
        match writer.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(StoreError::Sqlite { doing: "closing", path, source }),
            Err(_panic) => {
                Err(StoreError::Writer { path, reason: "has panicked: this is a mistake in mysimbdp".into() })
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "an embedded sink was not closed cleanly");
        }
    }
}
