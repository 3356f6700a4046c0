//! What is settled of a task: counts, position and hash. Pure; moved only by what the sink has committed.

use crate::sink::Written;
use crate::task::Checkpoint;
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
    own_ids: u64,
}

impl Ledger {
    /// Opens the books of task number `task` (37 bits: the first part of each numbered `_id`), where an earlier attempt left
    /// them.
    pub fn new(task: u64, from: &Checkpoint) -> Ledger {
        let Checkpoint { counts, settled, ref convicted, differing, own_ids } = *from;
        let convicted = convicted.iter().map(|row| (row.number, *row)).collect();
        Ledger { task, counts, settled, convicted, differing, own_ids }
    }

    /// What has to be kept of them.
    pub fn checkpoint(&self) -> Checkpoint {
        let Ledger { counts, settled, ref convicted, differing, own_ids, .. } = *self;
        Checkpoint { counts, settled, convicted: convicted.values().copied().collect(), differing, own_ids }
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

    /// Documents of a delivery came under an `_id` of the app's own.
    pub fn note_own_ids(&mut self, documents: u64) {
        self.own_ids += documents;
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
        // A rerun passes through what is settled: until it is beyond, nothing has moved. One that differs may be beyond in
        // rows and not in loose documents, or the other way round; what was counted once is never counted again.
        let Position { row, loose, .. } = self.settled;
        if reached.row.number > row.number || reached.loose > loose {
            let row = if reached.row.number > row.number { reached.row } else { row };
            self.settled = Position { row, loose: reached.loose.max(loose), digest: reached.digest };
        }
        self.differing |= written.differing > 0;
    }

    /// The app has come to its end: the first row that it should have come to before that. Such are, in a replay, the `rows`
    /// of its list, and else all that stand before a row that was convicted.
    pub fn missing(&self, rows: Option<&[Start]>) -> Option<u64> {
        let last = self.settled.row.number;
        if let Some(rows) = rows {
            let numbers = rows.iter().map(|row| row.number);
            return numbers.filter(|number| *number > last).find(|number| !self.convicted.contains_key(number));
        }
        let beyond = self.convicted.range(last + 1..).map(|(number, _)| *number);
        beyond.zip(last + 1..).find_map(|(convicted, next)| (convicted != next).then_some(next))
    }

    /// The app has come to its end, and no row is [`missing`](Ledger::missing): convicted rows behind the last one it reported are counted.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64, loose: u64) -> Position {
        let row = Row { number, start: number * 10, end: number * 10 + 10, line: number };
        Position { row, loose, digest: u128::from(number * 1_000 + loose) }
    }

    fn claimed(number: u64) -> ClaimedRow {
        ClaimedRow { number, start: number * 10, end: number * 10 + 10, line: number }
    }

    fn settled(position: Position) -> Ledger {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        ledger.settle(&RowCounts::default(), 0, 0, position, &Written::default());
        ledger
    }

    #[test]
    fn books_that_are_opened_from_their_checkpoint_are_the_same_books() {
        let mut ledger = settled(at(3, 1));
        let rows = RowCounts { read: 2, ingested: 1, passed_over: 0, rejected: 1 };
        let written = Written { stored: 3, duplicates: 1, refused: vec![(0, "why".into())], differing: 1 };
        ledger.settle(&rows, 6, 1, at(5, 1), &written);
        ledger.convict(claimed(9));
        ledger.note_own_ids(4);
        let checkpoint = ledger.checkpoint();
        assert_eq!(checkpoint.settled, at(5, 1));
        assert_eq!((checkpoint.own_ids, checkpoint.differing, checkpoint.convicted.len()), (4, true, 1));
        assert!(checkpoint.counts.balance());
        assert_eq!(Ledger::new(1, &checkpoint).checkpoint(), checkpoint);
    }

    #[test]
    fn a_rerun_that_passes_through_what_is_settled_moves_nothing_back() {
        let mut ledger = settled(at(5, 3));
        for behind in [at(2, 1), at(5, 2), at(4, 3), at(5, 3)] {
            ledger.settle(&RowCounts::default(), 0, 0, behind, &Written::default());
            assert_eq!(*ledger.settled(), at(5, 3));
        }
        // What no rerun of the same app does.
        ledger.settle(&RowCounts::default(), 0, 0, at(6, 2), &Written::default());
        assert_eq!((ledger.settled().row, ledger.settled().loose), (at(6, 0).row, 3));
    }

    #[test]
    fn a_convicted_row_stands_for_none_before_it() {
        let mut ledger = settled(at(3, 0));
        assert_eq!(ledger.missing(None), None);
        ledger.convict(claimed(4));
        ledger.convict(claimed(5));
        assert_eq!(ledger.missing(None), None);
        ledger.convict(claimed(8));
        assert_eq!(ledger.missing(None), Some(6));
    }

    #[test]
    fn a_replay_misses_what_it_has_neither_settled_nor_convicted() {
        let rows = [2, 5, 9].map(|number| Start { number, offset: 0, line: 0 });
        let mut ledger = settled(at(2, 0));
        assert_eq!(ledger.missing(Some(&rows)), Some(5));
        ledger.convict(claimed(5));
        assert_eq!(ledger.missing(Some(&rows)), Some(9));
        ledger.settle(&RowCounts::default(), 0, 0, at(9, 0), &Written::default());
        assert_eq!(ledger.missing(Some(&rows)), None);
    }
}
