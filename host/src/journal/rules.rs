//! How large a journal grows and how long it is kept; decided here, done by `write/file.rs`. Pure.

use jiff::Timestamp;
use std::time::Duration;

/// How large a journal grows and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes of a file after which the next one is begun.
    pub bytes: u64,
    /// Files that are kept beside the one that is written.
    pub files: u32,
    /// A file is removed when its last line is older than this. A new file is begun when the first line is, so no line
    /// outlives twice this age, however little is written.
    pub age: Duration,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { bytes: 64 << 20, files: 8, age: Duration::from_secs(90 * 24 * 3600) }
    }
}

/// One thing to be done with a file of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Remove(u32),
    /// From this suffix to the next one.
    Shift(u32),
}

impl Rules {
    /// Before `adding` more bytes go into a file with lines in it, the next file is to be begun.
    pub(super) fn rotates(&self, len: u64, adding: usize, began: Timestamp, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(began)).unwrap_or_default();
        len.saturating_add(adding as u64) > self.bytes || age > self.age
    }

    /// What makes way for a new file, in order; `files` are suffixes and the time since the last change of each.
    ///
    /// Only a run without a gap moves: behind a gap there is room.
    pub(super) fn rotation(&self, files: &[(u32, Duration)]) -> Vec<Step> {
        let mut files = files.to_vec();
        files.sort_unstable();
        let run = files.iter().zip(0..).take_while(|((suffix, _), expected)| suffix == expected).count();
        let step = |(place, (suffix, age)): (usize, &(u32, Duration))| {
            let moves = place < run;
            let goes = suffix.saturating_add(u32::from(moves)) > self.files || (*suffix > 0 && *age > self.age);
            match (goes, moves) {
                (true, _) => Some(Step::Remove(*suffix)),
                (false, true) => Some(Step::Shift(*suffix)),
                (false, false) => None,
            }
        };
        files.iter().enumerate().rev().filter_map(step).collect()
    }

    /// The suffixes that are too old, the oldest first.
    pub(super) fn expired(&self, files: &[(u32, Duration)]) -> Vec<u32> {
        let mut old: Vec<u32> = files
            .iter()
            .filter(|(suffix, age)| *age > self.age || *suffix > self.files)
            .map(|(suffix, _)| *suffix)
            .collect();
        old.sort_unstable_by(|a, b| b.cmp(a));
        old
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::at;
    use super::*;

    const RULES: Rules = Rules { bytes: 100, files: 3, age: Duration::from_secs(60) };

    fn files(files: &[(u32, u64)]) -> Vec<(u32, Duration)> {
        files.iter().map(|(suffix, age)| (*suffix, Duration::from_secs(*age))).collect()
    }

    #[test]
    fn the_next_file_is_begun_when_this_one_is_full_or_old() {
        assert!(!RULES.rotates(90, 10, at(0), at(60)));
        assert!(RULES.rotates(90, 11, at(0), at(0)));
        assert!(RULES.rotates(90, 1, at(0), at(61)));
        assert!(!RULES.rotates(90, 1, at(0), at(-1000)), "the clock was set back");
    }

    #[test]
    fn files_move_up_the_oldest_first_and_the_last_one_goes() {
        use Step::{Remove, Shift};
        assert_eq!(RULES.rotation(&files(&[(0, 0)])), [Shift(0)]);
        assert_eq!(RULES.rotation(&files(&[(0, 0), (1, 1), (2, 2)])), [Shift(2), Shift(1), Shift(0)]);
        assert_eq!(
            RULES.rotation(&files(&[(3, 3), (0, 0), (1, 1), (2, 2)])),
            [Remove(3), Shift(2), Shift(1), Shift(0)]
        );
        assert_eq!(RULES.rotation(&files(&[(0, 0), (1, 1), (2, 61)])), [Remove(2), Shift(1), Shift(0)]);
        assert_eq!(RULES.rotation(&files(&[(0, 0), (2, 2), (9, 9)])), [Remove(9), Shift(0)]);
        assert_eq!(RULES.rotation(&files(&[(1, 1)])), []);
        assert_eq!(Rules { files: 0, ..RULES }.rotation(&files(&[(0, 0)])), [Remove(0)]);
    }

    #[test]
    fn what_is_too_old_or_too_many_expires_even_the_file_that_is_written() {
        assert_eq!(RULES.expired(&files(&[(0, 61), (1, 62), (2, 60), (4, 0)])), [4, 1, 0]);
    }
}
