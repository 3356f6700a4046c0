//! What became of a batch and its tasks.

use super::Platform;
use super::error::ActionError;
use crate::batch::running::RunningTask;
use crate::part::Part;
use crate::queue::{States, TaskFilter};
use crate::task::{BatchId, ShownTask};
use crate::tenant::TenantId;
use serde::{Deserialize, Serialize};

/// Most tasks that one answer lists.
const MAX_PAGE: usize = 1_000;

/// A batch with its tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchView {
    /// Its id.
    pub batch: BatchId,
    /// All its tasks are over.
    pub is_over: bool,
    /// How many of its tasks are in which state; of those that are forgotten none.
    pub states: States,
    /// Its tasks, in order; or those on this page.
    pub tasks: Vec<TaskView>,
}

/// A task, and how far it is just now where it runs on this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskView {
    /// As the queue has it.
    #[serde(flatten)]
    pub task: ShownTask,
    /// As its slot has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningTask>,
}

/// The sentence for a batch that another request sends, or commits.
pub(super) fn being_sent() -> ActionError {
    let sentence = "this very batch is being sent by another request: ask again in a moment";
    ActionError::conflict("request_under_way", sentence)
}

/// The sentence for a batch that is not in the queue yet.
fn still_open(batch: BatchId) -> ActionError {
    let sentence =
        format!("batch {batch} is open, and has no tasks before it is committed: send its files, then commit it");
    ActionError::conflict("batch_open", sentence)
}

/// The sentence for a batch that is not there.
pub(crate) fn unknown_batch(batch: BatchId) -> ActionError {
    ActionError::not_found(
        "unknown_batch",
        format!("there is no batch {batch}: open it, or look at `mysimbdp tasks list`"),
    )
}

impl Platform {
    /// Whose a batch is: one that is open here, or in the queue.
    ///
    /// # Errors
    /// The queue cannot answer.
    pub async fn owner(&self, batch: BatchId) -> Result<Option<TenantId>, ActionError> {
        if let Some(tenant) = self.uploads.owner(batch) {
            return Ok(Some(tenant));
        }
        let tasks = self.batches.parts.queue.batch(batch).await?;
        let Some(first) = tasks.first() else { return Ok(None) };
        Ok(self.batches.parts.queue.task(*first).await?.map(|task| task.tenant))
    }

    /// A batch, with some of its tasks; and behind which the rest of them begins.
    ///
    /// # Errors
    /// There is none of this id, or it is not in the queue yet.
    pub async fn batch(&self, batch: BatchId, part: Part<u64>) -> Result<(BatchView, Option<u64>), ActionError> {
        let states = self.batches.parts.queue.states(batch).await?;
        if states.is_empty() {
            return Err(match self.uploads.owner(batch) {
                Some(_) => still_open(batch),
                None => unknown_batch(batch),
            });
        }
        let filter = TaskFilter { batch: Some(batch), after: part.after, ..TaskFilter::default() };
        let tasks = self.tasks(&filter, part.limit).await?;
        let next = tasks.last().filter(|_| tasks.len() == part.limit).map(|view| view.task.number);
        let is_over = states.keys().all(|state| state.is_over());
        Ok((BatchView { batch, is_over, states, tasks }, next))
    }

    /// At most `limit` tasks (and never more than [`MAX_PAGE`]), by number.
    ///
    /// # Errors
    /// The queue cannot answer.
    pub async fn tasks(&self, filter: &TaskFilter, limit: usize) -> Result<Vec<TaskView>, ActionError> {
        let tasks = self.batches.parts.queue.tasks(filter, limit.min(MAX_PAGE)).await?;
        Ok(tasks
            .into_iter()
            .map(|task| TaskView { running: self.running.get(task.number), task: task.shown() })
            .collect())
    }
}
