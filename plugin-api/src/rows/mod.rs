//! Rows: the unit in which a file is counted, rejected, skipped and resumed.
//!
//! Every iterator here does the same for each row:
//!
//! ```text
//!   next_start ─▶ here │ jump: seek there │ end: no more rows
//!   read the row
//!   row_begin (number, start, end, line) ─▶ skip: read on
//!   hand it to the app, which emits or rejects
//!   row_end, before anything of the next row is read
//! ```
//!
//! so that whatever the app does with a row, its death included, is put down to that row and to no other.
//!
//! There are two ways to take rows. `each` calls a closure, and an error in it rejects the row. `next` lends one row
//! after another to a loop of the app's; there an error that leaves the loop ends the run, and a row is rejected by
//! [`Sink::reject`](crate::Sink::reject). A row that is open when the loop is left (by `break`) ends with the run.

mod csv;
mod csv_columns;
mod csv_reader;
mod csv_record;
mod csv_scan;
mod csv_value;
mod feed;
mod infer;
mod json_lines;
mod number;
mod parse_error;
mod ranges;

pub use csv::CsvRows;
pub use csv_record::CsvRow;
pub use infer::Inferred;
pub use json_lines::{JsonRow, JsonRows};
pub use parse_error::ParseError;
pub use ranges::{RangeRows, RangeStart};

/// Most bytes of one row. A longer one is rejected, without ever being held in memory.
pub(crate) const MAX_ROW: usize = 16 * 1024 * 1024;
/// A buffer that grew beyond this for one large row is given back.
pub(crate) const KEEP: usize = 1024 * 1024;

/// Length of the mark that says "UTF-8" at the start of a file, 0 without one.
///
/// # Errors
/// The file cannot be read, or its mark says UTF-16.
fn byte_order_mark(reader: &mut crate::reader::Reader<'_>) -> Result<usize, crate::AppError> {
    use std::io::BufRead;
    let start = reader.fill_buf()?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(crate::AppError::new("the file is UTF-16; convert it to UTF-8 first"));
    }
    Ok(if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
}
