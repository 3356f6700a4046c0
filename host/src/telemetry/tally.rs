//! Counters, drawn from what is written into the journal: they agree with it.

use super::metrics::{Label, OfState, OfTenant, Tenants};
use crate::journal::{Event, Happening, TaskEntry};
use crate::stream::window::Counts;
use crate::tenant::TenantId;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

type Seconds = Family<OfTenant, Counter<f64, AtomicU64>>;
type Counted = Family<OfTenant, Counter>;

pub(super) struct Tally {
    tenants: Tenants,
    ended: Family<OfState, Counter>,
    rows: Counted,
    documents: Counted,
    dead_letters: Counted,
    deaths: Counted,
    refused: Counted,
    slot_seconds: Seconds,
    worker_cpu: Seconds,
    messages: Counted,
    message_bytes: Counted,
    breaches: Counted,
    interruptions: Counted,
    troubles: Counter,
    lost: Counter,
}

impl Tally {
    pub(super) fn new(registry: &mut Registry, tenants: Tenants) -> Tally {
        let tally = Tally {
            tenants,
            ended: Family::default(),
            rows: Family::default(),
            documents: Family::default(),
            dead_letters: Family::default(),
            deaths: Family::default(),
            refused: Family::default(),
            slot_seconds: Family::default(),
            worker_cpu: Family::default(),
            messages: Family::default(),
            message_bytes: Family::default(),
            breaches: Family::default(),
            interruptions: Family::default(),
            troubles: Counter::default(),
            lost: Counter::default(),
        };
        registry.register(
            "task_attempts",
            "Attempts at tasks that are over, by the state that followed",
            tally.ended.clone(),
        );
        registry.register("rows", "Rows that were settled", tally.rows.clone());
        registry.register("documents", "Documents that were stored, of files and messages", tally.documents.clone());
        registry.register(
            "dead_letters",
            "Rows, messages and documents that became dead letters",
            tally.dead_letters.clone(),
        );
        registry.register("worker_deaths", "Workers that died", tally.deaths.clone());
        registry.register("refusals", "Batches, files and apps that were refused", tally.refused.clone());
        registry.register_with_unit("slot", "Time that tasks held slots", Unit::Seconds, tally.slot_seconds.clone());
        registry.register_with_unit("worker_cpu", "CPU time of workers", Unit::Seconds, tally.worker_cpu.clone());
        registry.register("stream_messages", "Messages that have come to their end", tally.messages.clone());
        registry.register_with_unit(
            "stream_message",
            "Bodies of those messages",
            Unit::Bytes,
            tally.message_bytes.clone(),
        );
        registry.register("stream_breaches", "Windows in which a limit was broken", tally.breaches.clone());
        registry.register("stream_interruptions", "Times that a consumer could not go on", tally.interruptions.clone());
        registry.register("troubles", "Things that were wrong with the platform itself", tally.troubles.clone());
        registry.register("journal_events_lost", "Events that are missing in the journal", tally.lost.clone());
        tally
    }

    pub(super) fn note(&self, event: &Event) {
        match (&event.what, &event.tenant) {
            (Happening::Trouble { .. }, _) => {
                self.troubles.inc();
            }
            (Happening::Lost { events, .. }, _) => {
                self.lost.inc_by(*events);
            }
            (what, Some(tenant)) => self.note_of(what, tenant),
            (_, None) => {}
        }
    }

    fn note_of(&self, what: &Happening, tenant: &TenantId) {
        let labels = OfTenant { tenant: self.tenants.label(tenant) };
        match what {
            Happening::TaskEnded(entry) => self.task(entry, &labels),
            Happening::StreamWindow { report, .. } => self.window(&report.counts, &labels),
            Happening::StreamWorkerDied { .. } => {
                self.deaths.get_or_create(&labels).inc();
            }
            Happening::AppRefused { .. } | Happening::BatchRefused { .. } => {
                self.refused.get_or_create(&labels).inc();
            }
            Happening::StreamBreach { .. } => {
                self.breaches.get_or_create(&labels).inc();
            }
            Happening::StreamInterrupted { .. } => {
                self.interruptions.get_or_create(&labels).inc();
            }
            _ => {}
        }
    }

    fn task(&self, entry: &TaskEntry, labels: &OfTenant) {
        let state = Label(entry.state.name().into());
        self.ended.get_or_create(&OfState { tenant: labels.tenant.clone(), state }).inc();
        self.rows.get_or_create(labels).inc_by(entry.new_rows);
        self.documents.get_or_create(labels).inc_by(entry.new_documents);
        self.dead_letters.get_or_create(labels).inc_by(entry.new_dead_letters);
        self.deaths.get_or_create(labels).inc_by(u64::from(entry.deaths));
        self.slot_seconds.get_or_create(labels).inc_by(positive(entry.slot_seconds));
        self.worker_cpu.get_or_create(labels).inc_by(positive(entry.cpu_seconds));
    }

    fn window(&self, counts: &Counts, labels: &OfTenant) {
        self.messages.get_or_create(labels).inc_by(counts.messages);
        self.message_bytes.get_or_create(labels).inc_by(counts.bytes);
        self.documents.get_or_create(labels).inc_by(counts.stored);
        self.dead_letters.get_or_create(labels).inc_by(counts.rejected + counts.refused);
        self.worker_cpu.get_or_create(labels).inc_by(positive(counts.cpu_seconds));
    }
}

/// A counter never falls.
fn positive(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}
