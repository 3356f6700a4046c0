//! What is settled of a task: counts, position and hash. Pure; moved only by what the sink has committed.

use crate::sink::Written;
use crate::worker::protocol::Start;
use crate::worker::recorder::ClaimedRow;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows: `read = ingested + passed_over + rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows that the app has been through, and rows that it will never see again because they kill.
    pub read: u64,
    /// Rows that ended with at least one document.
    pub ingested: u64,
    /// Rows that ended without a document.
    pub passed_over: u64,
    /// Rows that became dead letters.
    pub rejected: u64,
}

/// Documents: `emitted = stored + duplicate + refused`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DocumentCounts {
    /// Documents that rows handed over when they ended, and documents refused before that.
    pub emitted: u64,
    /// In the sink.
    pub stored: u64,
    /// There already, the same, under an `_id` that the app set.
    pub duplicate: u64,
    /// Not stored: not BSON, too large, or another document has its `_id`.
    pub refused: u64,
}

/// Both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows.
    pub rows: RowCounts,
    /// Documents.
    pub documents: DocumentCounts,
}

impl Counts {
    /// Every row and every document is accounted for.
    pub fn balance(&self) -> bool {
        let Counts { rows, documents } = self;
        rows.read == rows.ingested + rows.passed_over + rows.rejected
            && documents.emitted == documents.stored + documents.duplicate + documents.refused
    }
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last row; `number` 0 before the first.
    pub row: Row,
    /// Documents that were emitted with no row open.
    pub loose: u64,
    /// Hash over every row's number and documents up to here, before the host numbered them. A rerun has to come to the
    /// same; a run that starts in the middle goes on from it.
    pub digest: u128,
}

/// A row and where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset past its last byte.
    pub end: u64,
    /// Its line, 0 where lines mean nothing.
    pub line: u64,
}

/// One task's books.
#[derive(Debug)]
pub struct Ledger {
    task: u64,
    counts: Counts,
    settled: Position,
    convicted: BTreeMap<u64, ClaimedRow>,
    differing: bool,
}

impl Ledger {
    /// Opens the books of task number `task` (40 bits: the first part of each numbered `_id`).
    pub fn new(task: u64) -> Ledger {
        let (counts, settled) = (Counts::default(), Position::default());
        Ledger { task, counts, settled, convicted: BTreeMap::new(), differing: false }
    }

    /// The task's number.
    pub fn task(&self) -> u64 {
        self.task
    }

    /// What is settled so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where it has come to.
    pub fn settled(&self) -> &Position {
        &self.settled
    }

    /// Rows that kill, by number: passed over from now on.
    pub fn convicted(&self) -> &BTreeMap<u64, ClaimedRow> {
        &self.convicted
    }

    /// A rerun made other documents than the run before.
    pub fn is_differing(&self) -> bool {
        self.differing
    }

    /// Notes that a rerun made other documents.
    pub fn note_differing(&mut self) {
        self.differing = true;
    }

    /// From now on this row is passed over.
    pub fn convict(&mut self, row: ClaimedRow) {
        self.convicted.insert(row.number, row);
    }

    /// Whether a row can still be named by a death.
    pub fn is_settled(&self, row: u64) -> bool {
        row <= self.settled.row.number || self.convicted.contains_key(&row)
    }

    /// Where an app whose rows are independent may start again: at the last settled row, whose documents are suppressed.
    /// Not where it emitted documents outside of rows, since only a whole run numbers those again.
    pub fn resume(&self) -> Option<Start> {
        let Row { number, start, line, .. } = self.settled.row;
        (number > 0 && self.settled.loose == 0).then_some(Start { number, offset: start, line })
    }

    /// The sink has committed a delivery: its rows are settled.
    pub fn settle(&mut self, rows: &RowCounts, emitted: u64, refused: u64, reached: Position, written: &Written) {
        let Counts { rows: all, documents } = &mut self.counts;
        all.read += rows.read;
        all.ingested += rows.ingested;
        all.passed_over += rows.passed_over;
        all.rejected += rows.rejected;
        documents.emitted += emitted;
        documents.stored += written.stored;
        documents.duplicate += written.duplicates;
        documents.refused += refused + written.refused.len() as u64;
        self.settled = reached;
        self.differing |= written.differing > 0;
    }

    /// The app has come to its end: convicted rows behind the last one it reported are counted.
    pub fn close(&mut self) {
        let last = self.settled.row;
        let beyond: Vec<ClaimedRow> = self.convicted.range(last.number + 1..).map(|(_, row)| *row).collect();
        for ClaimedRow { number, start, end, line } in beyond {
            self.counts.rows.read += 1;
            self.counts.rows.rejected += 1;
            self.settled.row = Row { number, start, end: end.max(start), line };
        }
    }
}
