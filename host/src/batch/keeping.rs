//! Keeps a task's checkpoints in the queue, under its claim.

use super::runner::Keeper;
use super::stop::{Stopper, Why};
use crate::queue::{ClaimKey, QueueError, TaskQueue};
use crate::sink::BoxFuture;
use crate::task::Checkpoint;
use std::sync::Arc;

/// See the module.
pub(super) struct QueueKeeper {
    queue: Arc<dyn TaskQueue>,
    key: ClaimKey,
    stopper: Stopper,
    last: Option<Checkpoint>,
}

impl QueueKeeper {
    pub(super) fn new(queue: Arc<dyn TaskQueue>, key: ClaimKey, stopper: Stopper) -> QueueKeeper {
        QueueKeeper { queue, key, stopper, last: None }
    }

    /// What was kept last.
    pub(super) fn last(&self) -> Option<Checkpoint> {
        self.last.clone()
    }
}

impl Keeper for QueueKeeper {
    fn keep<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            match self.queue.save(self.key, checkpoint.clone()).await {
                Ok(()) => {
                    self.last = Some(checkpoint.clone());
                    Ok(())
                }
                Err(error) => {
                    if matches!(error, QueueError::Fenced { .. }) {
                        self.stopper.stop(Why::Lost);
                    }
                    Err(error.to_string())
                }
            }
        })
    }
}
