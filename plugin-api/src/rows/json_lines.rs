//! One JSON value in each line.
//!
//! Blank lines are passed over. A line of more than 16 MiB, or one that is not UTF-8, is rejected. A line that is not
//! JSON is rejected when the app parses it, with the column where it stops being JSON.

use super::feed::Feed;
use super::parse_error::ParseError;
use super::{KEEP, MAX_ROW};
use crate::error::{AppError, Reject};
use crate::host::{Host, Next};
use crate::reader::Reader;
use crate::sink::{Sink, settle};
use serde::Deserialize;
use std::io::{BufRead, Seek, SeekFrom};
use std::ops::Range;
use std::rc::Rc;

/// The rows of a file with one JSON value in each line: see [`BatchInput::json_lines`](crate::BatchInput::json_lines).
///
/// ```
/// # use mysimbdp_plugin_api::prelude::*;
/// # #[derive(Default)] struct App;
/// # #[derive(Deserialize, Serialize)] struct Trip { id: u32 }
/// # impl BatchIngest for App {
/// fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///     input.json_lines()?.each(sink, |row, sink| {
///         let trip: Trip = row.parse()?;
///         Ok(sink.emit(&trip)?)
///     })
/// }
/// # }
/// # #[cfg(feature = "testing")] {
/// # let report = mysimbdp_plugin_api::testing::run::<App>("t.jsonl", b"{\"id\":7}\n\n{\"id\":}\n");
/// # assert_eq!((report.rows.ingested, report.rows.rejected), (1, 1));
/// # assert_eq!(report.rejects[0].line, 3);
/// # }
/// ```
#[derive(Debug)]
pub struct JsonRows<'a> {
    reader: Reader<'a>,
    feed: Feed,
    line: Line,
    /// Line number of what is read next.
    next_line: u64,
    number: u64,
    finished: bool,
}

/// The line in work.
#[derive(Debug, Default)]
struct Line {
    /// A line that did not fit the reader's buffer as a whole.
    spilled: Vec<u8>,
    /// Where it stands in the reader's buffer, if it did.
    buffered: Option<Range<usize>>,
    /// Bytes that it has, where it is too long to be held.
    too_long: bool,
    number: u64,
    start: u64,
    end: u64,
}

/// A line of a file with one JSON value in each.
#[derive(Clone, Copy, Debug)]
pub struct JsonRow<'r> {
    text: &'r str,
    number: u64,
    line: u64,
    start: u64,
    end: u64,
}

impl<'r> JsonRow<'r> {
    /// The value as `T`.
    ///
    /// # Errors
    /// The line is not JSON or does not fit `T`: the sentence tells where. `?` rejects the row with it.
    pub fn parse<T: Deserialize<'r>>(&self) -> Result<T, ParseError> {
        serde_json::from_str(self.text).map_err(|error| {
            // The line is always 1: what counts is the column, which is told first.
            let text = error.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            ParseError::new(format_args!("not the JSON expected, at column {}: {what}", error.column()))
        })
    }

    /// The value as it is. It can be emitted where it is an object.
    ///
    /// # Errors
    /// The line is not JSON: the sentence tells where.
    pub fn value(&self) -> Result<serde_json::Value, ParseError> {
        self.parse()
    }

    /// The text of the line, without its end.
    pub fn text(&self) -> &'r str {
        self.text
    }

    /// Number of the row, from 1; blank lines do not count.
    pub fn record_number(&self) -> u64 {
        self.number
    }

    /// Its line, from 1.
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

impl<'a> JsonRows<'a> {
    pub(crate) fn new(mut reader: Reader<'a>, host: &Rc<Host>) -> Result<JsonRows<'a>, AppError> {
        let mark = super::byte_order_mark(&mut reader)?;
        reader.consume(mark);
        let (line, next_line) = (Line::default(), 1);
        Ok(JsonRows { reader, feed: Feed::new(host), line, next_line, number: 0, finished: false })
    }

    /// Calls `work` with each row. An error of `work` rejects that row (one that was made of an [`AppError`] ends the
    /// run); the next row follows.
    ///
    /// # Errors
    /// `work` ended the run, the file cannot be read, or the run is over.
    pub fn each<F>(mut self, sink: &mut Sink, mut work: F) -> Result<(), AppError>
    where
        F: FnMut(&JsonRow<'_>, &mut Sink) -> Result<(), Reject>,
    {
        while let Some(row) = self.next()? {
            let worked = work(&row, sink);
            settle(sink.host(), worked, row.end)?;
        }
        Ok(())
    }

    /// The next row, or `None` at the end of the file (or where no more rows are wanted). Ends the row before.
    ///
    /// # Errors
    /// The file cannot be read, or the run is over.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend what it holds")]
    pub fn next(&mut self) -> Result<Option<JsonRow<'_>>, AppError> {
        self.feed.host().row_end(self.line.end)?;
        if !self.advance()? {
            return Ok(None);
        }
        let text = std::str::from_utf8(self.bytes())?;
        let Line { number: line, start, end, .. } = self.line;
        Ok(Some(JsonRow { text, number: self.number, line, start, end }))
    }

    fn advance(&mut self) -> Result<bool, AppError> {
        if self.finished {
            return Ok(false);
        }
        loop {
            match self.feed.next_start()? {
                Next::Here => {}
                Next::Jump(start) => {
                    self.reader.seek(SeekFrom::Start(start.offset))?;
                    self.next_line = start.line.max(1);
                }
                Next::End => {
                    self.finished = true;
                    return Ok(false);
                }
            }
            if !self.read_row()? {
                self.finished = true;
                self.feed.at_end(self.reader.size())?;
                return Ok(false);
            }
            self.number = self.feed.number();
            if !self.feed.begin(self.line.start, self.line.end, self.line.number)? {
                continue;
            }
            match self.unfit() {
                None => return Ok(true),
                Some(reason) => self.feed.reject(&reason, self.line.end)?,
            }
        }
    }

    /// Reads the next line that is not blank. `false` at the end of the file.
    fn read_row(&mut self) -> Result<bool, AppError> {
        while self.read_line()? {
            if self.line.too_long || !self.bytes().iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the next line. `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, AppError> {
        let line = &mut self.line;
        if line.spilled.capacity() > KEEP {
            line.spilled = Vec::new();
        }
        line.spilled.clear();
        (line.buffered, line.too_long) = (None, false);
        line.start = self.reader.position();
        line.number = self.next_line;
        loop {
            let chunk = self.reader.fill_buf()?;
            let newline = memchr::memchr(b'\n', chunk);
            let length = newline.unwrap_or(chunk.len());
            let whole = newline.is_some() && line.spilled.is_empty() && !line.too_long;
            if chunk.is_empty() {
                break;
            }
            if !whole {
                if line.spilled.len() + length > MAX_ROW {
                    line.too_long = true;
                }
                if !line.too_long {
                    line.spilled.extend_from_slice(&chunk[..length]);
                }
            }
            let at = self.reader.cursor();
            self.reader.consume(length + usize::from(newline.is_some()));
            if newline.is_some() {
                line.buffered = whole.then_some(at..at + length);
                self.next_line += 1;
                break;
            }
        }
        line.end = self.reader.position();
        Ok(line.end > line.start)
    }

    fn unfit(&self) -> Option<String> {
        if self.line.too_long {
            let length = self.line.end - self.line.start;
            return Some(format!("row has {length} bytes where a row may have {MAX_ROW}"));
        }
        let error = std::str::from_utf8(self.bytes()).err()?;
        let at = error.valid_up_to();
        Some(format!("row is not UTF-8: byte 0x{:02x} at column {}", self.bytes()[at], at + 1))
    }

    fn bytes(&self) -> &[u8] {
        let bytes = match &self.line.buffered {
            Some(range) => self.reader.buffered(range.clone()),
            None => &self.line.spilled,
        };
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }
}
