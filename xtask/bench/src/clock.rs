//! The clock that all processes of this machine share.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's monotonic clock.
pub fn monotonic_nanos() -> i64 {
    nanos(ClockId::Monotonic)
}

/// CPU seconds of this process so far.
pub fn own_cpu_seconds() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a benchmark are far below 2^52")]
    let nanos = nanos(ClockId::ProcessCPUTime) as f64;
    nanos / 1e9
}

fn nanos(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
