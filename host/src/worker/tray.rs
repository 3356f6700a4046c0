//! The tray: memory shared with a worker, in which it hands over full frames of rows.
//!
//! Through the socket a frame is copied into buffers that the kernel makes anew for it, in memory that no cache holds, and
//! out of them again; for a file of rows that is most of what isolation costs. So the payload goes by way of the tray, and the
//! socket carries only the word of it ([`GuestKind::Tray`](super::protocol::GuestKind::Tray)), in its turn among the other
//! frames.
//!
//! ```text
//!   0     the flight recorder's page
//!   4096  taken: u64     frames that the host has taken out of the tray so far; the host writes it
//!   8192  place | place     the n-th frame stands in place n % 2
//! ```
//!
//! The worker puts a frame into the next place if the one that stood there has been taken; where it has not, or the frame
//! is longer than a place, the frame goes through the socket. So nobody ever waits for the tray: a host that does not read is
//! felt at the socket, as before.
//!
//! What lies in the tray is hostile, and may change at any time. The host maps none of it: it copies a frame out, looks only at
//! its copy, and a worker that scribbles meanwhile has garbled its own documents.

use bytes::BytesMut;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Frames that the tray holds.
pub const PLACES: u64 = 2;
/// Bytes of a place: a frame that is full at [`LARGE_FLUSH_BYTES`](super::protocol::LARGE_FLUSH_BYTES), and a usual last row.
pub const PLACE_BYTES: usize = 1040 * 1024;
/// Where `taken` stands.
pub const TAKEN: usize = 4096;
/// Where the first place begins.
pub const FIRST_PLACE: usize = 8192;
/// Bytes of recorder and tray together.
#[expect(clippy::cast_possible_truncation, reason = "two")]
pub const SHARED_BYTES: usize = FIRST_PLACE + PLACES as usize * PLACE_BYTES;

/// Where the place of the `n`-th frame begins.
pub fn place(n: u64) -> usize {
    let place = (n % PLACES) as usize;
    FIRST_PLACE + place * PLACE_BYTES
}

/// The host's hand on the tray.
#[derive(Debug)]
pub struct Tray {
    memory: Arc<OwnedFd>,
    taken: u64,
    /// Where frames are copied to: once more in the same memory, where the frame that was there has been dropped.
    buffer: BytesMut,
}

impl Tray {
    /// The tray of a new worker, in `memory` of [`SHARED_BYTES`].
    pub fn new(memory: Arc<OwnedFd>) -> Tray {
        Tray { memory, taken: 0, buffer: BytesMut::new() }
    }

    /// Takes the next frame, of `length` bytes: a copy. `length` is at most [`PLACE_BYTES`].
    ///
    /// # Errors
    /// The memory cannot be read or written, which only a lack of memory can cause.
    pub fn take(&mut self, length: usize) -> io::Result<BytesMut> {
        let place = place(self.taken);
        // What an error left there.
        self.buffer.clear();
        self.buffer.reserve(length);
        while self.buffer.len() < length {
            let have = self.buffer.len();
            let room = &mut self.buffer.spare_capacity_mut()[..length - have];
            match rustix::io::pread(&self.memory, room, (place + have) as u64) {
                Ok(([], _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((read, _)) => {
                    let have = have + read.len();
                    // SAFETY: the kernel has written the buffer up to here.
                    unsafe { self.buffer.set_len(have) };
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.taken += 1;
        rustix::io::pwrite(&self.memory, &self.taken.to_ne_bytes(), TAKEN as u64)?;
        Ok(self.buffer.split())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::protocol::{LARGE_FLUSH_BYTES, ROW_HEADER_LEN};
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    #[test]
    fn a_full_frame_of_usual_rows_fits_a_place() {
        const { assert!(LARGE_FLUSH_BYTES + ROW_HEADER_LEN + 8 * 1024 <= PLACE_BYTES) };
        assert_eq!(place(PLACES - 1) + PLACE_BYTES, SHARED_BYTES);
    }

    #[test]
    fn frames_are_taken_in_turn_and_each_place_is_free_again() {
        let memory = memfd_create("tray", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, SHARED_BYTES as u64).unwrap();
        let memory = Arc::new(memory);
        let mut tray = Tray::new(Arc::clone(&memory));
        for number in 0..3 * PLACES {
            let byte = u8::try_from(number).unwrap() + 1;
            let length = 1 + usize::try_from(number).unwrap() * 97_000 % PLACE_BYTES;
            rustix::io::pwrite(&memory, &vec![byte; length], place(number) as u64).unwrap();
            assert_eq!(tray.take(length).unwrap(), vec![byte; length]);
            let mut taken = [0; 8];
            rustix::io::pread(&memory, &mut taken, TAKEN as u64).unwrap();
            assert_eq!(u64::from_ne_bytes(taken), number + 1);
        }
    }

    #[test]
    fn memory_that_ends_too_early_is_told() {
        let memory = memfd_create("tray", MemfdFlags::CLOEXEC).unwrap();
        assert_eq!(Tray::new(Arc::new(memory)).take(1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
