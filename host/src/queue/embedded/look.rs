//! What is in the queue, for those who ask.

use super::Millis;
use super::rows::{self, COLUMNS};
use crate::queue::{Load, States, TaskFilter};
use crate::task::{BatchId, TaskRecord, TaskState};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

pub(super) fn batch(db: &Connection, id: BatchId) -> rusqlite::Result<Vec<u64>> {
    let mut find = db.prepare_cached("SELECT number FROM tasks WHERE batch = ?1 ORDER BY number")?;
    let numbers = find.query_map([id.to_string()], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?;
    numbers.collect()
}

pub(super) fn states(db: &Connection, id: BatchId) -> rusqlite::Result<States> {
    let mut find = db.prepare_cached("SELECT state, count(*) FROM tasks WHERE batch = ?1 GROUP BY state")?;
    let counted =
        find.query_map([id.to_string()], |row| Ok((rows::word(row, 0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    counted.collect()
}

pub(super) fn task(db: &Connection, number: u64) -> rusqlite::Result<Option<TaskRecord>> {
    let find = format!("SELECT {COLUMNS} FROM tasks WHERE number = ?1");
    db.prepare_cached(&find)?.query_row([number.cast_signed()], rows::record).optional()
}

pub(super) fn tasks(db: &Connection, filter: &TaskFilter, limit: usize) -> rusqlite::Result<Vec<TaskRecord>> {
    let mut wanted = Vec::new();
    let mut values = Vec::new();
    let mut want = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            wanted.push(condition.to_owned());
            values.push(value);
        }
    };
    let text = |text: &str| Value::Text(text.to_owned());
    want("tenant = ?", filter.tenant.as_ref().map(|tenant| text(tenant.as_str())));
    want("app = ?", filter.app.as_ref().map(|app| text(app.as_str())));
    want("batch = ?", filter.batch.map(|batch| Value::Text(batch.to_string())));
    want("state = ?", filter.state.map(|state| text(state.name())));
    let (beyond, order) = if filter.newest_first { ("number < ?", "DESC") } else { ("number > ?", "ASC") };
    want(beyond, filter.after.map(|after| Value::Integer(after.cast_signed())));
    let condition = if wanted.is_empty() { "TRUE".to_owned() } else { wanted.join(" AND ") };
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let find = format!("SELECT {COLUMNS} FROM tasks WHERE {condition} ORDER BY number {order} LIMIT ?");
    db.prepare_cached(&find)?.query_map(params_from_iter(values), rows::record)?.collect()
}

pub(super) fn known(
    db: &Connection,
    tenant: &TenantId,
    app: &AppName,
    content: &str,
) -> rusqlite::Result<Option<TaskRecord>> {
    let find = format!(
        "SELECT {COLUMNS} FROM tasks WHERE tenant = ?1 AND app = ?2 AND content = ?3 AND state <> 'cancelled'
            AND origin <> 'replay' ORDER BY number DESC LIMIT 1"
    );
    let key = params![tenant.as_str(), app.as_str(), content];
    db.prepare_cached(&find)?.query_row(key, rows::record).optional()
}

pub(super) fn load(db: &Connection, tenant: &TenantId) -> rusqlite::Result<Load> {
    let mut count = db.prepare_cached("SELECT count(*) FROM tasks WHERE tenant = ?1 AND state = ?2")?;
    let mut count = |state: TaskState| {
        count.query_row(params![tenant.as_str(), state.name()], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    };
    Ok(Load {
        waiting: count(TaskState::Waiting)?,
        running: count(TaskState::Running)?,
        parked: count(TaskState::Parked)?,
    })
}

/// When the first task of a tenant that could run now was put into the queue.
pub(super) fn waiting_since(db: &Connection, tenant: &TenantId, now: Millis) -> rusqlite::Result<Option<Timestamp>> {
    let mut find = db.prepare_cached(
        "SELECT enqueued_at FROM tasks WHERE tenant = ?1 AND state = 'waiting' AND (not_before IS NULL OR not_before <= ?2)
            ORDER BY number LIMIT 1",
    )?;
    let since = find.query_row(params![tenant.as_str(), now], |row| rows::time(row, 0)).optional()?;
    Ok(since.flatten())
}
