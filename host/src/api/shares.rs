//! How many requests of one token are under way at once: no token takes all places of the port, nor, with bodies that are
//! held in memory, all memory.

use crate::identity::Caller;
use crate::platform::error::{ActionError, Kind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of one token that change something, at once.
const CHANGING: usize = 64;

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
}

/// A request that is under way, until this is dropped.
pub(super) struct Turn {
    shares: Shares,
    token: String,
    changes: bool,
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
        let (now, most) = if changes { (held.changing, self.most.min(CHANGING)) } else { (held.all, self.most) };
        if now >= most || held.all >= self.most {
            let what = if changes { "requests that change something" } else { "requests" };
            let sentence =
                format!("{now} {what} of this token are under way, and no more are taken: wait for one to end");
            return Err(ActionError { kind: Kind::TooMany, code: "too_many_at_once", sentence });
        }
        of.insert(token.clone(), Held { all: held.all + 1, changing: held.changing + usize::from(changes) });
        Ok(Some(Turn { shares: self.clone(), token: token.clone(), changes }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut of = self.shares.lock();
        let Some(held) = of.get_mut(&self.token) else { return };
        held.all -= 1;
        held.changing -= usize::from(self.changes);
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
        assert!(shares.begin(&one, true).is_err());
        assert!(shares.begin(&one, false).is_ok());
        drop(turns);
        assert!(shares.lock().is_empty());
    }
}
