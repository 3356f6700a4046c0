//! Metrics, as Prometheus reads them (OpenMetrics text).
//!
//! ```text
//!   journal ── each event ──▶ tally: counters ─┐
//!   the guard ── each answer ─▶ requests       ├─▶ text, whenever somebody scrapes
//!   a snapshot, taken then ───▶ gauges ────────┘
//! ```
//!
//! Names begin with `mysimbdp_`, units are seconds and bytes, counters begin at 0 with the host. `docs/metrics.md` says what
//! each means; a test holds the two together. Of more than [`MOST_TENANTS`] tenants, those that came later share the label
//! [`OTHERS`]: somebody who makes tenants must not make series without end.

use super::process;
use super::tally::Tally;
use crate::journal::Event;
use crate::tenant::TenantId;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// What the text is.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Tenants that have series of their own.
pub const MOST_TENANTS: usize = 500;
/// The label of all that came later.
pub const OTHERS: &str = "_others";

pub(super) type Number = Gauge<f64, AtomicU64>;

/// Whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfTenant {
    pub(super) tenant: Label,
}

/// Whose it is, and of which kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfState {
    pub(super) tenant: Label,
    pub(super) state: Label,
}

/// How a request was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: u16,
}

/// A label's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Label(pub(super) Arc<str>);

impl prometheus_client::encoding::EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.as_ref().encode(encoder)
    }
}

/// Which tenants have series of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Tenants(Arc<Mutex<BTreeSet<Arc<str>>>>);

impl Tenants {
    pub(super) fn label(&self, tenant: &TenantId) -> Label {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(tenant.as_str()) {
            return Label(Arc::clone(known));
        }
        if known.len() >= MOST_TENANTS {
            return Label(OTHERS.into());
        }
        let name: Arc<str> = tenant.as_str().into();
        known.insert(Arc::clone(&name));
        Label(name)
    }
}

/// What there is of a tenant when somebody scrapes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfOne {
    /// Tasks that wait, run, are parked.
    pub tasks: [u64; 3],
    /// Bytes that it keeps.
    pub stored_bytes: u64,
    /// Apps that are live.
    pub apps: usize,
    /// Streams that are started.
    pub streams: usize,
    /// Their consumers.
    pub consumers: usize,
    /// Messages that wait in their queues.
    pub waiting: u64,
    /// Seconds since the oldest of those came.
    pub oldest_seconds: f64,
}

/// What there is when somebody scrapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Slots, and how many of them are busy.
    pub slots: [usize; 2],
    /// Hosts on the same queue.
    pub hosts: usize,
    /// Each tenant.
    pub tenants: Vec<(TenantId, OfOne)>,
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
    requests: Family<OfStatus, Counter>,
    gauges: Gauges,
    /// Scrapes come one after another: each sets all gauges.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Gauges {
    slots: Gauge,
    busy: Gauge,
    hosts: Gauge,
    tenants: Gauge,
    tasks: Family<OfState, Gauge>,
    stored: Family<OfTenant, Gauge>,
    apps: Family<OfTenant, Gauge>,
    streams: Family<OfTenant, Gauge>,
    consumers: Family<OfTenant, Gauge>,
    waiting: Family<OfTenant, Gauge>,
    oldest: Family<OfTenant, Number>,
    resident: Gauge,
    open_files: Gauge,
    cpu: Number,
}

impl Metrics {
    /// Those of a host that begins now.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("mysimbdp");
        let (tenants, requests, gauges) = (Tenants::default(), Family::default(), Gauges::default());
        registry.register("build", "What this host is", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let tally = Tally::new(&mut registry, tenants.clone());
        registry.register("http_requests", "Requests that were answered, by their status", requests.clone());
        gauges.register(&mut registry);
        Metrics { inner: Arc::new(Inner { registry, tenants, tally, requests, gauges, turn: Mutex::default() }) }
    }

    /// Counts an event of the journal.
    pub fn note(&self, event: &Event) {
        self.inner.tally.note(event);
    }

    /// Counts an answer.
    pub fn answered(&self, status: u16) {
        self.inner.requests.get_or_create(&OfStatus { status }).inc();
    }

    /// All of them as text.
    pub fn text(&self, now: &Snapshot) -> String {
        let _turn = self.inner.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.gauges.set(now, &self.inner.tenants);
        let mut text = String::new();
        // A text is written into memory: that does not fail.
        let _written = encode(&mut text, &self.inner.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("slots", "Tasks that this host runs at the same time", self.slots.clone());
        registry.register("slots_busy", "Slots of this host that have a task", self.busy.clone());
        registry.register("hosts", "Hosts on the same queue that have given a sign of life lately", self.hosts.clone());
        registry.register("tenants", "Tenants that are registered", self.tenants.clone());
        registry.register("tasks", "Tasks in the queue, by state: waiting, running, parked", self.tasks.clone());
        registry.register_with_unit("stored", "Files and documents that are kept", Unit::Bytes, self.stored.clone());
        registry.register("apps", "Apps that are live", self.apps.clone());
        registry.register("streams", "Streams that are started", self.streams.clone());
        registry.register("stream_consumers", "Consumers of streams, on all hosts", self.consumers.clone());
        registry.register(
            "stream_waiting_messages",
            "Messages that wait in the queues of streams",
            self.waiting.clone(),
        );
        registry.register_with_unit(
            "stream_oldest",
            "Age of the oldest message that waits in a queue of a stream",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register_with_unit(
            "resident_memory",
            "Memory of the host process",
            Unit::Bytes,
            self.resident.clone(),
        );
        registry.register("open_files", "Files that the host process has open", self.open_files.clone());
        registry.register_with_unit("cpu", "CPU time of the host process", Unit::Seconds, self.cpu.clone());
    }

    fn set(&self, now: &Snapshot, tenants: &Tenants) {
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let large = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let [slots, busy] = now.slots;
        for (gauge, value) in
            [(&self.slots, slots), (&self.busy, busy), (&self.hosts, now.hosts), (&self.tenants, now.tenants.len())]
        {
            gauge.set(whole(value));
        }
        // Of a tenant that is gone there shall be nothing.
        for family in [&self.stored, &self.apps, &self.streams, &self.consumers, &self.waiting] {
            family.clear();
        }
        self.tasks.clear();
        self.oldest.clear();
        for (id, of) in &now.tenants {
            let tenant = tenants.label(id);
            for (state, count) in ["waiting", "running", "parked"].into_iter().zip(of.tasks) {
                let labels = OfState { tenant: tenant.clone(), state: Label(state.into()) };
                self.tasks.get_or_create(&labels).inc_by(large(count));
            }
            let labels = OfTenant { tenant };
            self.stored.get_or_create(&labels).inc_by(large(of.stored_bytes));
            self.apps.get_or_create(&labels).inc_by(whole(of.apps));
            self.streams.get_or_create(&labels).inc_by(whole(of.streams));
            self.consumers.get_or_create(&labels).inc_by(whole(of.consumers));
            self.waiting.get_or_create(&labels).inc_by(large(of.waiting));
            let oldest = self.oldest.get_or_create(&labels);
            oldest.set(oldest.get().max(of.oldest_seconds));
        }
        let own = process::look();
        self.resident.set(large(own.resident_bytes));
        self.open_files.set(large(own.open_files));
        self.cpu.set(own.cpu_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::fixtures::every_kind;
    use std::collections::BTreeMap;

    fn all() -> (Metrics, Snapshot) {
        let metrics = Metrics::new();
        for event in every_kind() {
            metrics.note(&event);
        }
        metrics.answered(200);
        let one = OfOne { tasks: [1, 2, 3], stored_bytes: 7, oldest_seconds: 1.5, ..OfOne::default() };
        let snapshot = Snapshot { slots: [3, 1], hosts: 1, tenants: vec![("acme".parse().unwrap(), one)] };
        (metrics, snapshot)
    }

    /// Names of metrics with their types, as the text declares them.
    fn declared(text: &str) -> BTreeMap<String, String> {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| line.split_once(' ')).map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
    }

    fn file(name: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Names of metrics that a text uses, without what counters end with.
    fn used(text: &str) -> BTreeSet<String> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let words = text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("mysimbdp_"));
        words.map(|word| word.strip_suffix("_total").unwrap_or(word).to_owned()).collect()
    }

    #[test]
    fn each_metric_is_documented_and_no_other() {
        let (metrics, snapshot) = all();
        let declared: BTreeSet<String> = declared(&metrics.text(&snapshot)).into_keys().collect();
        let documented = file("docs/metrics.md");
        let rows = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let documented: BTreeSet<String> = rows
            .map(|name| name.strip_suffix("_total").or(name.strip_suffix("_info")).unwrap_or(name).to_owned())
            .collect();
        assert_eq!(declared, documented, "left: what there is; right: docs/metrics.md");
    }

    #[test]
    fn dashboard_and_alerts_use_what_there_is() {
        let (metrics, snapshot) = all();
        let declared: BTreeSet<String> = declared(&metrics.text(&snapshot)).into_keys().collect();
        for name in ["config/grafana-dashboard.json", "config/prometheus-alerts.yaml"] {
            let used = used(&file(name));
            assert!(used.len() > 3, "{name} uses {used:?}");
            let missing: Vec<_> = used.difference(&declared).collect();
            assert!(missing.is_empty(), "{name} uses {missing:?}, which there are not");
        }
        serde_json::from_str::<serde_json::Value>(&file("config/grafana-dashboard.json")).unwrap();
    }

    #[test]
    fn tenants_without_end_share_one_label() {
        let metrics = Metrics::new();
        let tenant = |n: usize| (format!("t{n}").parse().unwrap(), OfOne { stored_bytes: 1, ..OfOne::default() });
        let tenants = (0..MOST_TENANTS + 20).map(tenant).collect();
        let text = metrics.text(&Snapshot { tenants, ..Snapshot::default() });
        assert!(text.contains("mysimbdp_stored_bytes{tenant=\"_others\"} 20\n"), "{text}");
        assert_eq!(text.matches("mysimbdp_stored_bytes{").count(), MOST_TENANTS + 1);
    }

    #[test]
    fn the_text_ends_as_the_format_wants_and_says_what_was_noted() {
        let (metrics, snapshot) = all();
        let text = metrics.text(&snapshot);
        assert!(text.ends_with("# EOF\n"));
        for line in [
            "mysimbdp_slots_busy 1",
            "mysimbdp_tasks{tenant=\"acme\",state=\"parked\"} 3",
            "mysimbdp_stream_oldest_seconds{tenant=\"acme\"} 1.5",
            "mysimbdp_http_requests_total{status=\"200\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        // Scraped twice, nothing is counted twice.
        assert_eq!(metrics.text(&snapshot).lines().filter(|line| line.starts_with("mysimbdp_tasks{")).count(), 3);
        assert!(metrics.text(&snapshot).contains("mysimbdp_tasks{tenant=\"acme\",state=\"parked\"} 3"));
    }
}
