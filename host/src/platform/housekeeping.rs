//! What is looked after from time to time: idle sinks closed, old tasks and their files forgotten, old generations removed,
//! storage sampled for the bill, abandoned uploads dropped.

use super::Platform;
use super::error::ActionError;
use crate::config::Keep;
use crate::queue::TaskFilter;
use crate::staging::open::trusted_directory;
use crate::staging::upload;
use crate::task::{BatchId, TaskState};
use crate::tenant::TenantId;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(30);
/// A sink that nobody used for so long is closed.
const IDLE_SINK: Duration = Duration::from_secs(60);
/// Tasks that are forgotten in one step.
const AT_ONCE: usize = 500;

/// Looks after everything until it is stopped.
pub async fn run(platform: Platform, keep: Keep, stop: CancellationToken) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => once(&platform, &keep).await,
            () = stop.cancelled() => return,
        }
    }
}

async fn once(platform: &Platform, keep: &Keep) {
    let sinks = platform.sinks().clone();
    let closing = tokio::task::spawn_blocking(move || sinks.close_idle(IDLE_SINK)).await;
    if let Err(error) = closing {
        tracing::error!(%error, "idle sinks could not be closed");
    }
    platform.drop_silent_uploads().await;
    forget(platform, keep).await;
    platform.sample_storage().await;
    collect(platform).await;
}

/// Tasks that are long over, and files that nobody needs any more.
async fn forget(platform: &Platform, keep: &Keep) {
    loop {
        let forgotten = match platform.batches.parts.queue.forget(keep.tasks, AT_ONCE).await {
            Ok(forgotten) => forgotten,
            Err(error) => return tracing::warn!(%error, "old tasks could not be forgotten"),
        };
        let batches: HashSet<(TenantId, BatchId)> =
            forgotten.iter().map(|task| (task.tenant.clone(), task.batch)).collect();
        for (tenant, batch) in batches {
            let left = platform.batches.parts.queue.batch(batch).await;
            if left.is_ok_and(|left| left.is_empty())
                && let Err(error) = platform.batches.parts.remove_files(&tenant, batch).await
            {
                tracing::warn!(%error, %batch, "the files of a forgotten batch could not be removed");
            }
        }
        if forgotten.len() < AT_ONCE {
            return;
        }
    }
}

/// Generations that nobody will ask for again.
async fn collect(platform: &Platform) {
    let mut pinned = HashSet::new();
    for state in [TaskState::Waiting, TaskState::Running, TaskState::Parked] {
        let mut filter = TaskFilter { state: Some(state), ..TaskFilter::default() };
        loop {
            let tasks = match platform.batches.parts.queue.tasks(&filter, AT_ONCE).await {
                Ok(tasks) => tasks,
                Err(error) => return tracing::warn!(%error, "old generations could not be looked for"),
            };
            filter.after = tasks.last().map(|task| task.number);
            let is_last = tasks.len() < AT_ONCE;
            pinned.extend(tasks.into_iter().filter_map(|task| task.generation));
            if is_last {
                break;
            }
        }
    }
    if let Err(error) = platform.batches.parts.apps.collect(move |hash| pinned.contains(hash)).await {
        tracing::warn!(%error, "old generations could not be removed");
    }
}

/// At the start, before anything comes in: removes files of batches that never came into the queue, and apps whose upload a kill
/// has cut off. Files out of an inbox are still claimed, and come again.
///
/// # Errors
/// The queue cannot say, or something cannot be removed.
pub async fn sweep(platform: &Platform) -> Result<(), ActionError> {
    let queue = &platform.batches.parts.queue;
    let is_known = async |_: &TenantId, batch: BatchId| Ok::<_, ActionError>(!queue.batch(batch).await?.is_empty());
    let swept = platform.batches.parts.files.sweep(is_known).await?;
    if swept.batches > 0 {
        tracing::info!(
            batches = swept.batches,
            bytes = swept.bytes,
            "files of batches that were never queued were removed"
        );
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
