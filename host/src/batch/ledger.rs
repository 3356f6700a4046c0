//! What is settled of a task: counts, position and hash. Pure; moved only by what the sink has committed.

use crate::sink::Written;
pub use crate::task::{Counts, DocumentCounts, Position, Row, RowCounts};
use crate::worker::protocol::Start;
use crate::worker::recorder::ClaimedRow;
use std::collections::BTreeMap;

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
