//! A host that lives in the test's process: the rules of the real worker, with a `Vec` for a sink.

use super::Start;
use super::report::{LogLine, Outcome, Rejected, Report, RowCounts};
use crate::ser::{ID_PLACEHOLDER, MAX_DOCUMENT};
use bson::{Bson, Document, oid::ObjectId};
use core::ffi::c_void;
use mysimbdp_abi::{Bytes, HostV1, RowV1, StartV1, status};
use std::collections::{HashSet, VecDeque};

/// Documents with no row open are numbered from here on.
const LOOSE_ROWS: u64 = 1 << 39;
/// Most documents of one row, and most bytes of them.
const MAX_ROW_DOCUMENTS: usize = 1 << 16;
const MAX_ROW_BYTES: usize = 32 * 1024 * 1024;

/// Keeps what an app hands over.
pub(super) struct TestHost<'r> {
    skip: &'r [u64],
    /// Numbers of the only rows that are wanted.
    include: Option<HashSet<u64>>,
    /// Rows of `include` that are still to be started.
    to_come: VecDeque<Start>,
    /// The app asked where to go on.
    asked: bool,
    counted: u64,
    open: Option<Row>,
    documents: Vec<Document>,
    loose: u64,
    rejects: Vec<Rejected>,
    logs: Vec<LogLine>,
    rows: RowCounts,
    refused: Vec<String>,
    position: u64,
    failure: Option<String>,
    last_error: String,
}

/// The row in work.
struct Row {
    at: RowV1,
    documents: Vec<Document>,
    bytes: usize,
    /// Why it was rejected.
    rejected: Option<String>,
}

impl<'r> TestHost<'r> {
    pub(super) fn new(skip: &'r [u64], include: Option<&'r [Start]>) -> TestHost<'r> {
        TestHost {
            skip,
            include: include.map(|rows| rows.iter().map(|row| row.number).collect()),
            to_come: include.unwrap_or_default().iter().copied().collect(),
            asked: false,
            counted: 0,
            open: None,
            documents: Vec::new(),
            loose: 0,
            rejects: Vec::new(),
            logs: Vec::new(),
            rows: RowCounts::default(),
            refused: Vec::new(),
            position: 0,
            failure: None,
            last_error: String::new(),
        }
    }

    /// Calls `with` with a table that leads here.
    pub(super) fn with_table(&mut self, with: impl FnOnce(&HostV1) -> i32) -> i32 {
        let table = HostV1 {
            size: size_of::<HostV1>(),
            ctx: std::ptr::from_mut(self).cast::<c_void>(),
            emit,
            row_begin,
            row_end,
            row_reject,
            next_start,
            log,
            progress,
            fail,
            last_error,
        };
        with(&table)
    }

    /// A file is done: a row that is still open ends with an app that returned well, and is dropped with one that did not.
    pub(super) fn end_file(&mut self, status: i32) {
        if status == status::OK || self.open.as_ref().is_some_and(|row| row.rejected.is_some()) {
            self.row_end(0);
        } else if self.open.take().is_some() {
            self.rows.read -= 1;
        }
    }

    /// A message is to be delivered: it is kept like a row.
    pub(super) fn message_begin(&mut self, number: u64) {
        self.row_begin(RowV1 { number, ..RowV1::default() });
    }

    /// The app has answered.
    pub(super) fn message_end(&mut self, answer: i32) -> Outcome {
        let reason = self.take_failure();
        if answer == status::REJECT {
            self.row_reject(reason.as_deref().unwrap_or("rejected without a reason"));
            self.row_end(0);
            return Outcome::Ok;
        }
        self.end_file(answer);
        Outcome::of(answer, reason)
    }

    /// Why the entry that returned last failed.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// All that was handed over.
    pub(super) fn report(&mut self, outcome: Outcome) -> Report {
        Report {
            documents: std::mem::take(&mut self.documents),
            rejects: std::mem::take(&mut self.rejects),
            logs: std::mem::take(&mut self.logs),
            rows: self.rows,
            refused: std::mem::take(&mut self.refused),
            position: self.position,
            outcome,
        }
    }

    fn refuse(&mut self, reason: impl Into<String>) -> i32 {
        self.last_error = reason.into();
        status::REFUSED
    }

    fn emit(&mut self, bytes: &[u8]) -> i32 {
        let (number, index, held) = match &self.open {
            Some(Row { rejected: Some(_), .. }) => {
                return self.refuse("the row was rejected; end it, or begin the next one");
            }
            Some(row) => (row.at.number, row.documents.len(), row.bytes),
            None => (LOOSE_ROWS + self.loose, 0, 0),
        };
        match accept(bytes, number, index, held) {
            Ok(document) => {
                match &mut self.open {
                    Some(row) => {
                        row.bytes += bytes.len();
                        row.documents.push(document);
                    }
                    None => {
                        self.loose += 1;
                        self.documents.push(document);
                    }
                }
                status::OK
            }
            Err(reason) => {
                self.refused.push(reason.clone());
                self.refuse(reason)
            }
        }
    }

    fn row_begin(&mut self, row: RowV1) -> i32 {
        self.row_end(0);
        let number = if row.number == 0 { self.counted + 1 } else { row.number };
        if row.end != 0 && row.end < row.start {
            return self.refuse(format!("row {number} ends at {} before it starts at {}", row.end, row.start));
        }
        // An app that never asked where to go on has come past the last row that is wanted.
        let beyond = self.include.as_ref().is_some_and(|wanted| wanted.iter().all(|&row| row < number));
        if beyond && !self.asked {
            return status::STOP;
        }
        self.counted = number;
        self.rows.read += 1;
        let unwanted = self.include.as_ref().is_some_and(|wanted| !wanted.contains(&number));
        if unwanted || self.skip.contains(&number) {
            self.rows.passed_over += 1;
            self.position = self.position.max(row.end);
            return status::SKIP;
        }
        self.open = Some(Row { at: RowV1 { number, ..row }, documents: Vec::new(), bytes: 0, rejected: None });
        status::OK
    }

    fn row_end(&mut self, end: u64) -> i32 {
        let Some(row) = self.open.take() else { return self.refuse("no row is open") };
        let RowV1 { number, start, line, .. } = row.at;
        let end = if end == 0 { row.at.end } else { end };
        self.position = self.position.max(end);
        if let Some(reason) = row.rejected {
            self.rows.rejected += 1;
            self.rejects.push(Rejected { row: number, line, start, end, reason });
            return status::OK;
        }
        match row.documents.is_empty() {
            true => self.rows.passed_over += 1,
            false => self.rows.ingested += 1,
        }
        self.documents.extend(row.documents);
        status::OK
    }

    fn row_reject(&mut self, reason: &str) -> i32 {
        let Some(row) = &mut self.open else { return self.refuse("no row is open that could be rejected") };
        row.documents.clear();
        row.rejected.get_or_insert_with(|| reason.to_owned());
        status::OK
    }

    fn next_start(&mut self, start: &mut StartV1) -> i32 {
        self.asked = true;
        if self.include.is_none() {
            return status::OK;
        }
        match self.to_come.pop_front() {
            Some(Start { number, offset, line }) => {
                *start = StartV1 { number, offset, line };
                status::JUMP
            }
            None => status::STOP,
        }
    }
}

/// The document as it would arrive in a sink, or why it would not.
fn accept(bytes: &[u8], number: u64, index: usize, held: usize) -> Result<Document, String> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(format!("a document of {} bytes is larger than the {MAX_DOCUMENT} that it may have", bytes.len()));
    }
    if held + bytes.len() > MAX_ROW_BYTES || index >= MAX_ROW_DOCUMENTS {
        return Err(format!("a row may have {MAX_ROW_DOCUMENTS} documents and {MAX_ROW_BYTES} bytes of them"));
    }
    let document = Document::from_reader(bytes).map_err(|error| format!("not a BSON document: {error}"))?;
    let placeholder = bytes.get(4..4 + ID_PLACEHOLDER.len()) == Some(&ID_PLACEHOLDER);
    if document.contains_key("_id") && !placeholder {
        return match document.get("_id") {
            Some(Bson::Array(_) | Bson::RegularExpression(_) | Bson::Undefined) => {
                Err("an `_id` may not be an array, a regular expression or undefined".to_owned())
            }
            _ => Ok(document),
        };
    }
    let mut numbered = Document::from_iter([("_id".to_owned(), Bson::ObjectId(id(number, index)))]);
    numbered.extend(document.into_iter().filter(|(key, _)| key != "_id"));
    Ok(numbered)
}

/// What the host makes of task 1, this row, and the index of the document within it.
fn id(row: u64, index: usize) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4] = 1;
    bytes[5..10].copy_from_slice(&row.to_be_bytes()[3..]);
    bytes[10..].copy_from_slice(&(index as u64).to_be_bytes()[6..]);
    ObjectId::from_bytes(bytes)
}

/// # Safety
/// `ctx` is the one that [`TestHost::with_table`] made, and its call is still running.
unsafe fn this<'a>(ctx: *mut c_void) -> &'a mut TestHost<'a> {
    // SAFETY: the caller vouches for the pointer; the app has one thread, and no function of the table calls another.
    unsafe { &mut *ctx.cast::<TestHost<'a>>() }
}

/// # Safety
/// The bytes are valid during `'a`.
unsafe fn bytes<'a>(bytes: Bytes) -> &'a [u8] {
    // SAFETY: the caller vouches for them.
    unsafe { bytes.get() }.unwrap_or_default()
}

// SAFETY (of all below): an app calls them through the table, with its `ctx`, while its entry runs; what it passes is
// valid until they return.

unsafe extern "C" fn emit(ctx: *mut c_void, document: Bytes) -> i32 {
    // SAFETY: see above.
    unsafe { this(ctx).emit(bytes(document)) }
}

unsafe extern "C" fn row_begin(ctx: *mut c_void, row: *const RowV1) -> i32 {
    // SAFETY: see above.
    unsafe { this(ctx).row_begin(*row) }
}

unsafe extern "C" fn row_end(ctx: *mut c_void, end: u64) -> i32 {
    // SAFETY: see above.
    unsafe { this(ctx).row_end(end) }
}

unsafe extern "C" fn row_reject(ctx: *mut c_void, reason: Bytes) -> i32 {
    // SAFETY: see above.
    unsafe { this(ctx).row_reject(&String::from_utf8_lossy(bytes(reason))) }
}

unsafe extern "C" fn next_start(ctx: *mut c_void, start: *mut StartV1) -> i32 {
    // SAFETY: see above.
    unsafe { this(ctx).next_start(&mut *start) }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: Bytes) {
    // SAFETY: see above.
    let (host, message) = unsafe { (this(ctx), bytes(message)) };
    host.logs.push(LogLine { level, message: String::from_utf8_lossy(message).into_owned() });
}

unsafe extern "C" fn progress(ctx: *mut c_void, position: u64) -> i32 {
    // SAFETY: see above.
    let host = unsafe { this(ctx) };
    host.position = host.position.max(position);
    status::OK
}

unsafe extern "C" fn fail(ctx: *mut c_void, reason: Bytes) {
    // SAFETY: see above.
    let (host, reason) = unsafe { (this(ctx), bytes(reason)) };
    host.failure = Some(String::from_utf8_lossy(reason).into_owned());
}

unsafe extern "C" fn last_error(ctx: *mut c_void) -> Bytes {
    // SAFETY: see above.
    let host = unsafe { this(ctx) };
    Bytes::new(host.last_error.as_bytes())
}
