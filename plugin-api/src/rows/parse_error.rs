//! Why a row is not what an app expects of it.

use std::fmt;

/// Why a row, or a field of it, is not what the app expects: one sentence. `?` makes a rejection of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Name or number of the column, where one is to blame.
    column: Option<String>,
    message: String,
}

impl ParseError {
    #[cold]
    pub(crate) fn new(message: impl fmt::Display) -> ParseError {
        ParseError { column: None, message: message.to_string() }
    }

    /// Puts the blame on a column, if nobody has yet.
    #[cold]
    pub(crate) fn in_column(mut self, column: impl FnOnce() -> String) -> ParseError {
        if self.column.is_none() {
            self.column = Some(column());
        }
        self
    }

    /// The column that is to blame: its name, or its number (from 1) where the file has no header.
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "column `{column}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

impl serde::de::Error for ParseError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> ParseError {
        ParseError::new(message)
    }
}

/// A value as it is shown in a sentence: quoted, and cut where it is long.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        match self.0.char_indices().nth(MOST) {
            None => write!(f, "{:?}", self.0),
            Some((cut, _)) => write!(f, "{:?}…", &self.0[..cut]),
        }
    }
}
