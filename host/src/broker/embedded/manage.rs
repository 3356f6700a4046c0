//! Making and deleting queues.

use super::queue::Queue;
use super::shared::Shared;
use super::state::{Found, State};
use crate::broker::QueueSpec;
use crate::sqlite::Job;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// Makes a queue, or makes it what it should be. The outcome is its number in the file.
pub(super) struct Declare {
    pub(super) shared: Arc<Shared>,
    pub(super) spec: QueueSpec,
}

impl Job for Declare {
    type Outcome = i64;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO queues (tenant, stream, keys, max_bytes, single_active) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (tenant, stream) DO UPDATE
                SET keys = excluded.keys, max_bytes = excluded.max_bytes, single_active = excluded.single_active
            RETURNING id";
        let QueueSpec { key, routing_keys, max_bytes, single_active } = &self.spec;
        let keys =
            serde_json::to_string(routing_keys).map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
        let row = params![key.tenant.as_str(), key.stream.as_str(), keys, max_bytes.cast_signed(), single_active];
        connection.prepare_cached(sql)?.query_row(row, |row| row.get(0))
    }

    fn bytes(&self) -> usize {
        self.spec.routing_keys.iter().map(String::len).sum()
    }

    fn committed(&self, id: &mut i64) {
        let mut routes = self.shared.routes_mut();
        let queue = match routes.queue(&self.spec.key) {
            Some(queue) => Arc::clone(queue),
            None => {
                let state = State::new(self.spec.clone(), Found::default(), self.shared.weight.beside());
                Arc::new(Queue::new(*id, state))
            }
        };
        routes.bind(Arc::clone(&queue), &self.spec.routing_keys);
        drop(routes);
        queue.lock().spec = self.spec.clone();
        // Who may be given messages may have changed.
        queue.wake_all();
    }
}

/// Deletes a queue. The outcome is how many messages went with it; their chunks go afterwards, a few at a time.
pub(super) struct Delete {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
}

impl Job for Delete {
    type Outcome = u64;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<u64> {
        connection.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([self.queue.id])?;
        Ok(0)
    }

    fn bytes(&self) -> usize {
        0
    }

    fn committed(&self, lost: &mut u64) {
        self.shared.routes_mut().remove(&self.queue);
        *lost = self.queue.lock().end();
        self.queue.wake_all();
        self.shared.settled(&self.queue);
    }
}
