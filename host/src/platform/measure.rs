//! What there is just now, as numbers: for metrics. What does not answer in time is left out; all that this host knows by itself
//! is there, whatever is away.

use super::Platform;
use crate::broker::Depth;
use crate::queue::HOST_WORD;
use crate::telemetry::metrics::{Disk, OfOne, Snapshot};
use crate::tenant::{StreamState, TenantId};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Whoever scrapes waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

impl Platform {
    /// Takes a snapshot, of all but the tokens.
    pub async fn measure(&self) -> Snapshot {
        let parts = &self.batches.parts;
        let mut tenants: BTreeMap<TenantId, OfOne> = BTreeMap::new();
        for tenant in parts.tenants.all() {
            let id = &tenant.id;
            let stored_bytes = self.sinks().stored_bytes(id) + parts.files.bytes(id);
            tenants.insert(id.clone(), OfOne { stored_bytes, apps: self.live_apps(id), ..OfOne::default() });
        }
        let until = Instant::now() + PATIENCE;
        let ids: Vec<TenantId> = tenants.keys().cloned().collect();
        let (queue, ()) =
            tokio::join!(timeout_at(until, self.measure_queue(&ids)), self.measure_streams(&mut tenants, until));
        let (mut hosts, mut answers) = (None, false);
        if let Ok(Some((known, of))) = queue {
            (hosts, answers) = (Some(known), true);
            for (id, (tasks, oldest)) in ids.iter().zip(of) {
                let Some(one) = tenants.get_mut(id) else { continue };
                (one.tasks, one.oldest_task_seconds) = (Some(tasks), Some(oldest));
            }
        }
        let draining = self.running.is_drained();
        Snapshot {
            slots: [self.slots, self.running.all().len()],
            hosts,
            draining,
            ready: answers && !draining,
            servers: self.health.heard(),
            tenants: tenants.into_iter().collect(),
            disks: [("data", parts.journal.data()), ("staging", &self.staging)].into_iter().filter_map(disk).collect(),
            ..Snapshot::default()
        }
    }

    /// How many hosts there are, and for each tenant its tasks and how long the first of them has waited; `None` where the queue
    /// does not say.
    async fn measure_queue(&self, ids: &[TenantId]) -> Option<(usize, Vec<([u64; 3], f64)>)> {
        // One that was away a moment ago is not waited for.
        if !self.health.queue_answers() {
            return None;
        }
        let queue = &self.batches.parts.queue;
        let hosts = queue.hosts().await.ok()?;
        let (loads, since) = (queue.loads(ids).await.ok()?, queue.waiting_since(ids).await.ok()?);
        let now = Timestamp::now();
        let waited =
            |since: Option<Timestamp>| since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        let of =
            loads.iter().zip(since).map(|(load, since)| ([load.waiting, load.running, load.parked], waited(since)));
        // Of a queue that it has for itself, a host is the only one.
        let alive = hosts.iter().filter(|(_, silent)| *silent <= HOST_WORD).count();
        Some((if hosts.is_empty() { 1 } else { alive }, of.collect()))
    }

    async fn measure_streams(&self, tenants: &mut BTreeMap<TenantId, OfOne>, until: Instant) {
        for one in tenants.values_mut() {
            (one.waiting, one.oldest_seconds) = (Some(0), Some(0.0));
        }
        for told in self.streams.list() {
            let depth: Option<Depth> = match timeout_at(until, self.streams.depth(&told.key)).await {
                Ok(depth) => depth.ok(),
                Err(_late) => None,
            };
            let Some(one) = tenants.get_mut(&told.key.tenant) else { continue };
            one.streams += usize::from(told.said.state == StreamState::Started);
            one.consumers += told.consumers;
            one.waiting = one.waiting.zip(depth).map(|(waiting, depth)| waiting + depth.waiting);
            let oldest = depth.map(|depth| depth.oldest.unwrap_or_default().as_secs_f64());
            one.oldest_seconds = one.oldest_seconds.zip(oldest).map(|(one, other)| one.max(other));
        }
    }
}

/// Room on the file system of a directory.
fn disk((directory, path): (&'static str, &Path)) -> Option<Disk> {
    let told = rustix::fs::statvfs(path).ok()?;
    Some(Disk { directory, free: told.f_bavail * told.f_frsize, size: told.f_blocks * told.f_frsize })
}
