//! One at a time for each key: the changes of a tenant's apps, or of its streams; the probes of a content.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Keys that somebody has or waits for; others cost nothing.
#[derive(Debug)]
pub(crate) struct Turns<K> {
    turns: Mutex<HashMap<K, Weak<Turn<()>>>>,
}

impl<K> Default for Turns<K> {
    fn default() -> Turns<K> {
        Turns { turns: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for the turn of `key`, first come first served; it is over when the guard is dropped.
    pub(crate) async fn of(&self, key: &K) -> OwnedMutexGuard<()> {
        self.turn(key).lock_owned().await
    }

    fn turn(&self, key: &K) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::new(()));
        turns.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_had_by_one_at_a_time_and_forgotten_afterwards() {
        let turns = Turns::default();
        let first = turns.of(&1).await;
        let second = turns.turn(&1);
        assert!(second.try_lock().is_err());
        let other = turns.of(&2).await;
        drop((first, other));
        assert!(second.try_lock().is_ok());
        drop(second);
        drop(turns.of(&3).await);
        assert_eq!(turns.turns.lock().unwrap().len(), 1);
    }
}
