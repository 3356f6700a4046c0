//! What the consumers of one stream count, on this host. Moved only by what the sink has committed.

use super::outcomes::Tally;
use crate::sink::Written;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// See the module.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Counted>);

/// Counts of a window, or of all windows.
///
/// `messages = ingested + passed_over + rejected`, `emitted = stored + duplicate + refused`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages that have come to their end.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages with documents.
    pub ingested: u64,
    /// Messages that the app made nothing of.
    pub passed_over: u64,
    /// Messages that became dead letters.
    pub rejected: u64,
    /// Documents that the app emitted.
    pub emitted: u64,
    /// Documents in the sink.
    pub stored: u64,
    /// Documents with an `_id` of the app's own that were there already.
    pub duplicate: u64,
    /// Documents that became dead letters.
    pub refused: u64,
    /// Deaths of workers, and failures of the app that were no rejections.
    pub errors: u64,
    /// Messages without a message id, of which only at-least-once can be said.
    pub unnamed: u64,
    /// Messages that the broker may have delivered before.
    pub redelivered: u64,
    /// CPU seconds of workers that have ended.
    pub cpu_seconds: f64,
    /// Bytes of memory times seconds, of workers that have ended.
    pub memory_byte_seconds: f64,
}

/// Counts, and the time that each message took in the app.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The counts.
    pub counts: Counts,
    /// Nanoseconds in the app.
    pub nanos: Vec<u32>,
}

/// Most times that are kept of a window; of more, every other one goes.
const MOST_TIMES: usize = 1 << 16;

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.ingested += other.ingested;
        self.passed_over += other.passed_over;
        self.rejected += other.rejected;
        self.emitted += other.emitted;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.refused += other.refused;
        self.errors += other.errors;
        self.unnamed += other.unnamed;
        self.redelivered += other.redelivered;
        self.cpu_seconds += other.cpu_seconds;
        self.memory_byte_seconds += other.memory_byte_seconds;
    }

    /// Every message and every document is accounted for.
    pub fn balance(&self) -> bool {
        self.messages == self.ingested + self.passed_over + self.rejected
            && self.emitted == self.stored + self.duplicate + self.refused
    }
}

impl Meter {
    /// The sink has committed it.
    pub(super) fn settled(&self, tally: &Tally, written: &Written) {
        let refused_by_sink = written.refused.len() as u64;
        self.change(|counted| {
            let counts = &mut counted.counts;
            counts.messages += tally.messages;
            counts.bytes += tally.bytes;
            counts.ingested += tally.ingested;
            counts.passed_over += tally.passed_over;
            counts.rejected += tally.rejected;
            counts.emitted += tally.emitted;
            counts.stored += written.stored;
            counts.duplicate += written.duplicates;
            counts.refused += tally.refused + refused_by_sink;
            counts.unnamed += tally.unnamed;
            counts.redelivered += tally.redelivered;
            if counted.nanos.len() + tally.nanos.len() > MOST_TIMES {
                let mut is_kept = false;
                counted.nanos.retain(|_| {
                    is_kept = !is_kept;
                    is_kept
                });
            }
            counted.nanos.extend_from_slice(&tally.nanos);
        });
    }

    /// A worker died, or an app failed.
    pub(super) fn error(&self) {
        self.change(|counted| counted.counts.errors += 1);
    }

    /// A worker has ended.
    pub(super) fn worker(&self, cpu: Duration, memory_byte_seconds: f64) {
        self.change(|counted| {
            counted.counts.cpu_seconds += cpu.as_secs_f64();
            counted.counts.memory_byte_seconds += memory_byte_seconds;
        });
    }

    /// What was counted since the last time that it was taken out.
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// Takes out what was counted since the last time.
    pub fn take(&self) -> Counted {
        let mut taken = Counted::default();
        self.change(|counted| std::mem::swap(counted, &mut taken));
        taken
    }

    fn change(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
