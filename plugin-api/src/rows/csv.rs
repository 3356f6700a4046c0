//! Comma-separated values, as the `csv` crate reads them: quotes, newlines and doubled quotes in fields, any end of line.
//!
//! | in the file | what becomes of it |
//! |---|---|
//! | a byte-order mark of UTF-8 | passed over |
//! | blank lines | passed over, not counted |
//! | more or fewer fields than the header | that row is rejected: "row has 5 fields where the header has 18" |
//! | bytes that are not UTF-8 | that row is rejected |
//! | NUL bytes | are data |
//! | a row of more than 16 MiB | that row is rejected, without being held in memory |
//! | no end of line at the end | makes no difference |
//! | two columns of one name | the run fails: which of them a struct means cannot be known |
//! | nothing, or a header alone | no rows |

use super::csv_columns::Columns;
use super::csv_reader::{Excess, RecordReader};
use super::csv_record::CsvRow;
use super::feed::Feed;
use super::{MAX_ROW, parse_error::Shown};
use crate::error::{AppError, Reject};
use crate::host::{Host, Next};
use crate::reader::Reader;
use crate::sink::{Sink, settle};
use std::rc::Rc;

/// The rows of a file of comma-separated values: see [`BatchInput::csv`](crate::BatchInput::csv).
///
/// ```
/// # use mysimbdp_plugin_api::prelude::*;
/// # #[derive(Default)] struct App;
/// # #[derive(Deserialize, Serialize)] struct Trip { id: u32 }
/// # impl BatchIngest for App {
/// fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///     let mut rows = input.csv()?.delimiter(b';').require_columns(&["id"]);
///     while let Some(row) = rows.next()? {
///         match row.parse::<Trip>() {
///             Ok(trip) => sink.emit(&trip)?,
///             Err(why) => sink.reject(why)?,
///         }
///     }
///     Ok(())
/// }
/// # }
/// # #[cfg(feature = "testing")] {
/// # let report = mysimbdp_plugin_api::testing::run::<App>("t.csv", b"id;name\n7;x\nseven;y\n");
/// # assert_eq!((report.rows.ingested, report.rows.rejected), (1, 1));
/// # }
/// ```
#[derive(Debug)]
pub struct CsvRows<'a> {
    records: RecordReader<'a>,
    feed: Feed,
    options: Options,
    /// Known once the first row is asked for.
    columns: Option<Columns>,
    /// Number of the row in work.
    number: u64,
    finished: bool,
}

#[derive(Debug)]
struct Options {
    delimiter: u8,
    quote: Option<u8>,
    has_headers: bool,
    required: Vec<String>,
}

impl Options {
    /// Refuses characters that could not be told apart.
    fn check(&self) -> Result<(), AppError> {
        let ends_lines = |byte: u8| matches!(byte, b'\n' | b'\r');
        if Some(self.delimiter) == self.quote || ends_lines(self.delimiter) || self.quote.is_some_and(ends_lines) {
            return Err(AppError::new(format_args!(
                "the delimiter {:?} and the quote {:?} cannot be told apart from each other or from the end of a line",
                char::from(self.delimiter),
                self.quote.map(char::from)
            )));
        }
        Ok(())
    }
}

impl<'a> CsvRows<'a> {
    pub(crate) fn new(mut reader: Reader<'a>, host: &Rc<Host>) -> Result<CsvRows<'a>, AppError> {
        let mark = super::byte_order_mark(&mut reader)?;
        let options = Options { delimiter: b',', quote: Some(b'"'), has_headers: true, required: Vec::new() };
        let mut records = RecordReader::new(reader, options.delimiter, options.quote);
        records.skip(mark);
        Ok(CsvRows { records, feed: Feed::new(host), options, columns: None, number: 0, finished: false })
    }

    /// What separates fields, instead of a comma: `b';'`, `b'\t'`, ….
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.options.delimiter = delimiter;
        self
    }

    /// What quotes fields, instead of `"`; with `None`, quotes are ordinary characters.
    #[must_use]
    pub fn quote(mut self, quote: Option<u8>) -> Self {
        self.options.quote = quote;
        self
    }

    /// Whether the first row names the columns; it does unless this says otherwise. Without a header, structs are read
    /// field by field in their order, and every row must have as many fields as the first.
    #[must_use]
    pub fn has_headers(mut self, has_headers: bool) -> Self {
        self.options.has_headers = has_headers;
        self
    }

    /// Columns that the file must have. A file that lacks one fails as a whole, with a sentence that lists what it has,
    /// instead of by the rejection of each of its rows.
    #[must_use]
    pub fn require_columns(mut self, names: &[&str]) -> Self {
        self.options.required.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// The names of the columns; none where the file is empty or has no header.
    ///
    /// # Errors
    /// The file cannot be read, or its header is unusable.
    pub fn headers(&mut self) -> Result<&[String], AppError> {
        Ok(self.columns()?.names().unwrap_or_default())
    }

    /// Calls `work` with each row. An error of `work` rejects that row (one that was made of an [`AppError`] ends the
    /// run); the next row follows.
    ///
    /// # Errors
    /// `work` ended the run, the file cannot be read, its header is unusable, or the run is over.
    pub fn each<F>(mut self, sink: &mut Sink, mut work: F) -> Result<(), AppError>
    where
        F: FnMut(&CsvRow<'_>, &mut Sink) -> Result<(), Reject>,
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
    /// The file cannot be read, its header is unusable, or the run is over.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend what it holds")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<CsvRow<'_>>, AppError> {
        self.feed.host().row_end(self.records.end)?;
        if !self.advance()? {
            return Ok(None);
        }
        let Some(columns) = &self.columns else { return Ok(None) };
        let (text, fields) = self.records.record();
        let text = std::str::from_utf8(text)?;
        let RecordReader { start, end, line, .. } = self.records;
        Ok(Some(CsvRow { text, fields, columns, number: self.number, line, start, end }))
    }

    /// Goes to the next row that the app is to work on. `false` at the end.
    fn advance(&mut self) -> Result<bool, AppError> {
        if self.finished {
            return Ok(false);
        }
        self.columns()?;
        loop {
            match self.feed.next_start()? {
                Next::Here => {}
                Next::Jump(start) => self.records.seek(start.offset, start.line)?,
                Next::End => {
                    self.finished = true;
                    return Ok(false);
                }
            }
            if !self.records.read()? {
                self.finished = true;
                self.feed.at_end(self.records.file_size())?;
                return Ok(false);
            }
            self.number = self.feed.number();
            let RecordReader { start, end, line, .. } = self.records;
            if !self.feed.begin(start, end, line)? {
                continue;
            }
            match self.unfit() {
                None => return Ok(true),
                Some(reason) => self.feed.reject(&reason, end)?,
            }
        }
    }

    /// Why the record that was read is not a row of this file.
    #[inline]
    fn unfit(&self) -> Option<String> {
        let (_, fields) = self.records.record();
        let width = self.columns.as_ref().map_or(0, |columns| columns.width);
        if fields.len() == width && self.records.excess().is_none() && self.records.is_text() {
            return None;
        }
        Some(self.why_unfit(width))
    }

    #[cold]
    fn why_unfit(&self, width: usize) -> String {
        let (text, fields) = self.records.record();
        let RecordReader { start, end, .. } = self.records;
        match self.records.excess() {
            Some(Excess::Bytes) => {
                return format!(
                    "row has {} bytes where a row may have {MAX_ROW}; a quote that is never closed may have swallowed the lines behind it",
                    end - start
                );
            }
            Some(Excess::Fields) => return "row has more than a million fields".to_owned(),
            None => {}
        }
        if fields.len() != width {
            let whose = if self.options.has_headers { "the header" } else { "the first row" };
            let s = if fields.len() == 1 { "" } else { "s" };
            return format!("row has {} field{s} where {whose} has {width}", fields.len());
        }
        for (at, field) in fields.iter().enumerate() {
            let field = &text[field.range()];
            if let Err(error) = std::str::from_utf8(field) {
                let label = self.columns.as_ref().map(|columns| columns.label(at)).unwrap_or_default();
                let (good, bad) = field.split_at(error.valid_up_to());
                let good = String::from_utf8_lossy(good);
                let byte = bad.first().copied().unwrap_or_default();
                return format!("column `{label}`: is not UTF-8: byte 0x{byte:02x} after {}", Shown(&good));
            }
        }
        "row is not UTF-8".to_owned()
    }

    /// The columns, read from the file the first time.
    #[inline]
    fn columns(&mut self) -> Result<&Columns, AppError> {
        if self.columns.is_none() {
            let columns = self.read_columns()?;
            columns.require(&self.options.required)?;
            return Ok(self.columns.insert(columns));
        }
        self.columns.as_ref().ok_or_else(AppError::stopped)
    }

    #[cold]
    fn read_columns(&mut self) -> Result<Columns, AppError> {
        self.options.check()?;
        self.records.reads(self.options.delimiter, self.options.quote);
        if !self.records.read()? {
            // An empty file has no columns, and lacks none: it simply has no rows.
            self.options.required.clear();
            return Ok(Columns::default());
        }
        let (text, fields) = self.records.record();
        if !self.options.has_headers {
            let columns = Columns::unnamed(fields.len());
            let (start, line) = (self.records.start, self.records.line);
            self.records.seek(start, line)?;
            return Ok(columns);
        }
        if self.records.excess().is_some() {
            return Err(AppError::new("the header is larger than the 16 MiB that a row may have; is this a CSV file?"));
        }
        let mut names = Vec::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            let name = std::str::from_utf8(&text[field.range()]).map_err(|_| {
                AppError::new(format_args!("the header is not UTF-8 in column {}; convert the file to UTF-8", at + 1))
            })?;
            names.push(name.to_owned());
        }
        Columns::named(names)
    }
}
