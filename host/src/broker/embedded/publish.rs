//! Publishing: which queues each message goes to, whether they have room, and the transaction that puts it into all of them.

use super::chunk::{Chunk, Messages, Packer};
use super::queue::Queue;
use super::settling::Settling;
use super::shared::Shared;
use crate::broker::{Envelope, Outgoing, Published};
use crate::sqlite::Job;
use crate::tenant::TenantId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is to be published, sorted by queue.
#[derive(Default)]
pub(super) struct Sorted {
    queues: Vec<(Arc<Queue>, Packer)>,
    /// Where a queue is in the list.
    places: HashMap<i64, usize>,
    pub(super) published: Published,
}

impl Sorted {
    /// Sorts messages of a tenant into the queues that their keys fit.
    pub(super) fn by_key(shared: &Shared, tenant: &TenantId, messages: &[Outgoing]) -> Sorted {
        let mut sorted = Sorted::default();
        let routes = shared.routes();
        for (index, message) in messages.iter().enumerate() {
            let fitting = routes.fitting(tenant, &message.routing_key);
            if fitting.is_empty() {
                let why = format!(
                    "no stream of {tenant} takes the routing key {:?}: start one that does, or publish with another key",
                    message.routing_key
                );
                sorted.published.refused.push((index, why));
            } else {
                sorted.add(index, fitting, &message.envelope);
            }
        }
        sorted
    }

    /// Puts a message into all of these queues, or refuses it where one of them is full.
    pub(super) fn add(&mut self, index: usize, queues: &[Arc<Queue>], envelope: &Envelope) {
        let bodies = envelope.body_len() as u64;
        for (place, queue) in queues.iter().enumerate() {
            let mut state = queue.lock();
            if !state.expect(bodies) {
                let why = format!(
                    "the queue of the stream {} is full: it has {} bytes of at most {}, and this message {bodies} more",
                    queue.key,
                    state.promised(),
                    state.spec.max_bytes
                );
                drop(state);
                queues[..place].iter().for_each(|queue| queue.lock().expect_no_more(bodies));
                self.published.refused.push((index, why));
                return;
            }
        }
        for queue in queues {
            let place = *self.places.entry(queue.id).or_insert_with(|| {
                self.queues.push((Arc::clone(queue), Packer::default()));
                self.queues.len() - 1
            });
            self.queues[place].1.add(envelope);
        }
        self.published.accepted += 1;
    }

    /// The transaction. `None` where there is nothing to write.
    pub(super) fn into_job(self, shared: &Arc<Shared>) -> (Option<Publish>, Published) {
        let at = (shared.clock)();
        let part = |queue: &Arc<Queue>, messages: Messages| {
            let expected = AtomicU64::new(messages.bodies());
            Part { queue: Arc::clone(queue), at, messages, expected }
        };
        let chunks = |(queue, packer): (Arc<Queue>, Packer)| {
            packer.finish().into_iter().map(|messages| part(&queue, messages)).collect::<Vec<_>>()
        };
        let parts: Vec<Part> = self.queues.into_iter().flat_map(chunks).collect();
        let job = (!parts.is_empty()).then(|| Publish { parts, settling: Settling::new(shared) });
        (job, self.published)
    }
}

/// Puts chunks into the file. The outcome is the number of each one's first message, or none where its queue is no more.
pub(super) struct Publish {
    parts: Vec<Part>,
    settling: Settling,
}

/// One chunk to be, and the room that is kept for it.
struct Part {
    queue: Arc<Queue>,
    at: i64,
    messages: Messages,
    expected: AtomicU64,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.queue.lock().expect_no_more(self.expected.load(Ordering::Relaxed));
    }
}

impl Job for Publish {
    type Outcome = Vec<Option<u64>>;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<Vec<Option<u64>>> {
        // What is settled makes room for what comes.
        self.settling.perform(connection)?;
        self.parts.iter().map(|part| part.write(connection)).collect()
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.messages.data().len()).sum()
    }

    /// In the order of the transactions, so that each chunk follows the one before it.
    fn committed(&self, firsts: &mut Vec<Option<u64>>) {
        for (part, first) in self.parts.iter().zip(firsts) {
            if let Some(first) = *first {
                part.expected.store(0, Ordering::Relaxed);
                part.queue.lock().accept(Chunk { first, at: part.at, messages: part.messages.clone() });
                part.queue.news.notify_one();
            }
        }
        self.settling.committed();
    }
}

impl Part {
    fn write(&self, connection: &Connection) -> rusqlite::Result<Option<u64>> {
        let count = self.messages.count();
        let sql = "UPDATE queues SET next = next + ?2 WHERE id = ?1 RETURNING next - ?2";
        let mut number = connection.prepare_cached(sql)?;
        let first: Option<i64> =
            number.query_row(params![self.queue.id, count.cast_signed()], |row| row.get(0)).optional()?;
        let Some(first) = first else { return Ok(None) };
        let sql = "INSERT INTO chunks (queue, first, count, bytes, at, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let bytes = self.messages.bodies().cast_signed();
        let row = params![self.queue.id, first, count.cast_signed(), bytes, self.at, &self.messages.data()[..]];
        connection.prepare_cached(sql)?.execute(row)?;
        Ok(Some(first.cast_unsigned()))
    }
}
