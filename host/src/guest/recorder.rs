//! The worker's hand on the flight recorder: one shared page, written with volatile stores in program order.
//!
//! [`worker::recorder`](crate::worker::recorder) draws the page and tells what the host makes of it. A row is named by
//! writing its fields first and the state last, and un-named by writing the state first: whenever the process dies, the
//! page names one row or none, never a mixture. (Writers and readers are different processes and the reader waits for
//! the writer's death, so program order is all that is needed.)

use crate::worker::recorder::{LEN, Page, State};
use rustix::fd::BorrowedFd;
use rustix::mm::{MapFlags, ProtFlags};

/// The page. Copies write to the same page, which stays mapped as long as the process lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorder {
    page: *mut Page,
}

macro_rules! store {
    ($page:expr, $field:ident, $value:expr) => {
        // SAFETY: `page` was mapped for reading and writing by `map`, is as large as a `Page`, and is never unmapped;
        // volatile stores of a word need no more, and no reference to the page exists in this process.
        unsafe { (&raw mut (*$page).$field).write_volatile($value) }
    };
}

impl Recorder {
    /// Maps the page. The descriptor can be closed afterwards, and shared mappings be forbidden.
    pub(super) fn map(memory: BorrowedFd<'_>) -> rustix::io::Result<Recorder> {
        let (access, sharing) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of this process.
        let page = unsafe { rustix::mm::mmap(core::ptr::null_mut(), LEN, access, sharing, memory, 0) }?;
        Ok(Recorder { page: page.cast() })
    }

    /// The page itself, for the crash handler.
    pub(super) fn page(self) -> *mut Page {
        self.page
    }

    /// Where the app is loaded.
    pub(super) fn set_base(self, base: u64) {
        store!(self.page, base, base);
    }

    /// What the worker does, with no row in work.
    #[inline]
    pub(super) fn set_state(self, state: State) {
        store!(self.page, state, state as u64);
    }

    /// A row or message is in work, the `count`th of its task.
    #[inline]
    pub(super) fn begin(self, number: u64, start: u64, end: u64, line: u64, count: u64) {
        store!(self.page, state, State::InApp as u64);
        store!(self.page, number, number);
        store!(self.page, start, start);
        store!(self.page, end, end);
        store!(self.page, line, line);
        store!(self.page, rows, count);
        store!(self.page, state, State::InRow as u64);
    }
}
