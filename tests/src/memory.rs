//! How much memory of its own a process has, from its start to its end.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Looks at a process every few milliseconds until it is stopped.
#[derive(Debug)]
pub struct Watch {
    before: u64,
    most: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Of this process.
    ///
    /// # Panics
    /// Where there is none.
    pub fn start(pid: u32) -> Watch {
        let before = own(pid).unwrap_or_else(|| panic!("there is no process {pid}"));
        let (most, stopped) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (most, stopped) = (Arc::clone(&most), Arc::clone(&stopped));
            move || {
                while !stopped.load(Ordering::Relaxed) {
                    most.fetch_max(own(pid).unwrap_or_default(), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Watch { before, most, stopped, thread: Some(thread) }
    }

    /// Bytes at the start, and the most that were seen since.
    pub fn stop(mut self) -> (u64, u64) {
        self.end();
        (self.before, self.most.load(Ordering::Relaxed))
    }

    fn end(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// Bytes that are in memory and no file's.
fn own(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
