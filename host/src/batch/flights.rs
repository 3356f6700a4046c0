//! Deliveries on their way into the sink, oldest first, and the dead letters that go with them.
//!
//! Letters quote rows, and a row that takes 48 bytes on the wire may quote [`DeadLetter::MAX_RAW`]. So they are written a few
//! at a time, each delivery that has any counts for one such portion, and what a task may have quoted in all is bounded.

use super::attempt::Scene;
use super::cast::Cast;
use super::data_file::DataFile;
use super::intake::{self, Delivery, Rejected};
use super::ledger::Counts;
use crate::sink::{DeadLetter, DocumentSink, SinkError, Written};
use crate::worker::protocol::LOOSE_ROWS;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Most bytes of documents that wait for the sink, before the host stops reading.
const MAX_IN_FLIGHT: usize = 8 * 1024 * 1024;
/// Bytes of dead letters that are held at once for one delivery.
const LETTERS_AT_ONCE: usize = 1024 * 1024;
/// Bytes of rows that the dead letters of one task quote in full; after that only the beginning of each row is kept.
const QUOTED_IN_FULL: u64 = 64 * 1024 * 1024;
/// That beginning.
const QUOTED_AFTERWARDS: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Flights {
    bytes: usize,
    rows: u64,
    documents: u64,
    queue: VecDeque<Flight>,
}

/// What has been launched and how much of everything it is.
struct Flight {
    landing: JoinHandle<Result<Landed, SinkError>>,
    bytes: usize,
    rows: u64,
    documents: u64,
}

/// A delivery that the sink has committed.
pub(super) struct Landed {
    pub(super) delivery: Delivery,
    pub(super) written: Written,
}

impl Flights {
    /// Something is on its way.
    pub(super) fn any(&self) -> bool {
        !self.queue.is_empty()
    }

    /// More may be read.
    pub(super) fn room(&self) -> bool {
        self.bytes < MAX_IN_FLIGHT
    }

    /// The counts once everything has landed, as far as rows read and documents emitted go.
    pub(super) fn promised(&self, mut counts: Counts) -> Counts {
        counts.rows.read += self.rows;
        counts.documents.emitted += self.documents;
        counts
    }

    /// Sends a delivery on its way.
    pub(super) fn launch(&mut self, scene: &Scene<'_>, mut delivery: Delivery) {
        let (rows, documents) = (delivery.rows.read, delivery.emitted);
        let batch = std::mem::take(&mut delivery.batch);
        let letters = if delivery.rejected.is_empty() { 0 } else { LETTERS_AT_ONCE };
        let bytes = batch.bytes.len() + letters;
        let clerk = scene.clerk();
        let sink = Arc::clone(&scene.cast.sink);
        let flight = async move {
            let written =
                if batch.documents.is_empty() { Written::default() } else { sink.write(batch.clone()).await? };
            delivery.refused_by_sink = intake::refused_documents(&batch, &written.refused);
            drop(batch);
            let redone = delivery.redone();
            if !redone.is_empty() {
                sink.forget(clerk.task, redone).await?;
            }
            // Kept before anything relies on it: a settled row is never looked at again.
            clerk.keep(&*sink, &delivery).await?;
            Ok(Landed { delivery, written })
        };
        self.bytes += bytes;
        self.rows += rows;
        self.documents += documents;
        self.queue.push_back(Flight { landing: tokio::spawn(flight.in_current_span()), bytes, rows, documents });
    }

    /// Waits for the oldest. Cancel-safe.
    pub(super) async fn land(&mut self) -> Option<Result<Landed, SinkError>> {
        let landed = match (&mut self.queue.front_mut()?.landing).await {
            Ok(landed) => landed,
            Err(error) => Err(SinkError::Permanent { sink: "documents".into(), reason: error.to_string() }),
        };
        if let Some(Flight { bytes, rows, documents, .. }) = self.queue.pop_front() {
            self.bytes -= bytes;
            self.rows -= rows;
            self.documents -= documents;
        }
        Some(landed)
    }
}

impl Drop for Flights {
    /// What nobody waits for any more goes no further than it has come.
    fn drop(&mut self) {
        self.queue.iter().for_each(|flight| flight.landing.abort());
    }
}

/// Writes dead letters: what the worker said, and the raw bytes from the host's own view of the file.
pub(super) struct Clerk {
    pub(super) cast: Arc<Cast>,
    pub(super) file: Arc<DataFile>,
    pub(super) task: u64,
    pub(super) quoted: Arc<AtomicU64>,
}

impl Clerk {
    async fn keep(&self, sink: &dyn DocumentSink, delivery: &Delivery) -> Result<(), SinkError> {
        let rows = delivery.rejected.iter().map(|rejected| (rejected, 0));
        let documents = delivery.refused_by_sink.iter().map(|(rejected, part)| (rejected, *part));
        let mut letters = Vec::new();
        let mut held = 0;
        let mut quoted_row = None;
        for (rejected, part) in rows.chain(documents) {
            // The documents of one row quote it once.
            let quote = quoted_row.replace(rejected.row.number) != Some(rejected.row.number);
            let letter = self.letter(rejected, part, quote);
            held += letter.raw.len() + letter.reason.len() + size_of::<DeadLetter>();
            letters.push(letter);
            if held >= LETTERS_AT_ONCE {
                sink.keep(std::mem::take(&mut letters)).await?;
                held = 0;
            }
        }
        if letters.is_empty() { Ok(()) } else { sink.keep(letters).await }
    }

    /// One letter. `quote` tells whether it holds the row's raw bytes.
    pub(super) fn letter(&self, rejected: &Rejected, part: u32, quote: bool) -> DeadLetter {
        let Rejected { row, reason } = rejected;
        let (mut raw, raw_len) = match row.number {
            ..LOOSE_ROWS if quote => self.file.row(row.start, row.end),
            ..LOOSE_ROWS => (Vec::new(), row.end.saturating_sub(row.start)),
            _ => (Vec::new(), 0),
        };
        if self.quoted.fetch_add(raw.len() as u64, Ordering::Relaxed) > QUOTED_IN_FULL {
            raw.truncate(QUOTED_AFTERWARDS);
            raw.shrink_to_fit();
        }
        DeadLetter {
            task: self.task,
            row: row.number,
            part,
            app: self.cast.spec.label.clone(),
            source: self.file.name().to_owned(),
            start: row.start,
            line: row.line,
            reason: reason.clone(),
            raw,
            raw_len,
            envelope: Vec::new(),
        }
    }
}
