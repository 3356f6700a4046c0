//! How a task ends, judged from its books and its file: "done" is never said when a row is missing.

use super::attempt::{Outcome, Scene};
use super::death::Death;
use super::report::TaskOutcome;
use super::stop::{Stop, Why};
use crate::worker::supervisor::Failure;

/// How a task ended.
pub(super) enum Verdict {
    Done,
    /// What statistics call it, and why.
    Partial(&'static str, String),
    /// The same.
    Failed(&'static str, String),
    /// What statistics call it, where it counts there, and why.
    Interrupted(Option<&'static str>, String),
}

impl Verdict {
    /// As a report has it: outcome, cause, reason.
    pub(super) fn told(self) -> (TaskOutcome, Option<&'static str>, Option<String>) {
        match self {
            Verdict::Done => (TaskOutcome::Done, None, None),
            Verdict::Partial(cause, reason) => (TaskOutcome::Partial, Some(cause), Some(reason)),
            Verdict::Failed(cause, reason) => (TaskOutcome::Failed, Some(cause), Some(reason)),
            Verdict::Interrupted(cause, reason) => (TaskOutcome::Interrupted, cause, Some(reason)),
        }
    }
}

/// The app came to its end, and says that it has read to `position`.
pub(super) fn finish(scene: &mut Scene<'_>, position: u64) -> Verdict {
    // Before the books are closed: a row that was convicted far ahead stands for none of those before it.
    let missing = scene.ledger.missing(scene.rows.as_deref());
    if missing.is_none() {
        scene.ledger.close();
    }
    let counts = *scene.ledger.counts();
    if !counts.balance() {
        let how = format!("the counts do not balance, which is a mistake of the host: {counts:?}");
        return Verdict::Failed("host", how);
    }
    if let Some((name, reason)) = scene.cast.bounds.exceeded(&counts) {
        return Verdict::Failed(name, reason);
    }
    if let Some(reason) = scene.cast.tolerance.exceeded(&counts, true) {
        return Verdict::Failed("dead_letters", reason);
    }
    if let Some(reason) = too_many_kill(scene) {
        return Verdict::Failed("killing_rows", reason);
    }
    // Whatever the app says of how far it has read: what is not there any more, or is new, it may not have seen.
    if let Some(how) = scene.file.changed() {
        return Verdict::Partial("file", format!("the file {how}: rows of it may be missing"));
    }
    if let Some(row) = missing {
        let whose =
            if scene.rows.is_some() { "which was to be replayed" } else { "which an earlier attempt had passed" };
        return Verdict::Partial("partial", format!("the app ended before row {row}, {whose}"));
    }
    let (read_to, size) = (scene.ledger.settled().row.end.max(position), scene.file.size());
    if scene.rows.is_none() && read_to < size && !scene.file.only_blanks_from(read_to) {
        let how = format!("the app ended at byte {read_to} of {size}: the rest was not read");
        return Verdict::Partial("partial", how);
    }
    Verdict::Done
}

/// The rows that an earlier run has convicted count as well.
fn too_many_kill(scene: &Scene<'_>) -> Option<String> {
    let (rows, borne) = (scene.ledger.convicted().len(), scene.cast.policy.max_convicted);
    (rows as u64 > u64::from(borne))
        .then(|| format!("{rows} rows kill the app, which is more than the {borne} that are borne (killing_rows)"))
}

/// The task fails for what happened in its attempts.
pub(super) fn explain(scene: &Scene<'_>, failure: Failure, deaths: &[Death], app_error: &str) -> Verdict {
    let label = &scene.cast.spec.label;
    let last = || deaths.last().map_or_else(String::new, |death| death.sentence(label, scene.file.name()));
    match failure {
        Failure::AppError => Verdict::Failed("app_error", format!("app {label} returned an error: {app_error}")),
        Failure::Deaths(deaths) => Verdict::Failed(
            "deaths",
            format!("{deaths} workers died and no row that kills alone could be made out; the last: {}", last()),
        ),
        Failure::Convicted(_) => {
            let reason = too_many_kill(scene).unwrap_or_else(|| "too many rows kill the app".into());
            Verdict::Failed("killing_rows", format!("{reason}; the last: {}", last()))
        }
    }
}

/// The end of a task that has reached a limit or was told to stop.
pub(super) fn cut_short(stop: &Stop, outcome: Outcome) -> Verdict {
    if let Outcome::OverLimit { name, sentence } = outcome {
        return Verdict::Failed(name, sentence);
    }
    match stop.why() {
        Some(Why::Limit { name, sentence }) => Verdict::Failed(name, sentence),
        Some(Why::Cancelled) => Verdict::Interrupted(Some("cancelled"), "it was cancelled".into()),
        Some(Why::Lost) => Verdict::Interrupted(None, "another attempt has taken it over".into()),
        Some(Why::Shutdown) | None => {
            Verdict::Interrupted(Some("shutdown"), "the host stops; the task goes on later".into())
        }
    }
}
