//! Queues of streams that are deleted: they go after that was kept, and that they are gone is kept then.
//!
//! ```text
//!   deleted is kept, its queue goes ─▶ the queue is deleted ─▶ it goes no more is kept
//! ```
//! A host that dies in between, and one whose broker could not, does the rest at its next start or when the next window closes.
//! A stream that is started meanwhile keeps its queue.

use super::{StreamError, Streams};
use crate::broker::{BrokerError, StreamKey};
use crate::failpoint;

impl Streams {
    /// Deletes the queue of a stream that is kept as deleted. Answers how many messages went with it.
    pub(super) async fn delete_queue(&self, key: &StreamKey) -> Result<u64, StreamError> {
        failpoint::cross("stream.deleted_kept");
        let messages = match self.inner.desk.broker.delete(key).await {
            Ok(messages) => messages,
            Err(BrokerError::NoQueue(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        self.book().states.settle(key)?;
        Ok(messages)
    }

    /// Deletes the queues of streams that are deleted, where they are not known to be gone.
    pub(in crate::stream) async fn finish_deletions(&self) {
        if self.book().states.going().is_empty() {
            return;
        }
        let _turn = self.inner.turn.lock().await;
        let going = self.book().states.going();
        for key in going {
            match self.delete_queue(&key).await {
                Ok(messages) => tracing::info!(stream = %key, messages, "the queue of a deleted stream is gone now"),
                Err(error) => {
                    tracing::warn!(stream = %key, "the queue of a deleted stream is still there: {error}");
                    return;
                }
            }
        }
    }
}
