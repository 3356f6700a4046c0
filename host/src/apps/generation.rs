//! One exact build of an app: what workers are started from.

use super::probe::START_DEADLINE;
use super::store::{CopyError, StoredCopy};
use crate::staging::candidate::{Kind, app_label, short_generation};
use crate::tenant::{AppName, TenantId};
use crate::worker::process::{AppSource, WorkerSpec};
use crate::worker::protocol::{GuestLimits, Isolation};
use std::sync::Arc;

/// What the probe of a content told, and what its bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) version: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) rows_independent: bool,
    pub(super) uses_iconv: bool,
}

/// A generation of a tenant's app. Generations of the same content share its file and what is known of it.
#[derive(Debug)]
pub struct Generation {
    tenant: TenantId,
    app: AppName,
    copy: Arc<StoredCopy>,
    facts: Arc<Facts>,
}

impl Generation {
    pub(super) fn new(tenant: TenantId, app: AppName, copy: Arc<StoredCopy>, facts: Arc<Facts>) -> Generation {
        Generation { tenant, app, copy, facts }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The app.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// Its name: BLAKE3 of its bytes, 64 hexadecimal digits.
    pub fn hash(&self) -> &str {
        self.copy.hash()
    }

    /// Version that it says it has, for people.
    pub fn version(&self) -> &str {
        &self.facts.version
    }

    /// What it does.
    pub fn kinds(&self) -> &[Kind] {
        &self.facts.kinds
    }

    /// Whether it does this.
    pub fn provides(&self, kind: Kind) -> bool {
        self.facts.kinds.contains(&kind)
    }

    /// It declares that its rows do not depend on each other.
    pub fn rows_independent(&self) -> bool {
        self.facts.rows_independent
    }

    /// It imports iconv.
    pub fn uses_iconv(&self) -> bool {
        self.facts.uses_iconv
    }

    /// Number of its bytes.
    pub fn size(&self) -> u64 {
        self.copy.size()
    }

    /// Name and generation, as every sentence says them.
    pub fn label(&self) -> String {
        app_label(self.app.as_str(), self.hash())
    }

    /// Its hash as people get to see it.
    pub fn short(&self) -> &str {
        short_generation(self.hash())
    }

    /// Its file is gone or damaged, as far as anybody has looked.
    pub fn is_lost(&self) -> bool {
        self.copy.is_lost()
    }

    /// Its file, opened for workers and shared between them. Reads the whole file when it was not read before, or was touched
    /// since.
    ///
    /// # Errors
    /// The file is gone, damaged or cannot be read. It is not run then.
    pub fn source(&self) -> Result<Arc<dyn AppSource>, CopyError> {
        self.copy.open()
    }

    /// What a worker of it is started with. Reads the file as [`source`](Generation::source) does.
    ///
    /// # Errors
    /// See [`source`](Generation::source).
    pub fn worker_spec(
        &self,
        isolation: Isolation,
        limits: GuestLimits,
        config: Option<String>,
    ) -> Result<WorkerSpec, CopyError> {
        Ok(WorkerSpec {
            app: self.source()?,
            label: self.label(),
            isolation,
            limits,
            config,
            preload_iconv: self.uses_iconv(),
            start_deadline: START_DEADLINE,
        })
    }

    /// Where this host keeps its file.
    pub(crate) fn path(&self) -> &std::path::Path {
        self.copy.path()
    }

    pub(super) fn copy(&self) -> &Arc<StoredCopy> {
        &self.copy
    }

    pub(super) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// `1.2.3, kinds: batch`; without the version where it says none.
    pub(super) fn traits(&self) -> String {
        let kinds: Vec<&str> = self.kinds().iter().map(|kind| kind.name()).collect();
        let version = if self.version().is_empty() { String::new() } else { format!(" {}", self.version()) };
        format!("{version}, kinds: {}", kinds.join(", "))
    }
}
