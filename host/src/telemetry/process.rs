//! What the kernel says of this process.

use std::fs;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// Bytes of memory that are resident.
    pub(super) resident_bytes: u64,
    /// Files that are open.
    pub(super) open_files: u64,
    /// User and system time.
    pub(super) cpu_seconds: f64,
}

/// Looks; what cannot be read is 0.
pub(super) fn look() -> Process {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages: Option<u64> = pages.and_then(|text| text.split(' ').nth(1)?.parse().ok());
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of CPU time have less than 52 bits")]
    let cpu_seconds = usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9;
    Process {
        resident_bytes: pages.unwrap_or_default() * rustix::param::page_size() as u64,
        open_files: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        cpu_seconds,
    }
}
