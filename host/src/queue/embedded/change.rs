//! What changes a task from outside of a claim.

use super::Millis;
use super::claim::{contenders, make_share};
use super::rows::{self, COLUMNS, as_json, as_word};
use crate::queue::{NewBatch, QueueError, Share, scheduler};
use crate::task::{Checkpoint, TaskRecord, TaskState, Work};
use crate::tenant::TenantId;
use rusqlite::{Connection, params};

pub(super) fn set_share(db: &Connection, tenant: &TenantId, share: Share) -> rusqlite::Result<Result<(), QueueError>> {
    let set = "INSERT INTO shares (tenant, weight, concurrent) VALUES (?1, ?2, ?3)
        ON CONFLICT (tenant) DO UPDATE SET weight = ?2, concurrent = ?3";
    let concurrent = i64::try_from(share.concurrent).unwrap_or(i64::MAX);
    db.prepare_cached(set)?.execute(params![tenant.as_str(), share.weight.max(1), concurrent])?;
    Ok(Ok(()))
}

pub(super) fn enqueue(
    db: &Connection,
    batch: &NewBatch,
    now: Millis,
) -> rusqlite::Result<Result<Vec<u64>, QueueError>> {
    let id = batch.id.to_string();
    let (tenant, app) = (batch.tenant.as_str(), batch.app.as_str());
    let there = super::look::batch(db, batch.id)?;
    if !there.is_empty() {
        return Ok(Ok(there));
    }
    for (file, (kept, _)) in batch.files.iter().enumerate().filter(|_| batch.refuse_known) {
        if let Some(known) = super::look::known(db, &batch.tenant, &batch.app, &kept.content)? {
            return Ok(Err(QueueError::Known { file, known: Box::new(known) }));
        }
    }
    let load = super::look::load(db, &batch.tenant)?;
    if load.unfinished().saturating_add(batch.files.len() as u64) > batch.room {
        return Ok(Err(QueueError::Full(load)));
    }
    db.prepare_cached("INSERT INTO batches (id, tenant, app) VALUES (?1, ?2, ?3)")?
        .execute(params![id, tenant, app])?;
    join(db, tenant, now)?;
    let add =
        "INSERT INTO tasks (batch, origin, tenant, app, file, bytes, content, key, work, state, generation, checkpoint,
            enqueued_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting', ?10, ?11, ?12) RETURNING number";
    let mut add = db.prepare_cached(add)?;
    let (origin, checkpoint) = (as_word(&batch.origin)?, as_json(&Checkpoint::default())?);
    let mut numbers = Vec::with_capacity(batch.files.len());
    for (file, work) in &batch.files {
        let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
        let values = params![
            id,
            origin,
            tenant,
            app,
            file.name,
            bytes,
            file.content,
            file.key,
            as_json(work)?,
            batch.generation,
            checkpoint,
            now,
        ];
        let number: i64 = add.query_row(values, |row| row.get(0))?;
        numbers.push(number.cast_unsigned());
    }
    Ok(Ok(numbers))
}

/// A tenant that has nothing waiting or running does not bring along what it did not use.
fn join(db: &Connection, tenant: &str, now: Millis) -> rusqlite::Result<()> {
    let contenders = contenders(db, now)?;
    if contenders.iter().any(|(busy, _)| busy == tenant) {
        return Ok(());
    }
    // Whoever only waits for a pause to end takes no turn, and says nothing of where the others are.
    let takes_turns = |contender: &scheduler::Contender| contender.running > 0 || contender.head.is_some();
    let busy: Vec<_> = contenders.into_iter().map(|(_, contender)| contender).filter(takes_turns).collect();
    make_share(db, tenant)?;
    let own: f64 = db
        .prepare_cached("SELECT virtual_time FROM shares WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    let joined = scheduler::join(own, &busy);
    db.prepare_cached("UPDATE shares SET virtual_time = ?2 WHERE tenant = ?1")?.execute(params![tenant, joined])?;
    Ok(())
}

/// The state of a task, which has to be among `allowed`.
fn must_be(
    db: &Connection,
    task: u64,
    allowed: &[TaskState],
    what: &'static str,
    wanted: &'static str,
) -> rusqlite::Result<Result<TaskState, QueueError>> {
    Ok(match rows::state(db, task)? {
        None => Err(QueueError::Unknown(task)),
        Some(state) if allowed.contains(&state) => Ok(state),
        Some(state) => Err(QueueError::NotNow { task, state, what, wanted }),
    })
}

fn join_of(db: &Connection, task: u64, now: Millis) -> rusqlite::Result<()> {
    let tenant: String = db
        .prepare_cached("SELECT tenant FROM tasks WHERE number = ?1")?
        .query_row([task.cast_signed()], |row| row.get(0))?;
    join(db, &tenant, now)
}

pub(super) fn retry(db: &Connection, task: u64, now: Millis) -> rusqlite::Result<Result<(), QueueError>> {
    let allowed = [TaskState::Parked, TaskState::Partial, TaskState::Cancelled];
    if let Err(error) = must_be(db, task, &allowed, "retried", "parked, partial or cancelled")? {
        return Ok(Err(error));
    }
    join_of(db, task, now)?;
    let retry = "UPDATE tasks SET state = 'waiting', attempts = 0, reason = NULL, not_before = NULL, ended_at = NULL
        WHERE number = ?1";
    db.prepare_cached(retry)?.execute([task.cast_signed()])?;
    Ok(Ok(()))
}

pub(super) fn cancel(db: &Connection, task: u64, now: Millis) -> rusqlite::Result<Result<(), QueueError>> {
    let allowed = [TaskState::Waiting, TaskState::Running, TaskState::Parked];
    let state = match must_be(db, task, &allowed, "cancelled", "waiting, running or parked")? {
        Ok(state) => state,
        Err(error) => return Ok(Err(error)),
    };
    let cancel = match state {
        TaskState::Running => "UPDATE tasks SET cancel = 1 WHERE number = ?1 AND ?2 IS NOT NULL",
        _ => "UPDATE tasks SET state = 'cancelled', not_before = NULL, ended_at = ?2 WHERE number = ?1",
    };
    db.prepare_cached(cancel)?.execute(params![task.cast_signed(), now])?;
    Ok(Ok(()))
}

pub(super) fn rerun(
    db: &Connection,
    task: u64,
    generation: Option<&str>,
    now: Millis,
) -> rusqlite::Result<Result<(), QueueError>> {
    let allowed = [TaskState::Done, TaskState::Partial, TaskState::Parked, TaskState::Cancelled];
    if let Err(error) = must_be(db, task, &allowed, "run again from nothing", "over")? {
        return Ok(Err(error));
    }
    join_of(db, task, now)?;
    let rerun = "UPDATE tasks SET state = 'waiting', work = ?2, checkpoint = ?3, generation = ?4, attempts = 0,
            reason = NULL, not_before = NULL, ended_at = NULL, begun_at = NULL, enqueued_at = ?5
        WHERE number = ?1";
    let (work, checkpoint) = (as_json(&Work::EraseAndIngest)?, as_json(&Checkpoint::default())?);
    db.prepare_cached(rerun)?.execute(params![task.cast_signed(), work, checkpoint, generation, now])?;
    Ok(Ok(()))
}

pub(super) fn forget(db: &Connection, before: Millis, limit: usize) -> rusqlite::Result<Vec<TaskRecord>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let forget = format!(
        "DELETE FROM tasks WHERE number IN (
            SELECT number FROM tasks WHERE ended_at IS NOT NULL AND ended_at <= ?1 AND state <> 'parked' ORDER BY ended_at LIMIT ?2)
        RETURNING {COLUMNS}"
    );
    let forgotten: Vec<TaskRecord> =
        db.prepare_cached(&forget)?.query_map(params![before, limit], rows::record)?.collect::<Result<_, _>>()?;
    for task in &forgotten {
        let empty = "DELETE FROM batches WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM tasks WHERE batch = ?1)";
        db.prepare_cached(empty)?.execute([task.batch.to_string()])?;
    }
    Ok(forgotten)
}
