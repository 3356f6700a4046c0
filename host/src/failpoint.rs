//! Places at which a test can have the host die as by a loss of power: between two steps, of which the second relies on the
//! first.
//!
//! `MYSIMBDP_FAILPOINT=<name>` (or `<name>:<n>`, for the n-th time it comes by) kills the process there with SIGKILL. Without that
//! variable a place costs one load of a pointer and does nothing. A name that is in neither [`ALL`] nor [`OF_STREAMS`] is told at the start.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// All of them. A test crosses each.
pub const ALL: [&str; 16] = [
    "queue.before_commit",
    "queue.after_commit",
    "sink.before_commit",
    "sink.after_commit",
    "apps.before_commit",
    "apps.after_commit",
    "usage.before_commit",
    "usage.after_commit",
    "files.before_keep",
    "files.after_keep",
    "batch.before_enqueue",
    "batch.after_enqueue",
    "work.claimed",
    "work.letter_kept",
    "work.before_end",
    "work.after_end",
];

/// Those of streams, which their own tests cross: a host without streams never comes by.
pub const OF_STREAMS: [&str; 5] =
    ["broker.before_commit", "broker.after_commit", "stream.committed", "stream.letter_kept", "stream.deleted_kept"];

struct Armed {
    name: String,
    left: AtomicU64,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let read = || {
        let text = std::env::var("MYSIMBDP_FAILPOINT").ok()?;
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        let left = AtomicU64::new(times.parse().unwrap_or(1));
        if !ALL.contains(&name) && !OF_STREAMS.contains(&name) {
            let known = [&ALL[..], &OF_STREAMS].concat().join(", ");
            tracing::warn!("MYSIMBDP_FAILPOINT={text} names no fail point; there are: {known}");
        }
        Some(Armed { name: name.to_owned(), left })
    };
    ARMED.get_or_init(read).as_ref()
}

/// Comes by a place.
#[inline]
pub fn cross(name: &'static str) {
    if let Some(armed) = armed()
        && armed.name == name
        && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let own = rustix::process::getpid();
        // Nothing of this process runs after that; the pause is for the kernel to bring it about.
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
