//! What the consumers of one stream count, on this host. Moved only by what the sink has committed.

use super::outcomes::Tally;
use super::window::{Counts, Window};
use crate::sink::Written;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The open window of a stream. See the module.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Window>);

impl Meter {
    /// The sink has committed it.
    pub(super) fn settled(&self, tally: &Tally, written: &Written) {
        self.change(|window| {
            let counts = &mut window.counts;
            counts.messages += tally.messages;
            counts.bytes += tally.bytes;
            counts.ingested += tally.ingested;
            counts.passed_over += tally.passed_over;
            counts.rejected += tally.rejected;
            counts.emitted += tally.emitted;
            counts.stored += written.stored;
            counts.duplicate += written.duplicates;
            counts.refused += tally.refused + written.refused.len() as u64;
            counts.unnamed += tally.unnamed;
            counts.redelivered += tally.redelivered;
            tally.nanos.iter().for_each(|nanos| window.took(*nanos));
        });
    }

    /// A worker died, or an app failed.
    pub(super) fn error(&self) {
        self.change(|window| window.counts.errors += 1);
    }

    /// A worker has used so much.
    pub(super) fn worker(&self, cpu: Duration, memory_byte_seconds: f64) {
        self.change(|window| {
            window.counts.cpu_seconds += cpu.as_secs_f64();
            window.counts.memory_byte_seconds += memory_byte_seconds;
        });
    }

    /// What was counted since the last window was closed.
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// Takes the window out, to be closed; another begins.
    pub(super) fn take(&self) -> Window {
        let mut taken = Window::default();
        self.change(|window| std::mem::swap(window, &mut taken));
        taken
    }

    fn change(&self, change: impl FnOnce(&mut Window)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
