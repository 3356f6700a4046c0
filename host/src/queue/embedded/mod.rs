//! The embedded task queue: one SQLite file, one writer, every answer durable.
//!
//! # The file
//! ```text
//!   batches   id ⇄ tenant, app                                   so that a batch that comes again is recognised
//!   tasks     one row for each task: what it is, where it stands, its checkpoint as JSON
//!   shares    tenant ⇄ weight, concurrent tasks, virtual time    whose turn it is
//!   streams   tenant, stream ⇄ what shall become of it, why, since when
//! ```
//! Everything that a call changes is one transaction, synced before it is answered ([`sqlite`](crate::sqlite)). A kill
//! leaves a call done or not done; asking again is safe.
//!
//! # Whose turn it is
//! A claim reads one row for each tenant that has something waiting (by an index that holds waiting tasks only, skipping from
//! tenant to tenant) and one for each task that runs, and lets [`scheduler`](super::scheduler) decide. It does not get slower
//! with the number of tasks that wait, nor with tenants that are idle.
//!
//! # Time
//! The queue's time is the system's at the moment it was opened, and from then on what a monotonic clock adds: a clock that
//! is set back neither ends a lease nor prolongs a pause. At opening, a pause that ends later than any pause can is
//! shortened to the longest there is.

mod change;
mod claim;
mod look;
mod rows;
mod schema;
mod streams;
#[cfg(test)]
mod tests;

use super::{
    Claim, ClaimKey, Ending, Load, Moment, NewBatch, QueueError, Share, Standing, States, TaskFilter, TaskQueue, Words,
};
use crate::sink::BoxFuture;
use crate::sqlite::{Database, FileError, Job, Settings, Trouble};
use crate::task::{BatchId, Checkpoint, TaskRecord};
use crate::tenant::{AppName, Said, StreamName, StreamState, TenantId};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Milliseconds since 1970, as the queue counts them.
pub(super) type Millis = i64;

/// Longest pause that a task can be given; one that ends later than this after an opening was set by another clock.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What a queue takes for the time.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The time as this process sees it: never set back.
pub fn steady_clock() -> Clock {
    let (began, since) = (Timestamp::now().as_millisecond(), Instant::now());
    Arc::new(move || began.saturating_add(millis(since.elapsed())))
}

/// An open queue.
pub struct EmbeddedQueue {
    database: Database,
    clock: Clock,
    news: Notify,
    /// When something becomes claimable by itself.
    due: AtomicI64,
}

impl EmbeddedQueue {
    /// Opens the file, making it where there is none. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// The file is not what it should be, or cannot be written.
    pub fn open(path: &Path, clock: Clock) -> Result<EmbeddedQueue, FileError> {
        let database = Database::open(path, schema::QUEUE_FILE, &Settings::default())?;
        Ok(EmbeddedQueue { database, clock, news: Notify::new(), due: AtomicI64::new(Millis::MAX) })
    }

    /// Finishes what was asked for and closes the file. Blocks until then.
    ///
    /// # Errors
    /// The log could not be moved into the database; nothing is lost.
    pub fn close(self) -> Result<(), FileError> {
        self.database.close()
    }

    fn now(&self) -> Millis {
        (self.clock)()
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&rusqlite::Connection) -> rusqlite::Result<Result<T, QueueError>> + Send + 'static,
    ) -> Result<T, QueueError> {
        self.database.ask(Work { work }).await.map_err(told)?
    }

    /// As [`ask`](EmbeddedQueue::ask), for what may make a task claimable.
    async fn ask_with_news<T: Send + 'static>(
        &self,
        work: impl Fn(&rusqlite::Connection) -> rusqlite::Result<Result<T, QueueError>> + Send + 'static,
    ) -> Result<T, QueueError> {
        let answer = self.ask(work).await;
        self.tell_news();
        answer
    }

    /// Wakes those who wait, and the next one who comes: it may have looked just before.
    fn tell_news(&self) {
        self.news.notify_waiters();
        self.news.notify_one();
    }
}

/// A refusal is an answer like any other: it undoes nothing of the others in its transaction, and changes nothing itself.
struct Work<F> {
    work: F,
}

impl<T: Send + 'static, F> Job for Work<F>
where
    F: Fn(&rusqlite::Connection) -> rusqlite::Result<Result<T, QueueError>> + Send + 'static,
{
    type Outcome = Result<T, QueueError>;

    fn perform(&self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Outcome> {
        (self.work)(connection)
    }

    fn bytes(&self) -> usize {
        0
    }
}

fn told(trouble: Trouble) -> QueueError {
    match trouble.transient {
        true => QueueError::Transient(trouble.words),
        false => QueueError::Permanent(trouble.words),
    }
}

/// Whole milliseconds of a duration.
fn millis(duration: Duration) -> Millis {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl TaskQueue for EmbeddedQueue {
    fn set_share<'a>(&'a self, tenant: &'a TenantId, share: Share) -> BoxFuture<'a, Result<(), QueueError>> {
        let tenant = tenant.clone();
        Box::pin(async move { self.ask_with_news(move |db| change::set_share(db, &tenant, share)).await })
    }

    fn say<'a>(
        &'a self,
        tenant: &'a TenantId,
        stream: &'a StreamName,
        state: StreamState,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Said, QueueError>> {
        let (tenant, stream, reason, now) = (tenant.clone(), stream.clone(), reason.to_owned(), self.now());
        Box::pin(async move { self.ask(move |db| streams::say(db, &tenant, &stream, state, &reason, now)).await })
    }

    fn said(&self) -> BoxFuture<'_, Result<Words, QueueError>> {
        Box::pin(async move { self.ask(|db| streams::said(db).map(Ok)).await })
    }

    fn enqueue(&self, batch: NewBatch) -> BoxFuture<'_, Result<Vec<u64>, QueueError>> {
        let now = self.now();
        Box::pin(async move { self.ask_with_news(move |db| change::enqueue(db, &batch, now)).await })
    }

    fn batch(&self, id: BatchId) -> BoxFuture<'_, Result<Vec<u64>, QueueError>> {
        Box::pin(async move { self.ask(move |db| look::batch(db, id).map(Ok)).await })
    }

    fn states(&self, id: BatchId) -> BoxFuture<'_, Result<States, QueueError>> {
        Box::pin(async move { self.ask(move |db| look::states(db, id).map(Ok)).await })
    }

    fn claim<'a>(&'a self, host: &'a str, lease: Duration) -> BoxFuture<'a, Result<Option<Claim>, QueueError>> {
        let (host, now, asked) = (host.to_owned(), self.now(), Moment::now());
        let until = now.saturating_add(millis(lease));
        Box::pin(async move {
            let turn = self.ask(move |db| claim::claim(db, &host, now, until).map(Ok)).await?;
            self.due.store(turn.due.unwrap_or(Millis::MAX), Ordering::Relaxed);
            if turn.claimed.is_some() {
                // There may be more, and whoever waits has not heard of it if it came in one piece with this.
                self.news.notify_one();
            }
            Ok(turn.claimed.map(|task| Claim { task, asked }))
        })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let wait = self.due.load(Ordering::Relaxed).saturating_sub(self.now()).max(0);
            let due = Duration::from_millis(wait.unsigned_abs().min(3_600_000) + 1);
            tokio::select! {
                () = self.news.notified() => {}
                () = tokio::time::sleep(due) => {}
            }
        })
    }

    fn renew(&self, key: ClaimKey, lease: Duration) -> BoxFuture<'_, Result<Standing, QueueError>> {
        let now = self.now();
        let until = now.saturating_add(millis(lease));
        Box::pin(async move { self.ask(move |db| claim::renew(db, key, now, until)).await })
    }

    fn pin<'a>(&'a self, key: ClaimKey, generation: &'a str) -> BoxFuture<'a, Result<String, QueueError>> {
        let generation = generation.to_owned();
        Box::pin(async move { self.ask(move |db| claim::pin(db, key, &generation)).await })
    }

    fn save(&self, key: ClaimKey, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(async move { self.ask(move |db| claim::save(db, key, &checkpoint)).await })
    }

    fn end(&self, key: ClaimKey, ending: Ending, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), QueueError>> {
        let now = self.now();
        Box::pin(async move { self.ask_with_news(move |db| claim::end(db, key, &ending, &checkpoint, now)).await })
    }

    fn recover<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<u64, QueueError>> {
        let (host, now) = (host.to_owned(), self.now());
        let latest = now.saturating_add(millis(LONGEST_PAUSE));
        Box::pin(async move { self.ask_with_news(move |db| claim::recover(db, &host, now, latest).map(Ok)).await })
    }

    fn retry(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>> {
        let now = self.now();
        Box::pin(async move { self.ask_with_news(move |db| change::retry(db, task, now)).await })
    }

    fn cancel(&self, task: u64) -> BoxFuture<'_, Result<(), QueueError>> {
        let now = self.now();
        Box::pin(async move { self.ask(move |db| change::cancel(db, task, now)).await })
    }

    fn rerun<'a>(&'a self, task: u64, generation: Option<&'a str>) -> BoxFuture<'a, Result<(), QueueError>> {
        let (generation, now) = (generation.map(str::to_owned), self.now());
        Box::pin(async move { self.ask_with_news(move |db| change::rerun(db, task, generation.as_deref(), now)).await })
    }

    fn task(&self, number: u64) -> BoxFuture<'_, Result<Option<TaskRecord>, QueueError>> {
        Box::pin(async move { self.ask(move |db| look::task(db, number).map(Ok)).await })
    }

    fn tasks<'a>(&'a self, filter: &'a TaskFilter, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRecord>, QueueError>> {
        let filter = filter.clone();
        Box::pin(async move { self.ask(move |db| look::tasks(db, &filter, limit).map(Ok)).await })
    }

    fn known<'a>(
        &'a self,
        tenant: &'a TenantId,
        app: &'a AppName,
        content: &'a str,
    ) -> BoxFuture<'a, Result<Option<TaskRecord>, QueueError>> {
        let (tenant, app, content) = (tenant.clone(), app.clone(), content.to_owned());
        Box::pin(async move { self.ask(move |db| look::known(db, &tenant, &app, &content).map(Ok)).await })
    }

    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Load, QueueError>> {
        let tenant = tenant.clone();
        Box::pin(async move { self.ask(move |db| look::load(db, &tenant).map(Ok)).await })
    }

    fn loads<'a>(&'a self, tenants: &'a [TenantId]) -> BoxFuture<'a, Result<Vec<Load>, QueueError>> {
        let tenants = tenants.to_vec();
        let all = move |db: &_| tenants.iter().map(|tenant| look::load(db, tenant)).collect::<rusqlite::Result<_>>();
        Box::pin(async move { self.ask(move |db| all(db).map(Ok)).await })
    }

    fn waiting_since<'a>(
        &'a self,
        tenants: &'a [TenantId],
    ) -> BoxFuture<'a, Result<Vec<Option<Timestamp>>, QueueError>> {
        let (tenants, now) = (tenants.to_vec(), self.now());
        let all = move |db: &_| {
            tenants.iter().map(|tenant| look::waiting_since(db, tenant, now)).collect::<rusqlite::Result<_>>()
        };
        Box::pin(async move { self.ask(move |db| all(db).map(Ok)).await })
    }

    fn forget(&self, age: Duration, limit: usize) -> BoxFuture<'_, Result<Vec<TaskRecord>, QueueError>> {
        let before = self.now().saturating_sub(millis(age));
        Box::pin(async move { self.ask(move |db| change::forget(db, before, limit).map(Ok)).await })
    }
}
