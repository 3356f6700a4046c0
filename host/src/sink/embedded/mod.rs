//! The embedded sink: one SQLite file per tenant, a table for each collection, documents as text that anybody can read.
//!
//! ```text
//!   sqlite3 acme.db "select doc->>'$.name' from orders where doc->>'$.total' > 100"
//! ```
//!
//! # The file
//! ```text
//!   "<collection>"   _id TEXT PRIMARY KEY   24 hexadecimal digits for an ObjectId, JSON for any other _id
//!                    doc TEXT               the whole document, relaxed Extended JSON
//!   "_dead_letters"  what did not become a document: its place, its raw bytes, the reason
//!   "_tasks"         number ⇄ (app, generation, source, content hash)
//! ```
//! Its mode is 0600. `application_id` says that it is ours and `user_version` which tables it has (`schema.rs`). An own
//! `_id` counts as the same document when the text is the same; relaxed Extended JSON writes a 32-bit and a 64-bit integer
//! alike.
//!
//! # Durable before it answers
//! The log is written ahead (WAL) with `synchronous = FULL`: each commit is synced to the disk before it is answered.
//! With `NORMAL`, SQLite's usual advice for WAL, the last commits may be gone after a loss of power, although the file is
//! sound. Then a checkpoint moved, or a message acknowledged, after such an answer would stand for documents that do not
//! exist. Group commit makes up for the price: 64 requests are synced as cheaply as one.
//!
//! # How it writes
//! ```text
//!   write() ─▶ room in the queue ─▶ BSON to text ─┐
//!   write() ─▶ room in the queue ─▶ BSON to text ─┼─▶ queue ─▶ writer thread: one transaction per group ─▶ answers
//!   keep()  ─▶ room in the queue ─────────────────┘
//! ```
//! - The *queue* is bounded in bytes; back-pressure is a `write().await` that takes longer. Whoever wants full speed keeps
//!   several writes under way, so that there is something to group.
//! - The *text* is made in the asker's task: SQLite takes about 2 µs of one core for each document and is the narrowest
//!   place, and a writer that also made the text would be slower by what that costs.
//! - The *writer* ([`sqlite`](crate::sqlite)) is the only one who writes in this process. Another process may write the same file;
//!   SQLite's busy timeout makes them take turns.
//!
//! # Recovery
//! After `kill -9` or a loss of power the next [`Store::open`] finds every answered request in the log, and nothing of an
//! unanswered transaction, or all of it. Writing it again is safe: a numbered `_id` that exists counts as stored. After
//! an error (disk full, locked, I/O) the transaction is rolled back, its askers are told, and the store goes on.
//!
//! # Measured
//! 300,000 documents of 18 fields, 543 bytes of text each, in transactions of 1 MiB, `FULL`, pages of 4 KiB, two cores;
//! documents per second:
//!
//! | `_id`s | rowid table and index | `WITHOUT ROWID` |
//! |---|---|---|
//! | one task, rising | 260,000–286,000 | 249,000–271,000 |
//! | four tasks, interleaved | 252,000–276,000 | 222,000–224,000 |
//! | an app's own, random | 62,000–66,000 | 18,000 |
//!
//! So the tables have rowids: a page of 4 KiB of a `WITHOUT ROWID` table holds seven such documents and one of the index
//! about a hundred keys, and it is the pages touched that cost.
//!
//! | pages | CPU per document, `_id`s rising | random, transactions of 64 KiB |
//! |---|---|---|
//! | 4 KiB | 3.0 µs | 15.1 µs |
//! | 8 KiB | 2.6 µs | 15.9 µs |
//! | 16 KiB | 2.4 µs | 20.2 µs |
//!
//! So pages have 8 KiB. Transactions of 64 KiB reach 110,000–155,000 documents per second, of 256 KiB 190,000–203,000, of
//! 1 MiB 236,000–273,000, and larger ones no more. A log longer than 16 MiB changes nothing beyond the noise. The example
//! `embedded_sink_speed` measures the whole sink beside a bare loader.

mod documents;
mod erase;
mod error;
mod letters;
mod name;
mod prepare;
mod reader;
mod schema;
mod store;
mod tasks;
mod tenants;
#[cfg(test)]
mod tests;

pub use crate::sqlite::Settings;
pub use error::StoreError;
pub use name::{CollectionName, NameError};
pub use reader::{Reader, StoredDocument};
pub use store::Store;
pub use tasks::TaskKey;
pub use tenants::EmbeddedSinks;

use crate::sink::{BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written};
use crate::sqlite::{Asker, Job};
use documents::{Statements, WriteDocuments};
use erase::{EraseTask, ForgetRows};
use letters::{KeepLetters, letter_bytes};
use prepare::{Prepared, bson_bytes};
use std::path::Path;
use std::sync::Arc;

/// A collection of a [`Store`], as the sink of documents.
#[derive(Clone, Debug)]
pub struct EmbeddedSink {
    label: String,
    path: Arc<Path>,
    collection: CollectionName,
    statements: Arc<Statements>,
    asker: Asker,
}

impl DocumentSink for EmbeddedSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(async move {
            let written = async {
                let room = self.asker.room(bson_bytes(&batch)).await?;
                let prepared = Prepared::of(&batch);
                drop(batch);
                self.asker.ask(room, WriteDocuments { statements: Arc::clone(&self.statements), prepared }).await
            };
            written.await.map_err(|trouble| trouble.into_sink_error(self.label.clone()))
        })
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let kept = async {
                let room = self.asker.room(letter_bytes(&letters)).await?;
                self.asker.ask(room, KeepLetters::new(self.collection.clone(), letters)).await
            };
            kept.await.map_err(|trouble| trouble.into_sink_error(self.label.clone()))
        })
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        let (collection, statements) = (self.collection.clone(), Arc::clone(&self.statements));
        Box::pin(self.small(EraseTask { collection, statements, task, limit }))
    }

    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        let filter = filter.clone();
        Box::pin(self.read(move |reader, collection| reader.letters(collection, &filter, limit)))
    }

    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        let filter = filter.clone();
        Box::pin(self.read(move |reader, collection| reader.count_letters(collection, &filter)))
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(self.small(ForgetRows { collection: self.collection.clone(), task, rows }))
    }
}

impl EmbeddedSink {
    async fn small<J: Job>(&self, job: J) -> Result<J::Outcome, SinkError> {
        let done = async {
            let room = self.asker.room(job.bytes()).await?;
            self.asker.ask(room, job).await
        };
        done.await.map_err(|trouble| trouble.into_sink_error(self.label.clone()))
    }

    /// Reads beside the writer and the event loop, on a connection of its own: it sees what is committed.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let (path, collection) = (Arc::clone(&self.path), self.collection.clone());
        let reading = tokio::task::spawn_blocking(move || read(&Reader::open(&path)?, collection.as_str()));
        let failed = |reason| SinkError::Transient { sink: self.label.clone(), reason };
        match reading.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}
