//! An app's `.so` as `check` and `run` take it: a snapshot that nobody can change any more, and what its bytes say.

use super::backtrace::Symbols;
use crate::apps::probe::{self, START_DEADLINE};
use crate::staging::candidate::{self, Examination, app_label};
use crate::staging::snapshot::{ReadRules, Snapshot, SnapshotError};
use crate::worker::process::WorkerSpec;
use crate::worker::protocol::{GuestLimits, Isolation, Ready};
use crate::worker::words::one_line;
use std::path::Path;
use std::sync::Arc;

/// An app to be checked or run.
pub(crate) struct AppFile {
    snapshot: Arc<Snapshot>,
    examination: Examination,
    file_name: String,
}

impl AppFile {
    /// Takes the snapshot and examines it.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a regular file.
    pub(crate) fn open(path: &Path) -> Result<AppFile, SnapshotError> {
        let machine = probe::this_machine();
        let snapshot = Snapshot::take(path, &ReadRules { max_size: machine.max_size, single_link: false })?;
        let examination = candidate::examine(snapshot.bytes(), &machine);
        let file_name = one_line(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned();
        Ok(AppFile { snapshot: Arc::new(snapshot), examination, file_name })
    }

    /// What its bytes say.
    pub(crate) fn examination(&self) -> &Examination {
        &self.examination
    }

    /// Names for its addresses: for stack traces.
    pub(crate) fn symbols(&self) -> Symbols {
        Symbols::of(Arc::clone(&self.snapshot))
    }

    /// Name and generation, as every sentence about it says them.
    pub(crate) fn label(&self) -> String {
        let name = self.examination.descriptor.as_ref().map_or(self.file_name.as_str(), |found| found.name.as_str());
        app_label(name, &self.examination.generation)
    }

    /// Holds what a worker said of itself against the descriptor.
    ///
    /// # Errors
    /// A sentence that names both.
    pub(crate) fn agrees_with(&self, ready: &Ready) -> Result<(), String> {
        self.examination.descriptor.as_ref().map_or(Ok(()), |descriptor| probe::agree(descriptor, ready))
    }

    /// What a worker of it is started with.
    pub(crate) fn worker_spec(&self, isolation: Isolation, limits: GuestLimits, config: Option<String>) -> WorkerSpec {
        WorkerSpec {
            app: Arc::clone(&self.snapshot) as Arc<_>,
            label: self.label(),
            isolation,
            limits,
            config,
            preload_iconv: self.examination.uses_iconv,
            start_deadline: START_DEADLINE,
        }
    }
}
