//! The first steps of a worker, before it has read anything: it dies with its host, belongs to nobody's process group,
//! keeps one descriptor, and goes first when the machine runs short.
//!
//! Traps, in the order they were met:
//! - The parent-death signal fires when the *thread* that spawned the worker ends, and not at all for a parent that died
//!   before it was set: hence the look at the parent's id afterwards.
//! - `oom_score_adj` must be written before the process stops being dumpable: afterwards the file belongs to root.
//! - A new session is a new scheduling group where the kernel makes such groups (autogroup), and `nice` then only weighs
//!   a process against others of its own group: the group needs its own niceness, or a worker would weigh as much as the
//!   whole host.
//! - The socket leaves descriptor 0 before anything can read standard input, and `/dev/null` takes its place, so that an
//!   app that reads stdin gets an end of file and not a frame.

use rustix::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{DupFlags, Errno, Result};
use rustix::process::{DumpableBehavior, Pid, Signal};

/// Where the socket to the host lives from here on.
const WIRE: i32 = 3;
/// How much lower a worker's priority is than its host's: two thirds of its weight. The host goes first where both want the
/// processor; but what is weighed against the host is weighed against every other session of the machine as well, and with
/// a third of the weight one busy program beside it leaves a worker a quarter of a processor.
const NICENESS: i32 = 2;
/// The same as text, for a session of its own.
const AUTOGROUP_NICENESS: &[u8] = b"2";
/// The kernel's "kill me first".
const OOM_SCORE: &[u8] = b"1000";

/// Makes sure that this process does not outlive `parent`, which spawned it. `false`: it already has.
pub(super) fn die_with_host(parent: Pid) -> Result<bool> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(rustix::process::getppid() == Some(parent))
}

/// Leaves the host's session and process group, where a `kill(0)` would reach the host.
pub(super) fn leave_session() -> Result<()> {
    match rustix::process::setsid() {
        // Already the leader of a group of its own: the host has seen to it.
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Moves the socket from descriptor 0 to a place of its own, puts `/dev/null` there, and closes everything else but
/// stdout and stderr.
pub(super) fn take_wire() -> Result<BorrowedFd<'static>> {
    // SAFETY: descriptor 0 is what the host made it; where it is closed, `dup3` says so.
    let wire = place(unsafe { BorrowedFd::borrow_raw(0) }, WIRE)?;
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    place(nothing.as_fd(), 0)?;
    drop(nothing);
    // SAFETY: nothing in this process owns a descriptor from 4 up: it has opened none but `/dev/null`, now closed.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, WIRE + 1, libc::c_uint::MAX, 0) };
    if closed != 0 {
        return Err(Errno::NOSYS);
    }
    Ok(wire)
}

/// Puts a copy of `source` at `number`, in the place of whatever is there. It stays open as long as the process lives.
fn place(source: BorrowedFd<'_>, number: i32) -> Result<BorrowedFd<'static>> {
    // SAFETY: 0 and 3 belong to nobody in this process: it has opened nothing since it began, and whatever was inherited
    // there is meant to go. The owner made here is dissolved below, so it never closes the descriptor.
    let mut target = unsafe { OwnedFd::from_raw_fd(number) };
    let placed = rustix::io::dup3(source, &mut target, DupFlags::empty());
    let number = target.into_raw_fd();
    placed?;
    // SAFETY: the descriptor is open, and nobody is left who could close it.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Lets the host and everything else on the machine go before this process, and keeps debuggers and core files away.
/// A machine that refuses one of these is no reason not to run.
pub(super) fn step_back() {
    write_own("/proc/self/oom_score_adj", OOM_SCORE);
    let _ = rustix::process::setpriority_process(None, NICENESS);
    write_own("/proc/self/autogroup", AUTOGROUP_NICENESS);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn write_own(path: &str, text: &[u8]) {
    if let Ok(file) = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(file.as_fd(), text);
    }
}
