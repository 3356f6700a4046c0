//! An open database: its writer thread, and its end.

use super::file::{self, FileError, Kind};
use super::queue::{Job, Queue, Room};
use super::trouble::Trouble;
use super::writer;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How a database behaves; the defaults are measured to be good.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of requests in flight above which a further one waits.
    pub queue_bytes: usize,
    /// Bytes of text after which a transaction is committed although more is queued.
    pub group_bytes: usize,
    /// How long to wait for another process that writes the file.
    pub busy_timeout: Duration,
    /// Largest size of the database (its log not counted); `None` leaves it to the disk. Reaching it is like a full disk.
    pub max_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            queue_bytes: 4 * 1024 * 1024,
            group_bytes: 1024 * 1024,
            busy_timeout: Duration::from_secs(5),
            max_bytes: None,
        }
    }
}

/// An open database. Dropping it, like [`Database::close`], finishes what was asked for; whoever asks then is refused.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    kind: Kind,
    queue: Queue,
    writer: Option<JoinHandle<rusqlite::Result<()>>>,
}

/// Asks the writer of a [`Database`]; outlives it, and is then refused.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    queue: Queue,
}

impl Database {
    /// Opens a file, making it where there is none. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// Its directory does not exist or cannot be written; it is something else, or of a newer version; its file system
    /// cannot have it. What is there is then left as it was.
    pub(crate) fn open(path: &Path, kind: Kind, settings: &Settings) -> Result<Database, FileError> {
        let (path, connection) = file::open_for_writing(path, kind, settings)?;
        let (queue, messages) = Queue::new(settings.queue_bytes);
        let group_bytes = settings.group_bytes;
        let name = format!("{}-writer", kind.what.split(' ').next().unwrap_or("sqlite"));
        let writer = thread::Builder::new()
            .name(name)
            .spawn(move || writer::run(connection, &messages, group_bytes, kind.commit_points))
            .map_err(|why| {
                let reason = format!("cannot be started: {why}");
                FileError::Writer { what: kind.what, path: path.clone(), reason }
            })?;
        Ok(Database { path, kind, queue, writer: Some(writer) })
    }

    /// Opens a file that exists for looking at it only: a connection that sees what is committed.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is not a file of this kind and a version that is known here.
    pub(crate) fn open_for_reading(path: &Path, kind: Kind) -> Result<(PathBuf, Connection), FileError> {
        file::open_for_reading(path, kind, Settings::default().busy_timeout)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Somebody who may ask.
    pub(crate) fn asker(&self) -> Asker {
        Asker { queue: self.queue.clone() }
    }

    /// Has a job done and synced.
    pub(crate) async fn ask<J: Job>(&self, job: J) -> Result<J::Outcome, Trouble> {
        let room = self.queue.room(job.bytes()).await?;
        self.queue.ask(room, job).await
    }

    /// Finishes what was asked for, moves the log into the database and closes it. Blocks until then.
    ///
    /// # Errors
    /// The log could not be moved; nothing is lost, the next one to open the file finds it there.
    pub(crate) fn close(mut self) -> Result<(), FileError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), FileError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.queue.close();
        let (path, what) = (self.path.clone(), self.kind.what);
        match writer.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(FileError::Sqlite { doing: "closing", what, path, source }),
            Err(_panic) => {
                Err(FileError::Writer { what, path, reason: "has panicked: this is a mistake in mysimbdp".into() })
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "a database was not closed cleanly");
        }
    }
}

impl Asker {
    /// Waits until there is room for a request of so many bytes.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Room, Trouble> {
        self.queue.room(bytes).await
    }

    /// Has a job done and synced.
    pub(crate) async fn ask<J: Job>(&self, room: Room, job: J) -> Result<J::Outcome, Trouble> {
        self.queue.ask(room, job).await
    }
}
