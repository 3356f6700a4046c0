//! A batch and its tasks, as the queue keeps them.

use super::Checkpoint;
use crate::tenant::{AppName, TenantId};
use crate::worker::protocol::Start;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a batch: chosen by whoever submits it, so that submitting it again is the same batch. A UUID (version 7, so that
/// they sort by time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct BatchId(uuid::Uuid);

impl BatchId {
    /// A new one.
    pub fn new() -> BatchId {
        BatchId(uuid::Uuid::now_v7())
    }

    /// Whether it is one that nobody chooses: [`derived`](BatchId::derived).
    pub fn is_derived(&self) -> bool {
        self.0.get_version_num() == 8
    }

    /// The one that a text stands for: always the same for the same text. A UUID of version 8, as no other is.
    pub fn derived(text: &str) -> BatchId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        BatchId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl Default for BatchId {
    fn default() -> BatchId {
        BatchId::new()
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for BatchId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<BatchId, uuid::Error> {
        text.parse().map(BatchId)
    }
}

/// A file that the platform keeps for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoredFile {
    /// Its name as the tenant gave it, fit to be shown: whatever is no printable UTF-8 is escaped.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Hash of its content: BLAKE3, 64 hexadecimal digits.
    pub content: String,
    /// Under which key the file store has it.
    pub key: String,
}

impl StoredFile {
    /// Batch and index under which the file store has it: those that it came in with, whichever batch reads it now.
    pub fn place(&self) -> Option<(BatchId, u32)> {
        let mut parts = self.key.rsplit('/');
        let index = parts.next()?.parse().ok()?;
        Some((parts.next()?.parse().ok()?, index))
    }
}

/// How a batch came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file in a tenant's inbox.
    Inbox,
    /// The command line or the API.
    Submitted,
    /// A replay of dead letters.
    Replay,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Ingests the whole file.
    Ingest,
    /// Erases the documents of an earlier run of this very task, then ingests the whole file.
    EraseAndIngest,
    /// Runs some rows of another task's file again; their documents belong to that task.
    ReplayRows {
        /// Number of that task.
        of: u64,
        /// The rows, rising.
        rows: Vec<Start>,
    },
}

/// What a task does, as it is shown: the rows of a replay, of which there may be a million, are a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Work)]
pub enum ShownWork {
    /// Ingests the whole file.
    Ingest,
    /// Erases the documents of an earlier run of this very task, then ingests the whole file.
    EraseAndIngest,
    /// Runs some rows of another task's file again; their documents belong to that task.
    ReplayRows {
        /// Number of that task.
        of: u64,
        /// How many rows.
        rows: u64,
    },
}

impl Work {
    fn shown(&self) -> ShownWork {
        match self {
            Work::Ingest => ShownWork::Ingest,
            Work::EraseAndIngest => ShownWork::EraseAndIngest,
            Work::ReplayRows { of, rows } => ShownWork::ReplayRows { of: *of, rows: rows.len() as u64 },
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// In the queue.
    Waiting,
    /// A host works on it.
    Running,
    /// Read to its end; every row is accounted for.
    Done,
    /// The app ended before the end of the file.
    Partial,
    /// It failed too often; `reason` says why. It can be retried or cancelled.
    Parked,
    /// Somebody said that it shall not run.
    Cancelled,
}

impl TaskState {
    /// All of them.
    pub const ALL: [TaskState; 6] = [
        TaskState::Waiting,
        TaskState::Running,
        TaskState::Done,
        TaskState::Partial,
        TaskState::Parked,
        TaskState::Cancelled,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            TaskState::Waiting => "waiting",
            TaskState::Running => "running",
            TaskState::Done => "done",
            TaskState::Partial => "partial",
            TaskState::Parked => "parked",
            TaskState::Cancelled => "cancelled",
        }
    }

    /// Nothing more happens by itself.
    pub fn is_over(self) -> bool {
        !matches!(self, TaskState::Waiting | TaskState::Running)
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A task as it is shown to whoever asks.
pub type ShownTask = TaskRecord<ShownWork>;

/// One file for one batch app: all that the queue knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskRecord<W = Work> {
    /// Number of the task: the first part of its documents' `_id`.
    pub number: u64,
    /// Its batch.
    pub batch: BatchId,
    /// How that came in.
    pub origin: Origin,
    /// Whose it is.
    pub tenant: TenantId,
    /// The app that reads it.
    pub app: AppName,
    /// The file.
    pub file: StoredFile,
    /// What is done with it.
    pub work: W,
    /// Where it stands.
    pub state: TaskState,
    /// The generation that began it; every attempt runs on the same.
    pub generation: Option<String>,
    /// Counts the claims: whoever writes with an older one is refused.
    pub epoch: u64,
    /// Attempts that failed so far.
    pub attempts: u32,
    /// Why it is not done, in one sentence.
    pub reason: Option<String>,
    /// Somebody asked that it be cancelled while it runs.
    pub cancel: bool,
    /// How far it has come.
    pub checkpoint: Checkpoint,
    /// When it was put into the queue.
    pub enqueued_at: Timestamp,
    /// Not before then is it run (again).
    pub not_before: Option<Timestamp>,
    /// When it was first claimed.
    pub begun_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

impl TaskRecord {
    /// As it is shown.
    pub fn shown(self) -> ShownTask {
        TaskRecord {
            number: self.number,
            batch: self.batch,
            origin: self.origin,
            tenant: self.tenant,
            app: self.app,
            file: self.file,
            work: self.work.shown(),
            state: self.state,
            generation: self.generation,
            epoch: self.epoch,
            attempts: self.attempts,
            reason: self.reason,
            cancel: self.cancel,
            checkpoint: self.checkpoint,
            enqueued_at: self.enqueued_at,
            not_before: self.not_before,
            begun_at: self.begun_at,
            ended_at: self.ended_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_replay_are_shown_as_their_number() {
        let row = Start { number: 1, offset: 2, line: 3 };
        let shown = |work: Work| serde_json::to_value(work.shown()).unwrap();
        let replay = shown(Work::ReplayRows { of: 7, rows: vec![row; 3] });
        assert_eq!(replay, serde_json::json!({ "replay_rows": { "of": 7, "rows": 3 } }));
        // Everything else is shown as it is kept.
        for work in [Work::Ingest, Work::EraseAndIngest] {
            assert_eq!(shown(work.clone()), serde_json::to_value(work).unwrap());
        }
    }
}
