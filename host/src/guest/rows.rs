//! The rows of a task that have not left the worker yet: the payload of a `Rows` frame in the making. Pure.
//!
//! ```text
//!   room for the frame header | RowHeader documents | RowHeader documents | .. | RowHeader documents so far
//!                               finished rows                                     the open row
//! ```
//!
//! A row's documents are appended as they come and its header is written when the row ends. Rejecting it truncates the
//! buffer to where they began. So the buffer is the frame: nothing is copied twice.

use super::document;
use crate::worker::protocol::{
    FLUSH_BYTES, HEADER_LEN, LARGE_FLUSH_BYTES, LOOSE_ROWS, MAX_ROW_BYTES, MAX_ROW_DOCUMENTS, ROW_HEADER_LEN, RowFate,
    RowHeader,
};
use mysimbdp_abi::RowV1;

/// A buffer that grew above this for one large row is given back after it.
const KEPT_CAPACITY: usize = 2 * LARGE_FLUSH_BYTES;

/// See the module.
#[derive(Debug)]
pub(super) struct Rows {
    frame: Vec<u8>,
    row: Row,
    size: u64,
    loose: u64,
    position: u64,
    /// No row may start before this.
    floor: u64,
}

#[derive(Debug)]
enum Row {
    None,
    /// Its documents stand behind the room for its header, which is at that offset.
    Open(usize, RowHeader),
    /// Its reason stands there; the app has not ended it yet.
    Rejected(usize, RowHeader),
    /// The app was told to pass it over.
    Passed,
}

impl Rows {
    /// For a file of `size` bytes.
    pub(super) fn new(size: u64) -> Rows {
        let mut frame = Vec::with_capacity(2 * FLUSH_BYTES);
        frame.resize(HEADER_LEN, 0);
        Rows { frame, row: Row::None, size, loose: 0, position: 0, floor: 0 }
    }

    /// Says why `row` cannot be begun, if it cannot.
    pub(super) fn check(&self, row: &RowV1) -> Result<(), String> {
        let RowV1 { start, end, .. } = *row;
        if start > self.size || end > self.size {
            return Err(format!("the row reaches to byte {}, the file has {}", start.max(end), self.size));
        }
        if end != 0 && end < start {
            return Err(format!("the row ends at byte {end}, before it starts at byte {start}"));
        }
        if start < self.floor {
            return Err(format!("the row starts at byte {start}, before the one ahead of it at byte {}", self.floor));
        }
        Ok(())
    }

    /// Begins a row that was checked.
    #[inline]
    pub(super) fn begin(&mut self, number: u64, row: &RowV1) {
        let RowV1 { start, end, line, .. } = *row;
        let fate = RowFate::Ended;
        let header = RowHeader { number, start, end, line, refused: 0, documents: 0, bytes: 0, fate };
        self.row = Row::Open(self.frame.len(), header);
        self.frame.extend_from_slice(&[0; ROW_HEADER_LEN]);
        self.floor = start;
        self.position = self.position.max(start);
    }

    /// The app was told to pass this row over.
    pub(super) fn pass(&mut self, row: &RowV1) {
        self.row = Row::Passed;
        self.floor = row.start;
        self.position = self.position.max(row.start);
    }

    /// The next row may start anywhere: the app was sent elsewhere.
    pub(super) fn jump(&mut self) {
        self.floor = 0;
    }

    /// Takes a document of the open row, or one of its own.
    #[inline]
    pub(super) fn emit(&mut self, document: &[u8]) -> Result<(), String> {
        match &mut self.row {
            Row::Open(at, header) => {
                let before = self.frame.len();
                let taken = if header.documents as usize >= MAX_ROW_DOCUMENTS {
                    Err(format!("the row has {MAX_ROW_DOCUMENTS} documents already, the most a row can have"))
                } else if before - *at - ROW_HEADER_LEN + document.len() + document::MAX_ADDED > MAX_ROW_BYTES {
                    Err(format!("the documents of the row would have more than {MAX_ROW_BYTES} bytes"))
                } else {
                    document::append(document, &mut self.frame).map_err(|refusal| refusal.to_string())
                };
                match taken {
                    Ok(()) => header.documents += 1,
                    Err(_) => header.refused = header.refused.saturating_add(1),
                }
                taken
            }
            Row::Rejected(..) => Err("the row was rejected; end it, or begin the next one".to_owned()),
            Row::Passed => Err("the host passes this row over; begin the next one".to_owned()),
            Row::None => self.emit_loose(document),
        }
    }

    fn emit_loose(&mut self, document: &[u8]) -> Result<(), String> {
        let at = self.frame.len();
        self.frame.extend_from_slice(&[0; ROW_HEADER_LEN]);
        let taken = document::append(document, &mut self.frame);
        let (number, start) = (LOOSE_ROWS + self.loose, self.position);
        let documents = u32::from(taken.is_ok());
        let (refused, fate) = (1 - documents, RowFate::Loose);
        let header = RowHeader { number, start, end: start, line: 0, refused, documents, bytes: 0, fate };
        write_header(&mut self.frame, at, header);
        self.loose += 1;
        taken.map_err(|refusal| refusal.to_string())
    }

    /// Discards the open row's documents and keeps the reason in their place. `false` with no row open.
    pub(super) fn reject(&mut self, reason: &str) -> bool {
        match self.row {
            Row::Open(at, header) => {
                self.frame.truncate(at + ROW_HEADER_LEN);
                self.frame.extend_from_slice(reason.as_bytes());
                let header = RowHeader { documents: 0, refused: 0, fate: RowFate::Rejected, ..header };
                self.row = Row::Rejected(at, header);
                true
            }
            // The first reason stands.
            Row::Rejected(..) | Row::Passed => true,
            Row::None => false,
        }
    }

    /// Ends the row, whatever it came to. `end` is 0 where `begin` told or nobody knows. `Ok(false)` with no row open.
    #[inline]
    pub(super) fn end(&mut self, end: u64) -> Result<bool, String> {
        let (Row::Open(at, mut header) | Row::Rejected(at, mut header)) = self.row else {
            return Ok(matches!(std::mem::replace(&mut self.row, Row::None), Row::Passed));
        };
        if end != 0 {
            if end < header.start || end > self.size {
                let (start, size) = (header.start, self.size);
                return Err(format!("the row cannot end at byte {end}: it starts at {start}, the file has {size}"));
            }
            header.end = end;
        }
        self.position = self.position.max(header.end);
        write_header(&mut self.frame, at, header);
        self.row = Row::None;
        Ok(true)
    }

    /// Ends a row that the app left open, where the next one starts. `false` with no row open.
    #[inline]
    pub(super) fn end_before(&mut self, next: u64) -> bool {
        let (Row::Open(_, header) | Row::Rejected(_, header)) = &self.row else { return false };
        let told = header.end != 0 || next < header.start || next > self.size;
        self.end(if told { 0 } else { next }) == Ok(true)
    }

    /// Forgets a row that the app left open when it failed.
    pub(super) fn forget_open(&mut self) {
        match self.row {
            Row::Open(at, _) => self.frame.truncate(at),
            Row::Rejected(..) => _ = self.end(0),
            Row::None | Row::Passed => {}
        }
        self.row = Row::None;
    }

    /// An app without rows has come this far.
    pub(super) fn advance(&mut self, position: u64) {
        self.position = self.position.max(position.min(self.size));
    }

    /// How far the app has come, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// A row is open or waits for its end: the buffer must not be sent.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        matches!(self.row, Row::Open(..) | Row::Rejected(..))
    }

    /// Bytes of finished rows, while none is open.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.frame.len() - HEADER_LEN
    }

    /// The frame, to be sent; then [`sent`](Rows::sent).
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.frame
    }

    /// The frame has left.
    pub(super) fn sent(&mut self) {
        self.frame.truncate(HEADER_LEN);
        self.frame.shrink_to(KEPT_CAPACITY);
    }
}

fn write_header(frame: &mut [u8], at: usize, header: RowHeader) {
    // A row has less than 2^32 bytes: it is capped far below.
    let bytes = u32::try_from(frame.len() - at - ROW_HEADER_LEN).unwrap_or(u32::MAX);
    frame[at..at + ROW_HEADER_LEN].copy_from_slice(&RowHeader { bytes, ..header }.encode());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::codec::RowCursor;

    /// `{ _id: ObjectId(0) }`
    const DOCUMENT: &[u8] = b"\x16\0\0\0\x07_id\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    fn row(start: u64, end: u64) -> RowV1 {
        RowV1 { number: 0, start, end, line: 1 }
    }

    fn read(rows: &mut Rows) -> Vec<(RowHeader, Vec<u8>)> {
        let payload = &rows.frame()[HEADER_LEN..];
        let mut cursor = RowCursor::new();
        let mut found = Vec::new();
        while let Some((header, range)) = cursor.next(payload).unwrap() {
            found.push((header, payload[range].to_vec()));
        }
        found
    }

    #[test]
    fn a_row_leaves_with_all_of_its_documents() {
        let mut rows = Rows::new(100);
        rows.begin(1, &row(0, 10));
        rows.emit(DOCUMENT).unwrap();
        rows.emit(DOCUMENT).unwrap();
        assert_eq!(rows.end(0), Ok(true));
        let found = read(&mut rows);
        assert_eq!((found[0].0.documents, found[0].0.end, found[0].1.len()), (2, 10, 2 * DOCUMENT.len()));
        assert_eq!(rows.position(), 10);
    }

    #[test]
    fn a_rejected_row_leaves_with_its_reason_alone() {
        let mut rows = Rows::new(100);
        rows.begin(1, &row(0, 0));
        rows.emit(DOCUMENT).unwrap();
        assert!(rows.reject("no"));
        assert!(rows.emit(DOCUMENT).is_err());
        assert_eq!(rows.end(7), Ok(true));
        let found = read(&mut rows);
        assert_eq!((found[0].0.fate, found[0].0.end, found[0].1.as_slice()), (RowFate::Rejected, 7, &b"no"[..]));
    }

    #[test]
    fn a_row_left_open_ends_where_the_next_one_starts() {
        let mut rows = Rows::new(100);
        rows.begin(1, &row(5, 0));
        assert!(rows.end_before(9));
        assert_eq!(read(&mut rows)[0].0.end, 9);
    }

    #[test]
    fn a_document_with_no_row_open_is_loose() {
        let mut rows = Rows::new(100);
        rows.emit(DOCUMENT).unwrap();
        assert!(rows.emit(b"junk").is_err());
        let found = read(&mut rows);
        assert_eq!((found[0].0.number, found[0].0.fate, found[0].0.documents), (LOOSE_ROWS, RowFate::Loose, 1));
        assert_eq!((found[1].0.number, found[1].0.documents, found[1].0.refused), (LOOSE_ROWS + 1, 0, 1));
    }

    #[test]
    fn a_row_that_was_open_when_the_app_failed_is_forgotten() {
        let mut rows = Rows::new(100);
        rows.begin(1, &row(0, 1));
        assert_eq!(rows.end(0), Ok(true));
        rows.begin(2, &row(1, 2));
        rows.emit(DOCUMENT).unwrap();
        rows.forget_open();
        assert_eq!(read(&mut rows).len(), 1);
    }

    #[test]
    fn a_row_of_too_many_bytes_is_refused_document_by_document() {
        let mut rows = Rows::new(100);
        rows.begin(1, &row(0, 1));
        let mut large = vec![0; 15 * 1024 * 1024];
        let length = u32::try_from(large.len()).unwrap();
        large[..4].copy_from_slice(&length.to_le_bytes());
        large[4..DOCUMENT.len()].copy_from_slice(&DOCUMENT[4..]);
        assert_eq!((rows.emit(&large), rows.emit(&large)), (Ok(()), Ok(())));
        assert!(rows.emit(&large).is_err());
        rows.end(0).unwrap();
        let found = read(&mut rows);
        assert_eq!((found[0].0.documents, found[0].0.refused), (2, 1));
        rows.sent();
        assert!(rows.frame.capacity() <= KEPT_CAPACITY);
    }

    #[test]
    fn places_that_the_file_does_not_have_are_refused() {
        let mut rows = Rows::new(100);
        assert!(rows.check(&row(101, 0)).is_err());
        assert!(rows.check(&row(0, 101)).is_err());
        assert!(rows.check(&row(9, 8)).is_err());
        rows.begin(1, &row(50, 0));
        assert!(rows.end(49).is_err());
        assert!(rows.end(101).is_err());
        assert_eq!(rows.end(60), Ok(true));
        assert!(rows.check(&row(49, 0)).is_err());
        rows.jump();
        assert_eq!(rows.check(&row(49, 0)), Ok(()));
    }
}
