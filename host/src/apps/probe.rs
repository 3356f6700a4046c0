//! The probe: a throw-away worker in the sandbox loads the app once, before anything relies on it.
//!
//! Only an explicit `Ready` counts: a constructor can end the process with status 0, and can hang. What the app then says of
//! itself must agree with its descriptor, since people choose it by the one and would get the other.

use crate::guest;
use crate::staging::candidate::{ApiVersion, Descriptor, HostMachine};
use crate::worker::process::{StartError, Worker, WorkerSpec};
use crate::worker::protocol::{GuestLimits, Isolation, Ready, Stage};
use crate::worker::spawner::Spawner;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// How long an app may take to load before it is given up.
pub const START_DEADLINE: Duration = Duration::from_secs(5);

/// What a probe may use: enough memory to load any app.
pub const PROBE_LIMITS: GuestLimits = GuestLimits { memory: 512 * 1024 * 1024, cpu_seconds: None };

/// Probes that run at the same time. A tenant has one of them at most, so one that hangs holds up its own tenant only.
const PARALLEL: usize = 8;

/// How apps are probed.
#[derive(Clone, Debug)]
pub struct Prober {
    /// Starts the workers.
    pub spawner: Spawner,
    /// How much of the sandbox is demanded, as for the workers that will run the app.
    pub isolation: Isolation,
    /// What a probe may use.
    pub limits: GuestLimits,
    /// How long the app may take to become ready.
    pub deadline: Duration,
    /// Probes that run at the same time.
    pub parallel: usize,
    /// Names the build of this host: what another one found is not relied upon.
    pub build: String,
}

impl Prober {
    /// A prober with the ordinary limits, for the program that is running.
    pub fn new(spawner: Spawner, isolation: Isolation) -> Prober {
        Prober {
            spawner,
            isolation,
            limits: PROBE_LIMITS,
            deadline: START_DEADLINE,
            parallel: PARALLEL,
            build: this_build(),
        }
    }
}

/// Why an app did not pass its probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It was not ready.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It says two things of itself.
    #[error("{reason}")]
    Disagrees {
        /// A sentence that names both.
        reason: String,
        /// What its table says.
        ready: Box<Ready>,
    },
}

impl ProbeError {
    /// The host could not do its part: nothing is said about the app.
    pub fn is_the_hosts(&self) -> bool {
        matches!(
            self,
            ProbeError::Start(
                StartError::Host { .. } | StartError::Refused { stage: Stage::Sandbox | Stage::Hello, .. }
            )
        )
    }
}

/// Loads an app once. `descriptor` is what its bytes say.
///
/// # Errors
/// See [`ProbeError`]; nothing of the worker is left in any case.
pub async fn probe(spawner: &Spawner, spec: &WorkerSpec, descriptor: Option<&Descriptor>) -> Result<Ready, ProbeError> {
    let worker = Worker::start(spawner, spec).await?;
    let ready = worker.ready().clone();
    worker.retire().await;
    match descriptor.map_or(Ok(()), |descriptor| agree(descriptor, &ready)) {
        Ok(()) => Ok(ready),
        Err(reason) => Err(ProbeError::Disagrees { reason, ready: Box::new(ready) }),
    }
}

/// Holds what a worker said of itself against the descriptor.
///
/// # Errors
/// A sentence that names both.
pub fn agree(descriptor: &Descriptor, ready: &Ready) -> Result<(), String> {
    let described: Vec<&str> = descriptor.kinds.iter().map(|kind| kind.name()).collect();
    let provided: Vec<&str> = ready.kinds.iter().map(String::as_str).collect();
    let same_kinds = described.len() == provided.len() && described.iter().all(|kind| provided.contains(kind));
    if descriptor.name == ready.name && same_kinds {
        return Ok(());
    }
    Err(format!(
        "its descriptor says {} ({}), its table says {} ({}): build it again with the export macro, which writes both",
        descriptor.name,
        described.join(", "),
        ready.name.escape_debug(),
        provided.join(", ").escape_debug(),
    ))
}

/// This machine, and the plugin API that this program speaks.
pub fn this_machine() -> HostMachine {
    let (major, minor) = guest::API;
    HostMachine::current(vec![ApiVersion { major, minor }])
}

/// Version, size and time of the program that is running; its hash would have to be computed at each start.
fn this_build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match fs::metadata("/proc/self/exe") {
        Ok(program) => format!("{version} {} {}.{:09}", program.len(), program.mtime(), program.mtime_nsec()),
        Err(_) => version.to_owned(),
    }
}
