//! What one token may have under way at once: so many requests, and so many bytes of bodies that are held in memory. So none
//! takes all places of the port, nor the host's memory.

use super::asks::LARGEST;
use crate::identity::Caller;
use crate::platform::error::{ActionError, Kind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of one token that change something, at once.
const CHANGING: usize = 64;
/// Bytes of bodies of one token that are held as a whole, at once: two of the largest.
const BYTES: u64 = 2 * LARGEST as u64;

/// Bytes of an answer that does not count.
const SMALL: u64 = 64 << 10;

/// All tokens' requests. Clones share them.
#[derive(Clone)]
pub(super) struct Shares {
    /// Requests of one token at once, of all kinds.
    most: usize,
    of: Arc<Mutex<HashMap<String, Held>>>,
}

#[derive(Clone, Copy, Default)]
struct Held {
    all: usize,
    changing: usize,
    bytes: u64,
}

/// A request that is under way, until this is dropped.
pub(super) struct Turn {
    shares: Shares,
    token: String,
    changes: bool,
    bytes: AtomicU64,
}

impl Shares {
    /// Of a port with so many places for connections, of which one token may have a quarter.
    pub(super) fn new(connections: usize) -> Shares {
        Shares { most: (connections / 4).max(1), of: Arc::default() }
    }

    /// A request of a caller begins, which `changes` something or not. A caller without a token is the operator of this
    /// machine, whom nothing is shared with.
    ///
    /// # Errors
    /// Too many are under way already.
    pub(super) fn begin(&self, caller: &Caller, changes: bool) -> Result<Option<Turn>, ActionError> {
        let Some(token) = &caller.token else { return Ok(None) };
        let mut of = self.lock();
        let held = of.get(token).copied().unwrap_or_default();
        if held.all >= self.most {
            return Err(too_many(&format!("{} requests of this token", held.all)));
        }
        if changes && held.changing >= CHANGING {
            return Err(too_many(&format!("{CHANGING} requests of this token that change something")));
        }
        let (all, changing) = (held.all + 1, held.changing + usize::from(changes));
        of.insert(token.clone(), Held { all, changing, ..held });
        Ok(Some(Turn { shares: self.clone(), token: token.clone(), changes, bytes: AtomicU64::new(0) }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// An answer of so many bytes is held in memory until its client has read it.
    ///
    /// # Errors
    /// It is large, and the token has too many such already.
    pub(super) fn hold_answer(&self, bytes: u64) -> Result<(), ActionError> {
        if bytes > SMALL { self.hold(bytes) } else { Ok(()) }
    }

    /// So many bytes of a body are held in memory until the turn is over. One body is always allowed.
    ///
    /// # Errors
    /// The token has too many already.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), ActionError> {
        let mut of = self.shares.lock();
        let held = of.entry(self.token.clone()).or_default();
        let is_alone = held.bytes == self.bytes.load(Ordering::Relaxed);
        if !is_alone && held.bytes.saturating_add(bytes) > BYTES {
            return Err(too_many(&format!("bodies and answers of {} bytes of this token", held.bytes)));
        }
        held.bytes += bytes;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

fn too_many(what: &str) -> ActionError {
    let sentence = format!("{what} are under way, and no more are taken at once: wait for one to end");
    ActionError { kind: Kind::TooMany, code: "too_many_at_once", sentence }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut of = self.shares.lock();
        let Some(held) = of.get_mut(&self.token) else { return };
        held.all -= 1;
        held.changing -= usize::from(self.changes);
        held.bytes -= self.bytes.load(Ordering::Relaxed);
        if held.all == 0 {
            of.remove(&self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(token: &str) -> Caller {
        Caller { token: Some(token.to_owned()), ..Caller::local("test") }
    }

    #[test]
    fn a_token_has_a_quarter_of_the_places_and_others_theirs() {
        let shares = Shares::new(16);
        let (one, other) = (caller("one"), caller("other"));
        let mut turns: Vec<_> = (0..4).map(|_| shares.begin(&one, false).unwrap()).collect();
        let refused = shares.begin(&one, true).err().unwrap();
        assert_eq!((refused.kind, refused.code), (Kind::TooMany, "too_many_at_once"));
        assert!(refused.sentence.starts_with("4 requests of this token are under way"), "{}", refused.sentence);
        assert!(shares.begin(&other, true).is_ok());
        turns.pop();
        let _again = shares.begin(&one, true).unwrap();
        assert!(shares.begin(&one, false).is_err());
        drop(turns);
        assert_eq!(shares.lock().len(), 1);
        let local = Caller::local("loopback");
        assert!((0..100).all(|_| matches!(shares.begin(&local, true), Ok(None))));
    }

    #[test]
    fn fewer_change_something_than_look() {
        let shares = Shares::new(100_000);
        let one = caller("one");
        let turns: Vec<_> = (0..CHANGING).map(|_| shares.begin(&one, true).unwrap()).collect();
        let refused = shares.begin(&one, true).err().unwrap();
        assert!(refused.sentence.contains("64 requests of this token that change something"), "{}", refused.sentence);
        assert!(shares.begin(&one, false).is_ok());
        drop(turns);
        assert!(shares.lock().is_empty());
    }

    #[test]
    fn bodies_are_held_up_to_a_sum_and_one_at_least() {
        let shares = Shares::new(100);
        let begin = |token: &str| shares.begin(&caller(token), true).unwrap().unwrap();
        let (first, second, other) = (begin("one"), begin("one"), begin("other"));
        assert!(first.hold(BYTES - 1).is_ok());
        assert!(second.hold(2).is_err() && second.hold(1).is_ok() && other.hold(2 * BYTES).is_ok());
        drop(first);
        let third = begin("one");
        // Alone it holds whatever it has, in however many pieces.
        assert!(second.hold(BYTES - 1).is_ok() && second.hold(1).is_ok() && third.hold(1).is_err());
        drop((second, other, third));
        assert!(shares.lock().is_empty());
    }
}
