//! Clocks that are cheap enough to be read for every row and every message.

use std::fs;
use std::time::{Duration, Instant};

/// Time since some moment, in steps of a few milliseconds.
#[inline]
pub(super) fn coarse() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the answer; a clock that does not exist leaves it as it is.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Counts in the steps of the processor's counter, where the kernel itself takes the time from it (then it runs evenly and
/// alike on all processors), else in nanoseconds. Half the price of the kernel's clock, which is what a message costs
/// that an app only looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    counter: bool,
    began: Instant,
    began_at: u64,
    /// Nanoseconds of a step, times 2³².
    scale: u64,
}

/// Nothing is made of the counter before this much time has told how fast it runs.
const LONG_ENOUGH: Duration = Duration::from_micros(100);
const ONE: u64 = 1 << 32;

impl Ticks {
    /// Begins to count. Asks the kernel what it counts by, so before no file can be opened any more.
    pub(super) fn new() -> Ticks {
        let source = fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource").unwrap_or_default();
        let counter = cfg!(target_arch = "x86_64") && source.trim_ascii() == b"tsc";
        let mut ticks = Ticks { counter, began: Instant::now(), began_at: 0, scale: ONE };
        ticks.began_at = ticks.now();
        ticks
    }

    /// This moment.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        if self.counter { counter() } else { u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Takes the measure of a step anew: the longer it has been counting, the truer it is.
    pub(super) fn adjust(&mut self) {
        let elapsed = self.began.elapsed();
        let steps = self.now().saturating_sub(self.began_at);
        if self.counter && elapsed >= LONG_ENOUGH && steps > 0 {
            let scale = elapsed.as_nanos() * u128::from(ONE) / u128::from(steps);
            self.scale = u64::try_from(scale).unwrap_or(ONE);
        }
    }

    /// So much time in steps.
    pub(super) fn steps(&self, time: Duration) -> u64 {
        let steps = time.as_nanos() * u128::from(ONE) / u128::from(self.scale.max(1));
        u64::try_from(steps).unwrap_or(u64::MAX)
    }

    /// So many steps in nanoseconds.
    #[inline]
    pub(super) fn nanos(&self, steps: u64) -> u64 {
        let nanos = u128::from(steps) * u128::from(self.scale) / u128::from(ONE);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: reads a register that every processor of this architecture has.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(mut ticks: Ticks) -> (u64, u64) {
        std::thread::sleep(Duration::from_millis(2));
        ticks.adjust();
        let (before, clock) = (ticks.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (steps, elapsed) = (ticks.now() - before, clock.elapsed());
        (ticks.nanos(steps), u64::try_from(elapsed.as_nanos()).unwrap())
    }

    #[test]
    fn steps_are_nanoseconds_by_the_kernels_clock_whatever_they_are_counted_by() {
        let ticks = Ticks::new();
        for ticks in [ticks, Ticks { counter: false, began_at: 0, ..ticks }] {
            let (nanos, elapsed) = counted(ticks);
            assert!(nanos > elapsed / 2 && nanos / 2 < elapsed, "{ticks:?}: {nanos} ns in {elapsed} ns");
        }
    }
}
