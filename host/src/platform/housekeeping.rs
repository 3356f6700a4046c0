//! What is looked after from time to time: idle sinks closed, old tasks and their files forgotten, old generations removed,
//! storage sampled for the bill, abandoned uploads dropped, copies removed of what other hosts have forgotten.

use super::Platform;
use super::error::ActionError;
use crate::config::Keep;
use crate::queue::{QueueError, TaskFilter, TaskQueue};
use crate::staging::files::Swept;
use crate::staging::open::trusted_directory;
use crate::staging::upload;
use crate::task::{BatchId, Origin, TaskState};
use crate::tenant::TenantId;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(30);
/// Of so many rounds one, the first, also looks for what needs a look at every task that is not over, or at every file.
const THOROUGH: u32 = 20;
/// A sink that nobody used for so long is closed.
const IDLE_SINK: Duration = Duration::from_secs(60);
/// Tasks that are forgotten in one step.
const AT_ONCE: usize = 500;
/// Tasks that are looked at in one step: that of a replay may name a million rows.
const PAGE: usize = 100;

/// Batches of which a task was forgotten, and whose files may go.
type Leaving = HashSet<(TenantId, BatchId)>;

/// Looks after everything until it is stopped.
pub async fn run(platform: Platform, keep: Keep, stop: CancellationToken) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leaving = Leaving::new();
    for round in 0_u32.. {
        tokio::select! {
            _ = tick.tick() => once(&platform, &keep, &mut leaving, round % THOROUGH == 0).await,
            () = stop.cancelled() => return,
        }
    }
}

async fn once(platform: &Platform, keep: &Keep, leaving: &mut Leaving, is_thorough: bool) {
    let sinks = platform.sinks().clone();
    let closing = tokio::task::spawn_blocking(move || sinks.close_idle(IDLE_SINK)).await;
    if let Err(error) = closing {
        tracing::error!(%error, "idle sinks could not be closed");
    }
    platform.drop_silent_uploads().await;
    if let Err(error) = forget(platform, keep, leaving).await {
        tracing::warn!(%error, "old tasks could not be forgotten");
    }
    platform.sample_storage().await;
    if is_thorough {
        clear(platform).await;
    }
}

/// What nobody asks for any more, and only a look at everything can tell.
async fn clear(platform: &Platform) {
    let parts = &platform.batches.parts;
    let needs = match Needs::of(&*parts.queue).await {
        Ok(needs) => needs,
        Err(error) => return tracing::warn!(%error, "what tasks need could not be looked for"),
    };
    // Where no other host has a say, whoever forgets a batch has its files.
    if parts.depot.is_some()
        && let Err(error) = prune(platform, &needs).await
    {
        tracing::warn!(error = error.sentence, "files of batches that other hosts have forgotten could not be removed");
    }
    // Generations that nobody will ask for again.
    if let Err(error) = parts.apps.collect(move |hash| needs.generations.contains(hash)).await {
        tracing::warn!(%error, "old generations could not be removed");
    }
}

/// What tasks that may still run need, besides what the queue says of their own batches.
#[derive(Default)]
struct Needs {
    /// Generations that they are pinned to.
    generations: HashSet<String>,
    /// Batches, perhaps forgotten, whose files they replay.
    batches: HashSet<BatchId>,
}

impl Needs {
    async fn of(queue: &dyn TaskQueue) -> Result<Needs, QueueError> {
        let states =
            [TaskState::Waiting, TaskState::Running, TaskState::Parked, TaskState::Partial, TaskState::Cancelled];
        let mut needs = Needs::default();
        // Twice, since a list is no snapshot: a task that changes its state behind the first look is met by the second.
        for state in [states, states].concat() {
            let mut filter = TaskFilter { state: Some(state), ..TaskFilter::default() };
            loop {
                let tasks = queue.tasks(&filter, PAGE).await?;
                filter.after = tasks.last().map(|task| task.number);
                let is_last = tasks.len() < PAGE;
                for task in tasks {
                    if let Some((batch, _)) = task.file.place().filter(|_| task.origin == Origin::Replay) {
                        needs.batches.insert(batch);
                    }
                    needs.generations.extend(task.generation);
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(needs)
    }
}

/// Whether the files of a batch may still be asked for.
async fn is_needed(queue: &dyn TaskQueue, needs: &Needs, batch: BatchId) -> Result<bool, QueueError> {
    Ok(needs.batches.contains(&batch) || !queue.batch(batch).await?.is_empty())
}

/// Tasks that are long over, and files that nobody needs any more: those of `leaving`, where the batches stay of which that cannot
/// be told just now.
async fn forget(platform: &Platform, keep: &Keep, leaving: &mut Leaving) -> Result<(), QueueError> {
    let queue = &*platform.batches.parts.queue;
    loop {
        let forgotten = queue.forget(keep.tasks, AT_ONCE).await?;
        // Those that the files came in with: a replay reads those of another batch, and may be the last to do so.
        leaving.extend(forgotten.iter().filter_map(|task| Some((task.tenant.clone(), task.file.place()?.0))));
        if forgotten.len() < AT_ONCE {
            break;
        }
    }
    if leaving.is_empty() {
        return Ok(());
    }
    let needs = Needs::of(queue).await?;
    for (tenant, batch) in leaving.clone() {
        if !is_needed(queue, &needs, batch).await?
            && let Err(error) = platform.batches.parts.remove_files(&tenant, batch).await
        {
            tracing::warn!(%error, %batch, "the files of a forgotten batch could not be removed; it is tried again");
            continue;
        }
        leaving.remove(&(tenant, batch));
    }
    Ok(())
}

/// Files that this host has of batches that another one has forgotten.
async fn prune(platform: &Platform, needs: &Needs) -> Result<(), ActionError> {
    let parts = &platform.batches.parts;
    let files = Arc::clone(&parts.files);
    let settled = tokio::task::spawn_blocking(move || files.all_settled()).await;
    let mut swept = Swept::default();
    for (tenant, batch) in settled.map_err(|error| ActionError::internal(error.to_string()))? {
        if !is_needed(&*parts.queue, needs, batch).await? {
            swept.bytes += parts.files.remove_settled(&tenant, batch).await?;
            swept.batches += 1;
        }
    }
    if swept.batches > 0 {
        let Swept { batches, bytes } = swept;
        tracing::info!(batches, bytes, "files of batches that other hosts have forgotten were removed");
    }
    Ok(())
}

/// At the start, before anything comes in: removes files of batches that never came into the queue, and apps whose upload a kill
/// has cut off. Files out of an inbox are still claimed, and come again. What the depot has of such a batch stays: whoever
/// submits it again may be doing so at another host by now.
///
/// # Errors
/// The queue cannot say, or something cannot be removed.
pub async fn sweep(platform: &Platform) -> Result<(), ActionError> {
    let parts = &platform.batches.parts;
    let needs = Needs::of(&*parts.queue).await?;
    let is_known = async |_: &TenantId, batch| Ok::<_, ActionError>(is_needed(&*parts.queue, &needs, batch).await?);
    let Swept { batches, bytes } = parts.files.sweep(is_known).await?;
    if batches > 0 {
        tracing::info!(batches, bytes, "files of batches that were never queued were removed");
    }
    sweep_uploads(platform).await
}

async fn sweep_uploads(platform: &Platform) -> Result<(), ActionError> {
    let (staging, tenants) = (platform.staging.clone(), platform.batches.parts.tenants.all());
    let swept = tokio::task::spawn_blocking(move || {
        let staging = trusted_directory(&staging)?;
        tenants.iter().map(|tenant| upload::sweep(&staging, &tenant.id)).sum::<std::io::Result<usize>>()
    });
    let swept = swept.await.map_err(|error| ActionError::internal(error.to_string()))?;
    let swept = swept.map_err(|error| {
        let sentence = format!("what a kill left of uploads cannot be removed from the staging directory: {error}");
        ActionError::unavailable("staging_unavailable", sentence)
    })?;
    if swept > 0 {
        tracing::info!(uploads = swept, "apps whose upload was cut off by a kill were removed");
    }
    Ok(())
}
