//! How far a task has come, so that another attempt (of this host or of another) goes on from there.

use super::Counts;
use crate::worker::recorder::ClaimedRow;
use serde::{Deserialize, Serialize};

/// What has to outlive the host that works on a task. Kept durably before anything relies on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checkpoint {
    /// Rows and documents that are settled.
    pub counts: Counts,
    /// Where that is in the file.
    pub settled: Position,
    /// Rows that kill the app, in rising order: passed over from now on. Those behind `settled` are not yet counted.
    pub convicted: Vec<ClaimedRow>,
    /// A rerun made other documents than the run before.
    pub differing: bool,
    /// Documents under an `_id` that the app set.
    pub own_ids: u64,
}

/// A place in a file up to which everything is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Position {
    /// The last row; `number` 0 before the first.
    pub row: Row,
    /// Documents that were emitted with no row open.
    pub loose: u64,
    /// Hash over every row's number and documents up to here, before the host numbered them. A rerun has to come to the
    /// same; a run that starts in the middle goes on from it.
    #[serde(with = "hexadecimal")]
    #[schema(value_type = String)]
    pub digest: u128,
}

/// A row and where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// JSON has no numbers of 128 bits that every reader takes.
mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{digest:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_the_same_after_it_was_kept() {
        let row = Row { number: 3, start: 30, end: 40, line: 4 };
        let settled = Position { row, loose: 1, digest: u128::MAX - 7 };
        let convicted = vec![ClaimedRow { number: 9, start: 90, end: 95, line: 10 }];
        let checkpoint = Checkpoint { settled, convicted, own_ids: 2, ..Checkpoint::default() };
        let kept = serde_json::to_string(&checkpoint).unwrap();
        assert_eq!(serde_json::from_str::<Checkpoint>(&kept).unwrap(), checkpoint);
    }
}
