//! Everything that can be done with a running platform: one facade, and nothing else reaches the managers.
//!
//! ```text
//!   api/ (HTTP over the Unix socket) ─┐
//!   staging/ (drops)                  ├─▶ Platform ─▶ batch · streams · apps · queue · sinks · journal · usage
//!   (later: HTTP over TCP)           ─┘
//! ```
//!
//! Each action has a file by its subject; each answers plain values that are serialised as they are. An action that is
//! refused answers an [`ActionError`].

mod apps;
mod batches;
pub mod error;
mod going;
pub mod health;
pub mod housekeeping;
mod incoming;
pub mod intake;
mod letters;
mod measure;
pub mod neighbours;
mod opened;
mod overview;
mod portions;
mod publishing;
mod receiving;
mod records;
mod streams;
mod tasks;
mod tenancy;
mod upload_app;
mod uploads;

pub use apps::AppKey;
pub(crate) use batches::unknown_batch;
pub use batches::{BatchView, TaskView};
pub use letters::{LetterLine, LetterPage, ReplayAnswer, StreamReplay};
pub use overview::{HostLine, Overview, TenantLimits, TenantLine};
pub use publishing::{PublishAnswer, Single};
pub use receiving::Receiving;
pub use streams::{StreamLimits, StreamLine};
pub(crate) use tasks::unknown_task;
pub use tenancy::Settlement;
pub use uploads::{OpenBatch, OpenedBatch, PlannedFile};

use crate::batch::running::Running;
use crate::batch::submit::Batches;
use crate::journal::{Event, Happening};
use crate::queue::QueueError;
use crate::quota::Usage;
use crate::sink::{DocumentSink, Sinks};
use crate::stream::manager::Streams;
use crate::tenant::{SinkName, Tenant, TenantId};
use crate::turns::Turns;
use error::ActionError;
use health::Health;
use jiff::Timestamp;
use opened::Uploads;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use upload_app::AppTurns;

/// The facade. Clones share everything.
#[derive(Clone)]
pub struct Platform {
    /// Takes batches in; has the queue, apps, tenants, files and journal with it.
    pub batches: Batches,
    /// What runs on this host.
    pub running: Running,
    /// Streams.
    pub streams: Streams,
    /// The bill.
    pub usage: Usage,
    /// Slots of this host.
    pub slots: usize,
    /// When the host began.
    pub since: Timestamp,
    /// The staging directory.
    staging: Arc<Path>,
    /// Where HTTP is served.
    address: Arc<OnceLock<String>>,
    app_turns: AppTurns,
    /// What is settled is followed one after another.
    settling: Arc<Turns<TenantId>>,
    /// Dead rows of a tenant are put into the queue one task's after another's, so that none are put there twice.
    replaying: Arc<Turns<TenantId>>,
    /// Comes when somebody asks the host to shut down.
    leave: CancellationToken,
    uploads: Uploads,
    health: Health,
    runtime: Handle,
}

impl Platform {
    /// Brings the parts together. Must be called within the runtime on which it is to work.
    pub fn new(
        batches: Batches,
        running: Running,
        streams: Streams,
        usage: Usage,
        slots: usize,
        staging: &Path,
    ) -> Platform {
        Platform {
            batches,
            running,
            streams,
            usage,
            slots,
            since: Timestamp::now(),
            staging: staging.into(),
            address: Arc::default(),
            app_turns: AppTurns::default(),
            settling: Arc::default(),
            replaying: Arc::default(),
            leave: CancellationToken::new(),
            uploads: Uploads::default(),
            health: Health::default(),
            runtime: Handle::current(),
        }
    }

    /// Tells the queue what a tenant may have of the slots: at the start, and when it is new.
    ///
    /// # Errors
    /// The queue cannot be told.
    pub async fn welcome(&self, tenant: &Tenant) -> Result<(), QueueError> {
        self.batches.parts.queue.set_share(&tenant.id, Platform::share_of(tenant)).await
    }

    /// Whose a directory in staging is; where tenants are adopted, a new one is registered for it.
    pub(crate) fn tenant_of_directory(&self, name: &str) -> Option<TenantId> {
        let (tenant, is_new) = self.batches.parts.tenants.of_directory(name)?;
        if is_new {
            let (platform, newcomer) = (self.clone(), Arc::clone(&tenant));
            // Until that is kept, the queue lets it have one task at a time.
            self.runtime.spawn(async move {
                if let Err(error) = platform.welcome(&newcomer).await {
                    tracing::warn!(%error, tenant = %newcomer.id, "the share of a new tenant could not be kept");
                }
                let sentence = format!("tenant {} was registered: it has a directory in staging", newcomer.id);
                let told = Event::now(Some(&newcomer.id), Happening::Deed { sentence });
                platform.batches.parts.journal.record(told).await;
            });
        }
        Some(tenant.id.clone())
    }

    /// A tenant that is there and not suspended: one that may submit and run.
    fn active(&self, id: &TenantId) -> Result<Arc<Tenant>, ActionError> {
        let tenants = &self.batches.parts.tenants;
        tenants.active(id).ok_or_else(|| crate::batch::submit::not_active(tenants, id))
    }

    /// A tenant that is there, suspended or not: one that is looked at, and settled.
    fn known(&self, id: &TenantId) -> Result<Arc<Tenant>, ActionError> {
        self.batches.parts.tenants.get(id).ok_or_else(|| crate::batch::submit::unknown_tenant(id))
    }

    /// Whether there is such a tenant, where one is named.
    ///
    /// # Errors
    /// There is none.
    pub fn exists(&self, tenant: Option<&TenantId>) -> Result<(), ActionError> {
        tenant.map_or(Ok(()), |tenant| self.known(tenant).map(|_| ()))
    }

    /// Whether somebody of this tenant, where it is one's, is let in.
    ///
    /// # Errors
    /// It is not there, or suspended: then nothing of it is reached by its own.
    pub fn lets_in(&self, tenant: Option<&TenantId>) -> Result<(), ActionError> {
        let Some(tenant) = tenant else { return Ok(()) };
        match self.known(tenant)?.enabled {
            true => Ok(()),
            false => {
                let sentence = format!(
                    "tenant {tenant} is suspended, and nothing of it is reached until the operator lets it go on"
                );
                Err(ActionError::forbidden("tenant_suspended", sentence))
            }
        }
    }

    /// HTTP is served there from now on.
    pub fn is_served_at(&self, address: &str) {
        // It is said once, when the daemon starts.
        let _ = self.address.set(address.to_owned());
    }

    /// Whether this host can work: it is not drained, and its queue answers.
    ///
    /// # Errors
    /// It cannot, and why.
    pub async fn ready(&self) -> Result<(), String> {
        if self.running.is_drained() {
            return Err("this host is drained: start it anew".to_owned());
        }
        self.batches.parts.queue.hosts().await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A sink of a tenant, by its name; the default one where none is named.
    async fn sink(&self, tenant: &TenantId, name: Option<&SinkName>) -> Result<Arc<dyn DocumentSink>, ActionError> {
        let known = self.known(tenant)?;
        let name = name.unwrap_or(&known.default_sink);
        let sink = known.sinks.get(name).ok_or_else(|| {
            let names: Vec<&str> = known.sinks.keys().map(SinkName::as_str).collect();
            let sentence = format!("tenant {tenant} has no sink {name}; it has: {}", names.join(", "));
            ActionError::not_found("unknown_sink", sentence)
        })?;
        Ok(self.batches.parts.sinks.open(tenant, &sink.collection).await?)
    }

    fn sinks(&self) -> &Arc<dyn Sinks> {
        &self.batches.parts.sinks
    }
}
