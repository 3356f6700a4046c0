//! The host's end of a worker's socket: frames in and out, never more in memory than one frame of each way in and one read.

use super::codec::{self, CodecError, FrameHeader};
use super::protocol::{
    Done, Ending, GuestKind, HEADER_LEN, HostKind, Log, MAX_REASON, Progress, Ready, Refused, VERSION,
};
use super::tray::Tray;
use super::words::short_line;
use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Most descriptors that travel with one frame.
const MAX_FDS: usize = 2;
/// Most parts of what is posted that are written at once.
const PARTS_AT_ONCE: usize = 16;
/// How much is asked of the socket at once: small enough for a second-level cache.
const READ_BYTES: usize = 256 * 1024;

/// A frame from a worker, decoded as far as its kind tells. The words in it are fit to be shown.
#[derive(Debug)]
pub enum Frame {
    /// It is ready.
    Ready(Ready),
    /// It could not start.
    Refused(Refused),
    /// Finished rows, not yet looked into.
    Rows(BytesMut),
    /// A log line.
    Log(Log),
    /// How far an app without rows has read.
    Progress(Progress),
    /// The end of the task.
    Done(Done),
    /// What became of a batch of messages, not yet looked into.
    Outcomes(BytesMut),
}

impl Frame {
    /// Its kind.
    pub fn kind(&self) -> GuestKind {
        match self {
            Frame::Ready(_) => GuestKind::Ready,
            Frame::Refused(_) => GuestKind::Refused,
            Frame::Rows(_) => GuestKind::Rows,
            Frame::Log(_) => GuestKind::Log,
            Frame::Progress(_) => GuestKind::Progress,
            Frame::Done(_) => GuestKind::Done,
            Frame::Outcomes(_) => GuestKind::Outcomes,
        }
    }
}

/// Why nothing more comes from this worker.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The socket failed.
    #[error("the socket to the worker failed: {0}")]
    Io(#[from] io::Error),
    /// It sent what no frame may be.
    #[error("it sent {0}")]
    Codec(#[from] CodecError),
    /// A control frame holds something else than its JSON.
    #[error("it sent a {kind:?} frame that cannot be read: {reason}")]
    Json {
        /// Kind of the frame.
        kind: GuestKind,
        /// What the parser says.
        reason: String,
    },
    /// It said something else before it was ready. A payload of rows is not even read.
    #[error("it sent a {0:?} frame where a Ready of protocol {VERSION} or a Refused has to come")]
    NotReady(GuestKind),
    /// The socket ended inside a frame.
    #[error("it sent half a frame: {have} bytes of {want}")]
    Half {
        /// Bytes that came.
        have: usize,
        /// Bytes that were announced.
        want: usize,
    },
}

/// One worker's socket.
#[derive(Debug)]
pub struct Link {
    socket: UnixStream,
    buffer: BytesMut,
    /// What is posted and has not left: headers and payloads in turn.
    outgoing: VecDeque<Bytes>,
    /// Where the worker lays full frames of rows.
    tray: Tray,
    /// A Ready has come. Nothing but control frames is read before.
    ready: bool,
}

impl Link {
    /// Takes over a connected, non-blocking socket, and the tray that the worker at its other end was given.
    pub fn new(socket: UnixStream, tray: Tray) -> Link {
        Link { socket, buffer: BytesMut::with_capacity(READ_BYTES), outgoing: VecDeque::new(), tray, ready: false }
    }

    /// The next frame and its tag; `None` where the worker closed its end between two frames.
    ///
    /// Cancel-safe: what was read stays for the next call.
    ///
    /// # Errors
    /// The socket failed, or what came is not a frame; nothing can be read after that.
    pub async fn receive(&mut self) -> Result<Option<(u32, Frame)>, LinkError> {
        loop {
            let wanted = match self.pending_header()? {
                Some(header) if self.buffer.len() >= HEADER_LEN + header.length => {
                    self.buffer.advance(HEADER_LEN);
                    let payload = self.buffer.split_to(header.length);
                    let frame = decode(header.kind, payload, &mut self.tray)?;
                    self.ready |= matches!(frame, Frame::Ready(_));
                    return Ok(Some((header.tag, frame)));
                }
                Some(header) => HEADER_LEN + header.length,
                None => HEADER_LEN,
            };
            // Room for the whole frame at once, so that a payload is contiguous without being moved twice.
            self.buffer.reserve(READ_BYTES.max(wanted - self.buffer.len()));
            if self.exchange().await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(None),
                    have => Err(LinkError::Half { have, want: wanted }),
                };
            }
        }
    }

    /// Reads what there is, and writes what is posted until something has come: a worker that does not read before it has
    /// written, and a host that does the same, would wait for each other for ever. Answers how much was read, 0 at the end.
    async fn exchange(&mut self) -> io::Result<usize> {
        while !self.outgoing.is_empty() {
            let (mut reader, writer) = self.socket.split();
            let mut parts = [IoSlice::new(&[]); PARTS_AT_ONCE];
            let filled = self.outgoing.iter().zip(&mut parts).map(|(part, slice)| *slice = IoSlice::new(part)).count();
            let turn = tokio::select! {
                biased;
                ready = writer.writable() => {
                    Turn::Written(ready.and_then(|()| writer.try_write_vectored(&parts[..filled])))
                }
                read = reader.read_buf(&mut self.buffer) => Turn::Read(read),
            };
            match turn {
                Turn::Read(read) => return read,
                Turn::Written(Ok(bytes)) => self.has_left(bytes),
                Turn::Written(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It is gone. What it had to say before comes first.
                Turn::Written(Err(_)) => self.outgoing.clear(),
            }
        }
        self.socket.read_buf(&mut self.buffer).await
    }

    fn has_left(&mut self, mut bytes: usize) {
        while let Some(part) = self.outgoing.front_mut() {
            if part.len() > bytes {
                part.advance(bytes);
                return;
            }
            bytes -= part.len();
            self.outgoing.pop_front();
        }
    }

    /// Puts a frame in line. It leaves while [`receive`](Link::receive) is awaited.
    pub fn post(&mut self, kind: HostKind, tag: u32, payload: Bytes) {
        let header = codec::encode_header(kind as u8, tag, payload.len());
        self.outgoing.extend([Bytes::copy_from_slice(&header), payload]);
    }

    fn pending_header(&self) -> Result<Option<FrameHeader<GuestKind>>, LinkError> {
        let header = self.buffer.first_chunk::<HEADER_LEN>().map(codec::decode_guest_header).transpose()?;
        match header {
            Some(FrameHeader { kind: kind @ (GuestKind::Rows | GuestKind::Outcomes | GuestKind::Tray), .. })
                if !self.ready =>
            {
                Err(LinkError::NotReady(kind))
            }
            header => Ok(header),
        }
    }

    /// Sends a control frame, with descriptors on its first byte.
    ///
    /// # Errors
    /// The socket failed: the worker is gone.
    pub async fn send<T: Serialize>(
        &mut self,
        kind: HostKind,
        tag: u32,
        message: &T,
        fds: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let payload = serde_json::to_vec(message)?;
        self.send_bytes(kind, tag, &payload, fds).await
    }

    /// Sends a frame with this payload.
    ///
    /// # Errors
    /// The socket failed: the worker is gone.
    pub async fn send_bytes(
        &mut self,
        kind: HostKind,
        tag: u32,
        payload: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        // Header and payload go together: a worker that is woken by the header alone would go to sleep once more.
        let header = codec::encode_header(kind as u8, tag, payload.len());
        let mut sent = 0;
        if !fds.is_empty() {
            let parts = [IoSlice::new(&header), IoSlice::new(payload)];
            sent = self.socket.async_io(Interest::WRITABLE, || send_with_fds(&self.socket, &parts, fds)).await?;
        }
        while sent < HEADER_LEN + payload.len() {
            let (header, payload) = (&header[sent.min(HEADER_LEN)..], &payload[sent.saturating_sub(HEADER_LEN)..]);
            match self.socket.write_vectored(&[IoSlice::new(header), IoSlice::new(payload)]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => sent += count,
            }
        }
        Ok(())
    }

    /// Tells the worker that nothing more comes: it ends once it is idle.
    pub async fn finish(&mut self) {
        // It may be gone already; either way it ends.
        let _ = self.socket.shutdown().await;
    }
}

/// What a turn of [`Link::exchange`] did.
enum Turn {
    Written(io::Result<usize>),
    Read(io::Result<usize>),
}

fn send_with_fds(socket: &UnixStream, parts: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one frame"));
    }
    Ok(sendmsg(socket, parts, &mut ancillary, SendFlags::NOSIGNAL)?)
}

fn decode(kind: GuestKind, payload: BytesMut, tray: &mut Tray) -> Result<Frame, LinkError> {
    Ok(match kind {
        GuestKind::Ready => Frame::Ready(ready(json(kind, &payload)?)),
        GuestKind::Refused => {
            let Refused { stage, reason } = json(kind, &payload)?;
            Frame::Refused(Refused { stage, reason: fit(reason) })
        }
        GuestKind::Rows => Frame::Rows(payload),
        GuestKind::Tray => Frame::Rows(tray.take(codec::decode_tray_word(&payload)?)?),
        GuestKind::Log => {
            let Log { level, message } = json(kind, &payload)?;
            Frame::Log(Log { level, message: fit(message) })
        }
        GuestKind::Progress => Frame::Progress(json(kind, &payload)?),
        GuestKind::Done => Frame::Done(done(json(kind, &payload)?)),
        GuestKind::Outcomes => Frame::Outcomes(payload),
    })
}

fn json<T: DeserializeOwned>(kind: GuestKind, payload: &[u8]) -> Result<T, LinkError> {
    // The parser quotes what it stumbles over.
    serde_json::from_slice(payload).map_err(|error| LinkError::Json { kind, reason: fit(error.to_string()) })
}

fn ready(said: Ready) -> Ready {
    let kinds = said.kinds.into_iter().map(fit).collect();
    Ready { name: fit(said.name), version: fit(said.version), kinds, ..said }
}

fn done(said: Done) -> Done {
    let ending = match said.ending {
        Ending::Ok => Ending::Ok,
        Ending::Error { reason } => Ending::Error { reason: fit(reason) },
        Ending::Panic { reason } => Ending::Panic { reason: fit(reason) },
    };
    Done { ending, ..said }
}

/// Fit to be shown, and no longer than a row's reason may be.
fn fit(text: String) -> String {
    match short_line(&text, MAX_REASON) {
        Cow::Borrowed(_) => text,
        Cow::Owned(line) => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tray::SHARED_BYTES;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::OwnedFd;
    use std::sync::Arc;
    use tokio::io::AsyncWriteExt;

    fn memory() -> OwnedFd {
        let memory = memfd_create("tray", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, SHARED_BYTES as u64).unwrap();
        memory
    }

    /// A link, and the worker's end of it.
    fn pair() -> (Link, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Link::new(ours, Tray::new(Arc::new(memory()))), theirs)
    }

    async fn send(to: &mut UnixStream, kind: GuestKind, payload: &[u8]) {
        to.write_all(&codec::encode_header(kind as u8, 0, payload.len())).await.unwrap();
        to.write_all(payload).await.unwrap();
    }

    #[tokio::test]
    async fn rows_before_ready_are_refused_by_their_header_alone() {
        for (kind, length) in [(GuestKind::Rows, 32 << 20), (GuestKind::Outcomes, 32 << 20), (GuestKind::Tray, 4)] {
            let (mut link, mut worker) = pair();
            worker.write_all(&codec::encode_header(kind as u8, 0, length)).await.unwrap();
            let error = link.receive().await.unwrap_err();
            assert!(matches!(error, LinkError::NotReady(refused) if refused == kind), "{error}");
            assert!(error.to_string().len() < 200, "{error}");
            assert!(link.buffer.capacity() <= 2 * READ_BYTES, "room for {} bytes was made", link.buffer.capacity());
        }
    }

    #[tokio::test]
    async fn what_is_posted_leaves_while_the_worker_is_heard() {
        // Far more than the sockets hold, both ways, and a worker that writes an answer before it reads on.
        const FRAMES: usize = 64;
        let (mut link, mut worker) = pair();
        link.ready = true;
        let payload = Bytes::from(vec![7; 128 * 1024]);
        let echo = tokio::spawn(async move {
            let mut header = [0; HEADER_LEN];
            let mut body = vec![0; 128 * 1024];
            for _ in 0..FRAMES {
                worker.read_exact(&mut header).await.unwrap();
                worker.read_exact(&mut body).await.unwrap();
                send(&mut worker, GuestKind::Outcomes, &body).await;
            }
        });
        for _ in 0..FRAMES {
            link.post(HostKind::Deliver, 0, payload.clone());
        }
        for _ in 0..FRAMES {
            let Ok(Some((0, Frame::Outcomes(echoed)))) = link.receive().await else { panic!("no echo") };
            assert_eq!(echoed, payload);
        }
        echo.await.unwrap();
        assert!(matches!(link.receive().await, Ok(None)));
    }

    #[tokio::test]
    async fn the_words_of_control_frames_are_cut() {
        let (mut link, mut worker) = pair();
        let message = "\u{9b}".repeat(MAX_REASON);
        let log = serde_json::to_vec(&Log { level: 3, message: message.clone() }).unwrap();
        send(&mut worker, GuestKind::Log, &log).await;
        let done = Done { ending: Ending::Error { reason: message }, app_nanos: 0, position: 0 };
        send(&mut worker, GuestKind::Done, &serde_json::to_vec(&done).unwrap()).await;
        let Some((_, Frame::Log(Log { message, .. }))) = link.receive().await.unwrap() else { panic!("no log") };
        assert!(message.len() <= MAX_REASON && message.starts_with("\\u{9b}"), "{} bytes", message.len());
        let Some((_, Frame::Done(Done { ending: Ending::Error { reason }, .. }))) = link.receive().await.unwrap()
        else {
            panic!("no end")
        };
        assert!(reason.len() <= MAX_REASON && reason.ends_with('…'), "{} bytes", reason.len());
    }
}
