//! What there is just now, as numbers: for metrics.

use super::Platform;
use super::error::ActionError;
use crate::telemetry::metrics::{OfOne, Snapshot};
use crate::tenant::{StreamState, TenantId};
use std::collections::BTreeMap;

impl Platform {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// The queue cannot answer.
    pub async fn measure(&self) -> Result<Snapshot, ActionError> {
        let overview = self.overview(None).await?;
        let mut tenants: BTreeMap<TenantId, OfOne> = BTreeMap::new();
        for line in &overview.tenants {
            let of = tenants.entry(line.tenant.clone()).or_default();
            of.tasks = [line.load.waiting, line.load.running, line.load.parked];
            of.stored_bytes = line.stored_bytes;
            of.apps = line.apps;
        }
        for line in self.all_streams(None).await? {
            let of = tenants.entry(line.tenant).or_default();
            of.streams += usize::from(line.state == StreamState::Started);
            of.consumers += line.consumers;
            of.waiting += line.waiting.unwrap_or_default();
            of.oldest_seconds = of.oldest_seconds.max(line.oldest_seconds.unwrap_or_default());
        }
        let slots = [overview.slots, overview.running.len()];
        Ok(Snapshot { slots, hosts: overview.hosts.len(), tenants: tenants.into_iter().collect() })
    }
}
