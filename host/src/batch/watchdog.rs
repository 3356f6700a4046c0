//! Looks at a worker's memory and deadlines, however busy it keeps the host.
//!
//! It is asked in every turn of the loop that reads frames, and looks when its time has come: a worker that talks without
//! end cannot keep it from looking. The stall deadline runs while the host is ready to read, and begins anew only with
//! what gets the task on: a row that has ended, or a position that has risen. The total deadline is the whole task's, starts
//! and runs alone included, less the time in which the sink held it back.

use super::attempt::{Outcome, Scene};
use super::death::Cause;
use crate::worker::process::Worker;
use std::time::{Duration, Instant};

/// How often memory and deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(25);

/// See the module.
pub(super) struct Watchdog {
    looked: Instant,
    turn: Instant,
    reading: bool,
    since_progress: Duration,
    position: u64,
}

impl Watchdog {
    /// Watches from now on.
    pub(super) fn new() -> Watchdog {
        let now = Instant::now();
        Watchdog { looked: now, turn: now, reading: true, since_progress: Duration::ZERO, position: 0 }
    }

    /// The task has got on.
    pub(super) fn progressed(&mut self) {
        self.since_progress = Duration::ZERO;
    }

    /// An app without rows says how far it has read.
    pub(super) fn read_to(&mut self, position: u64) {
        if position > self.position {
            self.position = position;
            self.progressed();
        }
    }

    /// A turn of the loop. `reading` tells whether the host is ready to read in the turn that begins.
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>, worker: &mut Worker, reading: bool) -> Option<Outcome> {
        let now = Instant::now();
        let lap = now - std::mem::replace(&mut self.turn, now);
        if std::mem::replace(&mut self.reading, reading) {
            self.since_progress += lap;
        } else {
            scene.times.held_back += lap;
        }
        if now - self.looked < TICK {
            return None;
        }
        self.looked = now;
        self.look(scene, worker)
    }

    fn look(&self, scene: &Scene<'_>, worker: &mut Worker) -> Option<Outcome> {
        let limits = scene.cast.spec.limits;
        let used = worker.sample_memory();
        if used > limits.tolerated() {
            let limit = limits.memory;
            return Some(Outcome::Died(Some(Cause::OutOfMemory { used, limit })));
        }
        if scene.is_out_of_time() {
            return Some(Outcome::OutOfTime);
        }
        let stall = scene.cast.deadlines.stall;
        (self.since_progress > stall).then_some(Outcome::Died(Some(Cause::Stalled(stall))))
    }
}
