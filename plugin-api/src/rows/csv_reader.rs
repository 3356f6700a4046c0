//! Records of comma-separated values out of a file, each with the place it stands at.
//!
//! The state machine is that of the `csv` crate (`csv-core`), driven directly for three things that `csv::Reader` does
//! not give: the offset and the line of a record itself (not of the blank lines or the `\n` of a `\r\n` before it), a bound on
//! what one record may hold in memory, and going on at any offset.

use super::{KEEP, MAX_ROW};
use crate::reader::Reader;
use csv_core::ReadRecordResult;
use std::io::{self, BufRead, Seek, SeekFrom};

/// Most fields that are kept of one record.
const MAX_FIELDS: usize = 1 << 20;

/// Reads one record after another into the same buffers.
pub(super) struct RecordReader<'a> {
    reader: Reader<'a>,
    core: csv_core::Reader,
    /// The fields of the record, unquoted, one after another; `text_len` bytes of it count.
    text: Vec<u8>,
    text_len: usize,
    /// Where each field ends in `text`; `field_count` of it count.
    ends: Vec<usize>,
    field_count: usize,
    /// What was left out of this record because there is no room for it.
    excess: Option<Excess>,
    /// Where the record stands.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) line: u64,
}

/// Why a record cannot be had as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Bytes,
    Fields,
}

impl<'a> RecordReader<'a> {
    pub(super) fn new(reader: Reader<'a>, core: csv_core::Reader) -> RecordReader<'a> {
        let (text, ends) = (vec![0; 4096], vec![0; 64]);
        let (start, end, line) = (0, 0, 1);
        RecordReader { reader, core, text, text_len: 0, ends, field_count: 0, excess: None, start, end, line }
    }

    pub(super) fn set_core(&mut self, core: csv_core::Reader) {
        self.core = core;
    }

    pub(super) fn file_size(&self) -> u64 {
        self.reader.size()
    }

    /// Goes on at another place.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(offset))?;
        self.core.reset();
        self.core.set_line(line.max(1));
        Ok(())
    }

    /// Passes over the bytes that mark a file as UTF-8.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.reader.consume(bytes);
    }

    /// Reads the next record. `false` at the end of the file.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        if self.text.len() > KEEP {
            self.text = vec![0; 4096];
        }
        (self.text_len, self.field_count, self.excess) = (0, 0, None);
        self.skip_blank_lines()?;
        self.start = self.reader.position();
        self.line = self.core.line();
        loop {
            let chunk = self.reader.fill_buf()?;
            let (result, read, written, ended) =
                self.core.read_record(chunk, &mut self.text[self.text_len..], &mut self.ends[self.field_count..]);
            self.reader.consume(read);
            self.text_len += written;
            self.field_count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.grow_text(),
                ReadRecordResult::OutputEndsFull => self.grow_ends(),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        // `\r\n` ends a record like `\n` does, but the state machine stops between the two.
        if self.reader.peek()? == Some(b'\n') && self.ended_by_carriage_return() {
            self.reader.consume(1);
            self.core.set_line(self.core.line() + 1);
        }
        self.end = self.reader.position();
        Ok(true)
    }

    fn ended_by_carriage_return(&self) -> bool {
        let at = self.reader.cursor();
        at > 0 && self.reader.buffered(at - 1..at) == b"\r"
    }

    /// Blank lines are no records, and what follows them starts behind them.
    fn skip_blank_lines(&mut self) -> io::Result<()> {
        while let Some(byte @ (b'\n' | b'\r')) = self.reader.peek()? {
            self.reader.consume(1);
            self.core.set_line(self.core.line() + u64::from(byte == b'\n'));
        }
        Ok(())
    }

    #[cold]
    fn grow_text(&mut self) {
        if self.text.len() < MAX_ROW {
            self.text.resize((self.text.len() * 2).min(MAX_ROW), 0);
        } else {
            // Read on to the end of the record without keeping it.
            self.excess = Some(Excess::Bytes);
            self.text_len = 0;
        }
    }

    #[cold]
    fn grow_ends(&mut self) {
        if self.ends.len() < MAX_FIELDS {
            self.ends.resize((self.ends.len() * 2).min(MAX_FIELDS), 0);
        } else {
            self.excess.get_or_insert(Excess::Fields);
            self.field_count = 0;
        }
    }

    /// The record that was read: its text and where each field ends in it.
    #[inline]
    pub(super) fn record(&self) -> (&[u8], &[usize]) {
        (&self.text[..self.text_len], &self.ends[..self.field_count])
    }

    /// Why the record that was read is not whole.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess
    }
}

impl std::fmt::Debug for RecordReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordReader").field("start", &self.start).field("line", &self.line).finish_non_exhaustive()
    }
}
