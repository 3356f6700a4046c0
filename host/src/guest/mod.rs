//! Everything inside a worker: one process that runs one app for one tenant, and dies of nothing but its own.
//!
//! [`main`] is its life, from top to bottom. It is synchronous and has one thread, and stays so: seccomp confines the
//! calling thread only, and `clone` is refused afterwards. Nothing here names a runtime or an adapter, and nothing
//! outside of here names plugin code.
//!
//! ```text
//!   detach        die with the host, leave its session, keep one socket     the app cannot have run yet:
//!   Hello         frame, app file, recorder page and tray                   the code up to here is ours
//!   preload       time zone, converters: opened while that is possible
//!   sandbox       limits, privileges, landlock, seccomp `load`
//!   ───────────────────────────────────────────────────────────────────     from here on it may
//!   loader        dlopen (constructors run), table
//!   sandbox       seccomp `seal`: no file can be opened, no code mapped
//!   Ready, loop   a task or delivery at a time, until the host hangs up
//! ```
//!
//! The process never ends by returning: destructors of the app's library would run, and could hang. It leaves by
//! [`Exit`]. The host does not believe an exit status (a constructor can call `exit(0)`), only the frames before it.

mod batch;
mod clock;
mod context;
mod crash;
mod detach;
mod document;
mod host_table;
mod layout;
mod link;
mod loader;
mod machine;
mod message;
mod outcomes;
mod plan;
mod preload;
mod recorder;
mod rows;
mod sandbox;
mod stream;
mod table;
mod text;
mod tray;

use crate::worker::protocol::{GuestKind, Hello, HostKind, Ready, Refused, Stage, Task, VERSION};
use crate::worker::recorder::State;
use clock::Ticks;
use context::Context;
use host_table::HostTable;
use link::{Frame, Inbox, LinkError, Outbox};
use mysimbdp_abi::{PluginV1, flags};
use recorder::Recorder;
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::Pid;
use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Instant;
use tray::Tray;

/// The version of the table that apps of this host are loaded with, as (major, minor).
pub const API: (u32, u32) = (mysimbdp_abi::MAJOR, mysimbdp_abi::MINOR);

/// Features of the protocol that this worker has beyond its version.
const FEATURES: &[&str] = &[];

/// How a worker leaves. For people and tests: the host judges by frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Exit {
    /// The host closed its end between two frames.
    Finished = 0,
    /// The socket broke, or the host spoke another protocol.
    Broken = 70,
    /// It was not started by a host, or the host is gone already.
    Orphan = 71,
    /// It could not start; a `Refused` was sent.
    Refused = 72,
    /// The app panicked; a `Done` was sent.
    Panicked = 73,
}

/// The life of a worker. `parent` is the process id of the host that spawned it, whose socket is descriptor 0.
#[must_use]
pub fn main(parent: Option<&OsStr>) -> ExitCode {
    let started = Instant::now();
    let Some(parent) = parent.and_then(OsStr::to_str).and_then(|id| id.parse().ok()).and_then(Pid::from_raw) else {
        return ExitCode::from(2);
    };
    if !detach::die_with_host(parent).unwrap_or(false) || detach::leave_session().is_err() {
        leave(Exit::Orphan);
    }
    let Ok(wire) = detach::take_wire() else { leave(Exit::Orphan) };
    detach::step_back();

    let (mut inbox, mut outbox) = (Inbox::new(wire), Outbox::new(wire));
    let worker = match start(&mut inbox, started) {
        Ok(worker) => worker,
        Err(refused) => {
            let _ = outbox.send(GuestKind::Refused, 0, &refused);
            leave(Exit::Refused);
        }
    };
    leave(worker.serve(inbox, outbox).unwrap_or(Exit::Broken))
}

/// Ends the process without running any code of the app: its destructors and `atexit` functions could hang.
fn leave(exit: Exit) -> ! {
    // SAFETY: ends the process; no memory is touched.
    unsafe { libc::_exit(exit as i32) }
}

/// A worker that is ready.
struct Worker {
    plugin: &'static PluginV1,
    recorder: Recorder,
    tray: Option<Tray>,
    config: Option<String>,
    ticks: Ticks,
    ready: Ready,
}

/// Everything between the first frame and `Ready`, in the order that the module draws.
fn start(inbox: &mut Inbox, started: Instant) -> Result<Worker, Refused> {
    let (hello, app, recorder, tray) = greet(inbox).map_err(|reason| Refused { stage: Stage::Hello, reason })?;
    let refused_by = |stage: Stage| move |reason: String| Refused { stage, reason };
    let by_sandbox = refused_by(Stage::Sandbox);

    crash::install(recorder).map_err(|error| by_sandbox(format!("no crash handler can be installed: {error}")))?;
    preload::time_zone();
    let ticks = Ticks::new();
    if hello.preload_iconv {
        preload::converters();
    }
    let mut sandbox =
        sandbox::confine(hello.isolation, &hello.limits, app.as_fd()).map_err(|error| by_sandbox(error.to_string()))?;

    let plugin = loader::load(app.as_fd(), &hello.app_label, recorder)
        .map_err(|error| refused_by(Stage::Load)(error.to_string()))?;
    drop(app);
    sandbox::seal(hello.isolation, &mut sandbox).map_err(|error| by_sandbox(error.to_string()))?;

    let ready = Ready {
        protocol: VERSION,
        features: FEATURES.iter().map(ToString::to_string).collect(),
        name: table::text(plugin.name),
        version: table::text(plugin.version),
        kinds: table::kinds(plugin),
        rows_independent: plugin.flags & flags::ROWS_INDEPENDENT != 0,
        sandbox,
        start_micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    Ok(Worker { plugin, recorder, tray, config: hello.config, ticks, ready })
}

/// Reads the first frame and what came with it, and maps recorder and tray.
fn greet(inbox: &mut Inbox) -> Result<(Hello, OwnedFd, Recorder, Option<Tray>), String> {
    let frame = inbox.next().map_err(|error| error.to_string())?.ok_or("the host hung up before its first frame")?;
    if frame.header.kind != HostKind::Hello {
        return Err(format!("the host's first frame is a {:?} and no Hello", frame.header.kind));
    }
    let hello: Hello = serde_json::from_slice(inbox.payload(&frame))
        .map_err(|error| format!("the host's Hello cannot be read: {error}"))?;
    if hello.protocol != VERSION {
        return Err(format!(
            "the host speaks protocol {}, this worker {VERSION}; is another version of mysimbdp installed beside it?",
            hello.protocol
        ));
    }
    let (Some(app), Some(memory)) = (inbox.take_fd(), inbox.take_fd()) else {
        return Err("the host's Hello came without the app and the recorder".to_owned());
    };
    let recorder =
        Recorder::map(memory.as_fd()).map_err(|error| format!("the flight recorder cannot be mapped: {error}"))?;
    let tray = Tray::map(memory.as_fd()).map_err(|error| format!("the tray for rows cannot be mapped: {error}"))?;
    Ok((hello, app, recorder, tray))
}

impl Worker {
    /// Tells the host, then does what it asks, one frame at a time, until it hangs up.
    fn serve(self, mut inbox: Inbox, mut outbox: Outbox) -> Result<Exit, LinkError> {
        outbox.send(GuestKind::Ready, 0, &self.ready)?;
        outbox.set_tray(self.tray);
        let mut host = HostTable::new(Context::new(outbox, self.recorder));
        let mut stream = stream::Stream::new(self.ticks);
        let config = self.config.as_deref();
        loop {
            self.recorder.set_state(State::Idle);
            let Some(frame) = inbox.next()? else {
                self.recorder.set_state(State::InApp);
                stream.end(self.plugin);
                batch::flush_standard_output();
                return Ok(Exit::Finished);
            };
            let Frame { header, .. } = frame;
            host.context().set_tag(header.tag);
            let going_on = match header.kind {
                HostKind::Hello => return Ok(Exit::Broken),
                HostKind::Task => {
                    let Ok(task) = serde_json::from_slice::<Task>(inbox.payload(&frame)) else {
                        return Ok(Exit::Broken);
                    };
                    batch::run(self.plugin, &mut host, config, task, &mut inbox)
                }
                HostKind::Deliver => {
                    stream.deliver(self.plugin, &mut host, config, header.tag, inbox.payload(&frame))?
                }
            };
            if !going_on {
                return Ok(Exit::Panicked);
            }
        }
    }
}
