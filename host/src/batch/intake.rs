//! Rows as a worker hands them over: order and positions checked, documents validated and numbered in place. Pure.
//!
//! What comes in is hostile. A row out of order or outside the file is a [`Violation`] and ends the worker; a document
//! that is not BSON (which an app can cause without breaking anything) rejects its row and nothing else. In a rerun, rows
//! that are settled already are only hashed, and the hash is compared where the settled part ends. The hash is a chain, one
//! link for each row: so a run that starts in the middle comes to the same hash as one of the whole file.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Written;
    use crate::task::Checkpoint;
    use bson::{doc, oid::ObjectId};

    const SIZE: u64 = 1_000;

    /// A frame being put together as a worker does.
    #[derive(Default)]
    struct Frame(Vec<u8>);

    impl Frame {
        fn row(self, number: u64, documents: &[bson::Document]) -> Frame {
            let bytes: Vec<u8> = documents.iter().flat_map(|document| document.to_vec().unwrap()).collect();
            self.record(number, RowFate::Ended, u32::try_from(documents.len()).unwrap(), &bytes)
        }

        fn rejected(self, number: u64, reason: &str) -> Frame {
            self.record(number, RowFate::Rejected, 0, reason.as_bytes())
        }

        fn loose(self, ordinal: u64, document: &bson::Document) -> Frame {
            self.record(LOOSE_ROWS + ordinal, RowFate::Loose, 1, &document.to_vec().unwrap())
        }

        fn record(mut self, number: u64, fate: RowFate, documents: u32, bytes: &[u8]) -> Frame {
            let (start, end) = if fate == RowFate::Loose { (0, 0) } else { (number * 10, number * 10 + 10) };
            let length = u32::try_from(bytes.len()).unwrap();
            let header = RowHeader { number, start, end, line: number, refused: 0, documents, bytes: length, fate };
            self.0.extend_from_slice(&header.encode());
            self.0.extend_from_slice(bytes);
            self
        }

        fn payload(self) -> BytesMut {
            BytesMut::from(self.0.as_slice())
        }
    }

    fn numbered(value: i32) -> bson::Document {
        doc! { "_id": ObjectId::from_bytes([0; 12]), "value": value }
    }

    fn settle(ledger: &mut Ledger, delivery: &Delivery) {
        let written = Written { stored: delivery.batch.documents.len() as u64, ..Written::default() };
        ledger.settle(&delivery.rows, delivery.emitted, delivery.refused, delivery.reached, &written);
    }

    #[test]
    fn documents_are_numbered_by_task_row_and_index() {
        let mut intake = Intake::new(&Ledger::new(7, &Checkpoint::default()), SIZE, None);
        let delivery = intake.take(Frame::default().row(1, &[numbered(1), numbered(2)]).payload()).unwrap();
        let ids: Vec<_> = delivery
            .batch
            .documents
            .iter()
            .map(|document| DocumentId::of_document(delivery.batch.document(document)).unwrap())
            .map(|id| (id.task(), id.row(), id.index()))
            .collect();
        assert_eq!(ids, [(7, 1, 0), (7, 1, 1)]);
    }

    #[test]
    fn rows_are_counted_by_their_fate_and_the_counts_balance() {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        let mut intake = Intake::new(&ledger, SIZE, None);
        let frame = Frame::default().row(1, &[numbered(1)]).row(2, &[]).rejected(3, "why").loose(0, &numbered(4));
        let delivery = intake.take(frame.payload()).unwrap();
        assert_eq!(delivery.rows, RowCounts { read: 3, ingested: 1, passed_over: 1, rejected: 1 });
        assert_eq!(delivery.rejected[0].reason, "why");
        settle(&mut ledger, &delivery);
        assert!(ledger.counts().balance());
        assert_eq!(ledger.counts().documents.stored, 2);
    }

    #[test]
    fn a_document_that_is_not_bson_rejects_its_row_and_nothing_else() {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        let mut intake = Intake::new(&ledger, SIZE, None);
        let mut broken = numbered(2).to_vec().unwrap();
        broken[4] = 0x77;
        let frame =
            Frame::default().row(1, &[numbered(1)]).record(2, RowFate::Ended, 1, &broken).row(3, &[numbered(3)]);
        let delivery = intake.take(frame.payload()).unwrap();
        assert_eq!(delivery.batch.documents.len(), 2);
        assert!(delivery.rejected[0].reason.starts_with("document 1 cannot be stored: "));
        settle(&mut ledger, &delivery);
        assert!(ledger.counts().balance());
        assert_eq!(ledger.counts().documents.refused, 1);
    }

    #[test]
    fn an_app_cannot_take_the_id_of_a_document_that_the_host_will_number() {
        let forged = DocumentId::new(2, 1, 0).unwrap().bytes();
        let own = doc! { "_id": ObjectId::from_bytes(forged) };
        let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None)
            .take(Frame::default().row(1, &[own]).payload())
            .unwrap();
        assert!(delivery.rejected[0].reason.contains("ObjectId of before 2004"), "{}", delivery.rejected[0].reason);
        let newer = doc! { "_id": ObjectId::new() };
        let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None)
            .take(Frame::default().row(1, &[newer]).payload())
            .unwrap();
        assert!(delivery.rejected.is_empty());
    }

    #[test]
    fn rows_out_of_order_end_the_worker() {
        for frame in
            [Frame::default().row(2, &[]), Frame::default().row(1, &[]).row(1, &[]), Frame::default().row(0, &[])]
        {
            let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
            assert!(matches!(intake.take(frame.payload()), Err(Violation::Order { .. })));
        }
    }

    #[test]
    fn rows_outside_of_the_file_end_the_worker() {
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), 15, None);
        assert!(matches!(intake.take(Frame::default().row(1, &[]).payload()), Err(Violation::Place { .. })));
    }

    #[test]
    fn a_frame_that_is_empty_or_goes_on_after_it_is_full_ends_the_worker() {
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
        assert!(matches!(intake.take(BytesMut::new()), Err(Violation::Empty)));
        let large = doc! { "_id": 1, "text": "x".repeat(LARGE_FLUSH_BYTES) };
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
        let overfull = Frame::default().row(1, &[large]).row(2, &[]).payload();
        assert!(matches!(intake.take(overfull), Err(Violation::Overfull(_))));
    }

    #[test]
    fn a_file_has_no_more_rows_than_bytes() {
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), 0, None);
        let row = |number| {
            let header = RowHeader {
                number,
                start: 0,
                end: 0,
                line: 0,
                refused: 0,
                documents: 0,
                bytes: 0,
                fate: RowFate::Ended,
            };
            BytesMut::from(header.encode().as_slice())
        };
        assert!(intake.take(row(1)).is_ok());
        assert!(matches!(intake.take(row(2)), Err(Violation::Order { .. })));
    }

    #[test]
    fn a_count_of_documents_that_lies_ends_the_worker_or_rejects_the_row() {
        let bytes = numbered(1).to_vec().unwrap();
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
        let fewer = Frame::default().record(1, RowFate::Ended, 0, &bytes).payload();
        assert!(matches!(intake.take(fewer), Err(Violation::Codec(CodecError::Short(_)))));
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
        let more = Frame::default().record(1, RowFate::Ended, 2, &bytes).payload();
        assert_eq!(intake.take(more).unwrap().rejected.len(), 1);
    }

    #[test]
    fn a_rerun_suppresses_what_is_settled_and_notices_what_differs() {
        for (second, differs) in [(numbered(2), false), (numbered(99), true)] {
            let mut ledger = Ledger::new(1, &Checkpoint::default());
            let first = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2)]).payload();
            let delivery = Intake::new(&ledger, SIZE, None).take(first).unwrap();
            settle(&mut ledger, &delivery);
            let mut rerun = Intake::new(&ledger, SIZE, None);
            let again = Frame::default().row(1, &[numbered(1)]).row(2, &[second]).row(3, &[numbered(3)]).payload();
            let delivery = rerun.take(again).unwrap();
            assert_eq!(delivery.batch.documents.len(), 1);
            assert_eq!(delivery.rows.read, 1);
            assert_eq!(delivery.differs, differs);
        }
    }

    #[test]
    fn a_resumed_run_suppresses_the_row_it_starts_at() {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        let first = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2)]).payload();
        let delivery = Intake::new(&ledger, SIZE, None).take(first).unwrap();
        settle(&mut ledger, &delivery);
        let start = ledger.resume().unwrap();
        assert_eq!(start, Start { number: 2, offset: 20, line: 2 });
        let mut resumed = Intake::new(&ledger, SIZE, Some(start));
        let delivery = resumed.take(Frame::default().row(2, &[numbered(2)]).row(3, &[numbered(3)]).payload()).unwrap();
        assert_eq!((delivery.rows.read, delivery.batch.documents.len(), delivery.differs), (1, 1, false));
    }

    /// The books after these frames of an undisturbed run.
    fn after(frames: impl IntoIterator<Item = Frame>) -> Ledger {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        let mut intake = Intake::new(&ledger, SIZE, None);
        for frame in frames {
            let delivery = intake.take(frame.payload()).unwrap();
            settle(&mut ledger, &delivery);
        }
        ledger
    }

    #[test]
    fn a_rerun_whose_loose_documents_come_elsewhere_differs() {
        let ledger = after([Frame::default().row(1, &[]).loose(0, &numbered(1)).row(2, &[])]);
        let rerun = |frame: Frame| Intake::new(&ledger, SIZE, None).take(frame.payload()).unwrap();
        assert!(!rerun(Frame::default().row(1, &[]).loose(0, &numbered(1)).row(2, &[]).row(3, &[])).differs);
        assert!(rerun(Frame::default().row(1, &[]).row(2, &[]).row(3, &[])).differs);
        assert!(rerun(Frame::default().loose(0, &numbered(1)).row(1, &[]).row(2, &[])).differs);
        assert!(rerun(Frame::default().row(1, &[]).loose(0, &numbered(1)).loose(1, &numbered(1)).row(2, &[])).differs);
    }

    #[test]
    fn a_rerun_that_ends_before_it_came_to_what_was_settled_falls_short() {
        let ledger = after([Frame::default().row(1, &[]).row(2, &[])]);
        let mut rerun = Intake::new(&ledger, SIZE, None);
        assert!(rerun.falls_short());
        rerun.take(Frame::default().row(1, &[]).payload()).unwrap();
        assert!(rerun.falls_short());
        rerun.take(Frame::default().row(2, &[]).payload()).unwrap();
        assert!(!rerun.falls_short());
    }

    #[test]
    fn convicted_rows_at_the_end_of_what_is_settled_are_not_waited_for() {
        let mut ledger = after([Frame::default().row(1, &[numbered(1)])]);
        for number in [2, 3] {
            ledger.convict(ClaimedRow { number, start: number * 10, end: number * 10 + 10, line: number });
        }
        ledger.close();
        assert_eq!(ledger.settled().row.number, 3);
        let mut rerun = Intake::new(&ledger, SIZE, None);
        let delivery = rerun.take(Frame::default().row(1, &[numbered(1)]).row(4, &[]).payload()).unwrap();
        assert_eq!((delivery.differs, rerun.falls_short(), delivery.rows.read), (false, false, 1));
    }

    #[test]
    fn a_run_that_was_resumed_comes_to_the_hash_of_a_whole_one() {
        let rows = |from: u64, to: u64| {
            (from..=to)
                .fold(Frame::default(), |frame, number| frame.row(number, &[numbered(number.try_into().unwrap())]))
        };
        let whole = after([rows(1, 9)]);
        let mut pieces = after([rows(1, 2), rows(3, 4)]);
        let delivery = Intake::new(&pieces, SIZE, pieces.resume()).take(rows(4, 9).payload()).unwrap();
        settle(&mut pieces, &delivery);
        assert_eq!(pieces.settled(), whole.settled());
        assert_eq!(pieces.counts(), whole.counts());
    }

    #[test]
    fn documents_under_an_id_of_the_apps_own_are_counted_unless_their_row_is_rejected() {
        let own = || doc! { "_id": 7 };
        let mut broken = own().to_vec().unwrap();
        broken.extend([9, 0, 0, 0, 0x77, 0, 0, 0, 0]);
        let frame = Frame::default().row(1, &[own(), numbered(1), own()]).record(2, RowFate::Ended, 2, &broken);
        let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None).take(frame.payload()).unwrap();
        assert_eq!((delivery.own_ids, delivery.rejected.len()), (2, 1));
    }

    #[test]
    fn convicted_rows_are_counted_where_they_are_passed_and_at_the_end() {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        for number in [2, 4] {
            ledger.convict(ClaimedRow { number, start: number * 10, end: number * 10 + 10, line: number });
        }
        let frame = Frame::default().row(1, &[numbered(1)]).row(3, &[numbered(3)]).payload();
        let delivery = Intake::new(&ledger, SIZE, None).take(frame).unwrap();
        settle(&mut ledger, &delivery);
        assert_eq!(ledger.counts().rows, RowCounts { read: 3, ingested: 2, passed_over: 0, rejected: 1 });
        ledger.close();
        assert_eq!(ledger.counts().rows, RowCounts { read: 4, ingested: 2, passed_over: 0, rejected: 2 });
        assert_eq!(ledger.settled().row.end, 50);
        assert!(ledger.counts().balance());
    }

    #[test]
    fn a_replay_takes_the_rows_of_its_list_and_no_others() {
        let rows = [2, 5, 9].map(|number| Start { number, offset: number * 10, line: number });
        let ledger = Ledger::new(7, &Checkpoint::default());
        let mut intake = Intake::replay(&ledger, SIZE, &rows);
        let frame = Frame::default().row(2, &[numbered(2)]).rejected(5, "still").row(9, &[numbered(9)]);
        let delivery = intake.take(frame.payload()).unwrap();
        assert_eq!(delivery.rows, RowCounts { read: 3, ingested: 2, passed_over: 0, rejected: 1 });
        assert_eq!(delivery.replayed, [2, 9]);
        let mut intake = Intake::replay(&ledger, SIZE, &rows);
        assert!(matches!(
            intake.take(Frame::default().row(3, &[]).payload()),
            Err(Violation::Order { got: 3, expected: 2 })
        ));
    }

    #[test]
    fn what_a_replay_emits_outside_of_rows_is_dropped_in_every_attempt() {
        let rows = [2, 5].map(|number| Start { number, offset: number * 10, line: number });
        let mut ledger = Ledger::new(7, &Checkpoint::default());
        for number in [2, 5] {
            let frame = Frame::default().loose(0, &numbered(0)).row(number, &[numbered(1)]).loose(1, &numbered(9));
            let delivery = Intake::replay(&ledger, SIZE, &rows).take(frame.payload()).unwrap();
            assert_eq!((delivery.batch.documents.len(), delivery.emitted), (1, 1));
            settle(&mut ledger, &delivery);
        }
        assert_eq!((ledger.settled().row.number, ledger.settled().loose), (5, 0));
    }

    #[test]
    fn a_replay_goes_on_behind_what_is_settled_and_passes_what_kills() {
        let rows = [2, 5, 9].map(|number| Start { number, offset: number * 10, line: number });
        let mut ledger = Ledger::new(7, &Checkpoint::default());
        let delivery = Intake::replay(&ledger, SIZE, &rows).take(Frame::default().row(2, &[numbered(2)]).payload());
        settle(&mut ledger, &delivery.unwrap());
        ledger.convict(ClaimedRow { number: 5, start: 50, end: 60, line: 5 });
        let mut again = Intake::replay(&ledger, SIZE, &rows);
        let delivery = again.take(Frame::default().row(9, &[numbered(9)]).payload()).unwrap();
        assert_eq!(delivery.rows, RowCounts { read: 2, ingested: 1, passed_over: 0, rejected: 1 });
    }

    #[test]
    fn a_document_that_the_sink_refused_is_traced_to_its_row() {
        let frame = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2), numbered(3)]).payload();
        let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None).take(frame).unwrap();
        let refused = refused_documents(&delivery.batch, &[(2, "another document has this _id".into())]);
        let row = Row { number: 2, start: 20, end: 30, line: 2 };
        assert_eq!(refused, [(Rejected { row, reason: "another document has this _id".into() }, 2)]);
    }
}
