//! Sets of message numbers, kept as runs: what was acknowledged, what consumers hold, what was given back. Pure.
//!
//! Messages of a queue come and go in long runs, so a set of a million numbers is a few pairs; as bytes it is the pairs one
//! after another, each number eight bytes, little end first.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of numbers. See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// From the first number of each run to the one behind its last. No two runs touch, none is empty.
    runs: BTreeMap<u64, u64>,
    len: u64,
}

impl Runs {
    /// How many numbers are in it.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Its runs, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.runs.iter().map(|(start, end)| *start..*end)
    }

    /// Its lowest run.
    pub(super) fn first(&self) -> Option<Range<u64>> {
        self.runs.first_key_value().map(|(start, end)| *start..*end)
    }

    /// The run that a number is in.
    pub(super) fn run_of(&self, number: u64) -> Option<Range<u64>> {
        let (start, end) = self.runs.range(..=number).next_back()?;
        (number < *end).then_some(*start..*end)
    }

    /// The lowest number from this one on that is not in it.
    pub(super) fn next_absent(&self, number: u64) -> u64 {
        self.run_of(number).map_or(number, |run| run.end)
    }

    /// The lowest number from this one on that is in it.
    pub(super) fn next_present(&self, number: u64) -> Option<u64> {
        if self.run_of(number).is_some() {
            return Some(number);
        }
        self.runs.range(number..).next().map(|(start, _)| *start)
    }

    /// Puts numbers in; those that are in it already stay.
    pub(super) fn insert(&mut self, numbers: Range<u64>) {
        if numbers.is_empty() {
            return;
        }
        let (mut start, mut end) = (numbers.start, numbers.end);
        while let Some((from, to)) = self.runs.range(..=end).next_back().map(|(from, to)| (*from, *to))
            && to >= numbers.start
        {
            self.runs.remove(&from);
            self.len -= to - from;
            (start, end) = (start.min(from), end.max(to));
        }
        self.runs.insert(start, end);
        self.len += end - start;
    }

    /// Takes numbers out; those that are not in it are passed over.
    pub(super) fn remove(&mut self, numbers: Range<u64>) {
        if numbers.is_empty() {
            return;
        }
        while let Some((from, to)) = self.runs.range(..numbers.end).next_back().map(|(from, to)| (*from, *to))
            && to > numbers.start
        {
            self.runs.remove(&from);
            self.len -= to - from;
            for rest in [from..numbers.start.min(to), numbers.end.max(from)..to] {
                if !rest.is_empty() {
                    self.runs.insert(rest.start, rest.end);
                    self.len += rest.end - rest.start;
                }
            }
        }
    }

    /// Every number below `end` that is not in it.
    pub(super) fn absent_below(&self, end: u64) -> Runs {
        let mut absent = Runs::default();
        let mut next = 0;
        for run in self.iter().take_while(|run| run.start < end) {
            absent.insert(next..run.start);
            next = run.end;
        }
        absent.insert(next..end.max(next));
        absent
    }

    /// Takes in everything that another set has.
    pub(super) fn merge(&mut self, other: &Runs) {
        for run in other.iter() {
            self.insert(run);
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|run| [run.start, run.end]).flat_map(u64::to_le_bytes).collect()
    }

    /// `None` where the bytes are no such set.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Runs> {
        let mut runs = Runs::default();
        let mut behind = None;
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let (start, end) = pair.split_at(8);
            let run = u64::from_le_bytes(start.try_into().ok()?)..u64::from_le_bytes(end.try_into().ok()?);
            if run.is_empty() || behind.is_some_and(|behind| run.start <= behind) {
                return None;
            }
            behind = Some(run.end);
            runs.insert(run);
        }
        rest.is_empty().then_some(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn range() -> impl Strategy<Value = Range<u64>> {
        (0_u64..60, 0_u64..12).prop_map(|(start, length)| start..start + length)
    }

    proptest! {
        #[test]
        fn runs_are_the_set_of_their_numbers(steps in proptest::collection::vec((any::<bool>(), range()), 0..40)) {
            let (mut runs, mut numbers) = (Runs::default(), BTreeSet::new());
            for (put_in, range) in steps {
                if put_in {
                    runs.insert(range.clone());
                    numbers.extend(range);
                } else {
                    runs.remove(range.clone());
                    numbers.retain(|number| !range.contains(number));
                }
                prop_assert_eq!(runs.len(), numbers.len() as u64);
                prop_assert_eq!(runs.is_empty(), numbers.is_empty());
                let all: Vec<u64> = runs.iter().flatten().collect();
                prop_assert_eq!(&all, &numbers.iter().copied().collect::<Vec<_>>());
                let touching = runs.iter().zip(runs.iter().skip(1)).find(|(one, next)| one.end >= next.start);
                prop_assert_eq!(touching, None);
                for number in 0..75 {
                    prop_assert_eq!(runs.run_of(number).is_some(), numbers.contains(&number));
                    prop_assert_eq!(Some(runs.next_absent(number)), (number..).find(|n| !numbers.contains(n)));
                    prop_assert_eq!(runs.next_present(number), numbers.range(number..).next().copied());
                }
                prop_assert_eq!(runs.first().map(|run| run.start), numbers.first().copied());
                let absent: Vec<u64> = runs.absent_below(40).iter().flatten().collect();
                prop_assert_eq!(absent, (0..40).filter(|number| !numbers.contains(number)).collect::<Vec<_>>());
                prop_assert_eq!(Runs::from_bytes(&runs.to_bytes()), Some(runs.clone()));
            }
        }

        #[test]
        fn no_bytes_make_runs_that_touch(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            if let Some(runs) = Runs::from_bytes(&bytes) {
                prop_assert_eq!(runs.to_bytes(), bytes);
            }
        }
    }
}
