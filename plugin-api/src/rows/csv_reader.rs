//! Records of comma-separated values out of a file, each with the place it stands at.
//!
//! An ordinary record is found by the [`Scanner`] and stays where it is, in the reader's buffer. Any other is read by the
//! state machine of the `csv` crate (`csv-core`), which is driven directly for three things that `csv::Reader` does not
//! give: the offset and the line of a record itself (not of the blank lines or the `\n` of a `\r\n` before it), a bound
//! on what one record may hold in memory, and going on at any offset.

use super::csv_scan::{Scanned, Scanner, Span};
use super::{KEEP, MAX_ROW};
use crate::reader::Reader;
use csv_core::ReadRecordResult;
use std::io::{self, BufRead, Seek, SeekFrom};
use std::ops::Range;

/// Most fields that are kept of one record.
const MAX_FIELDS: usize = 1 << 20;
/// Room for more fields than these is given back.
const KEEP_FIELDS: usize = 1 << 16;

/// Reads one record after another.
pub(super) struct RecordReader<'a> {
    reader: Reader<'a>,
    scanner: Scanner,
    machine: Machine,
    /// Where the fields stand in the text of the record.
    fields: Vec<Span>,
    /// Where the text stands in the reader's buffer; `None` where the machine holds it.
    buffered: Option<Range<usize>>,
    /// What was left out of this record because there is no room for it.
    excess: Option<Excess>,
    /// Line of what is read next.
    next_line: u64,
    /// Where the record stands.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) line: u64,
}

/// The state machine, and what it wrote.
struct Machine {
    core: csv_core::Reader,
    /// The fields of the record, unquoted, one after another; `text_len` bytes of it count.
    text: Vec<u8>,
    text_len: usize,
    /// Where each field ends in `text`; `count` of it count.
    ends: Vec<usize>,
    count: usize,
}

/// Why a record cannot be had as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Bytes,
    Fields,
}

impl<'a> RecordReader<'a> {
    /// Reads records with this delimiter and quote.
    pub(super) fn new(reader: Reader<'a>, delimiter: u8, quote: Option<u8>) -> RecordReader<'a> {
        RecordReader {
            reader,
            scanner: Scanner::new(delimiter, quote),
            machine: Machine::new(delimiter, quote),
            fields: Vec::with_capacity(64),
            buffered: None,
            excess: None,
            next_line: 1,
            start: 0,
            end: 0,
            line: 1,
        }
    }

    /// Reads with another delimiter or quote from here on.
    pub(super) fn reads(&mut self, delimiter: u8, quote: Option<u8>) {
        self.scanner = Scanner::new(delimiter, quote);
        self.machine = Machine::new(delimiter, quote);
    }

    pub(super) fn file_size(&self) -> u64 {
        self.reader.size()
    }

    /// Goes on at another place.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(offset))?;
        self.machine.core.reset();
        self.next_line = line.max(1);
        Ok(())
    }

    /// Passes over the bytes that mark a file as UTF-8.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.reader.consume(bytes);
    }

    /// Reads the next record. `false` at the end of the file.
    #[inline]
    pub(super) fn read(&mut self) -> io::Result<bool> {
        self.excess = None;
        if self.fields.capacity() > KEEP_FIELDS {
            self.fields = Vec::with_capacity(64);
        }
        self.skip_blank_lines()?;
        self.start = self.reader.position();
        self.line = self.next_line;
        let at = self.reader.cursor();
        let Some(Scanned { length, lines }) = self.scanner.scan(self.reader.fill_buf()?, &mut self.fields) else {
            return self.read_by_machine();
        };
        self.reader.consume(length);
        self.buffered = Some(at..at + length);
        self.next_line += lines;
        self.end = self.start + length as u64;
        Ok(true)
    }

    /// Blank lines are no records, and what follows them starts behind them.
    #[inline]
    fn skip_blank_lines(&mut self) -> io::Result<()> {
        while let Some(byte @ (b'\n' | b'\r')) = self.reader.peek()? {
            self.reader.consume(1);
            self.next_line += u64::from(byte == b'\n');
        }
        Ok(())
    }

    fn read_by_machine(&mut self) -> io::Result<bool> {
        self.buffered = None;
        let machine = &mut self.machine;
        machine.begin(self.next_line);
        loop {
            let chunk = self.reader.fill_buf()?;
            let (result, read) = machine.feed(chunk);
            self.reader.consume(read);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.excess = machine.more_text().or(self.excess),
                ReadRecordResult::OutputEndsFull => self.excess = self.excess.or(machine.more_ends()),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        self.next_line = machine.core.line();
        // `\r\n` ends a record like `\n` does, but the state machine stops between the two.
        if self.reader.peek()? == Some(b'\n') && self.reader.consumed_last() == Some(b'\r') {
            self.reader.consume(1);
            self.next_line += 1;
        }
        self.end = self.reader.position();
        self.machine.spans(&mut self.fields);
        Ok(true)
    }

    /// The record that was read: its text, and where each field stands in it.
    #[inline]
    pub(super) fn record(&self) -> (&[u8], &[Span]) {
        let text = match &self.buffered {
            Some(range) => self.reader.buffered(range.clone()),
            None => &self.machine.text[..self.machine.text_len],
        };
        (text, &self.fields)
    }

    /// Whether every field of the record is UTF-8.
    #[inline]
    pub(super) fn is_text(&self) -> bool {
        let (text, fields) = self.record();
        if text.is_ascii() {
            return true;
        }
        match std::str::from_utf8(text) {
            // In the buffer, a delimiter stands between any two fields. Behind one another, a broken character at the end
            // of one may become whole with the start of the next.
            Ok(text) => self.buffered.is_some() || fields.iter().all(|field| text.get(field.range()).is_some()),
            Err(_) => false,
        }
    }

    /// Why the record that was read is not whole.
    #[inline]
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess
    }
}

impl Machine {
    fn new(delimiter: u8, quote: Option<u8>) -> Machine {
        let mut builder = csv_core::ReaderBuilder::new();
        builder.delimiter(delimiter);
        match quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        Machine { core: builder.build(), text: vec![0; 4096], text_len: 0, ends: vec![0; 64], count: 0 }
    }

    fn begin(&mut self, line: u64) {
        if self.text.len() > KEEP {
            self.text = vec![0; 4096];
        }
        if self.ends.len() > KEEP_FIELDS {
            self.ends = vec![0; 64];
        }
        (self.text_len, self.count) = (0, 0);
        self.core.set_line(line);
    }

    fn feed(&mut self, chunk: &[u8]) -> (ReadRecordResult, usize) {
        let (text, ends) = (&mut self.text[self.text_len..], &mut self.ends[self.count..]);
        let (result, read, written, ended) = self.core.read_record(chunk, text, ends);
        self.text_len += written;
        self.count += ended;
        (result, read)
    }

    #[cold]
    fn more_text(&mut self) -> Option<Excess> {
        if self.text.len() < MAX_ROW {
            self.text.resize((self.text.len() * 2).min(MAX_ROW), 0);
            return None;
        }
        // Read on to the end of the record without keeping it.
        self.text_len = 0;
        Some(Excess::Bytes)
    }

    #[cold]
    fn more_ends(&mut self) -> Option<Excess> {
        if self.ends.len() < MAX_FIELDS {
            self.ends.resize((self.ends.len() * 2).min(MAX_FIELDS), 0);
            return None;
        }
        self.count = 0;
        Some(Excess::Fields)
    }

    fn spans(&self, fields: &mut Vec<Span>) {
        fields.clear();
        let mut start = 0;
        for &end in &self.ends[..self.count] {
            fields.push(Span::new(start, end));
            start = end;
        }
    }
}

impl std::fmt::Debug for RecordReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordReader").field("start", &self.start).field("line", &self.line).finish_non_exhaustive()
    }
}
