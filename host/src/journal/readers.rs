//! Who may read just now. Reading takes a thread, and a page of events megabytes: whoever asks for many at once waits for their
//! own, and holds up nobody else.

use super::place::Scope;
use crate::turns::Turns;
use std::sync::Arc;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Journals of tenants that are read at the same time.
const SEATS: usize = 4;

/// Each journal is read by one at a time, and of tenants' journals [`SEATS`] at once.
#[derive(Debug)]
pub(super) struct Readers {
    turns: Turns<Scope>,
    seats: Arc<Semaphore>,
}

/// Held while something is read.
#[derive(Debug)]
pub(super) struct Reading {
    _turn: OwnedMutexGuard<()>,
    _seat: Option<OwnedSemaphorePermit>,
}

impl Default for Readers {
    fn default() -> Readers {
        Readers { turns: Turns::default(), seats: Arc::new(Semaphore::new(SEATS)) }
    }
}

impl Readers {
    /// Waits until this journal may be read.
    pub(super) async fn of(&self, scope: &Scope) -> Reading {
        let turn = self.turns.of(scope).await;
        // The platform's are the operator's, who waits for no tenant.
        let seat = match scope {
            Scope::General | Scope::Audit => None,
            // It is never closed.
            Scope::Tenant(_) => Arc::clone(&self.seats).acquire_owned().await.ok(),
        };
        Reading { _turn: turn, _seat: seat }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_journal_is_read_by_one_at_a_time_and_nobody_waits_for_more_than_the_seats() {
        let readers = Readers::default();
        let scope = |number: usize| Scope::Tenant(format!("tenant-{number}").parse().unwrap());
        let mut reading: Vec<Reading> = Vec::new();
        for number in 0..SEATS {
            reading.push(readers.of(&scope(number)).await);
            assert!(readers.of(&scope(number)).now_or_never().is_none(), "its own comes one after another");
        }
        assert!(readers.of(&scope(SEATS)).now_or_never().is_none(), "all seats are taken");
        let general = readers.of(&Scope::General).now_or_never().unwrap();
        assert!(readers.of(&Scope::General).now_or_never().is_none());
        drop((reading.pop(), general));
        assert!(readers.of(&scope(SEATS)).now_or_never().is_some());
        assert!(readers.of(&Scope::General).now_or_never().is_some());
    }
}
