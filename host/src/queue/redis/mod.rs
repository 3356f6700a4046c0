//! The task queue on Redis: shared by any number of hosts, with the same guarantees as the embedded one.
//!
//! Every step is one Lua script, so it happens whole or not at all, and one round trip. The end of a claim and the next claim
//! are one step, so a slot that is busy takes one for each task. Leases and pauses go by the server's clock. Scripts are sent by their hash and loaded where the server does
//! not know them (any more).
//!
//! # Keys
//! All begin with a prefix in braces, so that a cluster keeps them in one slot.
//! ```text
//!   task:<n>              hash    what is known of a task; `job` and `work` and `checkpoint` are JSON
//!   batch:<id>            list    its tasks
//!   tasks:<tenant>:<state> zset   numbers: lists, and how many there are
//!   ready:<tenant>        zset    numbers that may be claimed now: the least is the head
//!   paused                zset    numbers that wait for a time to come, by that time
//!   leases                zset    numbers that run, by the end of their lease
//!   running:<tenant>      hash    number → since when its slot time is not charged
//!   turn                  zset    tenants of whom something is ready and nothing runs, by their virtual time
//!   active                set     tenants of whom something runs
//!   share:<tenant>        hash    weight, concurrent, virtual_time
//!   known:<tenant>:<app>:<content>  zset  numbers of the tasks with that content, replays apart
//!   ended                 zset    numbers that are over and not parked, since when
//!   live                  hash    "<tenant> <app>" → since when, and the generation that new tasks begin with, or -
//!   hosts                 hash    name → when it last gave a sign of life, its id, what it tells of itself
//!   said                  hash    "<tenant> <stream>" → since when, what shall become of it, and why
//!   words                         how often something was said of a stream
//!   beats                 hash    host → when it last told something, what it holds of limits that all hosts share
//!   told                  hash    host → what it tells of its streams
//!   last, tenants                 the last number given out; every tenant that has had a task
//!   news                  channel something may be claimable
//! ```
//! A claim looks at the tenants of whom something runs (no more than there are slots) and at the first of `turn`: its cost
//! does not grow with the tenants that wait.
//!
//! # When an answer is lost
//! The connection may break after a step was done. So every step can be asked for again: a batch has its id, the end of a
//! claim is known by its epoch, and a claim carries a token: whoever asks again with the same token gets the same task.
//!
//! # Durable
//! As durable as the server is: with `appendonly yes` and `appendfsync always` what was answered outlives a loss of power;
//! with `everysec` it outlives a kill, and a loss of power takes the last second. Without `appendonly`, or with a policy
//! that evicts keys, tasks are lost: [`RedisQueue::connect`] answers a sentence for each of these.
//!
//! # Threads
//! The connection lives on the runtime that connected, and every request is made from there: a slot's own event loop, which
//! may be busy for long, neither holds up the connection nor takes it along when it ends.

mod connection;
mod look;
mod rows;
mod scripts;
mod steps;
mod streams;
#[cfg(test)]
mod tests;

pub use connection::RedisSettings;

use super::{
    Announced, Claim, ClaimKey, Ending, Heard, HostCard, Load, Moment, NewBatch, PartWish, QueueError, Share, Standing,
    States, TaskFilter, TaskQueue, Words,
};
use crate::sink::BoxFuture;
use crate::task::{BatchId, Checkpoint, TaskRecord};
use crate::tenant::{AppName, Said, StreamName, StreamState, TenantId};
use connection::Line;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest pause that a task can be given.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// A connected queue.
pub struct RedisQueue {
    line: Arc<Line>,
    /// When something becomes claimable by itself, as this process counts.
    due: Mutex<Option<Instant>>,
    /// Tokens of claims whose answer was lost, and when they were first asked for.
    unanswered: Mutex<Vec<(String, Moment)>>,
    /// The time that a test lets pass, instead of the server's; -1 for none.
    time: Arc<AtomicI64>,
}

impl RedisQueue {
    /// Connects, and answers what is not as it should be with the server, in sentences for the operator.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the user, or is too old; or the settings will not do.
    pub async fn connect(settings: &RedisSettings) -> Result<(RedisQueue, Vec<String>), QueueError> {
        let (line, warnings) = Line::connect(settings).await?;
        let queue = RedisQueue {
            line: Arc::new(line),
            due: Mutex::new(None),
            unanswered: Mutex::new(Vec::new()),
            time: Arc::new(AtomicI64::new(-1)),
        };
        Ok((queue, warnings))
    }

    /// The time as a script's first argument.
    fn now(&self) -> String {
        match self.time.load(Ordering::SeqCst) {
            -1 => String::new(),
            given => given.to_string(),
        }
    }

    /// In so many milliseconds something becomes claimable by itself; -1 for nothing.
    fn remember_due(&self, due: i64) {
        let at = u64::try_from(due).ok().map(|due| Instant::now() + Duration::from_millis(due));
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// A claim with this lease has begun: when it ends, its task becomes claimable by itself.
    fn remember_lease(&self, lease: Duration) {
        let end = Instant::now() + lease;
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = Some(due.map_or(end, |due| due.min(end)));
    }
}

impl TaskQueue for RedisQueue {
    fn set_share<'a>(&'a self, tenant: &'a TenantId, share: Share) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(steps::set_share(self, tenant, share))
    }

    fn announce<'a>(
        &'a self,
        tenant: &'a TenantId,
        app: &'a AppName,
        generation: Option<&'a str>,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(steps::announce(self, tenant, app, generation, since))
    }

    fn announced(&self) -> BoxFuture<'_, Result<Vec<Announced>, QueueError>> {
        Box::pin(look::announced(self))
    }

    fn greet<'a>(&'a self, host: &'a HostCard, id: &'a str) -> BoxFuture<'a, Result<Option<Duration>, QueueError>> {
        Box::pin(steps::greet(self, host, id))
    }

    fn hosts(&self) -> BoxFuture<'_, Result<Vec<(HostCard, Duration)>, QueueError>> {
        Box::pin(look::hosts(self))
    }

    fn say<'a>(
        &'a self,
        tenant: &'a TenantId,
        stream: &'a StreamName,
        state: StreamState,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Said, QueueError>> {
        Box::pin(streams::say(self, tenant, stream, state, reason))
    }

    fn said(&self) -> BoxFuture<'_, Result<Words, QueueError>> {
        Box::pin(streams::said(self))
    }

    fn tell<'a>(
        &'a self,
        host: &'a str,
        told: &'a str,
        wishes: &'a [PartWish],
    ) -> BoxFuture<'a, Result<Option<Heard>, QueueError>> {
        Box::pin(async move { streams::tell(self, host, told, wishes).await.map(Some) })
    }

    fn fall_silent<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(streams::fall_silent(self, host))
    }

    fn enqueue(&self, batch: NewBatch) -> BoxFuture<'_, Result<Vec<u64>, QueueError>> {
        Box::pin(steps::enqueue(self, batch))
    }

    fn batch(&self, id: BatchId) -> BoxFuture<'_, Result<Vec<u64>, QueueError>> {
        Box::pin(look::batch(self, id))
    }

    fn states(&self, id: BatchId) -> BoxFuture<'_, Result<States, QueueError>> {
        Box::pin(look::states(self, id))
    }

    fn claim<'a>(&'a self, host: &'a str, lease: Duration) -> BoxFuture<'a, Result<Option<Claim>, QueueError>> {
        Box::pin(steps::claim(self, host, lease))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let due = async {
                match due {
                    Some(at) => tokio::time::sleep_until((at + Duration::from_millis(1)).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.line.news() => {}
                () = due => {}
            }
        })
    }

    fn renew(&self, key: ClaimKey, lease: Duration) -> BoxFuture<'_, Result<Standing, QueueError>> {
        Box::pin(steps::renew(self, key, lease))
    }

    fn pin<'a>(&'a self, key: ClaimKey, generation: &'a str) -> BoxFuture<'a, Result<String, QueueError>> {
        Box::pin(steps::pin(self, key, generation))
    }

    fn save(&self, key: ClaimKey, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(steps::save(self, key, checkpoint))
    }

    fn end(&self, key: ClaimKey, ending: Ending, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(steps::end(self, key, ending, checkpoint))
    }

    fn end_and_claim<'a>(
        &'a self,
        key: ClaimKey,
        ending: Ending,
        checkpoint: Checkpoint,
        host: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Claim>, QueueError>> {
        Box::pin(steps::end_and_claim(self, key, ending, checkpoint, host, lease))
    }

    fn recover<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<u64, QueueError>> {
        Box::pin(steps::recover(self, host))
    }

    fn retry(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(steps::retry(self, task))
    }

    fn cancel(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(steps::cancel(self, task))
    }

    fn rerun<'a>(&'a self, task: u64, generation: Option<&'a str>) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(steps::rerun(self, task, generation))
    }

    fn task(&self, number: u64) -> BoxFuture<'_, Result<Option<TaskRecord>, QueueError>> {
        Box::pin(look::task(self, number))
    }

    fn tasks<'a>(&'a self, filter: &'a TaskFilter, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRecord>, QueueError>> {
        Box::pin(look::tasks(self, filter, limit))
    }

    fn known<'a>(
        &'a self,
        tenant: &'a TenantId,
        app: &'a AppName,
        content: &'a str,
    ) -> BoxFuture<'a, Result<Option<TaskRecord>, QueueError>> {
        Box::pin(look::known(self, tenant, app, content))
    }

    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Load, QueueError>> {
        Box::pin(look::load(self, tenant))
    }

    fn loads<'a>(&'a self, tenants: &'a [TenantId]) -> BoxFuture<'a, Result<Vec<Load>, QueueError>> {
        Box::pin(look::loads(self, tenants))
    }

    fn waiting_since<'a>(
        &'a self,
        tenants: &'a [TenantId],
    ) -> BoxFuture<'a, Result<Vec<Option<Timestamp>>, QueueError>> {
        Box::pin(look::waiting_since(self, tenants))
    }

    fn forget(&self, age: Duration, limit: usize) -> BoxFuture<'_, Result<Vec<TaskRecord>, QueueError>> {
        Box::pin(steps::forget(self, age, limit))
    }
}
