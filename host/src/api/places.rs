//! The places of connections: at most so many at once, and those that do nothing make room.
//!
//! Where all are taken, the connection on which nothing was under way for longest is closed for the newcomer: ten thousand
//! who only hold a connection keep nobody out, and whoever was closed connects again when it has something to ask. Where each
//! has a request under way, there is no place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// All of them. Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    most: usize,
    opened: Instant,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    by: BTreeMap<u64, Arc<Sitter>>,
}

/// A connection that has a place.
struct Sitter {
    under_way: AtomicUsize,
    /// Microseconds since the places were opened.
    idle_since: AtomicU64,
    unseated: CancellationToken,
}

/// A place that is taken; free again when this is dropped.
pub(super) struct Place {
    places: Places,
    number: u64,
    sitter: Arc<Sitter>,
}

/// A request that is under way on a connection, until this is dropped.
pub(super) struct UnderWay {
    places: Places,
    sitter: Arc<Sitter>,
}

impl Places {
    pub(super) fn new(most: usize) -> Places {
        Places { most, opened: Instant::now(), taken: Arc::default() }
    }

    /// A place for a connection; `None` where each has a request under way.
    pub(super) fn take(&self) -> Option<Place> {
        let mut taken = self.lock();
        if taken.by.len() >= self.most {
            let idle = taken.by.iter().filter(|(_, sitter)| sitter.under_way.load(Ordering::Acquire) == 0);
            let longest = idle.min_by_key(|(_, sitter)| sitter.idle_since.load(Ordering::Relaxed));
            let number = longest.map(|(number, _)| *number)?;
            if let Some(sitter) = taken.by.remove(&number) {
                sitter.unseated.cancel();
            }
        }
        let number = taken.next;
        taken.next += 1;
        let idle_since = AtomicU64::new(self.now());
        let sitter = Sitter { under_way: AtomicUsize::new(0), idle_since, unseated: CancellationToken::new() };
        let sitter = Arc::new(sitter);
        taken.by.insert(number, Arc::clone(&sitter));
        Some(Place { places: self.clone(), number, sitter })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request begins.
    pub(super) fn begin(&self) -> UnderWay {
        self.sitter.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay { places: self.places.clone(), sitter: Arc::clone(&self.sitter) }
    }

    /// Comes when the place is needed for somebody else.
    pub(super) async fn unseated(&self) {
        self.sitter.unseated.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().by.remove(&self.number);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.sitter.idle_since.store(self.places.now(), Ordering::Relaxed);
        self.sitter.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_unseated(place: &Place) -> bool {
        place.sitter.unseated.is_cancelled()
    }

    #[test]
    fn whoever_was_idle_for_longest_makes_room_and_nobody_with_a_request_does() {
        let places = Places::new(3);
        let take = || places.take().unwrap();
        let (busy, idle, returned) = (take(), take(), take());
        let under_way = busy.begin();
        std::thread::sleep(std::time::Duration::from_millis(1));
        drop(returned.begin());
        let first = take();
        assert_eq!([&busy, &idle, &returned].map(is_unseated), [false, true, false]);
        // It leaves later than its place was given away.
        drop(idle);
        let second = take();
        assert_eq!([&busy, &returned, &first].map(is_unseated), [false, true, false]);
        let _both = [first.begin(), second.begin()];
        assert!(places.take().is_none());
        drop(under_way);
        let third = take();
        assert!(is_unseated(&busy) && !is_unseated(&third));
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let places = Places::new(1);
        for _ in 0..3 {
            let place = places.take().unwrap();
            let _under_way = place.begin();
            assert!(places.take().is_none());
        }
    }
}
