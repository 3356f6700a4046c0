//! What is going on, on one page.

use super::Platform;
use super::error::ActionError;
use crate::apps::AppState;
use crate::batch::running::RunningTask;
use crate::part::Part;
use crate::queue::{HostCard, Load};
use crate::tenant::{Limits, Tenant, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The platform, as this host sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Overview {
    /// Version of mysimbdp.
    pub version: String,
    /// Where this host serves HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Since when this host is up.
    pub since: Timestamp,
    /// It is drained: it takes nothing more, and finishes what runs.
    #[serde(default)]
    pub draining: bool,
    /// Its slots.
    pub slots: usize,
    /// What runs on them.
    pub running: Vec<RunningTask>,
    /// The hosts that share this queue, this one among them; of one tenant's page none.
    pub hosts: Vec<HostLine>,
    /// Tenants that have or had something to do, and how much.
    pub tenants: Vec<TenantLine>,
}

/// A host, as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostLine {
    /// What it tells of itself.
    #[serde(flatten)]
    pub card: HostCard,
    /// Seconds since its last sign of life.
    pub silent_seconds: u64,
}

/// A tenant, as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TenantLine {
    /// Its name.
    pub tenant: TenantId,
    /// Its profile.
    pub profile: String,
    /// Its share.
    pub weight: u32,
    /// It may submit and run.
    pub enabled: bool,
    /// Apps that are live.
    pub apps: usize,
    /// Its tasks.
    pub load: Load,
    /// Bytes that it keeps: files and sink.
    pub stored_bytes: u64,
    /// What it may have of that, and of tasks.
    pub limits: TenantLimits,
}

/// Limits of a tenant that what is listed of it is held against; one that is unlimited is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TenantLimits {
    /// Bytes that it may keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Tasks that may wait or run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_tasks: Option<u64>,
    /// Tasks that may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_tasks: Option<u64>,
}

impl From<&Limits> for TenantLimits {
    fn from(limits: &Limits) -> TenantLimits {
        let most = |limit: u64| (limit < u64::MAX).then_some(limit);
        TenantLimits {
            storage_bytes: most(limits.storage_bytes),
            waiting_tasks: most(limits.waiting_tasks),
            concurrent_tasks: most(limits.concurrent_tasks),
        }
    }
}

impl Platform {
    /// What is going on; of one tenant, or of all.
    ///
    /// # Errors
    /// There is no such tenant, or the queue cannot answer.
    pub async fn overview(&self, tenant: Option<&TenantId>) -> Result<Overview, ActionError> {
        let mut running = self.running.all();
        running.retain(|task| tenant.is_none_or(|tenant| task.tenant == *tenant));
        let tenants = match tenant {
            Some(tenant) => {
                vec![self.tenant_line(tenant).await?]
            }
            None => self.lines(&self.batches.parts.tenants.all()).await?,
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        // Of the platform itself a tenant's page says nothing.
        let hosts = if tenant.is_none() { self.hosts().await? } else { Vec::new() };
        let http = self.address.get().cloned();
        let (draining, slots) = (self.running.is_drained(), self.slots);
        Ok(Overview { version, http, since: self.since, draining, slots, running, hosts, tenants })
    }

    /// The hosts that share this queue.
    async fn hosts(&self) -> Result<Vec<HostLine>, ActionError> {
        let mut hosts = self.batches.parts.queue.hosts().await?;
        if hosts.is_empty() {
            hosts.push((self.card(), Duration::ZERO));
        }
        Ok(hosts.into_iter().map(|(card, silent)| HostLine { card, silent_seconds: silent.as_secs() }).collect())
    }

    /// Tenants, by name; and behind which the rest of them begins.
    ///
    /// # Errors
    /// The queue cannot answer.
    pub async fn tenants(&self, part: &Part<TenantId>) -> Result<(Vec<TenantLine>, Option<TenantId>), ActionError> {
        let (tenants, next) = part.of(self.batches.parts.tenants.all(), |tenant| tenant.id.clone());
        Ok((self.lines(&tenants).await?, next))
    }

    async fn lines(&self, tenants: &[Arc<Tenant>]) -> Result<Vec<TenantLine>, ActionError> {
        let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
        let loads = self.batches.parts.queue.loads(&ids).await?;
        Ok(tenants.iter().zip(loads).map(|(tenant, load)| self.line(tenant, load)).collect())
    }

    /// One tenant.
    ///
    /// # Errors
    /// There is none of this name, or the queue cannot answer.
    pub async fn tenant_line(&self, tenant: &TenantId) -> Result<TenantLine, ActionError> {
        let tenant = self.known(tenant)?;
        let load = self.batches.parts.queue.load(&tenant.id).await?;
        Ok(self.line(&tenant, load))
    }

    /// How many of its apps are live.
    pub(super) fn live_apps(&self, tenant: &TenantId) -> usize {
        self.batches.parts.apps.list(Some(tenant)).iter().filter(|app| app.state == AppState::Live).count()
    }

    fn line(&self, tenant: &Tenant, load: Load) -> TenantLine {
        let id = &tenant.id;
        TenantLine {
            tenant: id.clone(),
            profile: tenant.profile.clone(),
            weight: tenant.weight,
            enabled: tenant.enabled,
            apps: self.live_apps(id),
            load,
            stored_bytes: self.sinks().stored_bytes(id) + self.batches.parts.files.bytes(id),
            limits: TenantLimits::from(&tenant.limits),
        }
    }
}
