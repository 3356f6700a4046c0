//! Looks at the memory and the deadline of a stream's worker, however busy it keeps the host, and puts what it uses on the bill.

use super::meter::Meter;
use crate::batch::death::Cause;
use crate::worker::process::{Remains, Worker};
use crate::worker::protocol::GuestLimits;
use std::time::{Duration, Instant};

/// How often memory and deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(25);
/// How often what a worker uses is put on the bill.
const BILL: Duration = Duration::from_secs(1);

/// What is watched of a worker, and put on its tenant's bill.
pub(super) struct Watch {
    looked: Instant,
    progressed_at: Instant,
    memory: u64,
    /// Bytes of memory times seconds that are not on the bill yet.
    byte_seconds: f64,
    /// CPU time that is on the bill.
    billed: Duration,
    billed_at: Instant,
}

impl Watch {
    pub(super) fn new() -> Watch {
        let now = Instant::now();
        let billed = Duration::ZERO;
        Watch { looked: now, progressed_at: now, memory: 0, byte_seconds: 0.0, billed, billed_at: now }
    }

    /// The worker has got on, or could not.
    pub(super) fn progressed(&mut self) {
        self.progressed_at = Instant::now();
    }

    /// Puts on the bill what is not there yet, from time to time.
    pub(super) fn bill(&mut self, worker: &Worker, meter: &Meter) {
        if self.billed_at.elapsed() >= BILL {
            self.billed_at = Instant::now();
            let cpu = worker.cpu().max(self.billed);
            meter.worker(cpu - std::mem::replace(&mut self.billed, cpu), std::mem::take(&mut self.byte_seconds));
        }
    }

    /// The worker has ended: the rest of the bill.
    pub(super) fn close(self, remains: &Remains, meter: &Meter) {
        meter.worker(remains.cpu.saturating_sub(self.billed), self.byte_seconds);
    }

    /// What the worker is to die of.
    pub(super) fn look(&mut self, worker: &mut Worker, limits: GuestLimits, stall: Duration) -> Option<Cause> {
        if self.looked.elapsed() < TICK {
            return None;
        }
        let used = self.sample(worker);
        if used > limits.tolerated() {
            return Some(Cause::OutOfMemory { used, limit: limits.memory });
        }
        (self.progressed_at.elapsed() > stall).then_some(Cause::Stalled(stall))
    }

    /// Samples the memory, and puts it on the bill for the time since the sample before.
    pub(super) fn sample(&mut self, worker: &mut Worker) -> u64 {
        let since = self.looked.elapsed();
        self.looked = Instant::now();
        let used = worker.sample_memory();
        if used > 0 {
            // The dead have none: what they had counts to the end.
            self.memory = used;
        }
        #[expect(clippy::cast_precision_loss, reason = "a bill needs no more than 52 bits")]
        let byte_seconds = self.memory as f64 * since.as_secs_f64();
        self.byte_seconds += byte_seconds;
        used
    }
}
