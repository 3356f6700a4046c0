//! An observer that stops its run when a test wants it stopped.

use mysimbdp::batch::cast::Observer;
use mysimbdp::batch::intake::Rejected;
use mysimbdp::batch::ledger::Counts;
use mysimbdp::batch::stop::{Stopper, Why};
use std::time::Duration;

/// Hears the run, and stops it when its time has come.
pub(crate) struct Watch {
    pub(super) stopper: Stopper,
    counts: Counts,
    /// When so many deliveries are settled.
    pub(crate) deliveries: Option<usize>,
    /// And then so much later.
    pub(crate) linger: Duration,
    /// When a worker has died, this long afterwards.
    pub(crate) on_death: Option<(Why, Duration)>,
}

impl Watch {
    pub(super) fn new(stopper: Stopper, counts: Counts) -> Watch {
        Watch { stopper, counts, deliveries: None, linger: Duration::ZERO, on_death: None }
    }
}

/// Stops a run in a while.
pub(crate) fn stop_after(stopper: Stopper, why: Why, pause: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        stopper.stop(why);
    });
}

impl Observer for Watch {
    fn progress(&mut self, counts: &Counts, _: u64) {
        let moved = std::mem::replace(&mut self.counts, *counts) != *counts;
        // What a rerun passes through is settled already.
        if let Some(left) = &mut self.deliveries
            && moved
        {
            *left = left.saturating_sub(1);
            match (*left, self.linger) {
                (0, Duration::ZERO) => self.stopper.stop(Why::Shutdown),
                (0, linger) => stop_after(self.stopper.clone(), Why::Shutdown, linger),
                _ => {}
            }
        }
    }

    fn rejected(&mut self, _: &Rejected) {}

    fn log(&mut self, _: u32, _: &str) {}

    fn death(&mut self, _: &str) {
        if let Some((why, pause)) = self.on_death.clone() {
            stop_after(self.stopper.clone(), why, pause);
        }
    }
}
