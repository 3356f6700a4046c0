//! Tasks as rows. What cannot be read as what it should be is an error of the file, never a guess.

use super::Millis;
use crate::task::{StoredFile, TaskRecord, TaskState};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The columns that [`record`] reads, in its order.
pub(super) const COLUMNS: &str = "number, batch, origin, tenant, app, file, bytes, content, key, work, state, generation, \
     epoch, attempts, reason, cancel, checkpoint, enqueued_at, not_before, begun_at, ended_at";

/// A task.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<TaskRecord> {
    Ok(TaskRecord {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        batch: word(row, 1)?,
        origin: word(row, 2)?,
        tenant: word(row, 3)?,
        app: word(row, 4)?,
        file: StoredFile {
            name: row.get(5)?,
            bytes: row.get::<_, i64>(6)?.cast_unsigned(),
            content: row.get(7)?,
            key: row.get(8)?,
        },
        work: json(row, 9)?,
        state: word(row, 10)?,
        generation: row.get(11)?,
        epoch: row.get::<_, i64>(12)?.cast_unsigned(),
        attempts: row.get(13)?,
        reason: row.get(14)?,
        cancel: row.get(15)?,
        checkpoint: json(row, 16)?,
        enqueued_at: time(row, 17)?.unwrap_or_default(),
        not_before: time(row, 18)?,
        begun_at: time(row, 19)?,
        ended_at: time(row, 20)?,
    })
}

/// A value as the JSON that a column holds.
pub(super) fn as_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A value whose JSON is a string, as that string.
pub(super) fn as_word(value: &impl Serialize) -> rusqlite::Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
    }
}

/// The state of a task, if there is such a task.
pub(super) fn state(db: &rusqlite::Connection, task: u64) -> rusqlite::Result<Option<TaskState>> {
    use rusqlite::OptionalExtension as _;
    let mut find = db.prepare_cached("SELECT state FROM tasks WHERE number = ?1")?;
    find.query_row([task.cast_signed()], |row| word(row, 0)).optional()
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(|error| unreadable(column, error.into()))?;
    serde_json::from_str(text).map_err(|error| unreadable(column, error.into()))
}

pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| unreadable(column, error.into()))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<Millis> = row.get(column)?;
    millis
        .map(|millis| Timestamp::from_millisecond(millis).map_err(|error| unreadable(column, error.into())))
        .transpose()
}

fn unreadable(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}
