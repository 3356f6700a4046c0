//! How often a token may ask: so many requests in each [`WINDOW`].

use crate::quota::bucket::{Amount, Bucket};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In which the requests of a token are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Rates that are kept. Where there are more tokens, the half of them that have said nothing for longest begin anew.
const MOST: usize = 10_000;

/// All tokens' rates. Clones share them.
#[derive(Clone)]
pub(super) struct Rates {
    /// Requests of a token in each window.
    pub(super) most: u64,
    began: Instant,
    of: Arc<Mutex<HashMap<String, Rate>>>,
}

struct Rate {
    bucket: Bucket,
    asked: Duration,
}

impl Rates {
    /// So many requests of a token are answered in a window.
    pub(super) fn new(most: u64, now: Instant) -> Rates {
        Rates { most, began: now, of: Arc::default() }
    }

    /// A token asks.
    ///
    /// # Errors
    /// Too often: it may ask again after so long.
    pub(super) fn ask(&self, token: &str, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.began);
        let mut rates = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= MOST && !rates.contains_key(token) {
            let mut asked: Vec<Duration> = rates.values().map(|rate| rate.asked).collect();
            let (_, longest, _) = asked.select_nth_unstable(MOST / 2 - 1);
            let longest = *longest;
            rates.retain(|_, rate| rate.asked > longest);
        }
        let limit = Amount { messages: self.most, bytes: u64::MAX };
        let fresh = || Rate { bucket: Bucket::new(limit, WINDOW), asked: now };
        let rate = rates.entry(token.to_owned()).or_insert_with(fresh);
        rate.asked = now;
        if rate.bucket.allowed(now).is_none() {
            return Err(rate.bucket.next(now).saturating_sub(now));
        }
        rate.bucket.take(now, Amount { messages: 1, bytes: 0 });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_too_often_is_told_when_to_come_again_and_is_answered_then() {
        let began = Instant::now();
        let rates = Rates::new(3, began);
        for _ in 0..3 {
            assert_eq!(rates.ask("one", began), Ok(()));
        }
        let wait = rates.ask("one", began).unwrap_err();
        // What was taken at about the same time comes back with the last of it.
        assert!(wait > Duration::ZERO && wait <= WINDOW + WINDOW / 100, "{wait:?}");
        assert_eq!(rates.ask("other", began), Ok(()));
        assert_eq!(rates.ask("one", began + wait), Ok(()));
    }

    #[test]
    fn where_there_are_too_many_only_those_that_said_nothing_for_longest_begin_anew() {
        let began = Instant::now();
        let rates = Rates::new(1, began);
        let at = |millis: u64| began + Duration::from_millis(millis);
        assert_eq!(rates.ask("first", at(0)), Ok(()));
        for number in 1..MOST as u64 {
            assert_eq!(rates.ask(&number.to_string(), at(number / 10)), Ok(()));
        }
        // It asks all the time.
        assert!(rates.ask("first", at(1_100)).is_err());
        assert_eq!(rates.ask("one more", at(1_100)), Ok(()));
        assert!(rates.ask("first", at(1_200)).is_err(), "who asks all the time is not forgotten");
        assert!(rates.ask("9999", at(1_200)).is_err());
        assert_eq!(rates.ask("1", at(1_200)), Ok(()));
        assert!(rates.of.lock().unwrap().len() <= MOST / 2 + 2);
    }
}
