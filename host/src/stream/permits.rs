//! Workers are scarce: at most so many processes work on streams, and streams that wait for one take turns.
//!
//! A consumer holds a permit while it has a worker. Where somebody waits, a worker that has nothing to do goes at once, and one
//! that is busy goes after a [`TURN`], between two batches. Next comes the tenant that has fewest permits; of several that whose
//! last turn is longest ago; of its streams, likewise; and of its consumers the one that has waited longest. So a tenant with many
//! streams, or a stream with many consumers, gets no more than one with few. Where nobody waits nobody is disturbed.

use crate::broker::StreamKey;
use crate::tenant::TenantId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

/// How long a worker may be kept busy while others wait for one.
pub const TURN: Duration = Duration::from_millis(500);

/// See the module. Clones share them.
#[derive(Clone, Debug)]
pub struct Permits {
    shared: Arc<Shared>,
}

/// The right to have a worker.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    stream: StreamKey,
    since: Instant,
}

#[derive(Debug)]
struct Shared {
    turns: Mutex<Turns>,
    /// How many wait, for those who only look.
    waiting: AtomicUsize,
    wish: Notify,
}

/// Whose turn it is.
#[derive(Debug)]
struct Turns {
    free: usize,
    /// In the order they came.
    waiting: Vec<Waiter>,
    tenants: BTreeMap<TenantId, Standing>,
    streams: BTreeMap<StreamKey, Standing>,
    /// Numbers for those who wait, and for turns.
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    stream: StreamKey,
    answer: oneshot::Sender<Permit>,
}

/// Permits that a tenant, or a stream, has, and its last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    held: usize,
    last: u64,
}

/// One who waits, for as long as it does.
struct Waiting<'a>(&'a Shared, u64);

impl Permits {
    /// So many workers.
    pub fn new(workers: usize) -> Permits {
        let (tenants, streams) = (BTreeMap::new(), BTreeMap::new());
        let turns = Turns { free: workers, waiting: Vec::new(), tenants, streams, next: 1 };
        let (waiting, wish) = (AtomicUsize::new(0), Notify::new());
        Permits { shared: Arc::new(Shared { turns: Mutex::new(turns), waiting, wish }) }
    }

    /// Waits for a permit, for a consumer of this stream. Cancel-safe.
    pub async fn take(&self, stream: &StreamKey) -> Permit {
        let (answer, answered) = oneshot::channel();
        let number = self.shared.begin(stream.clone(), answer);
        let _waiting = Waiting(&self.shared, number);
        self.shared.grant();
        if self.are_wanted() {
            self.shared.wish.notify_waiters();
        }
        match answered.await {
            Ok(permit) => permit,
            // Nobody forgets one who waits.
            Err(_) => std::future::pending().await,
        }
    }

    /// Hears when somebody begins to wait, from this call on. Ask [`are_wanted`](Permits::are_wanted) after it, not before.
    pub fn wish(&self) -> Notified<'_> {
        self.shared.wish.notified()
    }

    /// Somebody waits.
    pub fn are_wanted(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) > 0
    }

    /// This one has had its turn, and somebody waits.
    pub fn is_over(&self, permit: &Permit) -> bool {
        self.are_wanted() && permit.since.elapsed() >= TURN
    }
}

impl Shared {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more waits. Answers its number.
    fn begin(&self, stream: StreamKey, answer: oneshot::Sender<Permit>) -> u64 {
        let mut turns = self.turns();
        let number = turns.number();
        turns.waiting.push(Waiter { number, stream, answer });
        self.waiting.store(turns.waiting.len(), Ordering::Relaxed);
        number
    }

    /// Gives what is free to those whose turn it is.
    fn grant(self: &Arc<Self>) {
        loop {
            let mut turns = self.turns();
            let Some(Waiter { stream, answer, .. }) = turns.take() else { return };
            self.waiting.store(turns.waiting.len(), Ordering::Relaxed);
            drop(turns);
            // To one who has gone away meanwhile it is not given, and comes back as it is dropped.
            let _gone = answer.send(Permit { shared: Arc::clone(self), stream, since: Instant::now() });
        }
    }
}

impl Turns {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The next one who is given a permit, where one is free.
    fn take(&mut self) -> Option<Waiter> {
        if self.free == 0 {
            return None;
        }
        let standing = |Waiter { stream, .. }: &Waiter| {
            let tenant = self.tenants.get(&stream.tenant).copied().unwrap_or_default();
            (tenant, self.streams.get(stream).copied().unwrap_or_default())
        };
        let (place, _) = self.waiting.iter().enumerate().min_by_key(|(place, waiter)| (standing(waiter), *place))?;
        let waiter = self.waiting.remove(place);
        self.free -= 1;
        let turn = self.number();
        let tenant = self.tenants.entry(waiter.stream.tenant.clone()).or_default();
        let stream = self.streams.entry(waiter.stream.clone()).or_default();
        for standing in [tenant, stream] {
            *standing = Standing { held: standing.held + 1, last: turn };
        }
        Some(waiter)
    }

    fn give_back(&mut self, stream: &StreamKey) {
        self.free += 1;
        let (tenant, stream) = (self.tenants.get_mut(&stream.tenant), self.streams.get_mut(stream));
        for standing in [tenant, stream].into_iter().flatten() {
            standing.held = standing.held.saturating_sub(1);
        }
        // Where nobody waits, nobody's last turn matters.
        if self.waiting.is_empty() {
            self.tenants.retain(|_, standing| standing.held > 0);
            self.streams.retain(|_, standing| standing.held > 0);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.turns().give_back(&self.stream);
        self.shared.grant();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut turns = self.0.turns();
        turns.waiting.retain(|waiter| waiter.number != self.1);
        self.0.waiting.store(turns.waiting.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;
    use tokio::sync::mpsc;

    /// Of this tenant, or of acme.
    fn stream(name: &str) -> StreamKey {
        let key = if name.contains('/') { name.to_owned() } else { format!("acme/{name}") };
        key.parse().unwrap()
    }

    /// Has one wait that says its name when it comes to its turn, which is short.
    async fn waits(permits: &Permits, name: &'static str, told: &mpsc::UnboundedSender<&'static str>) {
        let (mine, told) = (permits.clone(), told.clone());
        let before = permits.shared.waiting.load(Ordering::Relaxed);
        tokio::spawn(async move {
            let _held = mine.take(&stream(name)).await;
            told.send(name).unwrap();
        });
        while permits.shared.waiting.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn whoever_has_waited_longest_comes_next() {
        let permits = Permits::new(1);
        let first = permits.take(&stream("first")).await;
        assert!(!permits.are_wanted());
        let (told, mut order) = mpsc::unbounded_channel();
        for name in ["a", "b", "c"] {
            waits(&permits, name, &told).await;
        }
        assert!(permits.are_wanted());
        drop(first);
        for name in ["a", "b", "c"] {
            assert_eq!(order.recv().await, Some(name));
        }
        permits.take(&stream("a")).await;
        assert!(!permits.are_wanted());
    }

    #[tokio::test]
    async fn a_tenant_with_many_streams_gets_no_more_turns_than_one_with_few() {
        let permits = Permits::new(1);
        let first = permits.take(&stream("many/a")).await;
        let (told, mut order) = mpsc::unbounded_channel();
        for name in ["many/b", "many/c", "many/d", "few/a", "few/b", "one/a"] {
            waits(&permits, name, &told).await;
        }
        drop(first);
        for name in ["few/a", "one/a", "many/b", "few/b", "many/c", "many/d"] {
            assert_eq!(order.recv().await, Some(name));
        }
    }

    #[tokio::test]
    async fn a_stream_with_many_consumers_gets_no_more_turns_than_one_with_few() {
        let permits = Permits::new(1);
        let first = permits.take(&stream("many")).await;
        let (told, mut order) = mpsc::unbounded_channel();
        for name in ["many", "many", "many", "few", "few", "one"] {
            waits(&permits, name, &told).await;
        }
        drop(first);
        for name in ["few", "one", "many", "few", "many", "many"] {
            assert_eq!(order.recv().await, Some(name));
        }
    }

    #[tokio::test]
    async fn a_stream_that_has_none_comes_before_one_that_has_some() {
        let permits = Permits::new(2);
        let held = permits.take(&stream("has")).await;
        let other = permits.take(&stream("other")).await;
        let (told, mut order) = mpsc::unbounded_channel();
        waits(&permits, "has", &told).await;
        waits(&permits, "new", &told).await;
        drop(other);
        assert_eq!(order.recv().await, Some("new"));
        assert_eq!(order.recv().await, Some("has"));
        drop(held);
    }

    #[tokio::test]
    async fn whoever_has_one_hears_that_others_wait() {
        let permits = Permits::new(1);
        let held = permits.take(&stream("a")).await;
        let wish = permits.wish();
        assert!(!permits.are_wanted());
        let waits = tokio::spawn({
            let permits = permits.clone();
            async move { permits.take(&stream("b")).await }
        });
        wish.await;
        assert!(permits.are_wanted());
        drop(held);
        waits.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_goes_away_waits_no_longer() {
        let permits = Permits::new(1);
        let held = permits.take(&stream("a")).await;
        let key = stream("b");
        let mut waiting = Box::pin(permits.take(&key));
        let poll = |context: &mut std::task::Context<'_>| Poll::Ready(waiting.as_mut().poll(context).is_pending());
        assert!(std::future::poll_fn(poll).await);
        assert!(permits.are_wanted());
        // Given and not taken: it is there for the next.
        drop(held);
        drop(waiting);
        assert!(!permits.are_wanted());
        permits.take(&stream("c")).await;
    }
}
