//! Where an app's documents go.

use crate::error::{AppError, Reject, SinkError};
use crate::host::{Begin, Host};
use crate::ser::{self, Buffer};
use mysimbdp_abi::{HostV1, RowV1, level};
use serde::Serialize;
use std::fmt::Display;
use std::ops::Range;
use std::rc::Rc;

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Level {
    /// Something failed.
    Error = level::ERROR,
    /// Something looks wrong but was dealt with.
    Warn = level::WARN,
    /// What the app's user wants to read.
    Info = level::INFO,
    /// What the app's author wants to read.
    Debug = level::DEBUG,
}

/// Where an app's documents go, and what else it has to tell.
///
/// Documents that are emitted while a row is open belong to that row: they leave the worker together when it ends, and
/// are discarded together when it is rejected. Each call may block while the sink behind it is slow; that time does not
/// count against the app.
#[derive(Debug)]
pub struct Sink {
    host: Rc<Host>,
    /// The document in work: one buffer for all of them.
    document: Buffer,
}

impl Sink {
    /// # Safety
    /// As for [`Host::new`].
    pub(crate) unsafe fn new(table: HostV1) -> Sink {
        // SAFETY: the caller vouches for it.
        let host = unsafe { Host::new(table) };
        Sink { host: Rc::new(host), document: Buffer::default() }
    }

    pub(crate) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// Emits a document: anything that serialises as a struct or a map.
    ///
    /// Its `_id` is given by the host, derived from the row it came from, so that a retry never doubles it. A field
    /// `_id` of its own is kept instead: then the document is compared with the one that has this `_id` already, should
    /// there be one. An `_id` that is `None` counts as absent.
    ///
    /// # Errors
    /// The document cannot be BSON (nested too deeply, too large, …), is refused by the host, or the run is over.
    #[inline]
    pub fn emit<T: Serialize + ?Sized>(&mut self, record: &T) -> Result<(), SinkError> {
        ser::to_document(record, &mut self.document)?;
        self.host.emit(self.document.written())
    }

    /// Emits a document that is BSON already.
    ///
    /// # Errors
    /// The bytes are not one BSON document, it is too large, or the run is over.
    pub fn emit_raw(&mut self, document: &[u8]) -> Result<(), SinkError> {
        self.host.emit(document)
    }

    /// Rejects the row in work: its documents are discarded, and it becomes a dead letter with this reason.
    ///
    /// Inside of [`each`](crate::CsvRows::each), returning [`reject!`](crate::reject) does the same.
    ///
    /// # Errors
    /// No row is open, or the run is over.
    pub fn reject(&mut self, reason: impl Display) -> Result<(), SinkError> {
        self.host.row_reject(&reason.to_string())
    }

    /// Works on one row that the app found itself: the bytes `range` of the file. The host may want it passed over; then
    /// `work` is not called. See [`RangeRows`](crate::RangeRows) for files where rows may be worked on out of turn.
    ///
    /// # Errors
    /// `work` ended the run, a row is open already, or the run is over.
    pub fn row<F>(&mut self, range: Range<u64>, work: F) -> Result<(), AppError>
    where
        F: FnOnce(&mut Sink) -> Result<(), Reject>,
    {
        self.numbered_row(0, range, work)
    }

    pub(crate) fn numbered_row<F>(&mut self, number: u64, range: Range<u64>, work: F) -> Result<(), AppError>
    where
        F: FnOnce(&mut Sink) -> Result<(), Reject>,
    {
        if self.host.has_row() {
            return Err(AppError::new("a row was begun inside of another; end the first one before"));
        }
        let row = RowV1 { number, start: range.start, end: range.end, line: 0 };
        if self.host.row_begin(row)? == Begin::Skip {
            return Ok(());
        }
        let worked = work(self);
        settle(&self.host, worked, range.end)
    }

    /// Writes a line to the tenant's log.
    pub fn log(&mut self, level: Level, message: impl Display) {
        self.host.log(level as u32, &message.to_string());
    }

    /// Tells how far a file has been read, in bytes. Rows and readers tell it themselves; an app that works on a
    /// [`view`](crate::BatchInput::view) without rows may show its progress so.
    ///
    /// # Errors
    /// The run is over.
    pub fn progress(&mut self, position: u64) -> Result<(), SinkError> {
        self.host.progress(position)
    }
}

/// Ends the open row in the way that the work on it ended.
#[inline]
pub(crate) fn settle(host: &Host, worked: Result<(), Reject>, end: u64) -> Result<(), AppError> {
    if let Err(reject) = worked {
        host.row_reject(&reject.into_reason()?)?;
    }
    Ok(host.row_end(end)?)
}
