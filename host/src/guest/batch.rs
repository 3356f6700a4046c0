//! One task: an instance of the app ingests one file.
//!
//! `create`, `ingest`, `destroy`, then `Done`: an app that dies in `destroy` has not finished. After a panic nothing of
//! the instance is touched any more, and the process ends when the host has been told.

use super::host_table::HostTable;
use super::link::Inbox;
use super::plan::Plan;
use crate::worker::protocol::{Done, Ending, GuestKind, Task};
use crate::worker::recorder::State;
use core::ffi::c_void;
use mysimbdp_abi::{BatchV1, Bytes, CreateV1, HostV1, InputV1, PluginV1, status};
use rustix::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

/// Does a task and tells the host how it ended. `false` where the app panicked and the process has to end.
pub(super) fn run(
    plugin: &PluginV1,
    host: &mut HostTable,
    config: Option<&str>,
    mut task: Task,
    inbox: &mut Inbox,
) -> bool {
    let blocked_before = host.context().outbox.blocked();
    let started = Instant::now();
    host.context().recorder.set_state(State::InApp);
    let (ending, position) = match (plugin.batch, inbox.take_fd()) {
        (Some(app), Some(file)) => ingest(app, host, config, &mut task, &file),
        (None, _) => (error("the app is no batch app: its table has no `batch`"), 0),
        (_, None) => (error("the host sent a task without its file"), 0),
    };
    flush_standard_output();
    let context = host.context();
    let app_time = started.elapsed().saturating_sub(context.outbox.blocked() - blocked_before);
    let panicked = matches!(ending, Ending::Panic { .. });
    let app_nanos = u64::try_from(app_time.as_nanos()).unwrap_or(u64::MAX);
    context.send(GuestKind::Done, &Done { ending, app_nanos, position });
    !panicked
}

fn ingest(app: &BatchV1, host: &mut HostTable, config: Option<&str>, task: &mut Task, file: &OwnedFd) -> (Ending, u64) {
    let instance = match create(app.create, host, config) {
        Ok(instance) => instance,
        Err(ending) => return (ending, 0),
    };
    host.context().begin_file(task.size, Plan::new(task));
    let input = InputV1 { name: Bytes::new(task.name.as_bytes()), size: task.size, fd: file.as_raw_fd() };
    // SAFETY: the entry was checked not to be null, the instance is what its `create` made, and table, input and file
    // live until it returns.
    let answer = unsafe { (app.ingest)(instance, host.table(), &raw const input) };
    let ending = ending(answer, host);
    let position = host.context().end_file(&ending);
    if !matches!(ending, Ending::Panic { .. }) {
        // SAFETY: as above; the instance is used no more after this.
        unsafe { (app.destroy)(instance) };
    }
    (ending, position)
}

/// Makes an instance of any kind.
pub(super) fn create(entry: CreateV1, host: &mut HostTable, config: Option<&str>) -> Result<*mut c_void, Ending> {
    let config = config.map_or(Bytes::ABSENT, |config| Bytes::new(config.as_bytes()));
    let mut instance = core::ptr::null_mut();
    let table: *const HostV1 = host.table();
    // SAFETY: the entry was checked not to be null; table, configuration and the place for the instance live until it
    // returns.
    let answer = unsafe { entry(table, config, &raw mut instance) };
    match ending(answer, host) {
        Ending::Ok => Ok(instance),
        other => Err(other),
    }
}

/// What an entry's answer means, with the reason that the app gave.
fn ending(answer: i32, host: &mut HostTable) -> Ending {
    let reason = host.context().take_failure();
    let or = |default: &str| reason.unwrap_or_else(|| default.to_owned());
    match answer {
        status::OK => Ending::Ok,
        status::PANIC => Ending::Panic { reason: or("the app panicked and did not say where") },
        _ => Ending::Error { reason: or("the app failed and did not say why") },
    }
}

fn error(reason: &str) -> Ending {
    Ending::Error { reason: reason.to_owned() }
}

/// What a C app printed stands in a buffer of the C library, and the process never ends in a way that would empty it.
pub(super) fn flush_standard_output() {
    // SAFETY: null means "every open stream"; nothing else uses them: the process has one thread.
    unsafe { libc::fflush(core::ptr::null_mut()) };
}
