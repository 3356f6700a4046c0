//! Counters: drawn from what is written into the journal, with which they agree, and from what moves while tasks run.
//!
//! A tenant's counters begin at 0 when it is first seen, so that its first incident is a rise; they go when it does.

use super::durations::Durations;
use super::labels::{Label, OfState, OfTenant, Settled, Tenants};
use crate::batch::running::Moved;
use crate::journal::{Event, Happening, TaskEntry};
use crate::stream::window::WindowReport;
use crate::task::TaskState;
use crate::tenant::TenantId;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

type Seconds = Family<OfTenant, Counter<f64, AtomicU64>>;
type Counted = Family<OfTenant, Counter>;

/// States that an attempt at a task may leave it in.
const ENDS: [TaskState; 5] =
    [TaskState::Waiting, TaskState::Done, TaskState::Partial, TaskState::Parked, TaskState::Cancelled];

pub(super) struct Tally {
    tenants: Tenants,
    durations: Durations,
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
    app_seconds: Seconds,
    breaches: Counted,
    breach_seconds: Seconds,
    interruptions: Counted,
    troubles: Counter,
    lost: Counter,
    skipped: Counter,
}

impl Tally {
    pub(super) fn new(registry: &mut Registry, tenants: Tenants, durations: Durations) -> Tally {
        let tally = Tally {
            tenants,
            durations,
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
            app_seconds: Family::default(),
            breaches: Family::default(),
            breach_seconds: Family::default(),
            interruptions: Family::default(),
            troubles: Counter::default(),
            lost: Counter::default(),
            skipped: Counter::default(),
        };
        let ended = "Attempts at tasks that are over, by the state that followed";
        registry.register("task_attempts", ended, tally.ended.clone());
        for (name, help, counter) in [
            ("rows", "Rows that were settled", &tally.rows),
            ("documents", "Documents that were stored, of files and messages", &tally.documents),
            ("dead_letters", "Rows, messages and documents that became dead letters", &tally.dead_letters),
            ("worker_deaths", "Workers that died", &tally.deaths),
            ("refusals", "Batches, files and apps that were refused", &tally.refused),
            ("stream_messages", "Messages that have come to their end", &tally.messages),
            ("stream_breaches", "Limits that were broken in a window", &tally.breaches),
            ("stream_interruptions", "Times that a consumer could not go on", &tally.interruptions),
        ] {
            registry.register(name, help, counter.clone());
        }
        let bodies = "Bodies of messages that have come to their end";
        registry.register_with_unit("stream_message", bodies, Unit::Bytes, tally.message_bytes.clone());
        for (name, help, counter) in [
            ("slot", "Time that tasks held slots", &tally.slot_seconds),
            ("worker_cpu", "CPU time of workers", &tally.worker_cpu),
            ("stream_app", "Time that messages took in apps", &tally.app_seconds),
            ("stream_breach", "Length of windows in which a limit was broken", &tally.breach_seconds),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, counter.clone());
        }
        for (name, help, counter) in [
            ("troubles", "Things that were wrong with the platform itself", &tally.troubles),
            ("journal_events_lost", "Events that are missing in the journal", &tally.lost),
            ("metrics_events_skipped", "Events that came too fast to be counted here", &tally.skipped),
        ] {
            registry.register(name, help, counter.clone());
        }
        tally
    }

    /// Begins and ends series.
    pub(super) fn settle(&self, settled: &Settled) {
        for tenant in &settled.gone {
            let of = OfTenant { tenant: tenant.clone() };
            self.counted().into_iter().for_each(|family| _ = family.remove(&of));
            self.seconds().into_iter().for_each(|family| _ = family.remove(&of));
            for state in ENDS {
                self.ended.remove(&OfState { tenant: tenant.clone(), state: state.name().into() });
            }
        }
        settled.used.iter().for_each(|tenant| self.begin(tenant));
    }

    fn begin(&self, tenant: &Label) {
        let of = OfTenant { tenant: tenant.clone() };
        self.counted().into_iter().for_each(|family| drop(family.get_or_create(&of)));
        self.seconds().into_iter().for_each(|family| drop(family.get_or_create(&of)));
        for state in ENDS {
            drop(self.ended.get_or_create(&OfState { tenant: tenant.clone(), state: state.name().into() }));
        }
    }

    fn counted(&self) -> [&Counted; 9] {
        [
            &self.rows,
            &self.documents,
            &self.dead_letters,
            &self.deaths,
            &self.refused,
            &self.messages,
            &self.message_bytes,
            &self.breaches,
            &self.interruptions,
        ]
    }

    fn seconds(&self) -> [&Seconds; 4] {
        [&self.slot_seconds, &self.worker_cpu, &self.app_seconds, &self.breach_seconds]
    }

    pub(super) fn note(&self, event: &Event) {
        match (&event.what, &event.tenant) {
            (Happening::Trouble { .. }, _) => {
                self.troubles.inc();
            }
            (Happening::Lost { events, .. }, _) => {
                self.lost.inc_by(*events);
            }
            (Happening::Skipped { lines, .. }, _) => {
                self.skipped.inc_by(*lines);
            }
            (what, Some(tenant)) => self.note_of(what, tenant),
            (_, None) => {}
        }
    }

    /// Rows of tasks were settled.
    pub(super) fn moved(&self, tenant: &TenantId, moved: &Moved) {
        let of = OfTenant { tenant: self.tenants.label(tenant) };
        self.rows.get_or_create(&of).inc_by(moved.rows);
        self.documents.get_or_create(&of).inc_by(moved.documents);
        self.dead_letters.get_or_create(&of).inc_by(moved.dead_letters);
    }

    fn note_of(&self, what: &Happening, tenant: &TenantId) {
        let one_of = |family: &Counted| {
            family.get_or_create(&OfTenant { tenant: self.tenants.label(tenant) }).inc();
        };
        match what {
            Happening::TaskEnded(entry) => self.task(entry, tenant),
            Happening::StreamWindow { report, .. } => self.window(report, tenant),
            Happening::StreamWorkerDied { .. } => one_of(&self.deaths),
            Happening::AppRefused { .. } | Happening::BatchRefused { .. } => one_of(&self.refused),
            Happening::StreamBreach { notification, .. } => {
                one_of(&self.breaches);
                let of = OfTenant { tenant: self.tenants.label(tenant) };
                #[expect(clippy::cast_precision_loss, reason = "windows last seconds")]
                let seconds = notification.window_seconds as f64;
                self.breach_seconds.get_or_create(&of).inc_by(seconds);
            }
            Happening::StreamInterrupted { .. } => one_of(&self.interruptions),
            _ => {}
        }
    }

    /// Its rows were counted as they moved.
    fn task(&self, entry: &TaskEntry, tenant: &TenantId) {
        let labels = OfTenant { tenant: self.tenants.label(tenant) };
        let state = Label::from(entry.state.name());
        self.ended.get_or_create(&OfState { tenant: labels.tenant.clone(), state: state.clone() }).inc();
        self.deaths.get_or_create(&labels).inc_by(u64::from(entry.deaths));
        self.slot_seconds.get_or_create(&labels).inc_by(positive(entry.slot_seconds));
        self.worker_cpu.get_or_create(&labels).inc_by(positive(entry.cpu_seconds));
        self.durations.task(state, positive(entry.slot_seconds));
        // The time until the first claim is told of every attempt.
        if entry.epoch == 1 {
            self.durations.waited(positive(entry.queued_seconds));
        }
    }

    fn window(&self, report: &WindowReport, tenant: &TenantId) {
        let labels = OfTenant { tenant: self.tenants.label(tenant) };
        let counts = &report.counts;
        self.messages.get_or_create(&labels).inc_by(counts.messages);
        self.message_bytes.get_or_create(&labels).inc_by(counts.bytes);
        self.documents.get_or_create(&labels).inc_by(counts.stored);
        self.dead_letters.get_or_create(&labels).inc_by(counts.rejected + counts.refused);
        self.worker_cpu.get_or_create(&labels).inc_by(positive(counts.cpu_seconds));
        #[expect(clippy::cast_precision_loss, reason = "a window has less than 2^52 messages")]
        let app_seconds = report.times.mean * report.times.count as f64;
        self.app_seconds.get_or_create(&labels).inc_by(positive(app_seconds));
    }
}

/// A counter never falls.
fn positive(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}
