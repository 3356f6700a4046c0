//! Ways to never come back.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use std::time::Duration;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("endless_loop", spins),
    ("sleep_forever", sleeps),
    ("pause_forever", pauses),
    ("deadlock", deadlocks),
    ("read_host_frames", steals_frames),
    ("crawl", crawls),
];

fn spins(_: &mut Scene<'_>) -> Outcome {
    loop {
        std::hint::spin_loop();
    }
}

fn sleeps(_: &mut Scene<'_>) -> Outcome {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

fn pauses(_: &mut Scene<'_>) -> Outcome {
    loop {
        // ppoll on nothing waits for a signal; where it is not allowed the loop spins, which hangs as well.
        let _ = call(libc::SYS_ppoll, [Arg::Number(0), Arg::Number(0), Arg::Number(0), Arg::Number(0)]);
    }
}

fn deadlocks(_: &mut Scene<'_>) -> Outcome {
    let lock = std::sync::Mutex::new(());
    let _first = lock.lock();
    let _second = lock.lock();
    Outcome::Breached("locked a mutex twice".into())
}

/// Reads what the host says to the worker's loop, forever.
fn steals_frames(_: &mut Scene<'_>) -> Outcome {
    let mut stolen = [0; 4096];
    loop {
        let _ = call(libc::SYS_read, [Arg::Number(0), Arg::Out(&mut stolen), Arg::Number(4096)]);
    }
}

/// Works on a row for as long as the argument says, in milliseconds: slow, and innocent.
fn crawls(scene: &mut Scene<'_>) -> Outcome {
    let millis = scene.argument.parse().unwrap_or(100);
    std::thread::sleep(Duration::from_millis(millis));
    Outcome::Harmless(format!("slept {millis} ms"))
}
