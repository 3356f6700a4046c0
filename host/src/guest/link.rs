//! The worker's end of the socket: blocking, buffered, frame by frame.
//!
//! Reading and writing are two halves, because a task's rows are written while the frame that asked for them is still
//! being read from. Descriptors ride on the first byte of a frame and are kept in the order they came. A blocked write is
//! how a slow sink is felt; the time it takes is counted, since it is not the app's.

use super::tray::Tray;
use crate::worker::codec::{self, CodecError, FrameHeader};
use crate::worker::protocol::{GuestKind, HEADER_LEN, HostKind, MAX_CONTROL_PAYLOAD, TRAY_WORD_LEN};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// What is asked of the socket at once.
const READ_BYTES: usize = 64 * 1024;
/// Most descriptors that one frame carries.
const MAX_FDS: usize = 4;
/// Payloads of rows up to this do not go by way of the tray.
const SMALL: usize = 4 * 1024;

/// Why the worker cannot talk to its host any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The host is gone in the middle of a frame, or the socket failed.
    #[error("the socket to the host broke: {0}")]
    Broken(Errno),
    /// Host and worker are not the same program.
    #[error("the host broke the protocol: {0}; is another version of mysimbdp installed beside this one?")]
    Codec(#[from] CodecError),
}

/// The reading half.
#[derive(Debug)]
pub(super) struct Inbox {
    wire: BorrowedFd<'static>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    fds: VecDeque<OwnedFd>,
}

/// A frame; its payload is in the inbox until the next one is read.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) header: FrameHeader<HostKind>,
    payload: std::ops::Range<usize>,
}

impl Inbox {
    pub(super) fn new(wire: BorrowedFd<'static>) -> Inbox {
        Inbox { wire, bytes: vec![0; READ_BYTES], start: 0, end: 0, fds: VecDeque::new() }
    }

    /// The next frame; `None` where the host has closed its end between two frames.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        if !self.fill(HEADER_LEN)? {
            return Ok(None);
        }
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&self.bytes[self.start..self.start + HEADER_LEN]);
        let header = codec::decode_host_header(&header)?;
        if !self.fill(HEADER_LEN + header.length)? {
            return Err(LinkError::Broken(Errno::CONNRESET));
        }
        let payload = self.start + HEADER_LEN..self.start + HEADER_LEN + header.length;
        self.start = payload.end;
        Ok(Some(Frame { header, payload }))
    }

    /// The payload of the frame that was read last.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        &self.bytes[frame.payload.clone()]
    }

    /// The next descriptor that came, in their order.
    pub(super) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.fds.pop_front()
    }

    /// Has at least `wanted` bytes at `start`; `false` where the end came before the first of them.
    fn fill(&mut self, wanted: usize) -> Result<bool, LinkError> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        } else if self.bytes.len() > 16 * READ_BYTES && wanted <= READ_BYTES && self.end <= READ_BYTES {
            self.bytes.truncate(READ_BYTES);
            self.bytes.shrink_to_fit();
        }
        while self.end < wanted {
            match self.receive()? {
                0 if self.end == 0 => return Ok(false),
                0 => return Err(LinkError::Broken(Errno::CONNRESET)),
                count => self.end += count,
            }
        }
        Ok(true)
    }

    fn receive(&mut self) -> Result<usize, LinkError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let room = &mut self.bytes[self.end..];
        let received = loop {
            match rustix::net::recvmsg(self.wire, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                other => break other.map_err(LinkError::Broken)?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        Ok(received.bytes)
    }
}

/// The writing half.
#[derive(Debug)]
pub(super) struct Outbox {
    wire: BorrowedFd<'static>,
    blocked: Duration,
    tray: Option<Tray>,
}

impl Outbox {
    pub(super) fn new(wire: BorrowedFd<'static>) -> Outbox {
        Outbox { wire, blocked: Duration::ZERO, tray: None }
    }

    /// Time spent in writing so far.
    pub(super) fn blocked(&self) -> Duration {
        self.blocked
    }

    /// From now on full frames of rows go by way of this tray, if there is one.
    pub(super) fn set_tray(&mut self, tray: Option<Tray>) {
        self.tray = tray;
    }

    /// Sends rows that stand behind [`HEADER_LEN`] bytes that were kept free for the header.
    pub(super) fn send_rows(&mut self, tag: u32, frame: &mut [u8]) -> Result<(), LinkError> {
        let payload = &frame[HEADER_LEN..];
        // A few rows travel with the word of them.
        let (true, Some(tray)) = (payload.len() > SMALL, &mut self.tray) else {
            return self.send_in_place(GuestKind::Rows, tag, frame);
        };
        if !tray.put(payload) {
            return self.send_in_place(GuestKind::Rows, tag, frame);
        }
        let mut word = [0; HEADER_LEN + TRAY_WORD_LEN];
        word[HEADER_LEN..].copy_from_slice(&codec::encode_tray_word(payload.len()));
        self.send_in_place(GuestKind::Tray, tag, &mut word)
    }

    /// Sends a frame whose payload stands behind [`HEADER_LEN`] bytes that were kept free for the header.
    pub(super) fn send_in_place(&mut self, kind: GuestKind, tag: u32, frame: &mut [u8]) -> Result<(), LinkError> {
        let header = codec::encode_header(kind as u8, tag, frame.len() - HEADER_LEN);
        frame[..HEADER_LEN].copy_from_slice(&header);
        let started = Instant::now();
        let sent = self.write_all(frame);
        self.blocked += started.elapsed();
        sent
    }

    /// Sends a control frame.
    pub(super) fn send(&mut self, kind: GuestKind, tag: u32, body: &impl serde::Serialize) -> Result<(), LinkError> {
        let mut frame = vec![0; HEADER_LEN];
        serde_json::to_writer(&mut frame, body).map_err(|_| LinkError::Broken(Errno::INVAL))?;
        debug_assert!(frame.len() <= HEADER_LEN + MAX_CONTROL_PAYLOAD, "control frames are cut before they are built");
        self.send_in_place(kind, tag, &mut frame)
    }

    fn write_all(&self, mut bytes: &[u8]) -> Result<(), LinkError> {
        while !bytes.is_empty() {
            match rustix::io::write(self.wire, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(LinkError::Broken(error)),
            }
        }
        Ok(())
    }
}
