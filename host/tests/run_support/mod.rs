//! A stage for runs of a task: a real worker, a real embedded sink, and a keeper, an observer and a sink that can be told to
//! do what a test needs.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod gated;
mod keeper;
mod lines;
mod run;
mod stage;
mod watch;

pub(crate) use gated::Gated;
pub(crate) use keeper::{Event, Manner, Record};
pub(crate) use lines::Lines;
pub(crate) use run::Change;
pub(crate) use stage::Stage;
pub(crate) use watch::stop_after;

use std::time::Duration;

/// `mysimbdp_abi::flags::ROWS_INDEPENDENT`.
pub(crate) const INDEPENDENT: u32 = 1;
/// Longer than any test may take.
pub(crate) const FOREVER: Duration = Duration::from_secs(600);
/// More than any test asks of a sink.
pub(crate) const ENOUGH: usize = 1_000_000;

/// Children of this process, zombies among them.
pub(crate) fn children() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    threads.flat_map(|thread| of(thread).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
