//! The task queue: the port that the batch manager names, and what crosses it.
//!
//! ```text
//!   enqueue ─▶ waiting ── claim ─▶ running ── end(Done | Partial) ─▶ done | partial
//!                 ▲  ▲                │  │
//!                 │  └── end(Again) ──┘  ├── end(Parked) ─▶ parked ── retry ─▶ waiting
//!                 │      end(Deferred)   │
//!                 │      end(Released)   └── end(Cancelled) ─▶ cancelled ── retry ─▶ waiting
//!                 └──── the claim's lease ran out, or its host began anew
//! ```
//!
//! - *FIFO within a tenant, weighted fair between tenants.* Whose turn it is is decided by [`scheduler`], which is pure.
//! - A *claim* has a lease on the queue's own time and a fencing *epoch*: every write names the epoch of the claim it is
//!   made under, and is refused ([`QueueError::Fenced`]) once the task has been claimed again.
//! - The *state* of a task (checkpoint, skip list, attempts, pinned generation) lives here, so that whoever claims it next
//!   goes on from there. A queue answers only when it is durable.
//! - Everything can be asked twice: a batch that is enqueued again under its id is the one that is there.
//! - What hosts have to agree on besides lies here, too: which generation of an app is live, what shall become of streams, and
//!   which part of a limit each host holds.

#[cfg(test)]
mod contract;
pub mod embedded;
mod moment;
pub mod redis;
pub mod scheduler;

pub use moment::Moment;

use crate::sink::BoxFuture;
use crate::task::{BatchId, Checkpoint, Origin, StoredFile, TaskRecord, TaskState, Work};
use crate::tenant::{AppName, Said, StreamName, StreamState, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A batch that is to be put into the queue; each file becomes a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBatch {
    /// Its id: the same id again is the same batch.
    pub id: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The app that reads it.
    pub app: AppName,
    /// How it came in.
    pub origin: Origin,
    /// Its files, each with what is done with it ([`Work::Ingest`], or [`Work::ReplayRows`]).
    pub files: Vec<(StoredFile, Work)>,
    /// Generation that all its tasks are pinned to from the beginning, where it must be a certain one.
    pub generation: Option<String>,
    /// Content that the app has been given already is refused ([`QueueError::Known`]), and with it the batch.
    pub refuse_known: bool,
    /// Most tasks of the tenant that may wait or run with it; [`QueueError::Full`] where they would be more.
    pub room: u64,
}

/// How many tasks of a batch are in which state.
pub type States = BTreeMap<TaskState, u64>;

/// Which generation new tasks of an app begin with, as some host has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Whose app it is.
    pub tenant: TenantId,
    /// The app.
    pub app: AppName,
    /// The generation; `None` where the app is retired.
    pub generation: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What a host tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostCard {
    /// Its name among those that share a queue.
    pub name: String,
    /// Tasks that it runs at the same time.
    pub slots: usize,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub since: Timestamp,
    /// It takes nothing more, and finishes what runs.
    #[serde(default)]
    pub draining: bool,
}

/// How long a sign of life counts.
pub const HOST_WORD: Duration = Duration::from_secs(15);

/// Of what a limit allows to all hosts together, the part that one of them wants to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartWish {
    /// Which limit: a word of letters, digits and `-_/.`, the same on all hosts.
    pub of: String,
    /// What it allows. At most [`PartWish::MOST`].
    pub limit: u64,
    /// How much of it.
    pub wish: u64,
}

impl PartWish {
    /// The largest number that is shared out: a larger one is no limit that anybody meets.
    pub const MOST: u64 = 1 << 53;
}

/// What was said of streams: whose, which, and what.
pub type Words = Vec<(TenantId, StreamName, Said)>;

/// What a host hears of the others when it tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Another number than before where something was said of a stream since.
    pub words: u64,
    /// What it holds from now on, in the order of its wishes: no more than it wished, and no more than the others leave.
    pub parts: Vec<u64>,
    /// Every other host that has told something within [`HOST_WORD`], and what.
    pub others: Vec<(String, String)>,
}

/// What a tenant may have of the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A tenant with weight 2 gets twice the slot time of one with weight 1. At least 1.
    pub weight: u32,
    /// Tasks that may run at the same time.
    pub concurrent: u64,
}

/// A task that this host may work on until the lease ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The task, as it was when it was claimed; its `epoch` is the claim's.
    pub task: TaskRecord,
    /// When it was asked for: its lease began no earlier.
    pub asked: Moment,
}

/// Under which claim a write is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClaimKey {
    /// Number of the task.
    pub task: u64,
    /// Epoch of the claim.
    pub epoch: u64,
}

impl Claim {
    /// The key that writes under this claim carry.
    pub fn key(&self) -> ClaimKey {
        ClaimKey { task: self.task.number, epoch: self.task.epoch }
    }
}

/// What the holder of a claim hears when it renews it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Go on.
    Held,
    /// Go no further: somebody asked that the task be cancelled.
    Cancel,
}

/// How a claim ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Read to its end.
    Done,
    /// The app ended before the end of the file; the sentence says where.
    Partial(String),
    /// It failed and is tried again after this pause; counts as an attempt.
    Again(String, Duration),
    /// It could not be run just now, through no fault of its own (the sink is down): tried again after this pause, and not
    /// counted as an attempt.
    Deferred(String, Duration),
    /// It failed for good.
    Parked(String),
    /// It was cancelled.
    Cancelled,
    /// It did not fail, the host stops: goes back to the head of its tenant's queue.
    Released,
}

/// Which tasks are asked for; an empty filter is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this app.
    pub app: Option<AppName>,
    /// Of this batch.
    pub batch: Option<BatchId>,
    /// In this state.
    pub state: Option<TaskState>,
    /// With a number above this one: where the page before ended.
    pub after: Option<u64>,
    /// Before this one: for lists that begin with the newest.
    pub newest_first: bool,
}

/// How much of a tenant there is in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Load {
    /// Tasks that wait.
    pub waiting: u64,
    /// Tasks that run.
    pub running: u64,
    /// Tasks that are parked.
    pub parked: u64,
}

impl Load {
    /// Tasks that wait or run.
    pub fn unfinished(&self) -> u64 {
        self.waiting.saturating_add(self.running)
    }
}

/// Why the queue could not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Trying again later may help.
    #[error("the task queue cannot answer just now: {0}")]
    Transient(String),
    /// Trying again cannot help.
    #[error("the task queue cannot do it: {0}")]
    Permanent(String),
    /// The task has been claimed again meanwhile, or is over: what was to be written is void.
    #[error("task {task} is not held under epoch {epoch} any more: another attempt has taken it over")]
    Fenced {
        /// Number of the task.
        task: u64,
        /// The epoch that was named.
        epoch: u64,
    },
    /// There is no such task.
    #[error("there is no task {0}")]
    Unknown(u64),
    /// The task is not in a state in which that can be done.
    #[error("task {task} is {state}: only a task that is {wanted} can be {what}")]
    NotNow {
        /// Number of the task.
        task: u64,
        /// Its state.
        state: TaskState,
        /// What was asked for, as a participle.
        what: &'static str,
        /// In which states it can be done, in words.
        wanted: &'static str,
    },
    /// The app has been given the content of this file already, and that is refused. Nothing of the batch is in the queue.
    #[error("file {file} of the batch has the content of task {}", known.number)]
    Known {
        /// Its index in the batch, from 0.
        file: usize,
        /// The task that had it.
        known: Box<TaskRecord>,
    },
    /// The tenant would have more tasks that wait or run than there is room for. Nothing of the batch is in the queue.
    #[error("{} tasks of the tenant wait or run already, and with more there would be too many", .0.unfinished())]
    Full(Load),
}

/// A queue of tasks. See the module.
pub trait TaskQueue: Send + Sync {
    /// Says what a tenant may have of the slots. Kept; without it a tenant has weight 1 and one task at a time.
    fn set_share<'a>(&'a self, tenant: &'a TenantId, share: Share) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Says which generation of an app new tasks begin with (`None`: the app is retired), and since when: the newest word
    /// counts, whichever host it comes from. A claim is then pinned to it in the same step. A queue that one host has for
    /// itself need not listen: whoever holds a claim that is not pinned [`pin`](TaskQueue::pin)s it.
    fn announce<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _app: &'a AppName,
        _generation: Option<&'a str>,
        _since: Timestamp,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// What was announced, by every host: what each has to follow. Nothing where one host has the queue for itself.
    fn announced(&self) -> BoxFuture<'_, Result<Vec<Announced>, QueueError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Says that this host is there; said again within [`HOST_WORD`], so that others see it. `id` is this host's alone, even
    /// where two were given one name.
    ///
    /// Answers how long ago another host gave a sign of life under this name, where there is one: then this one must not
    /// claim anything.
    fn greet<'a>(&'a self, _host: &'a HostCard, _id: &'a str) -> BoxFuture<'a, Result<Option<Duration>, QueueError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The hosts that have given a sign of life today, each with the time since; none where one host has the queue for
    /// itself.
    fn hosts(&self) -> BoxFuture<'_, Result<Vec<(HostCard, Duration)>, QueueError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Says what shall become of a stream. The last word counts, whichever host it comes from; it is kept as everything else
    /// is. Answers what it is now.
    fn say<'a>(
        &'a self,
        tenant: &'a TenantId,
        stream: &'a StreamName,
        state: StreamState,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Said, QueueError>>;

    /// What was said of all streams last.
    fn said(&self) -> BoxFuture<'_, Result<Words, QueueError>>;

    /// Tells the other hosts something of this one, and asks for its parts of limits that hold for all of them together. What
    /// is granted is held until the next time; all that hosts hold of a limit is never more than the limit. A host that was not
    /// heard of for [`HOST_WORD`] holds nothing. `None` where one host has the queue for itself.
    fn tell<'a>(
        &'a self,
        _host: &'a str,
        _told: &'a str,
        _wishes: &'a [PartWish],
    ) -> BoxFuture<'a, Result<Option<Heard>, QueueError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// This host tells nothing any more and holds nothing.
    fn fall_silent<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Puts a batch into the queue and answers the numbers of its tasks, in order: all of it or nothing. A batch whose id
    /// is known changes nothing and answers the numbers that it has. Content that is [refused](NewBatch::refuse_known) cannot
    /// come in twice, and no tenant gets beyond its [room](NewBatch::room), whoever hands something in at the same time.
    fn enqueue(&self, batch: NewBatch) -> BoxFuture<'_, Result<Vec<u64>, QueueError>>;

    /// Numbers of the tasks of a batch, in order; none where the id is not known.
    fn batch(&self, id: BatchId) -> BoxFuture<'_, Result<Vec<u64>, QueueError>>;

    /// How many tasks of a batch are in which state; nothing where the id is not known.
    fn states(&self, id: BatchId) -> BoxFuture<'_, Result<States, QueueError>>;

    /// Claims the next task, if one may run now: raises its epoch and begins its lease.
    fn claim<'a>(&'a self, host: &'a str, lease: Duration) -> BoxFuture<'a, Result<Option<Claim>, QueueError>>;

    /// Waits until something may have come that can be claimed; may wake for nothing. Cancel-safe.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// Prolongs a claim's lease, from now.
    fn renew(&self, key: ClaimKey, lease: Duration) -> BoxFuture<'_, Result<Standing, QueueError>>;

    /// Pins a task to the generation that begins it. Where it is pinned already, that stays; answers which it is.
    fn pin<'a>(&'a self, key: ClaimKey, generation: &'a str) -> BoxFuture<'a, Result<String, QueueError>>;

    /// Keeps how far a task has come.
    fn save(&self, key: ClaimKey, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Ends a claim, with how far the task has come.
    fn end(&self, key: ClaimKey, ending: Ending, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Ends a claim as [`end`](TaskQueue::end) does and then claims the next task: in one step where the queue can, since that
    /// is what a busy slot does between two tasks. Nothing is claimed where the claim cannot be ended.
    fn end_and_claim<'a>(
        &'a self,
        key: ClaimKey,
        ending: Ending,
        checkpoint: Checkpoint,
        host: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Claim>, QueueError>> {
        Box::pin(async move {
            self.end(key, ending, checkpoint).await?;
            // Whoever claims again hears why it does not work; that the first claim has ended is true.
            Ok(self.claim(host, lease).await.unwrap_or_default())
        })
    }

    /// Puts all that this host held back to the heads of the queues: it has begun anew and holds nothing. Answers how many.
    fn recover<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<u64, QueueError>>;

    /// Puts a parked, partial or cancelled task back into the queue, its attempts forgotten, its checkpoint kept.
    fn retry(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Cancels a task that waits or is parked; one that runs is told so by [`renew`](TaskQueue::renew).
    fn cancel(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Puts a task that is over back into the queue to be run from nothing: [`Work::EraseAndIngest`], an empty checkpoint,
    /// pinned to `generation` (or to none, where the newest is to be taken).
    fn rerun<'a>(&'a self, task: u64, generation: Option<&'a str>) -> BoxFuture<'a, Result<(), QueueError>>;

    /// One task.
    fn task(&self, number: u64) -> BoxFuture<'_, Result<Option<TaskRecord>, QueueError>>;

    /// At most `limit` tasks, by number.
    fn tasks<'a>(&'a self, filter: &'a TaskFilter, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRecord>, QueueError>>;

    /// A task of this tenant and app whose file had this content and that was not cancelled, the newest; no replay.
    fn known<'a>(
        &'a self,
        tenant: &'a TenantId,
        app: &'a AppName,
        content: &'a str,
    ) -> BoxFuture<'a, Result<Option<TaskRecord>, QueueError>>;

    /// How much of a tenant there is.
    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Load, QueueError>>;

    /// How much there is of each of these, in their order: as [`load`](TaskQueue::load), in one question.
    fn loads<'a>(&'a self, tenants: &'a [TenantId]) -> BoxFuture<'a, Result<Vec<Load>, QueueError>>;

    /// For each of these, in their order, when the first of its tasks that could run now was put into the queue.
    fn waiting_since<'a>(
        &'a self,
        tenants: &'a [TenantId],
    ) -> BoxFuture<'a, Result<Vec<Option<Timestamp>>, QueueError>>;

    /// Whether it answers.
    fn answers(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        // There is no such batch: of what goes all the way, that is the least.
        Box::pin(async move { self.batch(BatchId::new()).await.map(|_| ()) })
    }

    /// Forgets tasks that have been over for `age`, at most `limit`; answers them, so that their files can be removed.
    fn forget(&self, age: Duration, limit: usize) -> BoxFuture<'_, Result<Vec<TaskRecord>, QueueError>>;
}
