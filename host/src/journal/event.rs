//! What can happen, as it is written down: one JSON object on one line.
//!
//! ```text
//!   {"at":"2026-11-26T12:00:00.123Z","tenant":"acme","event":"task_ended","task":17,…}
//! ```
//!
//! `event` tells which; the other fields are that event's own. A field may be added; a reader passes over what it does not
//! know. Names and words of tenants are data here and nothing else: they are escaped by JSON.

use crate::task::{BatchId, Counts, Origin, TaskState};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Whom it concerns; `None` where it is the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The host is up.
    Started {
        /// Version of mysimbdp.
        version: String,
        /// Tasks that an earlier life of this host had left running.
        recovered: u64,
    },
    /// The host goes down in good order.
    Stopped {
        /// Tasks that go back into the queue.
        released: u64,
    },
    /// A new generation is live.
    AppLive {
        /// The app.
        app: AppName,
        /// Its generation.
        generation: String,
        /// Version that it says it has.
        version: String,
        /// Its kinds.
        kinds: Vec<String>,
        /// From the last change of its file until now, in milliseconds, where it came from a file.
        after_ms: Option<u64>,
        /// Why: a file was dropped, or somebody rolled back.
        reason: String,
    },
    /// A file that was dropped as an app is refused.
    AppRefused {
        /// Name of the file.
        file: String,
        /// The sentence.
        reason: String,
    },
    /// An app is gone.
    AppRetired {
        /// The app.
        app: AppName,
        /// The generation that was live.
        generation: String,
        /// Why.
        reason: String,
    },
    /// A batch was put into the queue.
    BatchAccepted {
        /// The batch.
        batch: BatchId,
        /// The app.
        app: AppName,
        /// How it came in.
        origin: Origin,
        /// Numbers of its tasks.
        tasks: Vec<u64>,
        /// Bytes of its files.
        bytes: u64,
    },
    /// A batch or file was refused.
    BatchRefused {
        /// The app, as it was named.
        app: String,
        /// Names of the files.
        files: Vec<String>,
        /// The sentence: which limit, which value.
        reason: String,
    },
    /// A host began an attempt at a task.
    TaskBegan {
        /// The task.
        task: u64,
        /// The app.
        app: AppName,
        /// The generation it runs on.
        generation: String,
        /// Epoch of the claim.
        epoch: u64,
    },
    /// An attempt at a task is over.
    TaskEnded(TaskEntry),
    /// A worker died.
    WorkerDied {
        /// The task.
        task: u64,
        /// App, generation, file, row and cause.
        sentence: String,
    },
    /// An app logged a line.
    AppLog {
        /// The task.
        task: u64,
        /// The app.
        app: AppName,
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
        /// The line.
        message: String,
    },
    /// Somebody did something by hand.
    Deed {
        /// What, with its object: `task 17 was cancelled`.
        sentence: String,
    },
    /// A limit was reached.
    LimitReached {
        /// Its name, as in the configuration.
        limit: String,
        /// What was measured, and the limit, in one sentence.
        reason: String,
    },
    /// Something is wrong with the platform itself.
    Trouble {
        /// The sentence.
        reason: String,
    },
}

/// How an attempt at a task went: what statistics and the bill are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// Number of the task.
    pub task: u64,
    /// Epoch of the claim: with the task, it names the attempt. An attempt that is told twice happened once.
    pub epoch: u64,
    /// Its batch.
    pub batch: BatchId,
    /// The app.
    pub app: AppName,
    /// The generation; empty where none could be started.
    pub generation: String,
    /// Name of the file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Where the task stands now: `waiting` where it is tried again or goes on later.
    pub state: TaskState,
    /// Why it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What that is called in statistics: `app_error`, `deaths`, `killing_rows`, `dead_letters`, `time`, `cpu`, `rows`,
    /// `documents`, `storage`, `sink`, `file`, `app`, `partial`, `shutdown`, `cancelled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Rows and documents of the task so far, over all attempts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Documents that this attempt stored.
    pub new_documents: u64,
    /// Seconds from enqueueing to the first claim.
    pub queued_seconds: f64,
    /// Seconds that this attempt held its slot.
    pub slot_seconds: f64,
    /// Seconds inside the app.
    pub app_seconds: f64,
    /// Seconds in which the sink held the app back.
    pub sink_seconds: f64,
    /// Seconds in which workers were started.
    pub start_seconds: f64,
    /// CPU seconds of its workers.
    pub cpu_seconds: f64,
    /// Most memory of one of its workers, in bytes.
    pub memory_bytes: u64,
    /// Bytes of memory times seconds, over its workers.
    pub memory_byte_seconds: f64,
    /// Workers it was given.
    pub workers: u32,
    /// Workers that died.
    pub deaths: u32,
    /// Rows settled per second of slot time.
    pub rows_per_second: f64,
    /// A rerun made other documents than the run before.
    pub not_deterministic: bool,
}
