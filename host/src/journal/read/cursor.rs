//! A place in a journal that stays the same when its files are moved on. Pure.

use super::super::error::JournalError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A place: which file (by the number in its first line, not by its name, which changes), and which byte of it. Its text is
/// `<number>.<offset>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    pub(crate) number: u64,
    pub(crate) offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.offset)
    }
}

impl std::str::FromStr for Cursor {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Cursor, JournalError> {
        let parsed = text
            .split_once('.')
            .and_then(|(number, offset)| Some(Cursor { number: number.parse().ok()?, offset: offset.parse().ok()? }));
        parsed.ok_or_else(|| JournalError::Cursor(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for Cursor {
    type Error = JournalError;

    fn try_from(text: String) -> Result<Cursor, JournalError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> String {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_after_it_was_told() {
        let cursor = Cursor { number: u64::MAX, offset: 17 };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for text in ["", "1", "1.", ".1", "1.x", "-1.2"] {
            let told = text.parse::<Cursor>().unwrap_err().to_string();
            assert!(told.contains("is no place in a journal"), "{told}");
        }
    }
}
