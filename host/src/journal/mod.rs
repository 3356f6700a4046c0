//! The host's own record of everything that happened, per tenant and for the platform.
//!
//! ```text
//!   record() ─▶ room in the queue ─▶ one thread ─┬▶ <data>/journal/general.jsonl                     all but app logs
//!                                                ├▶ <data>/journal/audit.jsonl                       requests of operators
//!                                                └▶ <data>/tenants/<tenant>/journal/journal.jsonl    all of the tenant
//! ```
//!
//! - One JSON object ([`Event`]) per line, UTF-8, escaped so that a terminal obeys nothing. Files 0600, directories 0700.
//! - *Recording* waits for nothing but room in the queue (4 MiB); no event is dropped for a full queue. The disk is the
//!   business of `write`, and a disk that fails is too: ingestion goes on without it.
//! - *Rotation*: a full `journal.jsonl` becomes `.1`, `.1` becomes `.2`, …; [`Rules`] say how large, how many, how old. The
//!   first line of each file says its number, which is what a [`Cursor`] names.
//! - *Recovery*: a torn last line is closed off when the file is next written; readers pass over damaged lines and count them.
//! - *Reading* (`read`), *following* ([`follow`](Journal::follow)) and *statistics* ([`stats`]) work on the files and need
//!   no more memory for large ones.
//!
//! `docs/journal.md` is the description for operators.

mod error;
mod event;
mod filter;
mod finite;
#[cfg(test)]
pub(crate) mod fixtures;
mod follow;
mod line;
mod listing;
mod place;
mod queue;
mod read;
mod readers;
mod rules;
pub mod stats;
#[cfg(test)]
mod tests;
mod write;

pub use error::JournalError;
pub use event::{Event, Happening, TaskEntry, level_name};
pub use filter::Filter;
pub use follow::Follower;
pub use place::Scope;
pub use read::{Cursor, MOST_EVENTS, Order, Page};
pub use rules::Rules;

use jiff::Timestamp;
use place::Place;
use queue::{Message, Queue, wait};
use readers::Readers;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;
use write::{Tuning, Writer};

/// Records and reads. Clones are the same journal.
#[derive(Clone, Debug)]
pub struct Journal {
    queue: Queue,
    data: Arc<Path>,
    readers: Arc<Readers>,
}

/// The thread that writes. Dropping it, like [`JournalThread::close`], writes what was recorded; what is recorded then is
/// not.
#[derive(Debug)]
pub struct JournalThread {
    queue: Queue,
    writer: Option<JoinHandle<Result<(), JournalError>>>,
}

impl Journal {
    /// Opens the journals below a data directory, making what is missing. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// The general journal cannot be opened.
    pub fn open(data: &Path, rules: Rules) -> Result<(Journal, JournalThread), JournalError> {
        Journal::open_tuned(data, rules, Tuning::default())
    }

    fn open_tuned(data: &Path, rules: Rules, tuning: Tuning) -> Result<(Journal, JournalThread), JournalError> {
        let (queue, messages) = Queue::new(tuning.queue);
        let mut writer = Writer::new(data.to_owned(), rules, tuning);
        writer.try_general()?;
        let thread = thread::Builder::new().name("journal-writer".into());
        let writer = thread.spawn(move || writer.run(&messages)).map_err(JournalError::Thread)?;
        let journal = Journal { queue: queue.clone(), data: data.into(), readers: Arc::default() };
        Ok((journal, JournalThread { queue, writer: Some(writer) }))
    }

    /// The data directory in which they are.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Records an event: in the general journal (unless an app logged it), and in its tenant's where it has one. Waits
    /// while too much is on its way to the disk. Cancelled while it waits, it has recorded nothing.
    pub async fn record(&self, event: Event) {
        let kind = event.what.kind();
        let recorded = match line::line_of(&event) {
            Ok(line) => self.queue.record(event, line).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = recorded {
            tracing::warn!(kind, error, "an event is not in the journal");
        }
    }

    /// [`record`](Journal::record) for threads that have no runtime: it is the thread that waits.
    pub fn record_blocking(&self, event: Event) {
        wait(self.record(event));
    }

    /// Waits until all that was recorded before is in its files and synced.
    ///
    /// # Errors
    /// Some of it cannot be written just now, and is in memory.
    pub async fn flush(&self) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Flush(answer))?;
        answered.await.map_err(|_gone| JournalError::Closed)?
    }

    /// Whether there is such a journal, or what is left of one.
    pub fn has(&self, scope: &Scope) -> bool {
        Place::of(&self.data, scope).directory.exists()
    }

    /// A page of events that are in the files, at most `limit` and [`MOST_EVENTS`], going on where `from` says. It is shorter, or
    /// empty, where much would have to be read to fill it: whether it is the last one is what [`Page::next`] says.
    ///
    /// # Errors
    /// The filter names a kind that does not exist, or a file cannot be read.
    pub async fn read(
        &self,
        scope: &Scope,
        filter: &Filter,
        order: Order,
        limit: usize,
        from: Option<Cursor>,
    ) -> Result<Page, JournalError> {
        filter.check()?;
        let (place, filter) = (Place::of(&self.data, scope), filter.clone());
        let reading = self.readers.of(scope).await;
        off_the_runtime(reading, move || read::page(&place, &filter, order, limit, from)).await
    }

    /// The `last` events, and then each new one as it is recorded.
    ///
    /// # Errors
    /// The filter names a kind that does not exist, or a file cannot be read.
    pub async fn follow(&self, scope: &Scope, filter: Filter, last: usize) -> Result<Follower, JournalError> {
        filter.check()?;
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Follow(scope.clone(), answer))?;
        let subscription = answered.await.map_err(|_gone| JournalError::Closed)??;
        let reading = if last > 0 { Some(self.readers.of(scope).await) } else { None };
        let (place, scope) = (Place::of(&self.data, scope), scope.clone());
        off_the_runtime(reading, move || Follower::begin(&place, scope, filter, last, subscription)).await
    }

    /// Statistics over the attempts that ended since then, as far as the journal reaches back.
    ///
    /// # Errors
    /// A file cannot be read.
    pub async fn stats(&self, scope: &Scope, since: Option<Timestamp>) -> Result<stats::Stats, JournalError> {
        let place = Place::of(&self.data, scope);
        let reading = self.readers.of(scope).await;
        off_the_runtime(reading, move || stats::draw(&place, since)).await
    }
}

impl JournalThread {
    /// Writes what was recorded, and ends. Blocks until then.
    ///
    /// # Errors
    /// Something could not be written and is lost.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), JournalError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.queue.close();
        writer.join().unwrap_or(Err(JournalError::Closed))
    }
}

impl Drop for JournalThread {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the journal was not closed cleanly");
        }
    }
}

/// Holds something until the work is done, also where nobody waits for it any more.
async fn off_the_runtime<T: Send + 'static>(
    held: impl Send + 'static,
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let work = move || {
        let done = work();
        drop(held);
        done
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(JournalError::Closed))
}
