//! The worker's hand on the tray: full frames of rows are copied into shared memory rather than into a socket.
//!
//! [`worker::tray`](crate::worker::tray) draws it and tells who may rely on what.

use crate::worker::tray::{self, FIRST_PLACE, PLACE_BYTES, PLACES, SHARED_BYTES, TAKEN};
use core::sync::atomic::{AtomicU64, Ordering};
use rustix::fd::BorrowedFd;
use rustix::mm::{MapFlags, ProtFlags};

/// The mapped tray, and how many frames were put into it.
#[derive(Debug)]
pub(super) struct Tray {
    /// What lies at [`TAKEN`] and behind it.
    memory: *mut u8,
    handed: u64,
}

impl Tray {
    /// Maps it; `None` where the host shares the recorder's page alone. The descriptor can be closed afterwards, and shared
    /// mappings be forbidden.
    pub(super) fn map(memory: BorrowedFd<'_>) -> rustix::io::Result<Option<Tray>> {
        let size = rustix::fs::fstat(memory)?.st_size;
        if usize::try_from(size) != Ok(SHARED_BYTES) {
            return Ok(None);
        }
        let (access, sharing) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        let length = SHARED_BYTES - TAKEN;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of this process.
        let memory = unsafe { rustix::mm::mmap(core::ptr::null_mut(), length, access, sharing, memory, TAKEN as u64) }?;
        Ok(Some(Tray { memory: memory.cast(), handed: 0 }))
    }

    /// Puts a frame's payload into its place; `false` where it is too long, or the place is not free.
    pub(super) fn put(&mut self, payload: &[u8]) -> bool {
        // SAFETY: `memory` was mapped by `map`, is never unmapped, and begins with this word at the start of a page. Both
        // processes use it as a whole, the other by system calls.
        let taken = unsafe { &*self.memory.cast::<AtomicU64>() };
        // Acquire: the host has copied what stood there before it said so.
        if payload.len() > PLACE_BYTES || self.handed.wrapping_sub(taken.load(Ordering::Acquire)) >= PLACES {
            return false;
        }
        let place = tray::place(self.handed) - TAKEN;
        const { assert!(FIRST_PLACE >= TAKEN + size_of::<u64>()) };
        // SAFETY: `place` is one of the places, which end with the mapping, and the payload is no longer than one. It lies
        // elsewhere: the app's memory and this mapping are different mappings.
        unsafe { core::ptr::copy_nonoverlapping(payload.as_ptr(), self.memory.add(place), payload.len()) };
        self.handed += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tray::Tray as HostTray;
    use rustix::fd::AsFd;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::sync::Arc;

    #[test]
    fn what_is_put_in_comes_out_in_its_order_and_what_finds_no_place_is_not_taken() {
        let memory = memfd_create("tray", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, SHARED_BYTES as u64).unwrap();
        let mut worker = Tray::map(memory.as_fd()).unwrap().unwrap();
        let mut host = HostTray::new(Arc::new(memory));
        let frame = |number: u8| vec![number; PLACE_BYTES - usize::from(number)];
        for number in 0..2 {
            assert!(worker.put(&frame(number)));
        }
        assert!(!worker.put(&frame(2)), "all places are taken");
        for number in 0..40 {
            assert_eq!(host.take(frame(number).len()).unwrap(), frame(number));
            assert!(worker.put(&frame(number + 2)));
            assert!(!worker.put(&[1]), "all places are taken");
        }
        assert_eq!(host.take(frame(40).len()).unwrap(), frame(40));
        assert!(!worker.put(&vec![1; PLACE_BYTES + 1]), "longer than a place");
        assert!(worker.put(&frame(42)));
    }

    #[test]
    fn a_host_that_shares_the_recorders_page_alone_has_no_tray() {
        let memory = memfd_create("tray", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, 4096).unwrap();
        assert!(Tray::map(memory.as_fd()).unwrap().is_none());
    }
}
