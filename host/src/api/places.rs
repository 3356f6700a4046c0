//! The places of connections: at most so many at once, and those that do nothing make room.
//!
//! A connection is at work while it has a request under way whose sender is known ([`guard`](super::guard)); strangers' never
//! are. Where all places are taken, the one that has been idle for longest is closed for the newcomer: ten thousand who only
//! hold a connection keep nobody out, and whoever was closed connects again when it has something to ask. A request that
//! comes in that very moment is lost, as on every connection that its server closes. Where all are at work, there is no place.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// All of them. Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    most: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    /// Numbers connections, and the moments at which they became idle.
    next: u64,
    by: HashMap<u64, Sitter>,
    /// Who is idle, by since when.
    idle: BTreeMap<u64, u64>,
}

/// A connection that has a place.
struct Sitter {
    under_way: usize,
    idle_since: u64,
    unseated: CancellationToken,
}

/// A place that is taken; free again when this is dropped.
pub(super) struct Place {
    places: Places,
    number: u64,
    unseated: CancellationToken,
}

/// A request that is under way on a connection, until this is dropped.
pub(super) struct UnderWay {
    places: Places,
    number: u64,
}

impl Places {
    pub(super) fn new(most: usize) -> Places {
        Places { most, taken: Arc::default() }
    }

    /// A place for a connection; `None` where all are at work.
    pub(super) fn take(&self) -> Option<Place> {
        let mut taken = self.lock();
        if taken.by.len() >= self.most {
            let (_, longest) = taken.idle.pop_first()?;
            if let Some(sitter) = taken.by.remove(&longest) {
                sitter.unseated.cancel();
            }
        }
        let number = taken.moment();
        let unseated = CancellationToken::new();
        taken.by.insert(number, Sitter { under_way: 0, idle_since: number, unseated: unseated.clone() });
        taken.idle.insert(number, number);
        Some(Place { places: self.clone(), number, unseated })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn moment(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Place {
    /// A request begins.
    pub(super) fn begin(&self) -> UnderWay {
        let mut taken = self.places.lock();
        let Taken { by, idle, .. } = &mut *taken;
        if let Some(sitter) = by.get_mut(&self.number) {
            sitter.under_way += 1;
            idle.remove(&sitter.idle_since);
        }
        UnderWay { places: self.places.clone(), number: self.number }
    }

    /// Comes when the place is needed for somebody else.
    pub(super) async fn unseated(&self) {
        self.unseated.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(sitter) = taken.by.remove(&self.number) {
            taken.idle.remove(&sitter.idle_since);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let moment = taken.moment();
        let Taken { by, idle, .. } = &mut *taken;
        let Some(sitter) = by.get_mut(&self.number) else { return };
        sitter.under_way -= 1;
        if sitter.under_way == 0 {
            sitter.idle_since = moment;
            idle.insert(moment, self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_unseated(place: &Place) -> bool {
        place.unseated.is_cancelled()
    }

    #[test]
    fn whoever_was_idle_for_longest_makes_room_and_nobody_at_work_does() {
        let places = Places::new(3);
        let take = || places.take().unwrap();
        let (busy, idle, returned) = (take(), take(), take());
        let under_way = busy.begin();
        drop(returned.begin());
        let first = take();
        assert_eq!([&busy, &idle, &returned].map(is_unseated), [false, true, false]);
        // It leaves later than its place was given away.
        drop(idle.begin());
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
            let under_way = [place.begin(), place.begin()];
            assert!(places.take().is_none());
            drop(place);
            drop(under_way);
        }
        let taken = places.lock();
        assert!(taken.by.is_empty() && taken.idle.is_empty());
    }
}
