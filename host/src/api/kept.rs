//! What is known of the requests that carried an `Idempotency-Key`: which were done, and what they were answered.
//!
//! Each caller has a map of its own, so that nobody's keys cost anybody else time, and of each no more is kept than
//! [`MAX_KEYS`] keys and [`BYTES`] of answers. Where answers are too many bytes the oldest go first, and their keys stay: that a
//! request was done is known for longer than what it was answered, so it is not done a second time. Only where keys are too
//! many, or [`KEPT`] is over, are they forgotten. Pure: the time is an argument.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use blake3::Hash;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a request that was done is known.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Keys of one caller that are known, besides those of requests under way.
const MAX_KEYS: usize = 500;
/// Bytes of answers that are kept for one caller.
const BYTES: usize = 4 << 20;
/// How often all callers' keys are looked through for those that are over.
const SWEEP: Duration = Duration::from_secs(3_600);

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Of its headers, those that are part of what it says.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is left of a request that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Its answer.
    Answer(Answer),
    /// Nothing: its answer was too large, or others took its place.
    Nothing,
    /// Nothing, since its answer is nobody's to see again. The sentence says what to do.
    Secret(&'static str),
}

impl Left {
    fn bytes(&self) -> usize {
        match self {
            Left::Answer(answer) => answer.body.len(),
            Left::Nothing | Left::Secret(_) => 0,
        }
    }
}

/// Where a key stands.
pub(super) enum Begun {
    /// It is this request's now.
    Taken(Taken),
    /// Its first request is under way.
    UnderWay,
    /// It was used for another request.
    Another,
    /// Its request was done; `body` is the hash of what it sent, where that was read as a whole.
    Done { body: Option<Hash>, left: Left },
}

/// The keys of all callers. Clones share them.
#[derive(Clone)]
pub(super) struct Kept(Arc<Mutex<All>>);

struct All {
    swept: Instant,
    of: HashMap<String, Arc<Mutex<Own>>>,
}

/// The keys of one caller.
#[derive(Default)]
struct Own {
    entries: HashMap<String, Entry>,
    /// Keys whose requests were done, the oldest first.
    done: VecDeque<(Instant, String)>,
    /// Of the answers among the entries.
    bytes: usize,
}

struct Entry {
    /// BLAKE3 of method and address.
    asked: Hash,
    body: Option<Hash>,
    /// `None` while it is under way.
    left: Option<Left>,
}

/// A key that is held by a request under way. Dropped before it is [`settled`](Taken::settle), it is given back: the request was
/// cut off, or was not done and may be tried again.
pub(super) struct Taken {
    own: Arc<Mutex<Own>>,
    key: Option<String>,
}

impl Kept {
    pub(super) fn new(now: Instant) -> Kept {
        Kept(Arc::new(Mutex::new(All { swept: now, of: HashMap::new() })))
    }

    /// A request of a caller with this key begins.
    pub(super) fn begin(&self, whose: &str, key: &str, asked: Hash, now: Instant) -> Begun {
        let own = self.own(whose, now);
        let mut held = lock(&own);
        held.forget_old(now);
        match held.entries.get(key) {
            None => {}
            Some(entry) if entry.asked != asked => return Begun::Another,
            Some(Entry { left: None, .. }) => return Begun::UnderWay,
            Some(Entry { left: Some(left), body, .. }) => return Begun::Done { body: *body, left: left.clone() },
        }
        held.entries.insert(key.to_owned(), Entry { asked, body: None, left: None });
        drop(held);
        Begun::Taken(Taken { own, key: Some(key.to_owned()) })
    }

    fn own(&self, whose: &str, now: Instant) -> Arc<Mutex<Own>> {
        let mut all = lock(&self.0);
        if now.saturating_duration_since(all.swept) >= SWEEP {
            all.swept = now;
            // Of whoever is held elsewhere just now a request may begin.
            all.of.retain(|_, own| Arc::strong_count(own) > 1 || lock(own).is_left(now));
        }
        Arc::clone(all.of.entry(whose.to_owned()).or_default())
    }
}

impl Own {
    fn is_left(&mut self, now: Instant) -> bool {
        self.forget_old(now);
        !self.entries.is_empty()
    }

    fn forget_old(&mut self, now: Instant) {
        while self.done.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) > KEPT) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.done.pop_front() else { return };
        self.bytes -= self.entries.remove(&key).and_then(|entry| entry.left).map_or(0, |left| left.bytes());
    }

    fn settle(&mut self, key: String, body: Option<Hash>, left: Left, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        self.bytes += left.bytes();
        (entry.body, entry.left) = (body, Some(left));
        self.done.push_back((now, key));
        while self.done.len() > MAX_KEYS {
            self.forget_oldest();
        }
        for (_, key) in &self.done {
            if self.bytes <= BYTES {
                break;
            }
            let Some(Entry { left: Some(left), .. }) = self.entries.get_mut(key) else { continue };
            if let Left::Answer(answer) = left {
                self.bytes -= answer.body.len();
                *left = Left::Nothing;
            }
        }
    }
}

impl Taken {
    /// The request was done; `body` is the hash of what it sent, where that was read as a whole.
    pub(super) fn settle(mut self, body: Option<Hash>, left: Left, now: Instant) {
        if let Some(key) = self.key.take() {
            lock(&self.own).settle(key, body, left, now);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&self.own).entries.remove(&key);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Left {
        Left::Answer(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![b'x'; bytes].into() })
    }

    fn asked(text: &str) -> Hash {
        blake3::hash(text.as_bytes())
    }

    /// Has a request done that sends nothing.
    fn done(kept: &Kept, whose: &str, key: &str, left: Left, now: Instant) {
        match kept.begin(whose, key, asked("POST /a"), now) {
            Begun::Taken(taken) => taken.settle(None, left, now),
            _ => panic!("{key} is taken already"),
        }
    }

    /// What is left under a key; `None` where it is not known.
    fn left(kept: &Kept, whose: &str, key: &str, now: Instant) -> Option<Left> {
        match kept.begin(whose, key, asked("POST /a"), now) {
            Begun::Done { left, .. } => Some(left),
            Begun::Taken(_) => None,
            Begun::UnderWay | Begun::Another => panic!("{key} is no request that was done"),
        }
    }

    #[test]
    fn a_key_is_held_while_its_request_is_under_way_and_given_back_where_nothing_was_done() {
        let now = Instant::now();
        let kept = Kept::new(now);
        let Begun::Taken(taken) = kept.begin("one", "k", asked("POST /a"), now) else { panic!("it is taken") };
        assert!(matches!(kept.begin("one", "k", asked("POST /a"), now), Begun::UnderWay));
        assert!(matches!(kept.begin("one", "k", asked("POST /b"), now), Begun::Another));
        assert_eq!(left(&kept, "other", "k", now), None, "keys are a caller's own");
        drop(taken);
        done(&kept, "one", "k", answer(3), now);
        assert_eq!(left(&kept, "one", "k", now), Some(answer(3)));
        assert!(matches!(kept.begin("one", "k", asked("POST /b"), now), Begun::Another));
    }

    #[test]
    fn where_answers_are_too_many_bytes_the_oldest_go_and_that_they_were_given_stays_known() {
        let now = Instant::now();
        let kept = Kept::new(now);
        for number in 0..6 {
            done(&kept, "one", &number.to_string(), answer(1 << 20), now);
        }
        done(&kept, "other", "0", answer(1 << 20), now);
        for number in 0..6 {
            let expected = if number < 2 { Left::Nothing } else { answer(1 << 20) };
            assert_eq!(left(&kept, "one", &number.to_string(), now), Some(expected), "{number}");
        }
        assert_eq!(left(&kept, "other", "0", now), Some(answer(1 << 20)));
        assert_eq!(lock(&kept.own("one", now)).bytes, BYTES);
    }

    #[test]
    fn where_keys_are_too_many_the_oldest_are_forgotten() {
        let now = Instant::now();
        let kept = Kept::new(now);
        for number in 0..MAX_KEYS + 2 {
            done(&kept, "one", &number.to_string(), answer(1), now);
        }
        assert_eq!(left(&kept, "one", "1", now), None);
        assert_eq!(left(&kept, "one", "2", now), Some(answer(1)));
        let own = kept.own("one", now);
        let own = lock(&own);
        assert_eq!((own.entries.len(), own.bytes), (MAX_KEYS, MAX_KEYS));
    }

    #[test]
    fn after_a_day_nothing_is_left_of_anybody() {
        let now = Instant::now();
        let kept = Kept::new(now);
        done(&kept, "one", "k", answer(1), now);
        done(&kept, "other", "k", Left::Secret("shown once"), now);
        assert_eq!(left(&kept, "one", "k", now + KEPT), Some(answer(1)));
        let later = now + KEPT + Duration::from_secs(1);
        assert_eq!(left(&kept, "one", "k", later), None);
        let Begun::Taken(_taken) = kept.begin("third", "k", asked("POST /a"), later + SWEEP) else {
            panic!("it is taken")
        };
        assert_eq!(lock(&kept.0).of.keys().collect::<Vec<_>>(), ["third"]);
    }
}
