//! One row of comma-separated values.

use super::csv_columns::Columns;
use super::csv_scan::Span;
use super::csv_value::{Outcome, RowDeserializer};
use super::infer::Inferred;
use super::parse_error::ParseError;
use serde::Deserialize;
use std::cell::Cell;
use std::fmt;

/// A row of comma-separated values: its fields, and where it stands in the file.
#[derive(Clone, Copy)]
pub struct CsvRow<'r> {
    pub(super) text: &'r str,
    pub(super) fields: &'r [Span],
    pub(super) columns: &'r Columns,
    pub(super) number: u64,
    pub(super) line: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl<'r> CsvRow<'r> {
    /// The row as `T`: a struct whose fields are named like columns, a tuple or sequence of all fields, or a map.
    ///
    /// An `Option` is `None` where the field is empty. Numbers, `bool` (`true`, `false`), `char`, strings (also borrowed
    /// ones), unit variants of enums and whatever reads itself from a string (dates, UUIDs, …) are understood.
    ///
    /// # Errors
    /// A column is missing or a field does not fit: the sentence names it. `?` rejects the row with it.
    #[inline]
    pub fn parse<T: Deserialize<'r>>(&self) -> Result<T, ParseError> {
        let outcome = Cell::new(Outcome::Other);
        let parsed = T::deserialize(RowDeserializer::new(*self, &outcome, true));
        match (outcome.get(), &parsed) {
            (Outcome::Other, _) | (Outcome::ByPosition { complete: true, .. }, Ok(_)) => parsed,
            (Outcome::ByName(fields), Ok(_)) => {
                self.columns.read_by_name(fields);
                parsed
            }
            (Outcome::ByName(_), Err(_)) => parsed,
            (Outcome::ByPosition { fields, complete }, _) => self.parse_by_name(fields, complete && parsed.is_err()),
        }
    }

    /// Reading by position failed, or left fields over: reading by name decides.
    #[cold]
    fn parse_by_name<T: Deserialize<'r>>(
        &self,
        fields: &'static [&'static str],
        complete: bool,
    ) -> Result<T, ParseError> {
        let outcome = Cell::new(Outcome::Other);
        let parsed = T::deserialize(RowDeserializer::new(*self, &outcome, false));
        if parsed.is_ok() || complete {
            self.columns.never_by_position(fields);
        }
        parsed
    }

    /// The row as a document whose types are inferred: int64, double, bool, null where the field is empty, else string.
    ///
    /// It is cautious: what a number would lose (leading zeros, a plus sign, more digits than it holds) stays a string.
    /// Emit it as it is: `sink.emit(&row.infer())?`.
    pub fn infer(&self) -> Inferred<'r> {
        Inferred::new(*self)
    }

    /// The field in the column of this name.
    pub fn get(&self, column: &str) -> Option<&'r str> {
        self.field(self.columns.position(column)?)
    }

    /// The field at this position, from 0.
    #[inline]
    pub fn field(&self, at: usize) -> Option<&'r str> {
        self.text.get(self.fields.get(at)?.range())
    }

    /// The name of the column at this position, from 0, where the file has a header.
    pub fn header_of(&self, at: usize) -> Option<&'r str> {
        self.columns.names()?.get(at).map(String::as_str)
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let row = *self;
        (0..row.len()).filter_map(move |at| row.field(at))
    }

    /// How many fields the row has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it has no fields; no row of a file is like that.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Number of the row, from 1; the header and blank lines do not count.
    pub fn record_number(&self) -> u64 {
        self.number
    }

    /// Line on which it starts, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Offset of its first byte in the file.
    pub fn offset(&self) -> u64 {
        self.start
    }

    /// How many bytes it has in the file, the end of its line included.
    pub fn len_bytes(&self) -> u64 {
        self.end - self.start
    }
}

impl fmt::Debug for CsvRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = fmt::from_fn(|f| f.debug_list().entries(self.iter()).finish());
        f.debug_struct("CsvRow")
            .field("number", &self.number)
            .field("line", &self.line)
            .field("fields", &fields)
            .finish()
    }
}
