//! How slowly the body of a request may come.
//!
//! While its sender is waited for, it may say nothing for at most `api.patience` at a time; and once it was waited for that long
//! in all, it must have sent [`LEAST`] bytes for each second of that. So a slow line has the time that it needs, and nobody holds
//! a request by a byte now and then. What the host itself takes meanwhile (the disk, the queue) is not counted: time runs from
//! the moment at which the next piece is wanted and not there, until it is.
//!
//! Every body is [`Paced`] before a route sees it, whichever way it is read.

use crate::duration;
use crate::platform::error::ActionError;
use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Bytes that must come in each second of waiting, on average.
const LEAST: u64 = 1_000;

/// How one sender does.
#[derive(Clone, Copy, Debug)]
struct Pace {
    patience: Duration,
    /// In all, until the last piece came.
    waited: Duration,
    bytes: u64,
    /// Since when the next piece is waited for.
    since: Option<Instant>,
}

impl Pace {
    fn new(patience: Duration) -> Pace {
        Pace { patience, waited: Duration::ZERO, bytes: 0, since: None }
    }

    /// The next piece is wanted and not there: until when it may come.
    fn wait(&mut self, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / LEAST);
        let left = self.patience.max(earned).saturating_sub(self.waited);
        since + left.min(self.patience)
    }

    /// It is there, and has so many bytes.
    fn came(&mut self, bytes: u64, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Why it was waited for too long.
    fn too_slow(&self, now: Instant) -> TooSlow {
        let silent = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        match silent >= self.patience {
            true => TooSlow::Silent(self.patience),
            false => TooSlow::Trickles { bytes: self.bytes, waited: self.waited + silent },
        }
    }
}

/// A body that does not come, or too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TooSlow {
    #[error("nothing came for {} (api.patience): the sender is too slow, or gone", duration::exact(*.0))]
    Silent(Duration),
    #[error("{bytes} bytes came in {:.1} s of waiting, and at least {LEAST} must come in a second: send faster", waited.as_secs_f64())]
    Trickles { bytes: u64, waited: Duration },
}

/// That a body came too slowly, where that is why it could not be read.
pub(super) fn too_slow(error: &(dyn Error + 'static)) -> Option<ActionError> {
    slow(error).map(|slow| ActionError::too_slow(format!("the body did not come in time: {slow}")))
}

/// The same error for whoever reads bytes: one that came of a slow sender says so by its kind.
pub(super) fn as_io(error: impl Into<BoxError>) -> io::Error {
    let error = error.into();
    match slow(error.as_ref()) {
        Some(slow) => io::Error::new(io::ErrorKind::TimedOut, slow),
        None => io::Error::other(error),
    }
}

fn slow(error: &(dyn Error + 'static)) -> Option<TooSlow> {
    let mut next = Some(error);
    while let Some(error) = next {
        // What an I/O error is made of is no source of it.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(slow) = error.downcast_ref().or(inner.and_then(|inner| inner.downcast_ref())) {
            return Some(*slow);
        }
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// A body that is held to its pace.
pub(super) struct Paced {
    body: Body,
    pace: Pace,
    /// Until when the next piece may come, while it is waited for.
    until: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) fn new(body: Body, patience: Duration) -> Paced {
        Paced { body, pace: Pace::new(patience), until: None }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let now = Instant::now();
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
            self.pace.came(bytes as u64, now);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let is_new = self.pace.since.is_none();
        let until = self.pace.wait(now);
        let sleep = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if is_new {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Some(Err(self.pace.too_slow(Instant::now()).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_stream::StreamExt as _;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A sender whose pieces come after so much waiting each.
    fn sent(pieces: &[(u64, u64)]) -> (Pace, Instant) {
        let (mut pace, mut now) = (Pace::new(PATIENCE), Instant::now());
        for (waited, bytes) in pieces {
            pace.wait(now);
            now += seconds(*waited);
            pace.came(*bytes, now);
        }
        (pace, now)
    }

    #[test]
    fn whoever_says_nothing_has_the_patience_and_no_more_however_much_came_before() {
        let (mut pace, now) = sent(&[(1, 1 << 30)]);
        assert_eq!(pace.wait(now), now + PATIENCE);
        // It is asked again meanwhile: that is the same wait.
        assert_eq!(pace.wait(now + seconds(20)), now + PATIENCE);
        assert_eq!(pace.too_slow(now + PATIENCE), TooSlow::Silent(PATIENCE));
    }

    #[test]
    fn after_the_first_patience_so_many_bytes_must_have_come_for_each_second_of_waiting() {
        let (mut pace, now) = sent(&[(10, 1), (10, 1), (9, 1)]);
        assert_eq!(pace.wait(now), now + seconds(1), "a byte now and then is no pace");
        let told = TooSlow::Trickles { bytes: 3, waited: PATIENCE };
        assert_eq!(pace.too_slow(now + seconds(1)), told);
        assert_eq!(
            told.to_string(),
            "3 bytes came in 30.0 s of waiting, and at least 1000 must come in a second: send faster"
        );
        let (mut pace, now) = sent(&[(20, 20 * LEAST), (20, 20 * LEAST), (1, 10 * LEAST)]);
        assert_eq!(pace.wait(now), now + seconds(50 - 41));
        let (mut pace, now) = sent(&[(31, LEAST)]);
        assert_eq!(pace.wait(now), now, "it is over");
    }

    #[test]
    fn what_the_host_takes_is_not_counted() {
        let (mut pace, now) = sent(&[(10, 1)]);
        // An hour passes before more is wanted.
        let later = now + seconds(3_600);
        assert_eq!(pace.wait(later), later + seconds(20));
        pace.came(0, later);
        pace.came(0, later + seconds(3_600));
        assert_eq!(pace.waited, seconds(10));
    }

    /// What became of a body whose pieces come so far apart, of a sender who may say nothing for a moment.
    async fn read(pieces: &'static [(u64, &'static str)], host_takes: Duration) -> Result<usize, String> {
        let pieces = futures_util::stream::unfold(pieces, |left| async move {
            let ((wait, piece), left) = left.split_first()?;
            match wait {
                0 => {}
                _ => tokio::time::sleep(Duration::from_millis(*wait)).await,
            }
            Some((Ok::<_, io::Error>(*piece), left))
        });
        let paced = Paced::new(Body::from_stream(pieces), Duration::from_millis(50));
        let (mut body, mut bytes) = (Body::new(paced).into_data_stream(), 0);
        while let Some(piece) = body.next().await {
            bytes += piece.map_err(|error| too_slow(&as_io(error)).map_or("another".to_owned(), |e| e.sentence))?.len();
            tokio::time::sleep(host_takes).await;
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn a_body_ends_where_its_sender_is_too_slow_and_not_where_the_host_is() {
        assert_eq!(read(&[(0, "a"), (0, "b"), (0, "c")], Duration::from_millis(80)).await, Ok(3));
        assert_eq!(
            read(&[(0, "a"), (3_600_000, "b")], Duration::ZERO).await.unwrap_err(),
            "the body did not come in time: nothing came for 50ms (api.patience): the sender is too slow, or gone"
        );
        // None is late, and all of them are.
        let trickle = read(&[(20, "a"), (20, "b"), (20, "c"), (20, "d")], Duration::ZERO).await.unwrap_err();
        assert!(trickle.starts_with("the body did not come in time: "), "{trickle}");
    }
}
