//! Metrics, as Prometheus reads them.
//!
//! ```text
//!   journal ── each event ───────▶ tally: counters ──────────┐
//!   tasks that run ─ what moved ─▶                           │
//!   guard, sinks ── each answer ─▶ durations: histograms     ├─▶ text, whenever somebody scrapes
//!   a snapshot, taken then ──────▶ gauges ───────────────────┘
//! ```
//!
//! Names begin with `mysimbdp_`, but for those of the process itself, which all clients of Prometheus call alike; units are
//! seconds and bytes, counters begin at 0 with the host. `docs/metrics.md` says what each means; a test holds the two together.

use super::durations::Durations;
pub use super::durations::{Answered, Route};
use super::exposition::{self, Format};
use super::gauges::Gauges;
use super::labels::Tenants;
use super::process::Process;
use super::sinks::TimedSinks;
pub use super::snapshot::{Disk, OfOne, Snapshot};
use super::tally::Tally;
use crate::batch::running::Moved;
use crate::journal::Event;
use crate::sink::Sinks;
use crate::tenant::TenantId;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: u16,
}

/// All metrics of a host. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    tenants: Tenants,
    tally: Tally,
    durations: Durations,
    requests: Family<OfStatus, Counter>,
    gauges: Gauges,
    process: Process,
    /// Scrapes come one after another: each sets all gauges.
    turn: Mutex<()>,
}

/// A connection that is open, until this is dropped.
pub struct Connected(Metrics);

impl Metrics {
    /// Those of a host that begins now.
    pub fn new() -> Metrics {
        let mut all = Registry::default();
        let process = Process::register(&mut all);
        let registry = all.sub_registry_with_prefix("mysimbdp");
        let (tenants, requests) = (Tenants::default(), Family::default());
        registry.register("build", "What this host is", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let durations = Durations::register(registry);
        let tally = Tally::new(registry, tenants.clone(), durations.clone());
        registry.register("http_requests", "Requests over HTTP that were answered, by their status", requests.clone());
        let gauges = Gauges::register(registry);
        let turn = Mutex::default();
        Metrics { inner: Arc::new(Inner { registry: all, tenants, tally, durations, requests, gauges, process, turn }) }
    }

    /// Counts an event of the journal.
    pub fn note(&self, event: &Event) {
        self.inner.tally.note(event);
    }

    /// Counts what was settled of running tasks since the last time.
    pub fn moved(&self, moved: &BTreeMap<TenantId, Moved>) {
        moved.iter().for_each(|(tenant, moved)| self.inner.tally.moved(tenant, moved));
    }

    /// Counts an answer over HTTP.
    pub fn answered(&self, answered: &Answered, took: Duration) {
        self.inner.requests.get_or_create(&OfStatus { status: answered.status }).inc();
        self.inner.durations.request(answered, took);
    }

    /// A connection was turned away before anybody had asked for anything.
    pub fn turned_away(&self, status: u16) {
        self.inner.requests.get_or_create(&OfStatus { status }).inc();
    }

    /// A connection is open.
    pub fn connected(&self) -> Connected {
        self.inner.gauges.connections.inc();
        Connected(self.clone())
    }

    /// HTTP is served, to so many connections at most.
    pub fn serves(&self, connections: usize) {
        self.inner.gauges.most_connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
    }

    /// The certificate that is shown ends then.
    pub fn certificate_ends(&self, at: Timestamp) {
        self.inner.gauges.certificate_ends(at);
    }

    /// Sinks whose batches are timed.
    pub fn timed(&self, sinks: Arc<dyn Sinks>) -> Arc<dyn Sinks> {
        Arc::new(TimedSinks::new(sinks, self.inner.durations.clone()))
    }

    /// A batch of documents went into a sink.
    #[cfg(test)]
    pub(super) fn wrote(&self, is_stored: bool, took: Duration) {
        self.inner.durations.write(is_stored, took);
    }

    /// All of them as text.
    pub fn text(&self, now: &Snapshot, format: Format) -> String {
        let Inner { registry, tenants, tally, gauges, process, turn, .. } = &*self.inner;
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        tally.settle(&tenants.settle(now.tenants.iter().map(|(tenant, _)| tenant)));
        gauges.set(now, tenants);
        process.look();
        exposition::write(registry, format)
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.inner.gauges.connections.dec();
    }
}
