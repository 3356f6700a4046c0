//! An app's `.so` as `check` and `run` take it: a snapshot that nobody can change any more, and what its bytes say.

use crate::staging::candidate::file::{self, Snapshot, SnapshotError};
use crate::staging::candidate::{self, Examination, HostMachine};
use crate::worker::process::WorkerSpec;
use crate::worker::protocol::{GuestLimits, Isolation};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long an app may take to load before it is given up.
const START_DEADLINE: Duration = Duration::from_secs(5);

/// An app to be checked or run.
pub struct AppFile {
    snapshot: Snapshot,
    examination: Examination,
    file_name: String,
}

impl AppFile {
    /// Takes the snapshot and examines it.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a regular file.
    pub fn open(path: &Path) -> Result<AppFile, SnapshotError> {
        let machine = HostMachine::current();
        let snapshot = file::snapshot(path, &machine)?;
        let examination = candidate::examine(snapshot.bytes(), &machine);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(AppFile { snapshot, examination, file_name })
    }

    /// What its bytes say.
    pub fn examination(&self) -> &Examination {
        &self.examination
    }

    /// The snapshot's path, as long as it is held: for stack traces.
    pub fn symbols(&self) -> std::path::PathBuf {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.snapshot.descriptor().as_raw_fd()).into()
    }

    /// Name and generation, as every sentence about it says them.
    pub fn label(&self) -> String {
        let name = self.examination.descriptor.as_ref().map_or(self.file_name.as_str(), |found| found.name.as_str());
        format!("{name} (generation {})", self.examination.short_generation())
    }

    /// What a worker of it is started with.
    pub fn worker_spec(&self, isolation: Isolation, limits: GuestLimits, config: Option<String>) -> WorkerSpec {
        WorkerSpec {
            app: Arc::clone(self.snapshot.descriptor()),
            label: self.label(),
            isolation,
            limits,
            config,
            preload_iconv: self.examination.uses_iconv,
            start_deadline: START_DEADLINE,
        }
    }
}
