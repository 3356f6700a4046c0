//! Which rows of a file run: all, all but some, only some, or those from one on. Pure.
//!
//! An app learns it in two ways. One whose iterator asks `next_start` is sent to the right place; one that never asks
//! reads everything and is told `SKIP` row by row. Both end in the same rows. Rows are numbered here, counting those that
//! are passed over too, so that a row has one number in every run of a file.

use crate::worker::protocol::{LOOSE_ROWS, Start, Task};

/// The plan of one task, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Plan {
    skip: Vec<u64>,
    include: Option<Include>,
    resume: Option<Start>,
    /// Number of the row after the last one begun.
    next: u64,
}

#[derive(Debug)]
struct Include {
    starts: Vec<Start>,
    /// How many of them `next_start` has handed out.
    jumped: usize,
    /// The numbers, rising, for apps that do not ask.
    numbers: Vec<u64>,
}

/// What `next_start` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Right here.
    Here,
    /// There.
    Jump(Start),
    /// Nowhere.
    Stop,
}

/// What `row_begin` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Read it: it has this number.
    Run(u64),
    /// Pass it over.
    Skip,
    /// No more rows are wanted.
    Stop,
}

impl Plan {
    /// The plan that the host sent.
    pub(super) fn new(task: &mut Task) -> Plan {
        let mut skip = std::mem::take(&mut task.skip);
        skip.sort_unstable();
        let include = task.include.take().map(|starts| {
            let mut numbers: Vec<u64> = starts.iter().map(|start| start.number).collect();
            numbers.sort_unstable();
            Include { starts, jumped: 0, numbers }
        });
        Plan { skip, include, resume: task.resume.take(), next: 1 }
    }

    /// Where the iterator goes on.
    pub(super) fn next_start(&mut self) -> Next {
        let jump = match &mut self.include {
            Some(include) => match include.starts.get(include.jumped) {
                None => return Next::Stop,
                Some(start) => {
                    include.jumped += 1;
                    *start
                }
            },
            None => match self.resume.take() {
                None => return Next::Here,
                Some(start) => start,
            },
        };
        self.next = jump.number;
        Next::Jump(jump)
    }

    /// The app has come to a row; `given` is its number, 0 to count on.
    pub(super) fn begin(&mut self, given: u64) -> Result<Begin, String> {
        let number = if given == 0 { self.next } else { given };
        if number != self.next {
            let next = self.next;
            return Err(format!("row {number} was begun where row {next} comes next: pass 0 to count on"));
        }
        if number >= LOOSE_ROWS {
            return Err(format!("row {number} is more than a file can have"));
        }
        self.next = number + 1;
        if !self.skip.is_empty() && self.skip.binary_search(&number).is_ok() {
            return Ok(Begin::Skip);
        }
        if let Some(include) = &self.include {
            return Ok(match (include.numbers.last(), include.numbers.binary_search(&number)) {
                (_, Ok(_)) => Begin::Run(number),
                (Some(last), Err(_)) if number < *last => Begin::Skip,
                _ if include.jumped > 0 => Begin::Skip,
                _ => Begin::Stop,
            });
        }
        // Still here: the app has not asked where to go on.
        if self.resume.is_some_and(|start| number < start.number) {
            return Ok(Begin::Skip);
        }
        Ok(Begin::Run(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(number: u64) -> Start {
        Start { number, offset: number * 10, line: number + 1 }
    }

    fn plan(skip: &[u64], include: Option<&[u64]>, resume: Option<u64>) -> Plan {
        let include = include.map(|numbers| numbers.iter().map(|number| start(*number)).collect());
        let (name, size) = ("f".to_owned(), 100);
        Plan::new(&mut Task { name, size, skip: skip.to_vec(), include, resume: resume.map(start) })
    }

    fn begun(plan: &mut Plan, rows: usize) -> Vec<Begin> {
        (0..rows).map(|_| plan.begin(0).unwrap()).collect()
    }

    use Begin::{Run, Skip, Stop};

    #[test]
    fn without_wishes_every_row_runs() {
        let mut plan = plan(&[], None, None);
        assert_eq!(plan.next_start(), Next::Here);
        assert_eq!(begun(&mut plan, 2), [Run(1), Run(2)]);
    }

    #[test]
    fn rows_to_skip_are_counted_and_passed_over() {
        assert_eq!(begun(&mut plan(&[3, 1], None, None), 4), [Skip, Run(2), Skip, Run(4)]);
    }

    #[test]
    fn an_app_that_asks_jumps_from_one_wanted_row_to_the_next() {
        let mut plan = plan(&[], Some(&[7, 3]), None);
        assert_eq!(plan.next_start(), Next::Jump(start(7)));
        assert_eq!(plan.begin(7), Ok(Run(7)));
        assert_eq!(plan.next_start(), Next::Jump(start(3)));
        assert_eq!(plan.begin(0), Ok(Run(3)));
        assert_eq!(plan.next_start(), Next::Stop);
    }

    #[test]
    fn an_app_that_does_not_ask_passes_over_what_is_not_wanted_and_then_stops() {
        assert_eq!(begun(&mut plan(&[], Some(&[4, 2]), None), 5), [Skip, Run(2), Skip, Run(4), Stop]);
    }

    #[test]
    fn a_resumed_file_starts_where_it_is_told_either_way() {
        let mut asks = plan(&[], None, Some(3));
        assert_eq!(asks.next_start(), Next::Jump(start(3)));
        assert_eq!(asks.begin(3), Ok(Run(3)));
        assert_eq!(asks.next_start(), Next::Here);
        assert_eq!(begun(&mut plan(&[], None, Some(3)), 4), [Skip, Skip, Run(3), Run(4)]);
    }

    #[test]
    fn a_resumed_file_still_skips_what_is_to_be_skipped() {
        assert_eq!(begun(&mut plan(&[3], None, Some(2)), 4), [Skip, Run(2), Skip, Run(4)]);
    }

    #[test]
    fn a_number_that_is_not_the_next_one_is_refused() {
        let mut plan = plan(&[], None, None);
        assert_eq!(plan.begin(1), Ok(Run(1)));
        for wrong in [1, 3, LOOSE_ROWS] {
            let refused = format!("row {wrong} was begun where row 2 comes next: pass 0 to count on");
            assert_eq!(plan.begin(wrong), Err(refused));
        }
        assert_eq!(plan.begin(0), Ok(Run(2)));
    }
}
