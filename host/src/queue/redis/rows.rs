//! Tasks as hashes. What cannot be read as what it should be is an error, never a guess.

use crate::queue::QueueError;
use crate::task::{BatchId, Origin, StoredFile, TaskRecord};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::str::FromStr;

/// What never changes of a task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) batch: BatchId,
    pub(super) origin: Origin,
    pub(super) tenant: TenantId,
    pub(super) app: AppName,
    pub(super) file: StoredFile,
}

/// The fields of a task's hash.
pub(super) type Fields = HashMap<String, String>;

/// A task, of its number and fields.
pub(super) fn record(number: u64, fields: &Fields) -> Result<TaskRecord, QueueError> {
    let row = Row { number, fields };
    let Job { batch, origin, tenant, app, file } = row.json("job")?;
    Ok(TaskRecord {
        number,
        batch,
        origin,
        tenant,
        app,
        file,
        work: row.json("work")?,
        state: row.word("state")?,
        generation: fields.get("generation").cloned(),
        epoch: row.number("epoch")?,
        attempts: row.number("attempts")?,
        reason: fields.get("reason").cloned(),
        cancel: fields.contains_key("cancel"),
        checkpoint: row.json("checkpoint")?,
        enqueued_at: row.time("enqueued_at")?.unwrap_or_default(),
        not_before: row.time("not_before")?,
        begun_at: row.time("begun_at")?,
        ended_at: row.time("ended_at")?,
    })
}

/// A value as JSON.
pub(super) fn as_json(value: &impl Serialize) -> Result<String, QueueError> {
    serde_json::to_string(value).map_err(|error| QueueError::Permanent(error.to_string()))
}

struct Row<'f> {
    number: u64,
    fields: &'f Fields,
}

impl Row<'_> {
    fn text(&self, field: &str) -> Result<&str, QueueError> {
        self.fields.get(field).map(String::as_str).ok_or_else(|| self.unreadable(field, "it is missing"))
    }

    fn json<T: DeserializeOwned>(&self, field: &str) -> Result<T, QueueError> {
        serde_json::from_str(self.text(field)?).map_err(|error| self.unreadable(field, error))
    }

    fn word<T: DeserializeOwned>(&self, field: &str) -> Result<T, QueueError> {
        let word = serde_json::Value::String(self.text(field)?.to_owned());
        serde_json::from_value(word).map_err(|error| self.unreadable(field, error))
    }

    fn number<T: FromStr<Err: std::fmt::Display>>(&self, field: &str) -> Result<T, QueueError> {
        self.text(field)?.parse().map_err(|error| self.unreadable(field, error))
    }

    fn time(&self, field: &str) -> Result<Option<Timestamp>, QueueError> {
        if !self.fields.contains_key(field) {
            return Ok(None);
        }
        let millis = self.number(field)?;
        Timestamp::from_millisecond(millis).map(Some).map_err(|error| self.unreadable(field, error))
    }

    fn unreadable(&self, field: &str, why: impl std::fmt::Display) -> QueueError {
        QueueError::Permanent(format!("{field} of task {} cannot be read: {why}", self.number))
    }
}
