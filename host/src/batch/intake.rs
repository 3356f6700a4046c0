//! Rows as a worker hands them over: order and positions checked, documents validated and numbered in place. Pure.
//!
//! What comes in is hostile. A row out of order or outside the file is a [`Violation`] and ends the worker; a document
//! that is not BSON (which an app can cause without breaking anything) rejects its row and nothing else. In a rerun, rows
//! that are settled already are only hashed, and the hash is compared where the settled part ends. The hash is a chain, one
//! link for each row: so a run that starts in the middle comes to the same hash as one of the whole file.

#[cfg(test)]
mod tests;

use super::ledger::{Ledger, Position, Row, RowCounts};
use crate::document::{self, DocumentId, Fault};
use crate::sink::{DocumentBatch, DocumentRef};
use crate::worker::codec::{self, CodecError, RowCursor};
use crate::worker::protocol::{
    LARGE_FLUSH_BYTES, LOOSE_ROWS, MAX_ROW_DOCUMENTS, ROW_HEADER_LEN, RowFate, RowHeader, Start,
};
use crate::worker::recorder::ClaimedRow;
use crate::worker::words;
use bytes::BytesMut;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Documents that room is made for before they are seen.
const MOST_EXPECTED: usize = 1024;
/// Spreads each link of the chain of hashes over the next one. Odd, so that nothing is lost.
const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// What one frame of rows amounts to, ready for the sink.
#[derive(Debug)]
pub struct Delivery {
    /// Documents to be stored.
    pub batch: DocumentBatch,
    /// Rows to be kept as dead letters.
    pub rejected: Vec<Rejected>,
    /// Documents that the sink refused, each with its part of the row's dead letters.
    pub refused_by_sink: Vec<(Rejected, u32)>,
    /// What it adds to the counts of rows.
    pub rows: RowCounts,
    /// What it adds to the documents emitted.
    pub emitted: u64,
    /// Documents refused before the sink saw them.
    pub refused: u64,
    /// Documents among them that came under an `_id` of the app's own.
    pub own_ids: u64,
    /// Rows that ended in a replay: what became of them replaces their dead letters.
    pub replayed: Vec<u64>,
    /// Where the task has come to once this is committed.
    pub reached: Position,
    /// The settled part was passed in this frame, and what came was not what had come before.
    pub differs: bool,
}

/// A row that becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The row.
    pub row: Row,
    /// Why.
    pub reason: String,
}

/// What no honest worker sends. The sentence fits after "it broke the protocol: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Not rows at all.
    #[error("it sent {0}")]
    Codec(#[from] CodecError),
    /// A row that cannot come now.
    #[error("it reported row {got} where row {expected} comes next")]
    Order {
        /// Number it reported.
        got: u64,
        /// Number that comes next.
        expected: u64,
    },
    /// A row that lies outside the file or before its predecessor.
    #[error("it reported row {number} at bytes {start} to {end} of a file of {size}, after byte {after}")]
    Place {
        /// Number of the row.
        number: u64,
        /// Its first byte.
        start: u64,
        /// Past its last byte.
        end: u64,
        /// Size of the file.
        size: u64,
        /// Where the row before ended.
        after: u64,
    },
    /// A frame without a row, which would only keep the host awake.
    #[error("it sent a frame of rows without a row")]
    Empty,
    /// A frame that goes on after it was full.
    #[error("it began a row at byte {0} of a frame, where a frame is full at byte {LARGE_FLUSH_BYTES}")]
    Overfull(usize),
    /// More documents than a row may have.
    #[error("it reported {0} documents in one row, where {MAX_ROW_DOCUMENTS} are allowed")]
    TooMany(u32),
}

/// The intake of one attempt.
pub struct Intake {
    task: u64,
    size: u64,
    seen: Position,
    settled: Position,
    /// Where what has come is held against what had come before: the last settled row that is not passed over, and the
    /// settled loose documents. `None` once that is done.
    comparing: Option<(u64, u64)>,
    skip: BTreeMap<u64, ClaimedRow>,
    /// In a replay, the numbers of the rows that are still to come.
    only: Option<VecDeque<u64>>,
    /// Documents of the frame before: so many may be expected of the next one.
    expected: usize,
}

impl Intake {
    /// An attempt at a file of `size` bytes. `resumed` tells that it starts at [`Ledger::resume`].
    pub fn new(ledger: &Ledger, size: u64, resumed: Option<Start>) -> Intake {
        let settled = *ledger.settled();
        let (task, skip) = (ledger.task(), ledger.convicted().clone());
        let mut seen = Position::default();
        if resumed.is_some() {
            // The settled row itself comes once more, so the one before it counts as seen.
            seen.row.number = settled.row.number - 1;
            seen.digest = settled.digest;
            return Intake { task, size, seen, settled, comparing: None, skip, only: None, expected: 0 };
        }
        let mut last = settled.row.number;
        while skip.contains_key(&last) {
            last -= 1;
        }
        let comparing = (last > 0 || settled.loose > 0).then_some((last, settled.loose));
        Intake { task, size, seen, settled, comparing, skip, only: None, expected: 0 }
    }

    /// An attempt at some rows of a file, those of `rows` that are not settled: their numbers, rising. Documents that are
    /// emitted outside of rows are none of theirs and are dropped.
    pub fn replay(ledger: &Ledger, size: u64, rows: &[Start]) -> Intake {
        let settled = *ledger.settled();
        let only = rows.iter().map(|row| row.number).filter(|number| *number > settled.row.number).collect();
        let (task, skip) = (ledger.task(), ledger.convicted().clone());
        Intake { task, size, seen: settled, settled, comparing: None, skip, only: Some(only), expected: 0 }
    }

    /// The intake of a run of this row alone, whose deliveries are thrown away.
    pub fn alone(row: Start, size: u64) -> Intake {
        let mut seen = Position::default();
        seen.row.number = row.number - 1;
        Intake {
            task: 1,
            size,
            seen,
            settled: Position::default(),
            comparing: None,
            skip: BTreeMap::new(),
            only: None,
            expected: 0,
        }
    }

    /// The app has come to its end although less came than had come before.
    pub fn falls_short(&self) -> bool {
        self.comparing.is_some()
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// See [`Violation`]: the worker is to be killed. Nothing of the frame may be used.
    pub fn take(&mut self, mut payload: BytesMut) -> Result<Delivery, Violation> {
        let mut delivery = Delivery {
            batch: DocumentBatch { documents: Vec::with_capacity(self.expected), ..DocumentBatch::default() },
            rejected: Vec::new(),
            refused_by_sink: Vec::new(),
            rows: RowCounts::default(),
            emitted: 0,
            refused: 0,
            own_ids: 0,
            replayed: Vec::new(),
            reached: Position::default(),
            differs: false,
        };
        if payload.is_empty() {
            return Err(Violation::Empty);
        }
        let mut cursor = RowCursor::new();
        while let Some((header, range)) = cursor.next(&payload)? {
            let began = range.start - ROW_HEADER_LEN;
            if began > LARGE_FLUSH_BYTES {
                return Err(Violation::Overfull(began));
            }
            match header.fate {
                RowFate::Loose => self.take_loose(&header, range, &mut payload, &mut delivery)?,
                RowFate::Ended | RowFate::Rejected => self.take_row(&header, range, &mut payload, &mut delivery)?,
            }
        }
        // A frame of the most documents there can be is no measure for the others.
        self.expected = delivery.batch.documents.len().min(MOST_EXPECTED);
        delivery.batch.bytes = payload.freeze();
        delivery.reached = self.seen;
        if self.only.is_some() {
            // Each attempt at a replay counts its own; none of them is settled.
            delivery.reached.loose = self.settled.loose;
        }
        Ok(delivery)
    }

    fn take_row(
        &mut self,
        header: &RowHeader,
        range: Range<usize>,
        payload: &mut BytesMut,
        delivery: &mut Delivery,
    ) -> Result<(), Violation> {
        let row = self.place(header, delivery)?;
        let suppressed = row.number <= self.settled.row.number;
        // The row that a resumed run starts at is in the digest that it goes on from.
        if !suppressed || self.comparing.is_some() {
            self.link(row.number, &payload[range.clone()]);
        }
        self.seen.row = row;
        self.compare(delivery);
        if suppressed {
            return Ok(());
        }
        delivery.rows.read += 1;
        delivery.emitted += u64::from(header.refused);
        delivery.refused += u64::from(header.refused);
        if header.fate == RowFate::Rejected {
            let reason = words::one_line(codec::reason(&payload[range])?).into_owned();
            delivery.reject(row, reason);
            return Ok(());
        }
        if self.only.is_some() {
            delivery.replayed.push(row.number);
        }
        delivery.emitted += u64::from(header.documents);
        match self.take_documents(header, row.number, range, payload, delivery)? {
            Ok(0) => delivery.rows.passed_over += 1,
            Ok(_) => delivery.rows.ingested += 1,
            Err(reason) => {
                delivery.refused += u64::from(header.documents);
                delivery.reject(row, reason);
            }
        }
        Ok(())
    }

    /// Holds a row against what comes next, and counts the convicted rows before it.
    fn place(&mut self, header: &RowHeader, delivery: &mut Delivery) -> Result<Row, Violation> {
        let mut expected = self.next_after(self.seen.row.number);
        let mut passed = 0;
        while self.skip.contains_key(&expected) && expected < header.number {
            passed += u64::from(expected > self.settled.row.number);
            expected = self.next_after(expected);
        }
        let RowHeader { number, start, end, line, .. } = *header;
        let possible = number <= self.size.saturating_add(1) && number < LOOSE_ROWS;
        if number != expected || self.skip.contains_key(&number) || !possible {
            return Err(Violation::Order { got: number, expected });
        }
        let after = self.seen.row.end;
        if start < after || end < start || end > self.size {
            return Err(Violation::Place { number, start, end, size: self.size, after });
        }
        delivery.rows.read += passed;
        delivery.rows.rejected += passed;
        Ok(Row { number, start, end, line })
    }

    /// The number of the row that comes after this one; in a replay, one that is too large after the last.
    fn next_after(&mut self, row: u64) -> u64 {
        let Some(only) = &mut self.only else { return row + 1 };
        while only.front().is_some_and(|next| *next <= row) {
            only.pop_front();
        }
        only.front().copied().unwrap_or(LOOSE_ROWS)
    }

    fn take_loose(
        &mut self,
        header: &RowHeader,
        range: Range<usize>,
        payload: &mut BytesMut,
        delivery: &mut Delivery,
    ) -> Result<(), Violation> {
        let expected = LOOSE_ROWS + self.seen.loose;
        if header.number != expected {
            return Err(Violation::Order { got: header.number, expected });
        }
        self.seen.loose += 1;
        if self.only.is_some() {
            return Ok(());
        }
        self.link(header.number, &payload[range.clone()]);
        self.compare(delivery);
        if self.seen.loose <= self.settled.loose {
            return Ok(());
        }
        delivery.emitted += u64::from(header.refused) + u64::from(header.documents);
        delivery.refused += u64::from(header.refused);
        if let Err(reason) = self.take_documents(header, header.number, range, payload, delivery)? {
            delivery.refused += u64::from(header.documents);
            let row = Row { number: header.number, ..self.seen.row };
            delivery.rejected.push(Rejected { row, reason });
        }
        Ok(())
    }

    /// Validates and numbers the documents of one row. The inner error is the reason that rejects the row.
    fn take_documents(
        &self,
        header: &RowHeader,
        row: u64,
        range: Range<usize>,
        payload: &mut BytesMut,
        delivery: &mut Delivery,
    ) -> Result<Result<u32, String>, Violation> {
        if header.documents as usize > MAX_ROW_DOCUMENTS {
            return Err(Violation::TooMany(header.documents));
        }
        let Delivery { batch, own_ids, .. } = delivery;
        let kept = batch.documents.len();
        let mut own = 0;
        let number = |index| DocumentId::new(self.task, row, index);
        let checked = document::check_row(payload, range, header.documents, number, |document| {
            own += u64::from(document.own_id);
            batch.documents.push(DocumentRef::checked(&document, row));
        });
        match checked {
            Ok(()) => {
                *own_ids += own;
                Ok(Ok(header.documents))
            }
            Err(Fault::Document(reason)) => {
                batch.documents.truncate(kept);
                Ok(Err(reason))
            }
            Err(Fault::Behind(bytes)) => Err(Violation::Codec(CodecError::Short(bytes))),
        }
    }

    /// Adds a row to the chain of hashes.
    fn link(&mut self, number: u64, bytes: &[u8]) {
        let row = xxh3_128(bytes) ^ u128::from(number);
        self.seen.digest = (self.seen.digest.rotate_left(31) ^ row).wrapping_mul(MULTIPLIER);
    }

    /// At the end of the settled part: is it what it was? A run that comes past it in rows and not in loose documents, or
    /// the other way round, differs whatever it holds.
    fn compare(&mut self, delivery: &mut Delivery) {
        let Some((row, loose)) = self.comparing else { return };
        let Position { row: Row { number, .. }, loose: seen, digest } = self.seen;
        let beyond = number > row || seen > loose;
        if beyond || (number == row && seen == loose) {
            self.comparing = None;
            delivery.differs |= beyond || digest != self.settled.digest;
        }
    }
}

impl Delivery {
    /// Rows of a replay whose dead letters are outdated.
    ///
    /// A row that is rejected again is none of them: its new letter takes the place of the old one in one step.
    pub(super) fn redone(&self) -> Vec<u64> {
        let rejected: BTreeSet<u64> = self.rejected.iter().map(|rejected| rejected.row.number).collect();
        self.replayed.iter().copied().filter(|row| !rejected.contains(row)).collect()
    }

    fn reject(&mut self, row: Row, reason: String) {
        self.rows.rejected += 1;
        self.rejected.push(Rejected { row, reason });
    }
}

/// The dead letters of the documents that the sink refused (their places in the batch, rising), each with which part of its
/// row's letters it is (from 1).
pub fn refused_documents(batch: &DocumentBatch, refused: &[(usize, String)]) -> Vec<(Rejected, u32)> {
    if refused.is_empty() {
        return Vec::new();
    }
    // The batch still holds the frame it came in, and with it where the rows lie.
    let mut places = HashMap::new();
    let mut cursor = RowCursor::new();
    while let Ok(Some((header, _))) = cursor.next(&batch.bytes) {
        let RowHeader { number, start, end, line, .. } = header;
        places.insert(number, Row { number, start, end, line });
    }
    let mut first_of_row = HashMap::new();
    for (index, document) in batch.documents.iter().enumerate() {
        first_of_row.entry(document.row).or_insert(index);
    }
    let rejected = |(index, reason): &(usize, String)| {
        let number = batch.documents[*index].row;
        let row = places.get(&number).copied().unwrap_or(Row { number, ..Row::default() });
        let first = first_of_row.get(&number).copied().unwrap_or(*index);
        let part = u32::try_from(index - first + 1).unwrap_or(u32::MAX);
        (Rejected { row, reason: reason.clone() }, part)
    };
    refused.iter().map(rejected).collect()
}
