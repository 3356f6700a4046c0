//! Numbers of tasks: what makes the `_id`s of a file ingested twice the same, so that nothing is stored twice.

use crate::sqlite::Job;
use rusqlite::{Connection, OptionalExtension, params};

const FIND: &str =
    r#"SELECT number FROM "_tasks" WHERE content_hash = ?1 AND generation = ?2 AND app = ?3 AND source = ?4"#;

/// Never a number again that was once given out, even if its row was deleted: documents may carry it.
const ADD: &str =
    r#"INSERT INTO "_tasks" (content_hash, generation, app, source) VALUES (?1, ?2, ?3, ?4) RETURNING number"#;

/// What makes two runs the same task: the same content of the same source through the same code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Name of the app.
    pub app: String,
    /// Content hash of its `.so`.
    pub generation: String,
    /// File or stream it reads.
    pub source: String,
    /// Content hash of what it reads.
    pub content_hash: String,
}

/// Finds the number of a task or gives it one.
pub(super) struct NumberTask {
    pub(super) key: TaskKey,
}

impl Job for NumberTask {
    type Outcome = u64;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let TaskKey { app, generation, source, content_hash } = &self.key;
        let key = params![content_hash, generation, app, source];
        let found: Option<i64> = connection.prepare_cached(FIND)?.query_row(key, |row| row.get(0)).optional()?;
        let number = match found {
            Some(number) => number,
            None => connection.prepare_cached(ADD)?.query_row(key, |row| row.get(0))?,
        };
        Ok(number.cast_unsigned())
    }

    fn bytes(&self) -> usize {
        0
    }
}
