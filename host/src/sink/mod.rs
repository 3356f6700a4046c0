//! Where documents go: the port that managers name, and the types that cross it.
//!
//! An adapter stores documents *durably before it answers*; whoever calls it moves a checkpoint or acknowledges a message
//! only after that answer. Writing the same batch again is always safe: a numbered `_id` that exists counts as stored.

pub mod embedded;
pub mod mongodb;
pub mod null;
pub mod retry;

mod refusal;

#[cfg(test)]
pub(crate) mod contract;

use crate::document::Placed;
use crate::tenant::TenantId;
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A future that a `dyn` port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Validated documents of one task, in the bytes they came in.
#[derive(Clone, Debug, Default)]
pub struct DocumentBatch {
    /// Holds every document of the batch (and may hold other bytes between them).
    pub bytes: Bytes,
    /// The documents, in the order they are to be stored.
    pub documents: Vec<DocumentRef>,
}

/// One document of a batch: valid BSON whose first element is its `_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentRef {
    /// Offset of its first byte in the batch's bytes.
    pub offset: u32,
    /// Its length in bytes.
    pub length: u32,
    /// The row (or message) it came from.
    pub row: u64,
    /// The app set its `_id`; otherwise the host numbered it.
    pub own_id: bool,
}

impl DocumentRef {
    /// A document of this row that was checked where it lies: in a frame, which is capped far below 4 GiB.
    pub fn checked(document: &Placed, row: u64) -> DocumentRef {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let Placed { range, own_id } = document;
        DocumentRef { offset: narrow(range.start), length: narrow(range.len()), row, own_id: *own_id }
    }
}

impl DocumentBatch {
    /// The bytes of one of its documents.
    pub fn document(&self, of: &DocumentRef) -> &[u8] {
        let start = of.offset as usize;
        &self.bytes[start..start + of.length as usize]
    }
}

/// What became of a batch. `stored + duplicates + refused.len()` is the number of its documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Now in the sink, or there already under a numbered `_id` (a retry of ours).
    pub stored: u64,
    /// The app's own `_id` exists with the same document.
    pub duplicates: u64,
    /// Not stored, each with its index in the batch and one sentence.
    pub refused: Vec<(usize, String)>,
    /// Documents under a numbered `_id` that exist with another content: the app is not deterministic.
    pub differing: u64,
}

/// A row, document or message that did not become a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Task it belongs to. Of a message, with `row`: numbers that no other message has, and no task.
    pub task: u64,
    /// Row number, from 1.
    pub row: u64,
    /// Which dead letter of that row: 0 for the row itself, from 1 for its documents.
    pub part: u32,
    /// App and generation, as told to people.
    pub app: String,
    /// File or stream it came from.
    pub source: String,
    /// Offset of the row's first byte in the file.
    pub start: u64,
    /// Line on which it starts, 0 where not known.
    pub line: u64,
    /// Why, in one sentence.
    pub reason: String,
    /// Its raw bytes, cut at [`DeadLetter::MAX_RAW`].
    pub raw: Vec<u8>,
    /// How many bytes it has in the file.
    pub raw_len: u64,
    /// Of a message, everything but its body: an [`Envelope`](crate::broker::Envelope) with an empty one. Nothing for a row.
    pub envelope: Vec<u8>,
}

impl DeadLetter {
    /// Most raw bytes that are kept of a row: it is in its file, too.
    pub const MAX_RAW: usize = 64 * 1024;
    /// Most raw bytes that are kept of a message, which is nowhere else. Leaves room for the rest in a document of MongoDB.
    pub const MAX_MESSAGE: usize = 15 * 1024 * 1024;

    /// Cuts its raw bytes to what is kept of them.
    pub fn cut(&mut self) {
        let most = if self.envelope.is_empty() { DeadLetter::MAX_RAW } else { DeadLetter::MAX_MESSAGE };
        self.raw.truncate(most);
    }
}

/// A dead letter as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// The collection for which it was meant.
    pub collection: String,
    /// When it was kept, UTC, RFC 3339.
    pub at: String,
    /// The letter.
    pub letter: DeadLetter,
}

/// Where a dead letter stands among others: task, row, part.
///
/// They are ordered by it, so `(task, 0, 0)` comes before the first letter of a row of that task.
pub type LetterKey = (u64, u64, u32);

/// Which dead letters are asked for; an empty filter is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this task.
    pub task: Option<u64>,
    /// Of this app, as its label begins: its name, or its name and generation.
    pub app: Option<String>,
    /// Messages of this stream.
    pub stream: Option<String>,
    /// After this one: where the page before ended.
    pub after: Option<LetterKey>,
}

/// Why a sink could not do it; nothing of the batch may be taken as stored.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Trying again later may help.
    #[error("the sink {sink} cannot store just now: {reason}")]
    Transient {
        /// Which sink.
        sink: String,
        /// Its words.
        reason: String,
    },
    /// Trying again cannot help.
    #[error("the sink {sink} cannot store: {reason}")]
    Permanent {
        /// Which sink.
        sink: String,
        /// Its words.
        reason: String,
    },
}

/// A named destination of documents.
pub trait DocumentSink: Send + Sync {
    /// Stores a batch durably.
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>>;

    /// Keeps dead letters durably; the same (task, row, part) again replaces the one before.
    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>>;

    /// Erases documents that the host numbered for `task`, at most `limit` of them, and answers how many; where none is left,
    /// the task's dead letters, and answers 0. Asking until it answers 0 erases all of it, whatever happens in between.
    /// Documents under an `_id` of the app's own stay.
    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>>;

    /// The next dead letters, by task, row and part: at most `limit`, and no more than about [`LETTER_PAGE`] bytes of raw
    /// rows. None at the end only.
    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>>;

    /// How many dead letters pass the filter; where it begins does not matter.
    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>>;

    /// Forgets the dead letters of these rows of a task, those of their documents too. Answers how many.
    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>>;
}

/// Bytes of raw rows after which a page of dead letters ends.
pub const LETTER_PAGE: usize = 4 * 1024 * 1024;

/// The sinks of all tenants: each tenant has a database of its own, and a collection of it is a sink.
pub trait Sinks: Send + Sync {
    /// The sink of a tenant's collection, which is made where it does not exist.
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>>;

    /// The same for whoever stays on the event loop that this is called on: what is done for it is done there, where that spares
    /// the way to another thread and back. It is asked on no other, and [`leave`](Sinks::leave) is called before that one ends.
    fn open_here<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        self.open(tenant, collection)
    }

    /// The event loop that this is called on is about to end: what was opened for it is closed.
    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Whether what documents go into answers. It does where it is this host's own.
    fn answers(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Bytes that a tenant's database takes up. Cheap.
    fn stored_bytes(&self, tenant: &TenantId) -> u64;

    /// Closes what nobody has used for so long.
    fn close_idle(&self, idle: Duration);

    /// Closes everything; what was asked for is finished first.
    fn close_all(&self);
}
