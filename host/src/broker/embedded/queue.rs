//! A queue while the broker is open: its state under a lock that is held briefly, and who is woken by what.

use super::state::State;
use crate::broker::StreamKey;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct Queue {
    /// Number in the file. No other queue ever has it.
    pub(super) id: i64,
    pub(super) key: StreamKey,
    state: Mutex<State>,
    /// Something waits, or could not be read: wakes one consumer, which wakes the next if it leaves something.
    pub(super) news: Notify,
    /// Wakes those that wait for something else: to be the one that is given messages.
    pub(super) turn: Notify,
}

impl Queue {
    pub(super) fn new(id: i64, state: State) -> Queue {
        let key = state.spec.key.clone();
        Queue { id, key, state: Mutex::new(state), news: Notify::new(), turn: Notify::new() }
    }

    /// Never held across an await, nor while another lock is taken.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody, who then sees what has changed.
    pub(super) fn wake_all(&self) {
        self.news.notify_waiters();
        self.turn.notify_waiters();
    }
}
