//! Statistics over tasks, drawn from the journal: one pass over its [`TaskEnded`](Happening::TaskEnded) lines.
//!
//! Memory does not grow with the journal: spreads are sketches ([`Quantiles`]), and of the attempts that were counted only
//! the latest are remembered (`attempts`). What an attempt did is counted with the attempt (rows, documents, dead letters
//! that are *new* in it, deaths, slot time); what belongs to the task (its bytes, its time in the queue) with the first of
//! its attempts that is met.

mod attempts;
mod quantiles;
mod table;

pub use quantiles::{EXACT, Quantiles};
pub use table::table;

use super::error::JournalError;
use super::event::{Event, Happening, TaskEntry};
use super::filter::Filter;
use super::line::{Line, read_line};
use super::place::Place;
use super::read::{Order, scan};
use crate::tenant::TenantId;
use attempts::{Attempts, Seen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Statistics of the platform or of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stats {
    /// Attempts that ended at this time or later.
    pub since: Option<Timestamp>,
    /// Damaged lines that were passed over.
    pub damaged: u64,
    /// Everything.
    pub all: TaskStats,
    /// Each tenant that has any.
    pub tenants: BTreeMap<TenantId, TaskStats>,
}

/// How tasks went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskStats {
    /// Tasks of which an attempt ended.
    pub tasks: u64,
    /// Attempts that ended.
    pub attempts: u64,
    /// Attempts by the state in which they left their task; `waiting` where it is tried again.
    pub states: BTreeMap<String, u64>,
    /// Attempts after which the task was not done, by cause.
    pub causes: BTreeMap<String, u64>,
    /// Rows that were settled.
    pub rows: u64,
    /// Documents that were stored.
    pub documents: u64,
    /// Rows and documents that became dead letters.
    pub dead_letters: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Seconds that an attempt held its slot.
    pub slot_seconds: Spread,
    /// Seconds from enqueueing to the first claim, per task.
    pub queue_seconds: Spread,
    /// Rows settled per second of slot time, of attempts that settled any.
    pub rows_per_second: Spread,
    /// Bytes of a task's file.
    pub file_bytes: Spread,
    /// Rows settled by an attempt.
    pub attempt_rows: Spread,
    /// Documents stored by an attempt.
    pub attempt_documents: Spread,
}

/// How numbers are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them are not larger.
    pub p50: f64,
    /// 95 % of them are not larger.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl TaskStats {
    fn spreads(&self) -> [(&'static str, &Spread); 6] {
        [
            ("slot s", &self.slot_seconds),
            ("queue s", &self.queue_seconds),
            ("rows/s", &self.rows_per_second),
            ("file bytes", &self.file_bytes),
            ("rows", &self.attempt_rows),
            ("documents", &self.attempt_documents),
        ]
    }
}

/// Draws them from a journal. Does file I/O in the calling thread.
pub(super) fn draw(place: &Place, since: Option<Timestamp>) -> Result<Stats, JournalError> {
    let filter = Filter { since, ..Filter::kind("task_ended") };
    let mut drawing = Drawing::default();
    let mut damaged = 0;
    scan(place, &filter, Order::OldestFirst, None, &mut |line, _| {
        match line.map_or(Line::Damaged, |line| read_line(line, &filter)) {
            Line::Wanted(event) => drawing.add(&event),
            Line::Passed => {}
            Line::Damaged => damaged += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok(Stats { since, damaged, ..drawing.finished() })
}

/// Statistics in the making; pure.
#[derive(Default)]
pub struct Drawing {
    attempts: Attempts,
    all: Tally,
    tenants: HashMap<TenantId, Tally>,
}

impl Drawing {
    /// Counts an event, where it is the end of an attempt that was not counted yet.
    pub fn add(&mut self, event: &Event) {
        let Happening::TaskEnded(entry) = &event.what else { return };
        let seen = self.attempts.see(entry.task, entry.epoch);
        if seen == Seen::Before {
            return;
        }
        let first = seen == Seen::Task;
        self.all.add(entry, first);
        if let Some(tenant) = &event.tenant {
            match self.tenants.get_mut(tenant) {
                Some(tally) => tally.add(entry, first),
                None => self.tenants.entry(tenant.clone()).or_default().add(entry, first),
            }
        }
    }

    /// What has been counted.
    pub fn finished(self) -> Stats {
        let tenants = self.tenants.into_iter().map(|(tenant, tally)| (tenant, tally.finished())).collect();
        Stats { since: None, damaged: 0, all: self.all.finished(), tenants }
    }
}

#[derive(Default)]
struct Tally {
    stats: TaskStats,
    slot_seconds: Quantiles,
    queue_seconds: Quantiles,
    rows_per_second: Quantiles,
    file_bytes: Quantiles,
    attempt_rows: Quantiles,
    attempt_documents: Quantiles,
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "nobody has files of 2^52 bytes")]
    fn add(&mut self, entry: &TaskEntry, first: bool) {
        let stats = &mut self.stats;
        stats.attempts += 1;
        *stats.states.entry(entry.state.name().to_owned()).or_default() += 1;
        if let Some(cause) = &entry.cause {
            *stats.causes.entry(cause.clone()).or_default() += 1;
        }
        stats.rows += entry.new_rows;
        stats.documents += entry.new_documents;
        stats.dead_letters += entry.new_dead_letters;
        stats.deaths += u64::from(entry.deaths);
        self.slot_seconds.add(entry.slot_seconds);
        self.attempt_rows.add(entry.new_rows as f64);
        self.attempt_documents.add(entry.new_documents as f64);
        if entry.new_rows > 0 {
            self.rows_per_second.add(entry.rows_per_second);
        }
        if first {
            stats.tasks += 1;
            self.queue_seconds.add(entry.queued_seconds);
            self.file_bytes.add(entry.bytes as f64);
        }
    }

    fn finished(self) -> TaskStats {
        TaskStats {
            slot_seconds: spread(&self.slot_seconds),
            queue_seconds: spread(&self.queue_seconds),
            rows_per_second: spread(&self.rows_per_second),
            file_bytes: spread(&self.file_bytes),
            attempt_rows: spread(&self.attempt_rows),
            attempt_documents: spread(&self.attempt_documents),
            ..self.stats
        }
    }
}

fn spread(numbers: &Quantiles) -> Spread {
    Spread {
        count: numbers.count(),
        mean: numbers.mean(),
        p50: numbers.at(0.5),
        p95: numbers.at(0.95),
        max: numbers.max(),
    }
}
