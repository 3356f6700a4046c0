//! Taking back what a task has stored, and letters whose rows were run again with success.

use super::CollectionName;
use super::documents::Statements;
use crate::document::DocumentId;
use crate::sqlite::Job;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// Erases some documents of a task; where none is left, its letters.
pub(super) struct EraseTask {
    pub(super) collection: CollectionName,
    pub(super) statements: Arc<Statements>,
    pub(super) task: u64,
    pub(super) limit: usize,
}

impl Job for EraseTask {
    /// Documents that were erased.
    type Outcome = u64;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<u64> {
        // A number that no task can have has no documents either.
        let Ok(range) = DocumentId::of_task(self.task) else { return Ok(0) };
        connection.prepare_cached(&self.statements.create)?.execute([])?;
        let limit = i64::try_from(self.limit.max(1)).unwrap_or(i64::MAX);
        let mut erase = connection.prepare_cached(&self.statements.erase)?;
        let erased = erase.execute(params![range.start().to_string(), range.end().to_string(), limit])?;
        if erased == 0 {
            let letters = r#"DELETE FROM "_dead_letters" WHERE collection = ?1 AND task = ?2"#;
            let key = params![self.collection.as_str(), self.task.cast_signed()];
            connection.prepare_cached(letters)?.execute(key)?;
        }
        Ok(erased as u64)
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// Forgets the letters of some rows.
pub(super) struct ForgetRows {
    pub(super) collection: CollectionName,
    pub(super) task: u64,
    pub(super) rows: Vec<u64>,
}

impl Job for ForgetRows {
    /// Letters that were forgotten.
    type Outcome = u64;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let forget = r#"DELETE FROM "_dead_letters" WHERE collection = ?1 AND task = ?2 AND row = ?3"#;
        let mut forget = connection.prepare_cached(forget)?;
        let mut forgotten = 0;
        for row in &self.rows {
            let key = params![self.collection.as_str(), self.task.cast_signed(), row.cast_signed()];
            forgotten += forget.execute(key)? as u64;
        }
        Ok(forgotten)
    }

    fn bytes(&self) -> usize {
        self.rows.len() * size_of::<u64>()
    }
}
