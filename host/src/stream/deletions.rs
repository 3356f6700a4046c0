//! Queues of streams that are deleted. That a stream is deleted is said first, and its queue goes then:
//!
//! ```text
//!   deleted is said ─▶ the queue is deleted        the queue is declared ─▶ started is said
//! ```
//! So a host that died in between, or whose broker could not, leaves a queue that goes on taking messages: at its start a host
//! deletes the queues of all streams that are deleted, and what could not be done is tried again with each beat. A queue that
//! somebody consumes is left alone: another host has not heard of it yet.

use super::manager::{StreamError, Streams};
use crate::broker::{BrokerError, StreamKey};
use crate::failpoint;
use crate::journal::{Event, Happening};

impl Streams {
    /// Deletes the queue of a stream that is said to be deleted. Answers how many messages went with it.
    pub(super) async fn delete(&self, key: &StreamKey) -> Result<u64, StreamError> {
        self.book().going.insert(key.clone());
        failpoint::cross("stream.deleted_kept");
        let deleted = match self.inner.desk.broker.delete(key).await {
            Err(BrokerError::NoQueue(_)) => None,
            deleted => Some(deleted?),
        };
        self.book().going.remove(key);
        if let Some(messages) = deleted {
            let sentence = format!("the queue of stream {key} was deleted, and {messages} messages that waited in it");
            self.inner.desk.parts.journal.record(Event::now(Some(&key.tenant), Happening::Deed { sentence })).await;
        }
        Ok(deleted.unwrap_or_default())
    }

    /// Deletes the queues of streams that are deleted, where they are not known to be gone.
    pub(super) async fn finish_deletions(&self) {
        if self.book().going.is_empty() {
            return;
        }
        let going = self.book().going.clone();
        for key in going {
            let _turn = self.inner.turns.of(&key.tenant).await;
            // Whoever had the turn before may have declared it again.
            if !self.book().going.contains(&key) {
                continue;
            }
            if self.depth(&key).await.is_ok_and(|depth| depth.consumers > 0) {
                continue;
            }
            if let Err(error) = self.delete(&key).await {
                tracing::warn!(stream = %key, "the queue of a deleted stream may still be there: {error}");
            }
        }
    }
}
