//! What the kernel says of this process, under the names that every Prometheus client gives it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::sync::atomic::AtomicU64;

#[derive(Default)]
pub(super) struct Process {
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    open: Gauge,
    most_open: Gauge,
    since: Gauge<f64, AtomicU64>,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Process {
        let (of, process) = (Process::default(), registry.sub_registry_with_prefix("process"));
        process.register_with_unit(
            "cpu",
            "User and system CPU time of the host process",
            Unit::Seconds,
            of.cpu.clone(),
        );
        process.register_with_unit("resident_memory", "Memory of the host process", Unit::Bytes, of.resident.clone());
        process.register("open_fds", "Files that the host process has open", of.open.clone());
        process.register("max_fds", "Files that it may have open", of.most_open.clone());
        process.register_with_unit("start_time", "When it started, since 1970", Unit::Seconds, of.since.clone());
        if let Some(since) = since() {
            of.since.set(since);
        }
        of
    }

    /// Looks. What cannot be read stays as it was.
    pub(super) fn look(&self) {
        let used = cpu_seconds() - self.cpu.get();
        if used > 0.0 {
            self.cpu.inc_by(used);
        }
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        if let Some(bytes) = resident() {
            self.resident.set(whole(bytes));
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // The one that is open for this is none of the host's.
            self.open.set(whole((entries.count() as u64).saturating_sub(1)));
        }
        self.most_open.set(getrlimit(Resource::Nofile).current.map_or(i64::MAX, whole));
    }
}

fn cpu_seconds() -> f64 {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of CPU time have less than 52 bits")]
    let seconds = usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9;
    seconds
}

fn resident() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Seconds since 1970 at which it started.
fn since() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may have blanks, and twenty fields on: ticks since the machine came up.
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot: f64 = fs::read_to_string("/proc/stat")
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    #[expect(clippy::cast_precision_loss, reason = "there are a hundred ticks in a second")]
    let each = rustix::param::clock_ticks_per_second() as f64;
    Some(boot + ticks / each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_when_it_began_what_it_used_and_how_much_it_has_open() {
        let process = Process::register(&mut Registry::default());
        process.look();
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let now = jiff::Timestamp::now().as_second() as f64;
        assert!((now - 86_400.0..=now + 2.0).contains(&process.since.get()), "{} {now}", process.since.get());
        assert!(process.resident.get() > 1 << 20 && process.cpu.get() >= 0.0);
        let before = process.open.get();
        let more = [fs::File::open("/proc/self/stat").unwrap(), fs::File::open("/proc/self/stat").unwrap()];
        process.look();
        assert!(process.open.get() > 2 && before > 2 && process.most_open.get() >= process.open.get());
        drop(more);
    }
}
