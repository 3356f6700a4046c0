//! What is told about a task when it is over. The JSON form is what `mysimbdp run --json` prints.

use super::ledger::Counts;
use crate::task::Checkpoint;
use serde::Serialize;

/// How a task ended. "Done" is never said when a row is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    /// The whole file has been read; every row became documents, was passed over by the app, or is a dead letter.
    Done,
    /// The app ended without an error before the end of the file.
    Partial,
    /// It could not be brought to an end.
    Failed,
    /// It was told to stop, and can go on from its checkpoint.
    Interrupted,
}

/// A task, told.
#[derive(Clone, Debug, Serialize)]
pub struct TaskReport {
    /// How it ended.
    pub outcome: TaskOutcome,
    /// Why it is not `done`, in one sentence.
    pub reason: Option<String>,
    /// What that is called in statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Name of the file.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Number of the task: the first part of its documents' `_id`.
    pub task: u64,
    /// Rows and documents.
    #[serde(flatten)]
    pub counts: Counts,
    /// Documents that this run stored; those that an earlier one had stored are in the counts alone.
    #[serde(skip)]
    pub new_documents: u64,
    /// Where the next attempt would begin.
    #[serde(skip)]
    pub checkpoint: Checkpoint,
    /// A rerun made other documents than the run before it: the app is not deterministic.
    pub not_deterministic: bool,
    /// Every death on the way, in order.
    pub deaths: Vec<DeathReport>,
    /// Time.
    pub timings: Timings,
    /// Memory and CPU time.
    pub resources: Resources,
}

/// A death, told.
#[derive(Clone, Debug, Serialize)]
pub struct DeathReport {
    /// App, generation, file, row and cause.
    pub sentence: String,
    /// What happened, alone.
    pub cause: String,
    /// Number of the row, where one can be named.
    pub row: Option<u64>,
    /// Its line, where known.
    pub line: Option<u64>,
    /// The row was running alone.
    pub alone: bool,
    /// Return addresses in the app, innermost first, relative to where it was loaded.
    pub frames: Vec<u64>,
}

/// Where the time went, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timings {
    /// From the first step to the last.
    pub total: f64,
    /// Starting workers.
    pub start: f64,
    /// Inside the app.
    pub app: f64,
    /// The app was held back because the sink was behind.
    pub held_back: f64,
}

/// What it took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Resources {
    /// CPU time of its workers, in seconds.
    pub worker_cpu: f64,
    /// Most memory of one of its workers, in bytes.
    pub worker_memory: u64,
    /// Bytes of memory times seconds, over all its workers.
    #[serde(skip)]
    pub memory_byte_seconds: f64,
    /// Workers it was given.
    pub workers: u32,
}
