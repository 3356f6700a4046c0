//! What can happen, as it is written down: one JSON object on one line.
//!
//! ```text
//!   {"at":"2026-11-26T12:00:00.123Z","tenant":"acme","event":"task_ended","task":17,…}
//! ```
//!
//! `event` tells which; the other fields are that event's own. A field may be added; a reader passes over what it does not
//! know. Names and words of tenants are data here and nothing else: they are escaped by JSON. JSON has no number for what
//! is not finite; where a measure is none (a rate over no time at all), 0 is written.

use super::finite;
use crate::stream::monitor::Notification;
use crate::stream::window::WindowReport;
use crate::task::{BatchId, Counts, Origin, TaskState};
use crate::tenant::{AppName, StreamName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// A stream was started, stopped, paused or deleted.
    StreamChanged {
        /// The stream.
        stream: StreamName,
        /// What it is now: `started`, `stopped`, `paused` or `deleted`.
        state: String,
        /// Why.
        reason: String,
    },
    /// A window of a stream has closed, and something had happened in it.
    StreamWindow {
        /// The stream.
        stream: StreamName,
        /// What was counted.
        report: Box<WindowReport>,
    },
    /// A stream has more or fewer consumers.
    StreamScaled {
        /// The stream.
        stream: StreamName,
        /// How many it had in all, on all hosts.
        from: usize,
        /// How many it has now.
        to: usize,
        /// Why.
        reason: String,
    },
    /// Streams of a tenant went above a limit.
    StreamBreach {
        /// Who, what was measured, the limit, the window, and what would mend it.
        sentence: String,
        /// The same for programs.
        notification: Notification,
    },
    /// A consumer of a stream cannot go on just now.
    StreamInterrupted {
        /// The stream.
        stream: StreamName,
        /// Why not.
        reason: String,
    },
    /// A worker of a stream died, or its app failed.
    StreamWorkerDied {
        /// The stream.
        stream: StreamName,
        /// App, generation, stream, message and cause.
        sentence: String,
    },
    /// The app of a stream logged a line.
    StreamLog {
        /// The stream.
        stream: StreamName,
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
    /// Somebody asked over HTTP or the control socket for something that may have changed something.
    Request {
        /// Name of the token, or how it came without one: `control socket`, `loopback`.
        by: String,
        /// Id of the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// It was an operator, and no tenant.
        #[serde(default)]
        operator: bool,
        /// `POST`, `PUT`, `PATCH` or `DELETE`.
        method: String,
        /// What of, without the query.
        path: String,
        /// The status that was answered.
        status: u16,
        /// The id of the request.
        request_id: String,
        /// What was done, where path and status do not say it: which token was issued, which settings have changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<String>,
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
    /// Something that was wrong with the platform itself is over.
    TroubleOver {
        /// The sentence.
        reason: String,
    },
    /// Events are missing in this journal from here: it could not be written, and memory for them ran out.
    Lost {
        /// How many.
        events: u64,
        /// The sentence.
        reason: String,
    },
    /// Told to somebody who follows a journal and is too slow; never written.
    Skipped {
        /// How many lines.
        lines: u64,
        /// The sentence.
        reason: String,
    },
    /// The first line of each of a journal's files; readers pass over it.
    FileBegan {
        /// Larger than that of every file before it: places in the journal are told by it.
        number: u64,
    },
}

/// The name of an app's log level, as in the plugin ABI.
pub fn level_name(level: u32) -> &'static str {
    match level {
        0 | 1 => "error",
        2 => "warn",
        3 => "info",
        4 => "debug",
        _ => "trace",
    }
}

impl Event {
    /// Something that happens now.
    pub fn now(tenant: Option<&TenantId>, what: Happening) -> Event {
        Event { at: Timestamp::now(), tenant: tenant.cloned(), what }
    }
}

impl Happening {
    /// All kinds, as they are written.
    pub const KINDS: [&'static str; 26] = [
        "started",
        "stopped",
        "app_live",
        "app_refused",
        "app_retired",
        "batch_accepted",
        "batch_refused",
        "task_began",
        "task_ended",
        "worker_died",
        "app_log",
        "stream_changed",
        "stream_window",
        "stream_scaled",
        "stream_breach",
        "stream_interrupted",
        "stream_worker_died",
        "stream_log",
        "deed",
        "request",
        "limit_reached",
        "trouble",
        "trouble_over",
        "lost",
        "skipped",
        "file_began",
    ];

    /// Its kind, as it is written in `event`.
    pub fn kind(&self) -> &'static str {
        match self {
            Happening::Started { .. } => "started",
            Happening::Stopped { .. } => "stopped",
            Happening::AppLive { .. } => "app_live",
            Happening::AppRefused { .. } => "app_refused",
            Happening::AppRetired { .. } => "app_retired",
            Happening::BatchAccepted { .. } => "batch_accepted",
            Happening::BatchRefused { .. } => "batch_refused",
            Happening::TaskBegan { .. } => "task_began",
            Happening::TaskEnded(_) => "task_ended",
            Happening::WorkerDied { .. } => "worker_died",
            Happening::AppLog { .. } => "app_log",
            Happening::StreamChanged { .. } => "stream_changed",
            Happening::StreamWindow { .. } => "stream_window",
            Happening::StreamScaled { .. } => "stream_scaled",
            Happening::StreamBreach { .. } => "stream_breach",
            Happening::StreamInterrupted { .. } => "stream_interrupted",
            Happening::StreamWorkerDied { .. } => "stream_worker_died",
            Happening::StreamLog { .. } => "stream_log",
            Happening::Deed { .. } => "deed",
            Happening::Request { .. } => "request",
            Happening::LimitReached { .. } => "limit_reached",
            Happening::Trouble { .. } => "trouble",
            Happening::TroubleOver { .. } => "trouble_over",
            Happening::Lost { .. } => "lost",
            Happening::Skipped { .. } => "skipped",
            Happening::FileBegan { .. } => "file_began",
        }
    }

    /// The app that it is about, where it is about one.
    pub fn app(&self) -> Option<&str> {
        match self {
            Happening::AppLive { app, .. }
            | Happening::AppRetired { app, .. }
            | Happening::BatchAccepted { app, .. }
            | Happening::TaskBegan { app, .. }
            | Happening::TaskEnded(TaskEntry { app, .. })
            | Happening::StreamLog { app, .. }
            | Happening::AppLog { app, .. } => Some(app.as_str()),
            Happening::BatchRefused { app, .. } => Some(app),
            _ => None,
        }
    }

    /// The stream that it is about, where it is about one.
    pub fn stream(&self) -> Option<&str> {
        match self {
            Happening::StreamChanged { stream, .. }
            | Happening::StreamWindow { stream, .. }
            | Happening::StreamScaled { stream, .. }
            | Happening::StreamInterrupted { stream, .. }
            | Happening::StreamWorkerDied { stream, .. }
            | Happening::StreamLog { stream, .. } => Some(stream.as_str()),
            Happening::StreamBreach { notification, .. } => notification.stream.as_ref().map(StreamName::as_str),
            _ => None,
        }
    }

    /// The tasks that it is about.
    pub fn tasks(&self) -> &[u64] {
        match self {
            Happening::BatchAccepted { tasks, .. } => tasks,
            Happening::TaskBegan { task, .. }
            | Happening::TaskEnded(TaskEntry { task, .. })
            | Happening::WorkerDied { task, .. }
            | Happening::AppLog { task, .. } => std::slice::from_ref(task),
            _ => &[],
        }
    }
}

/// How an attempt at a task went: what statistics and the bill are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// Rows that this attempt settled.
    #[serde(default)]
    pub new_rows: u64,
    /// Rows and documents that this attempt made dead letters of.
    #[serde(default)]
    pub new_dead_letters: u64,
    /// Seconds from enqueueing to the first claim.
    #[serde(with = "finite")]
    pub queued_seconds: f64,
    /// Seconds that this attempt held its slot.
    #[serde(with = "finite")]
    pub slot_seconds: f64,
    /// Seconds inside the app.
    #[serde(with = "finite")]
    pub app_seconds: f64,
    /// Seconds in which the sink held the app back.
    #[serde(with = "finite")]
    pub sink_seconds: f64,
    /// Seconds in which workers were started.
    #[serde(with = "finite")]
    pub start_seconds: f64,
    /// CPU seconds of its workers.
    #[serde(with = "finite")]
    pub cpu_seconds: f64,
    /// Most memory of one of its workers, in bytes.
    pub memory_bytes: u64,
    /// Bytes of memory times seconds, over its workers.
    #[serde(with = "finite")]
    pub memory_byte_seconds: f64,
    /// Workers it was given.
    pub workers: u32,
    /// Workers that died.
    pub deaths: u32,
    /// Rows settled per second of slot time.
    #[serde(with = "finite")]
    pub rows_per_second: f64,
    /// A rerun made other documents than the run before.
    pub not_deterministic: bool,
}
