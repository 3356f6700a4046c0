//! What is told of a rehearsal: deaths as they come, limits that it has reached, and the report.

use super::{Over, Rehearsal};
use crate::batch::death::{Cause, Death};
use crate::batch::report::{DeathReport, TaskOutcome, TaskReport};
use crate::task::{Checkpoint, Row};
use crate::worker::process::Remains;
use crate::worker::recorder::ClaimedRow;
use crate::worker::supervisor::{Event, Failure};
use std::time::Duration;

impl Rehearsal<'_> {
    pub(super) fn mourn(&mut self, cause: Cause, named: Option<Row>, remains: &Remains, alone: bool) {
        let crash = remains.claim.crash.clone().filter(|_| matches!(cause, Cause::Ended { .. }));
        let place = match named {
            Some(row) => self.described(row),
            None => format!("{}, at no message that can be named", self.file.name()),
        };
        let row = named.map(|Row { number, start, end, line }| ClaimedRow { number, start, end, line });
        let death = Death { cause, row, crash, alone };
        let sentence = death.at(&self.cast.spec.label, &place, "message");
        self.observer.death(&sentence);
        self.deaths.push(DeathReport {
            sentence,
            cause: death.cause.to_string(),
            row: named.map(|row| row.number),
            line: named.map(|row| row.line),
            alone,
            frames: death.crash.map(|crash| crash.frames).unwrap_or_default(),
        });
    }

    pub(super) fn described(&self, row: Row) -> String {
        format!("message {} (line {}, byte {}) of {}", row.number, row.line, row.start, self.file.name())
    }

    pub(super) fn account(&mut self, cpu: Duration, memory: u64) {
        self.resources.worker_cpu += cpu.as_secs_f64();
        self.resources.worker_memory = self.resources.worker_memory.max(memory);
    }

    pub(super) fn in_time(&self) -> Result<Event, Over> {
        let total = self.cast.deadlines.total;
        if self.began.elapsed() <= total {
            return Ok(Event::Finished);
        }
        Err(("total", format!("it was not done within {total:?}")))
    }

    pub(super) fn intolerable(&self, at_the_end: bool) -> Option<Over> {
        self.cast.tolerance.exceeded(&self.counts, at_the_end).map(|sentence| ("dead_letters", sentence))
    }

    pub(super) fn explain(&self, failure: &Failure) -> Over {
        let last = self.deaths.last().map_or("", |death| death.sentence.as_str());
        match failure {
            Failure::AppError => ("app_error", format!("app {} returned an error", self.cast.spec.label)),
            Failure::Deaths(deaths) => {
                let what = "workers died and no message that kills alone could be made out";
                ("deaths", format!("{deaths} {what}; the last: {last}"))
            }
            Failure::Convicted(count) => {
                let most = self.cast.policy.max_convicted;
                ("killing_rows", format!("{count} messages kill the app, where {most} are allowed; the last: {last}"))
            }
        }
    }

    pub(super) fn report(mut self, over: Option<Over>) -> TaskReport {
        let over = over.or_else(|| self.intolerable(true));
        let (outcome, cause, reason) = match (over, self.file.changed()) {
            (Some((cause, reason)), _) => (TaskOutcome::Failed, Some(cause), Some(reason)),
            (None, Some(how)) => (TaskOutcome::Partial, Some("changed"), Some(format!("the file {how}"))),
            (None, None) => (TaskOutcome::Done, None, None),
        };
        self.timings.total = self.began.elapsed().as_secs_f64();
        TaskReport {
            outcome,
            reason,
            cause,
            file: self.file.name().to_owned(),
            bytes: self.file.size(),
            task: 0,
            counts: self.counts,
            new_documents: self.counts.documents.stored,
            checkpoint: Checkpoint::default(),
            not_deterministic: self.differing,
            deaths: self.deaths,
            timings: self.timings,
            resources: self.resources,
        }
    }
}
