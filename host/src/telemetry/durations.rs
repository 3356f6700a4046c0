//! How long things take: histograms, none of them by tenant. What one tenant's tasks took is in its statistics.

use super::labels::Label;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answered {
    /// Its method; of those that no route takes `other`.
    pub method: &'static str,
    /// What kind of route it came to.
    pub route: Route,
    /// The status.
    pub status: u16,
}

/// Kinds of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Files and apps come in.
    Upload,
    /// Messages come in.
    Publish,
    /// Lasts for as long as somebody listens: what is measured is until it begins.
    Follow,
    /// `/metrics`.
    Metrics,
    /// All others.
    Other,
}

impl Route {
    fn name(self) -> &'static str {
        match self {
            Route::Upload => "upload",
            Route::Publish => "publish",
            Route::Follow => "follow",
            Route::Metrics => "metrics",
            Route::Other => "other",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: &'static str,
    /// `2xx`, `4xx`, …
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEnd {
    state: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Durations {
    requests: Times<OfRequest>,
    tasks: Times<OfEnd>,
    waits: Histogram,
    writes: Times<OfOutcome>,
}

impl Durations {
    pub(super) fn register(registry: &mut Registry) -> Durations {
        let durations = Durations {
            requests: Times::new_with_constructor(|| {
                Histogram::new([0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0])
            }),
            tasks: Times::new_with_constructor(|| {
                Histogram::new([0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0])
            }),
            waits: Histogram::new([0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0]),
            writes: Times::new_with_constructor(|| {
                Histogram::new([0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0])
            }),
        };
        let Durations { requests, tasks, waits, writes } = &durations;
        let seconds = Unit::Seconds;
        registry.register_with_unit(
            "http_request_duration",
            "From the head of a request over HTTP to the head of its answer",
            seconds.clone(),
            requests.clone(),
        );
        registry.register_with_unit(
            "task_duration",
            "Attempts at tasks, from their claim to their end",
            seconds.clone(),
            tasks.clone(),
        );
        registry.register_with_unit(
            "task_queue_wait",
            "From a task's way into the queue to its first claim",
            seconds.clone(),
            waits.clone(),
        );
        registry.register_with_unit(
            "sink_write_duration",
            "Batches of documents on their way into a sink, trying again included",
            seconds,
            writes.clone(),
        );
        durations
    }

    pub(super) fn request(&self, Answered { method, route, status }: &Answered, took: Duration) {
        let labels = OfRequest { method, route: route.name(), status: format!("{}xx", status / 100) };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn task(&self, state: Label, seconds: f64) {
        self.tasks.get_or_create(&OfEnd { state }).observe(seconds);
    }

    pub(super) fn waited(&self, seconds: f64) {
        self.waits.observe(seconds);
    }

    pub(super) fn write(&self, is_stored: bool, took: Duration) {
        let outcome = if is_stored { "stored" } else { "failed" };
        self.writes.get_or_create(&OfOutcome { outcome }).observe(took.as_secs_f64());
    }
}
