//! What can be done with a task by hand.

use super::Platform;
use super::error::ActionError;
use crate::batch::stop::Why;
use crate::journal::{Event, Happening};
use crate::task::{TaskRecord, TaskState, Work};

/// The sentence for a task that is not there.
pub(crate) fn unknown_task(number: u64) -> ActionError {
    ActionError::not_found("unknown_task", format!("there is no task {number}"))
}

impl Platform {
    /// One task.
    ///
    /// # Errors
    /// There is none of this number.
    pub async fn task(&self, number: u64) -> Result<TaskRecord, ActionError> {
        let task = self.batches.parts.queue.task(number).await?;
        task.ok_or_else(|| unknown_task(number))
    }

    /// Puts a task that is parked, partial or cancelled back into the queue; it goes on from its checkpoint.
    ///
    /// # Errors
    /// There is no such task, or it is in another state.
    pub async fn retry(&self, number: u64) -> Result<TaskRecord, ActionError> {
        let task = self.task(number).await?;
        self.batches.parts.queue.retry(number).await?;
        self.deed(&task, format!("task {number} ({}) was put back into the queue", task.file.name)).await;
        self.task(number).await
    }

    /// Cancels a task. One that runs is stopped; its documents up to there stay.
    ///
    /// # Errors
    /// There is no such task, or it is over.
    pub async fn cancel(&self, number: u64) -> Result<TaskRecord, ActionError> {
        let task = self.task(number).await?;
        self.batches.parts.queue.cancel(number).await?;
        self.running.stop(number, Why::Cancelled);
        self.deed(&task, format!("task {number} ({}) was cancelled", task.file.name)).await;
        self.task(number).await
    }

    /// Runs a task that is over once more from nothing: its documents and dead letters are erased first. It runs on the
    /// generation that is live now, or on the one it began with.
    ///
    /// # Errors
    /// There is no such task, it is not over, or its app set `_id`s of its own, which nobody can tell from those of other
    /// tasks.
    pub async fn rerun(&self, number: u64, same_generation: bool) -> Result<TaskRecord, ActionError> {
        let task = self.task(number).await?;
        if let Work::ReplayRows { of, .. } = task.work {
            let sentence =
                format!("task {number} replays rows of task {of}, whose documents they are: rerun task {of}");
            return Err(ActionError::conflict("is_replay", sentence));
        }
        let own = task.checkpoint.own_ids;
        if own > 0 {
            let sentence = format!(
                "task {number} stored {own} documents under _ids that its app set: what else they may belong to cannot be \
                 told, so they cannot be erased; submit the file again instead"
            );
            return Err(ActionError::conflict("own_ids", sentence));
        }
        let generation = task.generation.as_deref().filter(|_| same_generation);
        self.batches.parts.queue.rerun(number, generation).await?;
        self.deed(&task, format!("task {number} ({}) is run again from nothing", task.file.name)).await;
        self.task(number).await
    }

    /// Whether a task, once over, can have rows replayed.
    pub(super) fn must_be_over(task: &TaskRecord) -> Result<(), ActionError> {
        if task.state.is_over() {
            return Ok(());
        }
        let state: TaskState = task.state;
        let sentence = format!("task {} is {state}: wait until it is over, or cancel it", task.number);
        Err(ActionError::conflict("wrong_state", sentence))
    }

    pub(super) async fn deed(&self, task: &TaskRecord, sentence: String) {
        self.batches.parts.journal.record(Event::now(Some(&task.tenant), Happening::Deed { sentence })).await;
    }
}
