//! Workers are scarce: at most so many processes work on streams, and those that wait for one take turns.
//!
//! A stream holds a permit while it has a worker. Where somebody waits, a worker that has nothing to do goes at once, and one
//! that is busy goes after a [`TURN`], between two batches; whoever has waited longest comes next. Where nobody waits nobody
//! is disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How long a worker may be kept busy while others wait for one.
pub const TURN: Duration = Duration::from_millis(500);

/// See the module. Clones share them.
#[derive(Clone, Debug)]
pub struct Permits {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    wish: Arc<Notify>,
}

/// The right to have a worker.
#[derive(Debug)]
pub struct Permit {
    _held: OwnedSemaphorePermit,
    since: Instant,
}

/// Counts one who waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Permits {
    /// So many workers.
    pub fn new(workers: usize) -> Permits {
        Permits { free: Arc::new(Semaphore::new(workers)), waiting: Arc::default(), wish: Arc::default() }
    }

    /// Waits for a permit; first come, first served. Cancel-safe.
    pub async fn take(&self) -> Permit {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if self.free.available_permits() == 0 {
            self.wish.notify_waiters();
        }
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(held) => Permit { _held: held, since: Instant::now() },
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Hears when somebody begins to wait, from this call on. Ask [`are_wanted`](Permits::are_wanted) after it, not before.
    pub fn wish(&self) -> Notified<'_> {
        self.wish.notified()
    }

    /// Somebody waits.
    pub fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// This one has had its turn, and somebody waits.
    pub fn is_over(&self, permit: &Permit) -> bool {
        self.are_wanted() && permit.since.elapsed() >= TURN
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    #[tokio::test]
    async fn whoever_has_waited_longest_comes_next() {
        let permits = Permits::new(1);
        let first = permits.take().await;
        assert!(!permits.are_wanted());
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..3 {
            let (mine, told) = (permits.clone(), told.clone());
            let waits = tokio::spawn(async move {
                let _held = mine.take().await;
                told.send(number).unwrap();
            });
            while permits.waiting.load(Ordering::Relaxed) <= number {
                tokio::task::yield_now().await;
            }
            drop(waits);
        }
        assert!(permits.are_wanted());
        drop(first);
        for number in 0..3 {
            assert_eq!(order.recv().await, Some(number));
        }
        permits.take().await;
        assert!(!permits.are_wanted());
    }

    #[tokio::test]
    async fn whoever_has_one_hears_that_others_wait() {
        let permits = Permits::new(1);
        let held = permits.take().await;
        let wish = permits.wish();
        assert!(!permits.are_wanted());
        let waits = tokio::spawn({
            let permits = permits.clone();
            async move { permits.take().await }
        });
        wish.await;
        assert!(permits.are_wanted());
        drop(held);
        waits.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_goes_away_waits_no_longer() {
        let permits = Permits::new(0);
        let mut waiting = Box::pin(permits.take());
        let poll = |context: &mut std::task::Context<'_>| Poll::Ready(waiting.as_mut().poll(context).is_pending());
        assert!(std::future::poll_fn(poll).await);
        assert!(permits.are_wanted());
        drop(waiting);
        assert!(!permits.are_wanted());
    }
}
