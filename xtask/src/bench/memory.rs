//! The anonymous memory of a process and all its descendants, sampled while it runs.
//!
//! `RssAnon` of `/proc/<pid>/status`: what the processes hold themselves. Pages of mapped files (the data, the program)
//! are the kernel's to drop and do not count. Peaks that the kernel keeps (`ru_maxrss`) are of no use: a child inherits
//! its parent's.

use super::measure::wait;
use crate::workshop;
use anyhow::{Context as _, Result, anyhow, bail};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two samples. A file of 4 MB is ingested in some 30 ms.
const SAMPLE_EVERY: Duration = Duration::from_millis(1);

/// Runs `command` and answers the largest sum, in bytes, that was seen over it and its descendants.
pub(super) fn peak_anonymous(command: &mut Command, accepted: &[i32]) -> Result<u64> {
    let line = workshop::line(command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let ((status, _), peak) = peak_during(child.id(), || wait(&child))?;
    if !status.code().is_some_and(|code| accepted.contains(&code)) {
        bail!("`{line}` ended with {status} while its memory was sampled");
    }
    Some(peak).filter(|peak| *peak > 0).with_context(|| format!("`{line}` ended before its memory could be sampled"))
}

/// Does it, and answers the largest sum, in bytes, that was seen meanwhile over this process and its descendants.
pub(super) fn peak_during<T>(pid: u32, does: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let ended = AtomicBool::new(false);
    let (done, peak) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_of_tree(pid));
                std::thread::sleep(SAMPLE_EVERY);
            }
            peak
        });
        let done = does();
        ended.store(true, Ordering::Relaxed);
        (done, sampler.join())
    });
    Ok((done?, peak.map_err(|_| anyhow!("the sampler panicked"))?))
}

/// A process that has just ended counts nothing.
fn anonymous_of_tree(pid: u32) -> u64 {
    let own = fs::read_to_string(format!("/proc/{pid}/status")).map_or(0, |status| rss_anon(&status));
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return own };
    let mut sum = own;
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        sum += children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(anonymous_of_tree).sum::<u64>();
    }
    sum
}

fn rss_anon(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|number| number.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rss_anon_is_read_from_a_status() {
        assert_eq!(rss_anon("VmRSS:\t  100 kB\nRssAnon:\t    2048 kB\nRssFile:\t 9 kB\n"), 2 * 1024 * 1024);
        assert_eq!(rss_anon("Name:\tkthreadd\n"), 0);
    }

    #[test]
    fn the_memory_of_children_is_counted() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 0.2 & sleep 0.2; wait"]);
        assert!(peak_anonymous(&mut command, &[0]).unwrap() > 100 * 1024);
    }
}
