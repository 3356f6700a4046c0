//! What must not be left behind: processes and temporary files.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until no worker of this host is left.
///
/// # Errors
/// What is left after five seconds.
pub fn no_worker_of(host: u32) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left = workers_of(host);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("workers {left:?} of host {host} are still there"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes that were started as workers of this host: `mysimbdp __worker <host>`.
pub fn workers_of(host: u32) -> Vec<u32> {
    let host = host.to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            let mut arguments = command.split(|byte| *byte == 0).skip(1);
            let is_worker = arguments.next() == Some(b"__worker") && arguments.next() == Some(host.as_bytes());
            is_worker.then(|| entry.file_name().to_str()?.parse().ok()).flatten()
        })
        .collect()
}

/// # Errors
/// The names of what is left in the directory.
pub fn nothing_in(directory: &Path) -> Result<(), String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let left: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("left in the temporary directory: {}", left.join(", "))) }
}
