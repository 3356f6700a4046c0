//! The host's say in which rows are worked on.

use crate::error::AppError;
use crate::host::{Begin, Host, Next};
use mysimbdp_abi::{RowV1, StartV1};
use std::rc::Rc;

/// Numbers rows, and asks the host where to go on and what to pass over.
#[derive(Debug)]
pub(crate) struct Feed {
    host: Rc<Host>,
    /// The host wants to be asked before the next row.
    ask: bool,
    /// Number of the next row.
    next: u64,
    /// The next row's number is told to the host, because it did not count there.
    jumped: bool,
}

impl Feed {
    pub(crate) fn new(host: &Rc<Host>) -> Feed {
        Feed { host: Rc::clone(host), ask: true, next: 1, jumped: false }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Where the next row is to be read.
    pub(crate) fn next_start(&mut self) -> Result<Next, AppError> {
        if !self.ask {
            return Ok(Next::Here);
        }
        let next = self.host.next_start()?;
        match next {
            Next::Here => self.ask = false,
            Next::Jump(StartV1 { number, .. }) => {
                self.next = number;
                self.jumped = true;
            }
            Next::End => {}
        }
        Ok(next)
    }

    /// Number of the row that is begun next.
    pub(crate) fn number(&self) -> u64 {
        self.next
    }

    /// Begins a row: whether the app is to work on it.
    #[inline]
    pub(crate) fn begin(&mut self, start: u64, end: u64, line: u64) -> Result<bool, AppError> {
        let number = if std::mem::take(&mut self.jumped) { self.next } else { 0 };
        self.next += 1;
        Ok(self.host.row_begin(RowV1 { number, start, end, line })? == Begin::Open)
    }

    /// Rejects the row that was just begun, before the app sees it.
    pub(crate) fn reject(&self, reason: &str, end: u64) -> Result<(), AppError> {
        self.host.row_reject(reason)?;
        Ok(self.host.row_end(end)?)
    }

    /// The end of the file is reached: also where its last lines are blank or there is no row at all.
    pub(crate) fn at_end(&self, size: u64) -> Result<(), AppError> {
        Ok(self.host.progress(size)?)
    }
}
