//! The socket of a connection: plain or with TLS, on the runtime that it was made on, with a [`Guard`] before the library.
//!
//! The library takes its sockets from a runtime kit. Ours is tokio's in all but the socket: the library's own TLS would bring a
//! second choice of cryptography with it, and cannot trust one authority alone.

use super::guard::Guard;
use async_rs::Tokio;
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::{DummyIO, Task};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Bytes that are read at once while an unfinished frame waits for its rest.
const PIECE: usize = 16 << 10;

/// What the bytes go through.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// See the module.
pub(super) struct Socket {
    wire: Wire,
    guard: Guard,
    /// An unfinished frame, which the library has not seen.
    unfinished: Vec<u8>,
    /// What it may see, before anything that is read.
    ready: Vec<u8>,
    given: usize,
    /// Where the server's version is noted.
    version: Arc<OnceLock<String>>,
    /// When nobody waits for this connection any more.
    abandoned: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Socket {
    pub(super) fn new(wire: Wire, version: Arc<OnceLock<String>>, abandoned: WaitForCancellationFutureOwned) -> Socket {
        let (guard, abandoned) = (Guard::default(), Box::pin(abandoned));
        Socket { wire, guard, unfinished: Vec::new(), ready: Vec::new(), given: 0, version, abandoned }
    }

    fn receive(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(bytes);
        let received = match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_read(cx, &mut room),
            Wire::Tls(socket) => Pin::new(socket).poll_read(cx, &mut room),
        };
        if received.is_pending() && self.abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(received)?;
        Poll::Ready(Ok(room.filled().len()))
    }

    fn note_version(&self) {
        if let Some(version) = self.guard.version()
            && self.version.get().is_none()
        {
            // Somebody else cannot have noted another one: it is ours alone.
            let _noted = self.version.set(version.to_owned());
        }
    }

    /// Fills `room` with what is ready.
    fn give(&mut self, room: &mut [u8]) -> usize {
        let rest = &self.ready[self.given..];
        let length = rest.len().min(room.len());
        room[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        if self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
        }
        length
    }
}

impl futures_io::AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.ready.is_empty() {
            if this.unfinished.is_empty() {
                // Most of what comes goes through here, and is not copied.
                let received = ready!(this.receive(cx, room))?;
                let good = this.guard.look(&mut room[..received]);
                this.note_version();
                this.unfinished.extend_from_slice(&room[good..received]);
                if good > 0 || received == 0 {
                    return Poll::Ready(Ok(good));
                }
            } else {
                let before = this.unfinished.len();
                let mut bytes = std::mem::take(&mut this.unfinished);
                bytes.resize(before + PIECE, 0);
                let received = this.receive(cx, &mut bytes[before..]);
                bytes.truncate(before + if let Poll::Ready(Ok(received)) = received { received } else { 0 });
                let good = this.guard.look(&mut bytes);
                this.note_version();
                this.unfinished = bytes.split_off(good);
                this.ready = bytes;
                if this.ready.is_empty() && ready!(received)? == 0 {
                    return Poll::Ready(Ok(0));
                }
            }
        }
        Poll::Ready(Ok(this.give(room)))
    }
}

impl futures_io::AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Wire::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Wire::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

/// The runtime that a connection is made on, as the library wants it.
#[derive(Clone, Debug)]
pub(super) struct Kit(Tokio);

impl Kit {
    /// The present one.
    pub(super) fn current() -> Kit {
        Kit(Tokio::current())
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl futures_core::Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(&self, _address: SocketAddr) -> impl Future<Output = io::Result<Socket>> + Send + 'static {
        // Connections are made with a connector of ours, which knows TLS.
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
