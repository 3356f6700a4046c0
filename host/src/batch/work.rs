//! One claimed task, from the claim to its end in the queue.
//!
//! ```text
//!   claim ─ who and what is it? ─ pin the generation ─ open sink and file ─ (erase) ─ run ─ tell the journal ─ end the claim
//!                │ tenant, app, file are not there any more: park, with a sentence
//!   meanwhile: renew the lease, hear of cancellations, watch the tenant's storage
//! ```
//!
//! The journal and the bill are written before the claim ends; the other way round an attempt could be missing. After a
//! kill in between, the task is claimed anew, under the next epoch, and what it does then is told too: the bill counts its
//! documents once all the same, statistics count both attempts.

use super::attempt::Deadlines;
use super::cast::{Bounds, Cast, Observer as _, Tolerance};
use super::data_file::DataFile;
use super::keeping::QueueKeeper;
use super::lease::{FencedSink, Lease};
use super::parts::Parts;
use super::runner::{self, Assignment, RunError};
use super::running::Running;
use super::shelf::{Shelf, Use};
use super::stop::{Stop, Stopper, Why};
use super::supply::Missing;
use super::telling::{self, Listener};
use super::verdict::{self, Patience};
use crate::apps::Generation;
use crate::failpoint;
use crate::journal::{Event, Happening};
use crate::queue::{Claim, ClaimKey, Ending, QueueError, Standing};
use crate::quota::Usage;
use crate::sink::{DocumentSink, SinkError};
use crate::staging::candidate::Kind;
use crate::task::{Checkpoint, TaskRecord, TaskState, Work};
use crate::tenant::{AppName, AppSettings, Limits, TenantId};
use crate::worker::protocol::{GuestLimits, Isolation};
use crate::worker::spawner::Spawner;
use crate::worker::supervisor::Policy;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// Documents that are erased in one step.
const ERASE_AT_ONCE: usize = 10_000;
/// How often a tenant's storage is compared with its limit while a task runs.
const STORAGE: Duration = Duration::from_secs(1);
/// How long the end of a claim is tried while the queue cannot answer, before it is left to its lease.
const INSISTENCE: Duration = Duration::from_secs(30);

/// Everything that the slots of a host share.
pub struct Desk {
    /// What it stands on.
    pub parts: Parts,
    /// The bill.
    pub usage: Usage,
    /// Starts workers.
    pub spawner: Spawner,
    /// How much of the sandbox is demanded.
    pub isolation: Isolation,
    /// How long a claim holds without being renewed.
    pub lease: Duration,
    /// Pause after a first failed attempt.
    pub retry_pause: Duration,
    /// How long an idle worker is kept.
    pub warm: Duration,
    /// What runs.
    pub running: Running,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("host", &self.parts.host).finish_non_exhaustive()
    }
}

impl Desk {
    /// Whether new tasks of this app would run on this generation.
    pub(super) fn is_live(&self, tenant: &TenantId, app: &AppName, generation: &str) -> bool {
        self.parts.apps.live(tenant, app).is_some_and(|live| live.hash() == generation)
    }
}

/// A task that a slot is done with.
#[derive(Debug, Default)]
pub(super) struct Over {
    /// It was given back, because the host stops.
    pub(super) released: bool,
    /// The task that was claimed when it ended.
    pub(super) next: Option<Claim>,
}

/// Works on a claimed task, and claims the next one where this one ends, unless the host stops.
pub(super) async fn work(
    desk: &Arc<Desk>,
    shelf: &mut Shelf,
    slot: usize,
    claim: Claim,
    stopping: watch::Receiver<bool>,
) -> Over {
    failpoint::cross("work.claimed");
    let began = Instant::now();
    let (key, task) = (claim.key(), &claim.task);
    let patience = |attempts| Patience { failed: task.attempts, attempts, pause: desk.retry_pause };
    let lease = Lease::new(Arc::clone(&desk.parts.queue), &claim, desk.lease);
    let (stopper, stop) = Stop::pair();
    let ready = match Ready::prepare(desk, task, key, &lease, &stopper).await {
        Ok(ready) => ready,
        Err(obstacle) => {
            let (cause, ending) = obstacle.ending(&patience(u32::MAX));
            let entry = telling::unstarted(task, &ending, cause, began.elapsed());
            tell(desk, task, entry).await;
            return end(desk, key, ending, task.checkpoint.clone(), &stopping).await;
        }
    };
    // Its answer may have been long in coming, or its file. Where the queue cannot say just now, the sink takes nothing.
    if lease.left() < desk.lease / 2
        && let Err(QueueError::Fenced { .. }) = lease.renew().await
    {
        return taken_over(key);
    }
    let (app, generation) = (task.app.clone(), ready.generation.hash().to_owned());
    let began_now = Happening::TaskBegan { task: key.task, app, generation, epoch: key.epoch };
    desk.parts.journal.record(Event::now(Some(&task.tenant), began_now)).await;
    if *stopping.borrow() {
        stopper.stop(Why::Shutdown);
    }
    let entry = desk.running.enter(slot, task, ready.generation.hash(), stopper.clone());
    // Whoever suspended the tenant until now did not find this task among what runs.
    if desk.parts.tenants.active(&task.tenant).is_none() {
        stopper.stop(Why::Shutdown);
    }
    let of = ready.used_for(task);
    let mut worker = shelf.take(&of);
    let mut keeper = QueueKeeper::new(Arc::clone(&desk.parts.queue), key, stopper.clone());
    let mut listener = Listener::new(desk.parts.journal.clone(), task, entry);
    let run = async {
        ready.erase(task, &stop).await?;
        let assignment = Assignment {
            cast: &ready.cast,
            slot: &mut worker,
            file: &ready.file,
            task: ready.number,
            from: task.checkpoint.clone(),
            rows: ready.rows.clone(),
            keeper: &mut keeper,
            stop: stop.clone(),
        };
        runner::run(assignment, &mut listener).await
    };
    let result = tokio::select! {
        result = run => result,
        never = watch_over(desk, task, &lease, &ready.settings.limits, &stopper) => match never {},
    };
    shelf.put(of, worker, Instant::now()).await;
    // What came last may not have been told yet.
    if let Ok(report) = &result {
        listener.progress(&report.counts, report.checkpoint.settled.row.end);
    }
    drop(listener);
    let why = stop.why();
    let (ending, checkpoint, entry) = match result {
        Ok(report) => {
            let Some(ending) = verdict::ending(&report, why.as_ref(), &patience(ready.settings.limits.attempts)) else {
                return taken_over(key);
            };
            let checkpoint = report.checkpoint.clone();
            let entry = telling::entry(task, ready.generation.hash(), &report, &ending, why.as_ref(), began.elapsed());
            (ending, checkpoint, entry)
        }
        Err(_) if why == Some(Why::Lost) => return taken_over(key),
        Err(error) => {
            let ending = unavailable(&error, &patience(u32::MAX));
            let checkpoint = keeper.last().unwrap_or_else(|| task.checkpoint.clone());
            let entry = telling::unstarted(task, &ending, "sink", began.elapsed());
            (ending, checkpoint, entry)
        }
    };
    tell(desk, task, entry).await;
    end(desk, key, ending, checkpoint, &stopping).await
}

fn taken_over(key: ClaimKey) -> Over {
    tracing::warn!(task = key.task, epoch = key.epoch, "another attempt has taken this task over");
    Over::default()
}

/// What a run that could not be brought to a report means: what may pass is tried again without counting as an attempt.
fn unavailable(error: &RunError, patience: &Patience) -> Ending {
    match error {
        RunError::Sink(SinkError::Permanent { .. }) => Ending::Parked(error.to_string()),
        RunError::Sink(SinkError::Transient { .. }) | RunError::State(_) => {
            Ending::Deferred(error.to_string(), patience.pause_after(patience.failed))
        }
    }
}

/// Renews the lease, hears of cancellations, watches the tenant's storage. Ends with the task it watches over.
async fn watch_over(
    desk: &Desk,
    task: &TaskRecord,
    lease: &Lease,
    limits: &Limits,
    stopper: &Stopper,
) -> std::convert::Infallible {
    let mut renew_at = Instant::now() + desk.lease / 3;
    loop {
        sleep(STORAGE.min(renew_at.saturating_duration_since(Instant::now()))).await;
        let stored = desk.parts.sinks.stored_bytes(&task.tenant) + desk.parts.files.bytes(&task.tenant);
        if stored > limits.storage_bytes {
            let sentence = format!(
                "tenant {} keeps {stored} bytes, where {} are allowed (storage_bytes)",
                task.tenant, limits.storage_bytes
            );
            stopper.stop(Why::Limit { name: "storage", sentence });
        }
        if Instant::now() < renew_at {
            continue;
        }
        let asked = Instant::now();
        match lease.renew().await {
            Ok(Standing::Held) => {}
            Ok(Standing::Cancel) => stopper.stop(Why::Cancelled),
            Err(QueueError::Transient(_)) if !lease.left().is_zero() => {}
            Err(error) => {
                tracing::warn!(%error, task = task.number, "the claim is lost");
                stopper.stop(Why::Lost);
            }
        }
        renew_at = asked + desk.lease / 3;
    }
}

async fn tell(desk: &Desk, task: &TaskRecord, entry: crate::journal::TaskEntry) {
    if let Err(error) = desk.usage.meter(&task.tenant, &entry, jiff::Timestamp::now()).await {
        tracing::error!(%error, task = task.number, "an attempt is missing from the usage");
    }
    if let Some((limit, reason)) = telling::limit(&entry) {
        desk.parts.journal.record(Event::now(Some(&task.tenant), Happening::LimitReached { limit, reason })).await;
    }
    let (state, seconds, rows, documents) = (entry.state, entry.slot_seconds, entry.new_rows, entry.new_documents);
    match (&entry.reason, entry.state) {
        (reason, TaskState::Parked) => tracing::warn!(%state, seconds, rows, documents, reason, "an attempt is over"),
        (reason, _) => tracing::info!(%state, seconds, rows, documents, reason, "an attempt is over"),
    }
    desk.parts.journal.record(Event::now(Some(&task.tenant), Happening::TaskEnded(entry))).await;
}

/// Ends the claim. Where the queue cannot answer it is tried until the lease must have run out; then another attempt goes on
/// from what was kept.
async fn end(
    desk: &Desk,
    key: ClaimKey,
    ending: Ending,
    checkpoint: Checkpoint,
    stopping: &watch::Receiver<bool>,
) -> Over {
    let released = ending == Ending::Released;
    let Parts { queue, host, .. } = &desk.parts;
    let until = Instant::now() + desk.lease.min(INSISTENCE);
    failpoint::cross("work.before_end");
    loop {
        let (ending, checkpoint) = (ending.clone(), checkpoint.clone());
        let ended = if released || *stopping.borrow() || desk.running.is_drained() {
            queue.end(key, ending, checkpoint).await.map(|()| None)
        } else {
            queue.end_and_claim(key, ending, checkpoint, host, desk.lease).await
        };
        match ended {
            Ok(next) => {
                failpoint::cross("work.after_end");
                return Over { released, next };
            }
            Err(QueueError::Transient(_)) if Instant::now() < until => sleep(Duration::from_millis(250)).await,
            Err(error) => {
                tracing::error!(%error, task = key.task, "the end of a task could not be kept; it will be run again");
                return Over::default();
            }
        }
    }
}

/// Why a task could not even begin.
enum Obstacle {
    /// Something that it needs is not there: a person has to see to it.
    Missing { cause: &'static str, sentence: String },
    /// It may pass.
    Passing { cause: &'static str, sentence: String },
}

impl Obstacle {
    fn of(cause: &'static str, why: Missing) -> Obstacle {
        match why {
            Missing::Lasting(sentence) => Obstacle::Missing { cause, sentence },
            Missing::Passing(sentence) => Obstacle::Passing { cause, sentence },
        }
    }

    fn ending(self, patience: &Patience) -> (&'static str, Ending) {
        match self {
            Obstacle::Missing { cause, sentence } => (cause, Ending::Parked(sentence)),
            Obstacle::Passing { cause, sentence } => {
                (cause, Ending::Deferred(sentence, patience.pause_after(patience.failed)))
            }
        }
    }
}

impl From<QueueError> for Obstacle {
    fn from(error: QueueError) -> Obstacle {
        Obstacle::Passing { cause: "queue", sentence: error.to_string() }
    }
}

/// A task with all that it needs.
struct Ready {
    settings: AppSettings,
    generation: Arc<Generation>,
    cast: Arc<Cast>,
    file: Arc<DataFile>,
    sink: Arc<dyn DocumentSink>,
    /// Whose number its documents carry.
    number: u64,
    rows: Option<Vec<crate::worker::protocol::Start>>,
}

impl Ready {
    async fn prepare(
        desk: &Desk,
        task: &TaskRecord,
        key: ClaimKey,
        lease: &Arc<Lease>,
        stopper: &Stopper,
    ) -> Result<Ready, Obstacle> {
        let TaskRecord { tenant, app, .. } = task;
        let missing = |cause, sentence| Obstacle::Missing { cause, sentence };
        // Looked up once: it may be settled anew meanwhile.
        let settled = desk.parts.tenants.get(tenant).ok_or_else(|| {
            missing("tenant", format!("tenant {tenant} is not registered any more: register it, then retry"))
        })?;
        if !settled.enabled {
            let sentence = format!("tenant {tenant} is suspended: it goes on when it is enabled again");
            return Err(Obstacle::Passing { cause: "tenant", sentence });
        }
        let settings = settled.app(app);
        let generation = generation(desk, task).await?;
        if task.generation.is_none() {
            desk.parts.queue.pin(key, generation.hash()).await?;
        }
        let wanted = settled.sinks.get(&settings.sink);
        let collection = wanted.map(|sink| sink.collection.clone()).ok_or_else(|| {
            missing(
                "sink",
                format!("tenant {tenant} has no sink {}: name it in the configuration, then retry", settings.sink),
            )
        })?;
        let sink = desk.parts.sinks.open(tenant, &collection).await.map_err(|error| match error {
            SinkError::Transient { .. } => Obstacle::Passing { cause: "sink", sentence: error.to_string() },
            SinkError::Permanent { .. } => missing("sink", error.to_string()),
        })?;
        let sink: Arc<dyn DocumentSink> =
            Arc::new(FencedSink { sink, lease: Arc::clone(lease), stopper: stopper.clone() });
        let path = desk.parts.file(task).await.map_err(|why| Obstacle::of("file", why))?;
        let file = open(&path, task).map_err(|sentence| missing("file", sentence))?;
        let limits = &settings.limits;
        let guest = GuestLimits { memory: limits.memory_bytes, cpu_seconds: None };
        let spec = generation.worker_spec(desk.isolation, guest, settings.config.clone());
        let spec = spec.map_err(|error| missing("app", error.to_string()))?;
        let cast = Arc::new(Cast {
            spawner: desk.spawner.clone(),
            spec,
            sink: Arc::clone(&sink),
            deadlines: Deadlines { stall: limits.stall(), total: limits.wall() },
            policy: Policy { max_convicted: limits.killing_rows, ..Policy::default() },
            tolerance: Tolerance { rows: limits.dead_letters, percent: limits.dead_letter_percent },
            bounds: Bounds {
                rows: limits.rows_per_task,
                documents: limits.documents_per_task,
                cpu: Duration::from_secs(limits.cpu_seconds),
            },
        });
        let (number, rows) = match &task.work {
            Work::Ingest | Work::EraseAndIngest => (task.number, None),
            Work::ReplayRows { of, rows } => (*of, Some(rows.clone())),
        };
        Ok(Ready { settings, generation, cast, file: Arc::new(file), sink, number, rows })
    }

    fn used_for(&self, task: &TaskRecord) -> Use {
        Use {
            tenant: task.tenant.clone(),
            app: task.app.clone(),
            generation: self.generation.hash().to_owned(),
            limits: self.cast.spec.limits,
            config: self.settings.config.clone(),
        }
    }

    /// Erases what an earlier run of the task has stored. A run that has settled something has erased before.
    async fn erase(&self, task: &TaskRecord, stop: &Stop) -> Result<(), RunError> {
        if task.work != Work::EraseAndIngest || task.checkpoint != Checkpoint::default() {
            return Ok(());
        }
        while stop.why().is_none() && self.sink.erase(self.number, ERASE_AT_ONCE).await? > 0 {}
        Ok(())
    }
}

/// The generation a task runs on: the one that began it, else the one that is live.
async fn generation(desk: &Desk, task: &TaskRecord) -> Result<Arc<Generation>, Obstacle> {
    let TaskRecord { tenant, app, .. } = task;
    let found = match &task.generation {
        Some(hash) => desk.parts.generation(tenant, app, hash).await,
        None => desk.parts.apps.live(tenant, app).ok_or_else(|| {
            Missing::Lasting(format!(
                "no app {app} is live for tenant {tenant}: drop its .so into the staging directory, then retry"
            ))
        }),
    };
    let found = found.map_err(|why| Obstacle::of("app", why))?;
    if found.provides(Kind::Batch) {
        return Ok(found);
    }
    let kinds: Vec<&str> = found.kinds().iter().map(|kind| kind.name()).collect();
    let sentence = format!("app {} is no batch app (its kinds: {}): name another app", found.label(), kinds.join(", "));
    Err(Obstacle::Missing { cause: "app", sentence })
}

/// The kept file, which has to be what was submitted.
fn open(path: &Path, task: &TaskRecord) -> Result<DataFile, String> {
    let file = DataFile::open_as(path, &task.file.name)
        .map_err(|error| format!("the kept file {} is not there any more: {error}; submit it again", task.file.name))?;
    if file.size() != task.file.bytes {
        return Err(format!(
            "the kept file {} has {} bytes, and had {} when it was submitted: somebody changed it; submit it again",
            task.file.name,
            file.size(),
            task.file.bytes
        ));
    }
    Ok(file)
}
