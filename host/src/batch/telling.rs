//! What a task tells: to the table of what runs and the journal while it runs, and an entry of the journal at its end.

use super::cast::Observer;
use super::intake::Rejected;
use super::report::TaskReport;
use super::running::Entry;
use super::stop::Why;
use super::verdict;
use crate::journal::{Event, Happening, Journal, TaskEntry, level_name};
use crate::queue::Ending;
use crate::task::{Counts, TaskRecord};
use crate::tenant::{AppName, TenantId};
use crate::worker::words::short_line;
use jiff::Timestamp;
use std::time::Duration;

/// Longest line of an app's log that is kept, in bytes.
const MAX_LINE: usize = 4 * 1024;

/// Hears a task while it runs.
pub(super) struct Listener {
    journal: Journal,
    tenant: TenantId,
    app: AppName,
    task: u64,
    entry: Entry,
}

impl Listener {
    pub(super) fn new(journal: Journal, task: &TaskRecord, entry: Entry) -> Listener {
        Listener { journal, tenant: task.tenant.clone(), app: task.app.clone(), task: task.number, entry }
    }
}

impl Observer for Listener {
    fn progress(&mut self, counts: &Counts, position: u64) {
        self.entry.come_to(counts, position);
    }

    fn rejected(&mut self, _rejected: &Rejected) {}

    fn log(&mut self, level: u32, message: &str) {
        let line = Happening::AppLog {
            task: self.task,
            app: self.app.clone(),
            level: level_name(level).to_owned(),
            message: short_line(message, MAX_LINE).into_owned(),
        };
        self.journal.record_blocking(Event::now(Some(&self.tenant), line));
    }

    fn death(&mut self, sentence: &str) {
        self.entry.change(|running| running.deaths += 1);
        let died = Happening::WorkerDied { task: self.task, sentence: sentence.to_owned() };
        self.journal.record_blocking(Event::now(Some(&self.tenant), died));
    }
}

/// The entry of an attempt that came to a report.
pub(super) fn entry(
    task: &TaskRecord,
    generation: &str,
    report: &TaskReport,
    ending: &Ending,
    why: Option<&Why>,
    slot: Duration,
) -> TaskEntry {
    let cause = match ending {
        Ending::Done => None,
        Ending::Partial(_) => Some("partial"),
        Ending::Cancelled => Some("cancelled"),
        Ending::Released => Some("shutdown"),
        Ending::Again(..) | Ending::Deferred(..) | Ending::Parked(_) => match why {
            Some(Why::Limit { name, .. }) => Some(*name),
            _ => report.cause,
        },
    };
    let settled = report.counts.rows.read.saturating_sub(task.checkpoint.counts.rows.read);
    let seconds = slot.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    let rows_per_second = if seconds > 0.0 { settled as f64 / seconds } else { 0.0 };
    TaskEntry {
        generation: generation.to_owned(),
        counts: report.counts,
        new_documents: report.new_documents,
        new_rows: settled,
        new_dead_letters: letters(&report.counts).saturating_sub(letters(&task.checkpoint.counts)),
        app_seconds: report.timings.app,
        sink_seconds: report.timings.held_back,
        start_seconds: report.timings.start,
        cpu_seconds: report.resources.worker_cpu,
        memory_bytes: report.resources.worker_memory,
        memory_byte_seconds: report.resources.memory_byte_seconds,
        workers: report.resources.workers,
        deaths: u32::try_from(report.deaths.len()).unwrap_or(u32::MAX),
        rows_per_second,
        not_deterministic: report.not_deterministic,
        ..unstarted(task, ending, cause.unwrap_or_default(), slot)
    }
}

/// The limit that ended an attempt, as the configuration names it, and what was measured.
pub(super) fn limit(entry: &TaskEntry) -> Option<(String, String)> {
    let limit = match entry.cause.as_deref()? {
        "rows" => "rows_per_task",
        "documents" => "documents_per_task",
        "dead_letters" => "dead_letters",
        "killing_rows" => "killing_rows",
        "cpu" => "cpu_seconds",
        "time" => "wall_seconds",
        "storage" => "storage_bytes",
        _ => return None,
    };
    Some((limit.to_owned(), format!("task {} ({}): {}", entry.task, entry.file, entry.reason.as_deref()?)))
}

/// Rows and documents that became dead letters.
fn letters(counts: &Counts) -> u64 {
    counts.rows.rejected + counts.documents.refused
}

/// The entry of an attempt that came to no report. An empty cause is none.
pub(super) fn unstarted(task: &TaskRecord, ending: &Ending, cause: &str, slot: Duration) -> TaskEntry {
    let reason = match ending {
        Ending::Done | Ending::Cancelled | Ending::Released => None,
        Ending::Partial(reason) | Ending::Again(reason, _) | Ending::Deferred(reason, _) | Ending::Parked(reason) => {
            Some(reason.clone())
        }
    };
    let begun = task.begun_at.unwrap_or_else(Timestamp::now);
    let queued = begun.duration_since(task.enqueued_at).as_secs_f64();
    TaskEntry {
        task: task.number,
        epoch: task.epoch,
        batch: task.batch,
        app: task.app.clone(),
        generation: task.generation.clone().unwrap_or_default(),
        file: task.file.name.clone(),
        bytes: task.file.bytes,
        state: verdict::state_after(ending),
        reason,
        cause: Some(cause).filter(|cause| !cause.is_empty()).map(str::to_owned),
        counts: task.checkpoint.counts,
        new_documents: 0,
        new_rows: 0,
        new_dead_letters: 0,
        queued_seconds: queued.max(0.0),
        slot_seconds: slot.as_secs_f64(),
        app_seconds: 0.0,
        sink_seconds: 0.0,
        start_seconds: 0.0,
        cpu_seconds: 0.0,
        memory_bytes: 0,
        memory_byte_seconds: 0.0,
        workers: 0,
        deaths: 0,
        rows_per_second: 0.0,
        not_deterministic: task.checkpoint.differing,
    }
}
