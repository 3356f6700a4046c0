//! Queues of streams that are deleted. That a stream is deleted is kept first, and its queue goes then:
//!
//! ```text
//!   deleted is kept ─▶ the queue is deleted        started is kept ─▶ the queue is declared
//! ```
//! So a host that died in between, or whose broker could not, leaves a queue that goes on taking messages: at its start a host
//! deletes the queues of all streams that are deleted, and what could not be done is tried again as windows close. A queue that
//! somebody consumes is left alone: another host was told otherwise.

use super::{Said, State, StreamError, Streams};
use crate::broker::{BrokerError, StreamKey};
use crate::failpoint;
use jiff::Timestamp;

impl Streams {
    /// Deletes the queue of a stream that is kept as deleted. Answers how many messages went with it.
    pub(super) async fn delete_queue(&self, key: &StreamKey) -> Result<u64, StreamError> {
        self.book().going.insert(key.clone());
        failpoint::cross("stream.deleted_kept");
        let messages = match self.inner.desk.broker.delete(key).await {
            Ok(messages) => messages,
            Err(BrokerError::NoQueue(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        self.book().going.remove(key);
        Ok(messages)
    }

    /// Deletes the queues that an earlier life may have left.
    pub(super) async fn resume_deletions(&self) {
        let deleted = self.list().into_iter().filter(|told| told.said.state == State::Deleted).map(|told| told.key);
        self.book().going = deleted.collect();
        self.finish_deletions().await;
    }

    /// Deletes the queues of streams that are deleted, where they are not known to be gone.
    pub(in crate::stream) async fn finish_deletions(&self) {
        if self.book().going.is_empty() {
            return;
        }
        let _turn = self.inner.turn.lock().await;
        let going = self.book().going.clone();
        for key in going {
            match self.depth(&key).await {
                Ok(depth) if depth.consumers > 0 => continue,
                _ => {}
            }
            if let Err(error) = self.delete_queue(&key).await {
                tracing::warn!(stream = %key, "the queue of a deleted stream may still be there: {error}");
                return;
            }
        }
    }

    /// Has a deleted stream be one that is started, before its queue is there again: one that is deleted loses it.
    ///
    /// # Errors
    /// A limit forbids it.
    pub(super) fn revive(&self, key: &StreamKey, reason: &str) -> Result<(), StreamError> {
        let least = self.crew(key)?.settings.consumers_min;
        if let Some(tenant) = self.inner.desk.parts.tenants.active(&key.tenant) {
            self.check(&tenant, key, least)?;
        }
        let said = Said { state: State::Started, reason: reason.to_owned(), since: Timestamp::now() };
        Ok(self.book().states.keep(key, said)?)
    }
}
