//! Looks at a worker's memory, CPU time and deadlines, however busy it keeps the host.
//!
//! It is asked in every turn of the loop that reads frames, and looks when its time has come: a worker that talks without
//! end cannot keep it from looking. The stall deadline runs while the host is ready to read, and begins anew only with
//! what gets the task on: a row that has ended, or a position that has risen. The total deadline is the whole task's, starts
//! and runs alone included, less the time in which the sink or the keeper held it back.

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
    /// Memory that was seen last.
    memory: u64,
}

impl Watchdog {
    /// Watches from now on.
    pub(super) fn new() -> Watchdog {
        let now = Instant::now();
        Watchdog { looked: now, turn: now, reading: true, since_progress: Duration::ZERO, position: 0, memory: 0 }
    }

    /// The task has got on.
    pub(super) fn progressed(&mut self) {
        self.since_progress = Duration::ZERO;
    }

    /// The host itself was busy for so long in this turn: the worker could not get on.
    pub(super) fn excuse(&mut self, busy: Duration) {
        self.turn += busy;
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
        let lap = now.saturating_duration_since(std::mem::replace(&mut self.turn, now));
        if std::mem::replace(&mut self.reading, reading) {
            self.since_progress += lap;
        } else {
            scene.times.held_back += lap;
        }
        if now - self.looked < TICK {
            return None;
        }
        let used = self.sample(scene, worker, now);
        self.look(scene, worker, used)
    }

    /// Nothing more is watched.
    pub(super) fn close(&mut self, scene: &mut Scene<'_>, worker: &mut Worker) {
        self.sample(scene, worker, Instant::now());
    }

    /// Samples the memory, and puts it on the bill for the time since the sample before.
    fn sample(&mut self, scene: &mut Scene<'_>, worker: &mut Worker, now: Instant) -> u64 {
        let since = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let used = worker.sample_memory();
        if used > 0 {
            // The dead have none: what they had counts to the end.
            self.memory = used;
        }
        #[expect(clippy::cast_precision_loss, reason = "a bill needs no more than 52 bits")]
        let byte_seconds = self.memory as f64 * since.as_secs_f64();
        scene.times.memory_byte_seconds += byte_seconds;
        used
    }

    fn look(&self, scene: &Scene<'_>, worker: &Worker, used: u64) -> Option<Outcome> {
        let limits = scene.cast.spec.limits;
        if used > limits.tolerated() {
            let limit = limits.memory;
            return Some(Outcome::Died(Some(Cause::OutOfMemory { used, limit })));
        }
        if let Some(outcome) = scene.out_of_time().or_else(|| scene.out_of_cpu(worker.cpu())) {
            return Some(outcome);
        }
        let stall = scene.cast.deadlines.stall;
        (self.since_progress > stall).then_some(Outcome::Died(Some(Cause::Stalled(stall))))
    }
}
