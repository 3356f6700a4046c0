//! What the tasks of one generation and tenant share: how workers are started, where documents go, what is borne, who hears.

use super::attempt::Deadlines;
use super::intake::Rejected;
use super::ledger::Counts;
use crate::sink::DocumentSink;
use crate::worker::process::{Worker, WorkerSpec};
use crate::worker::spawner::Spawner;
use crate::worker::supervisor::Policy;
use std::sync::Arc;
use std::time::Duration;

/// Everything that the tasks of one generation and tenant share.
pub struct Cast {
    /// Starts workers.
    pub spawner: Spawner,
    /// What they are started with; `spec.label` names app and generation.
    pub spec: WorkerSpec,
    /// Where documents go.
    pub sink: Arc<dyn DocumentSink>,
    /// How long a task may take.
    pub deadlines: Deadlines,
    /// How many deaths are borne.
    pub policy: Policy,
    /// How many dead letters are borne.
    pub tolerance: Tolerance,
    /// What a task may amount to.
    pub bounds: Bounds,
}

/// What a task may amount to, over all its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Rows read.
    pub rows: u64,
    /// Documents emitted.
    pub documents: u64,
    /// CPU time of its workers, in one run.
    pub cpu: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { rows: u64::MAX, documents: u64::MAX, cpu: Duration::MAX }
    }
}

impl Bounds {
    /// Name and sentence of the bound that these counts are beyond.
    pub fn exceeded(&self, counts: &Counts) -> Option<(&'static str, String)> {
        let (rows, documents) = (counts.rows.read, counts.documents.emitted);
        if rows > self.rows {
            return Some((
                "rows",
                format!("it has more than the {} rows that a file may have (rows_per_task)", self.rows),
            ));
        }
        let told =
            || format!("it makes more than the {} documents that a file may make (documents_per_task)", self.documents);
        (documents > self.documents).then(|| ("documents", told()))
    }
}

/// How many rows and documents of a task may become dead letters before it fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// In number.
    pub rows: u64,
    /// In percent of the rows read; looked at from [`Tolerance::SAMPLE`] rows on, and at the end.
    pub percent: f64,
}

impl Default for Tolerance {
    fn default() -> Tolerance {
        Tolerance { rows: 100_000, percent: 100.0 }
    }
}

impl Tolerance {
    /// Rows after which a percentage means something before the file's end.
    pub const SAMPLE: u64 = 1_000;

    /// The sentence that fails the task, where it is exceeded.
    pub fn exceeded(&self, counts: &Counts, at_the_end: bool) -> Option<String> {
        let (rejected, read) = (counts.rows.rejected, counts.rows.read);
        let letters = rejected + counts.documents.refused;
        if letters > self.rows {
            let what = if counts.documents.refused > 0 { "rows and documents" } else { "rows" };
            return Some(format!(
                "{letters} {what} became dead letters, where {} are allowed (dead_letters)",
                self.rows
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
        let percent = 100.0 * rejected as f64 / read.max(1) as f64;
        let judged = at_the_end || read >= Tolerance::SAMPLE;
        (judged && percent > self.percent).then(|| {
            format!(
                "{rejected} of {read} rows ({percent:.1} %) became dead letters, where {} % are allowed (dead_letter_percent)",
                self.percent
            )
        })
    }
}

/// Hears what happens while a task runs.
pub trait Observer {
    /// Rows were settled, or an app without rows told how far it has read.
    fn progress(&mut self, counts: &Counts, position: u64);
    /// A row or document became a dead letter.
    fn rejected(&mut self, rejected: &Rejected);
    /// The app logged a line; `level` as in the plugin ABI.
    fn log(&mut self, level: u32, message: &str);
    /// A worker died.
    fn death(&mut self, sentence: &str);
}

/// A worker that may be used again for the next task.
#[derive(Debug, Default)]
pub struct Slot {
    pub(crate) warm: Option<Worker>,
}

impl Slot {
    /// A slot that has this worker already.
    pub fn with(worker: Worker) -> Slot {
        Slot { warm: Some(worker) }
    }

    /// It has no worker.
    pub fn is_cold(&self) -> bool {
        self.warm.is_none()
    }

    /// Lets the worker end.
    pub async fn close(self) {
        if let Some(worker) = self.warm {
            worker.retire().await;
        }
    }
}
