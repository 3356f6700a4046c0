//! The host's function table as safe calls. Everything that crosses the boundary outwards goes through here.

use crate::error::SinkError;
use mysimbdp_abi::{Bytes, HostV1, RowV1, StartV1, status};
use std::cell::Cell;

/// What the host answers to the start of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Work on it.
    Open,
    /// Pass it over.
    Skip,
}

/// Where the host wants the rows to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Right here, and it need not be asked again.
    Here,
    /// There, and it wants to be asked again before the row after.
    Jump(StartV1),
    /// No more rows are wanted.
    End,
}

/// A connection to the host that is valid while one of the app's entries runs.
///
/// It is shared (through an `Rc`) by the sink and the row iterators of one instance, because they must agree on whether
/// a row is open.
pub(crate) struct Host {
    table: Cell<HostV1>,
    row: Cell<Row>,
}

/// What has become of the row in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// There is none.
    None,
    Open,
    /// Rejected, but not ended: the host still puts a death down to it.
    Rejected,
}

impl Host {
    /// # Safety
    /// The functions of `table` may be called with its `ctx`, by this thread, until this value is [`renew`](Self::renew)ed
    /// or no longer used.
    pub(crate) unsafe fn new(table: HostV1) -> Host {
        Host { table: Cell::new(table), row: Cell::new(Row::None) }
    }

    /// Takes the table of the next call.
    ///
    /// # Safety
    /// As for [`new`](Self::new).
    pub(crate) unsafe fn renew(&self, table: HostV1) {
        self.table.set(table);
        self.row.set(Row::None);
    }

    pub(crate) fn emit(&self, document: &[u8]) -> Result<(), SinkError> {
        let table = self.table.get();
        // SAFETY: `new` promises that the table may be called; the bytes outlive the call.
        let answer = unsafe { (table.emit)(table.ctx, Bytes::new(document)) };
        self.settle(answer)
    }

    pub(crate) fn row_begin(&self, row: RowV1) -> Result<Begin, SinkError> {
        let table = self.table.get();
        // SAFETY: as in `emit`; `row` lives until the call returns.
        let answer = unsafe { (table.row_begin)(table.ctx, &raw const row) };
        self.row.set(Row::None);
        if answer == status::SKIP {
            return Ok(Begin::Skip);
        }
        self.settle(answer)?;
        self.row.set(Row::Open);
        Ok(Begin::Open)
    }

    /// Ends the row in work, rejected or not. Does nothing where there is none.
    #[inline]
    pub(crate) fn row_end(&self, end: u64) -> Result<(), SinkError> {
        if self.row.replace(Row::None) == Row::None {
            return Ok(());
        }
        let table = self.table.get();
        // SAFETY: as in `emit`.
        let answer = unsafe { (table.row_end)(table.ctx, end) };
        self.settle(answer)
    }

    /// Rejects the row in work; it still has to be ended. The first reason stands.
    pub(crate) fn row_reject(&self, reason: &str) -> Result<(), SinkError> {
        match self.row.get() {
            Row::None => return Err(SinkError::Refused("there is no open row that could be rejected".to_owned())),
            Row::Rejected => return Ok(()),
            Row::Open => self.row.set(Row::Rejected),
        }
        let table = self.table.get();
        // SAFETY: as in `emit`.
        let answer = unsafe { (table.row_reject)(table.ctx, Bytes::new(reason.as_bytes())) };
        self.settle(answer)
    }

    pub(crate) fn has_row(&self) -> bool {
        self.row.get() != Row::None
    }

    pub(crate) fn next_start(&self) -> Result<Next, SinkError> {
        let table = self.table.get();
        let mut start = StartV1::default();
        // SAFETY: as in `emit`; `start` is ours and writable until the call returns.
        let answer = unsafe { (table.next_start)(table.ctx, &raw mut start) };
        match answer {
            status::JUMP => Ok(Next::Jump(start)),
            status::STOP => Ok(Next::End),
            other => self.settle(other).map(|()| Next::Here),
        }
    }

    pub(crate) fn log(&self, level: u32, message: &str) {
        let table = self.table.get();
        // SAFETY: as in `emit`.
        unsafe { (table.log)(table.ctx, level, Bytes::new(message.as_bytes())) }
    }

    pub(crate) fn progress(&self, position: u64) -> Result<(), SinkError> {
        let table = self.table.get();
        // SAFETY: as in `emit`.
        let answer = unsafe { (table.progress)(table.ctx, position) };
        self.settle(answer)
    }

    #[inline]
    fn settle(&self, answer: i32) -> Result<(), SinkError> {
        if answer == status::OK {
            return Ok(());
        }
        Err(self.refusal(answer))
    }

    #[cold]
    fn refusal(&self, answer: i32) -> SinkError {
        if answer == status::STOP {
            return SinkError::Stopped;
        }
        let table = self.table.get();
        // SAFETY: as in `emit`; what it returns is valid until the next call of the table, and copied before that.
        let reason = unsafe { (table.last_error)(table.ctx).get() };
        let reason = reason.map(String::from_utf8_lossy).unwrap_or_default();
        if reason.is_empty() {
            return SinkError::Refused(format!("the host refused without a reason (status {answer})"));
        }
        SinkError::Refused(reason.into_owned())
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("row", &self.row.get()).finish_non_exhaustive()
    }
}

/// Tells the host why the entry that is about to return fails.
///
/// # Safety
/// `host` points to a table that may be called now.
pub(crate) unsafe fn fail(host: *const HostV1, reason: &str) {
    // SAFETY: the caller vouches for the table; the bytes outlive the call.
    unsafe { ((*host).fail)((*host).ctx, Bytes::new(reason.as_bytes())) }
}
