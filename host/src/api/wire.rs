//! The bytes of a connection, where HTTP itself does not do what its clients need.
//!
//! - *Its end.* An answer may be given before its request has been read: too large, a stranger's. Were the connection closed then,
//!   what the client sends on would be answered with a reset, and many a client loses the answer by that. So what still comes is
//!   read and thrown away after the answer, for a while and within bounds ([`Lingering`]); the place of the connection is idle
//!   meanwhile, and makes room as any idle one does ([`places`](super::places)).
//! - *What is no request.* Of bytes that are none, hyper answers a status and nothing more. While no request is under way all that
//!   it writes is such an answer: a problem is written in its place.

use super::problem;
use crate::telemetry::metrics::Metrics;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Most bytes that are thrown away after an answer.
const THROWN_AWAY: usize = 256 << 20;
/// How long, at most, and how long where nothing comes.
const LINGERS: Lingers = Lingers { in_all: Duration::from_secs(30), silent: Duration::from_secs(5) };
/// Bytes that are thrown away at once.
const PIECE: usize = 32 << 10;

/// What a connection and the requests on it tell each other. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Exchange(Arc<State>);

#[derive(Default)]
struct State {
    /// A request was read, and its answer is not all written.
    is_open: AtomicBool,
    /// All of its answer is with hyper.
    is_given: AtomicBool,
    /// More may come that nobody will read.
    is_left: AtomicBool,
}

impl Exchange {
    /// A request was read: its body.
    pub(super) fn begin(&self, body: Incoming) -> Body {
        // Whatever was left of the one before has been read after all.
        self.0.is_left.store(false, Ordering::Relaxed);
        self.0.is_given.store(false, Ordering::Relaxed);
        self.0.is_open.store(true, Ordering::Relaxed);
        Body::new(Asked { body, is_whole: false, exchange: self.clone() })
    }

    /// Its answer.
    pub(super) fn answer(&self, response: Response) -> Response {
        super::held::held(response, Answering(self.clone()))
    }
}

/// An answer that is under way.
struct Answering(Exchange);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.is_given.store(true, Ordering::Relaxed);
    }
}

/// The body of a request, of which it is known whether it was read to its end.
struct Asked {
    body: Incoming,
    is_whole: bool,
    exchange: Exchange,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.is_whole |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_whole && !self.body.is_end_stream() {
            self.exchange.0.is_left.store(true, Ordering::Relaxed);
        }
    }
}

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    exchange: Exchange,
    metrics: Metrics,
    /// What is written in the place of hyper's answer, and how much of it was.
    instead: Option<(String, usize)>,
    lingers: Lingers,
    lingering: Option<Lingering>,
}

/// How long a connection is kept after its answer.
#[derive(Clone, Copy)]
struct Lingers {
    in_all: Duration,
    silent: Duration,
}

/// A connection whose answer is given, while it is not closed yet.
struct Lingering {
    end: Instant,
    /// Comes where nothing has come for too long, or at the end.
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Lingering {
    fn begin(Lingers { in_all, silent }: Lingers) -> Lingering {
        let now = Instant::now();
        let until = Box::pin(tokio::time::sleep_until(now + silent.min(in_all)));
        Lingering { end: now + in_all, until, left: THROWN_AWAY }
    }
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, exchange: Exchange, metrics: Metrics) -> Wire<S> {
        Wire { stream, exchange, metrics, instead: None, lingers: LINGERS, lingering: None }
    }

    /// Whether this is hyper's own answer to what is no request; another one takes its place.
    fn replaces(&mut self, written: &[u8]) -> bool {
        if self.exchange.0.is_open.load(Ordering::Relaxed) || self.instead.is_some() {
            return self.instead.is_some();
        }
        let status = written.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let Some(status) = status.and_then(|status| StatusCode::from_bytes(status).ok()) else { return false };
        self.metrics.turned_away(status.as_u16());
        self.exchange.0.is_left.store(true, Ordering::Relaxed);
        self.instead = Some((problem::no_request(status), 0));
        true
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((text, written)) = &mut self.instead {
            while let Some(rest) = text.as_bytes().get(*written..).filter(|rest| !rest.is_empty()) {
                match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    more => *written += more,
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.replaces(bytes) {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.replaces(pieces.first().map_or(&[], |first| first)) {
            true => Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum())),
            false => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // All that was written is on its way; what is written next is another answer.
        if self.exchange.0.is_given.load(Ordering::Relaxed) {
            self.exchange.0.is_open.store(false, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(self.poll_instead(context))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.exchange.0.is_left.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let Wire { stream, lingering, lingers, .. } = &mut *self;
        let Lingering { end, until, left } = lingering.get_or_insert_with(|| Lingering::begin(*lingers));
        let mut piece = vec![0; PIECE];
        loop {
            if until.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut into = ReadBuf::new(&mut piece);
            // Whatever goes wrong now, the answer is given.
            let Ok(()) = ready!(Pin::new(&mut *stream).poll_read(context, &mut into)) else {
                return Poll::Ready(Ok(()));
            };
            let bytes = into.filled().len();
            *left = left.saturating_sub(bytes);
            if bytes == 0 || *left == 0 {
                return Poll::Ready(Ok(()));
            }
            until.as_mut().reset((Instant::now() + lingers.silent).min(*end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn wire() -> (Wire<DuplexStream>, DuplexStream, Exchange) {
        let (own, theirs) = duplex(1 << 10);
        let exchange = Exchange::default();
        (Wire::new(own, exchange.clone(), Metrics::default()), theirs, exchange)
    }

    #[tokio::test]
    async fn what_still_comes_after_an_answer_is_thrown_away_for_a_while() {
        let (mut wire, mut theirs, exchange) = wire();
        exchange.0.is_left.store(true, Ordering::Relaxed);
        let sender = tokio::spawn(async move { theirs.write_all(&vec![b'x'; 1 << 20]).await });
        wire.shutdown().await.unwrap();
        sender.await.unwrap().unwrap();
        assert_eq!(wire.lingering.unwrap().left, THROWN_AWAY - (1 << 20));

        let (mut held, _open, exchange) = self::wire();
        exchange.0.is_left.store(true, Ordering::Relaxed);
        // Its client holds it open, and the test would not end.
        held.lingers.silent = Duration::from_millis(20);
        held.shutdown().await.unwrap();

        let (mut endless, mut theirs, exchange) = self::wire();
        exchange.0.is_left.store(true, Ordering::Relaxed);
        let sender = tokio::spawn(async move { while theirs.write_all(b"x").await.is_ok() {} });
        endless.lingers.in_all = Duration::from_millis(20);
        endless.shutdown().await.unwrap();
        drop(endless);
        sender.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_of_which_all_was_read_is_closed_at_once() {
        let (mut whole, _open, _) = wire();
        whole.lingers.silent = Duration::from_secs(3_600);
        whole.lingers.in_all = Duration::from_secs(3_600);
        whole.shutdown().await.unwrap();
        assert!(whole.lingering.is_none());
    }

    #[tokio::test]
    async fn an_answer_that_no_request_asked_for_is_replaced_and_no_other_is() {
        let (mut wire, mut theirs, exchange) = wire();
        let written = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        exchange.0.is_open.store(true, Ordering::Relaxed);
        wire.write_all(written).await.unwrap();
        drop(Answering(exchange));
        wire.flush().await.unwrap();
        let mut came = vec![0; written.len()];
        theirs.read_exact(&mut came).await.unwrap();
        assert_eq!(came, written);
        wire.write_all(written).await.unwrap();
        wire.flush().await.unwrap();
        drop(wire);
        let mut came = String::new();
        theirs.read_to_string(&mut came).await.unwrap();
        assert!(came.starts_with("HTTP/1.1 431 ") && came.contains("head_too_large"), "{came}");
    }
}
