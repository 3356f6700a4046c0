//! The warm workers of one slot: a task that finds one of its own tenant, generation and limits starts at once.
//!
//! A worker belongs to the event loop that its socket is registered with, so each slot has a shelf of its own. A worker is
//! never handed to another tenant. Few are kept, the least recently used goes first, and none stays idle for long: an app
//! that nobody uses costs no process.

use super::cast::Slot;
use crate::tenant::{AppName, TenantId};
use crate::worker::protocol::GuestLimits;
use std::time::{Duration, Instant};

/// Most workers that one slot keeps.
const MOST: usize = 4;

/// What a worker was started for: it does nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) tenant: TenantId,
    pub(super) app: AppName,
    pub(super) generation: String,
    pub(super) limits: GuestLimits,
    pub(super) config: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    idle: Duration,
    warm: Vec<(Use, Slot, Instant)>,
}

impl Shelf {
    /// An empty one. `idle` is how long a worker is kept that nobody uses.
    pub(super) fn new(idle: Duration) -> Shelf {
        Shelf { idle, warm: Vec::new() }
    }

    /// A slot for this use: with a warm worker where there is one.
    pub(super) fn take(&mut self, of: &Use) -> Slot {
        match self.warm.iter().position(|(has, ..)| has == of) {
            Some(at) => self.warm.remove(at).1,
            None => Slot::default(),
        }
    }

    /// Puts a slot back; an empty one is forgotten.
    pub(super) async fn put(&mut self, of: Use, slot: Slot, now: Instant) {
        if slot.is_cold() || self.idle.is_zero() {
            slot.close().await;
            return;
        }
        self.warm.push((of, slot, now));
        if self.warm.len() > MOST {
            let (_, eldest, _) = self.warm.remove(0);
            eldest.close().await;
        }
    }

    /// Lets those end that were idle for too long, and those of generations that are not live any more. Answers when to
    /// look again.
    pub(super) async fn tidy(&mut self, now: Instant, is_live: impl Fn(&Use) -> bool) -> Option<Duration> {
        let all = std::mem::take(&mut self.warm);
        for (of, slot, since) in all {
            if now.saturating_duration_since(since) >= self.idle || !is_live(&of) {
                slot.close().await;
            } else {
                self.warm.push((of, slot, since));
            }
        }
        let oldest = self.warm.iter().map(|(.., since)| *since).min()?;
        Some(self.idle.saturating_sub(now.saturating_duration_since(oldest)))
    }

    /// Lets all of them end.
    pub(super) async fn close(&mut self) {
        for (_, slot, _) in std::mem::take(&mut self.warm) {
            slot.close().await;
        }
    }
}
