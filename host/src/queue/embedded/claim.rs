//! Claims: whose turn it is, and what may be written while one is held.

use super::Millis;
use super::rows::{self, COLUMNS, as_json};
use crate::queue::scheduler::{self, Contender};
use crate::queue::{ClaimKey, Ending, QueueError, Standing};
use crate::task::{Checkpoint, TaskRecord};
use rusqlite::{Connection, OptionalExtension, params};

/// Ends a claim whose holder is gone; ?2 is the time.
const GIVE_BACK: &str = "UPDATE tasks SET
        state = CASE WHEN cancel THEN 'cancelled' ELSE 'waiting' END,
        ended_at = CASE WHEN cancel THEN ?2 END,
        host = NULL, lease_until = NULL, charged_at = NULL, cancel = 0";

/// What a look for a task came to.
pub(super) struct Turn {
    pub(super) claimed: Option<TaskRecord>,
    /// When a pause or a lease ends next.
    pub(super) due: Option<Millis>,
}

/// Gives the next task to a host.
pub(super) fn claim(db: &Connection, host: &str, now: Millis, until: Millis) -> rusqlite::Result<Turn> {
    // A lease that ran out: its task waits again, at the head, since it has the lowest number; unless somebody asked that it
    // be cancelled.
    let expired = "SELECT number FROM tasks WHERE state = 'running' AND lease_until <= ?1";
    let expired: Vec<i64> =
        db.prepare_cached(expired)?.query_map([now], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for task in expired {
        charge(db, task, now)?;
        db.prepare_cached(&format!("{GIVE_BACK} WHERE number = ?1"))?.execute(params![task, now])?;
    }
    let contenders = contenders(db, now)?;
    let shares: Vec<Contender> = contenders.iter().map(|(_, contender)| *contender).collect();
    let head = scheduler::pick(&shares).and_then(|index| shares[index].head);
    let claimed = match head {
        Some(task) => {
            let take = format!(
                "UPDATE tasks SET state = 'running', epoch = epoch + 1, host = ?2, lease_until = ?3, charged_at = ?4,
                     begun_at = coalesce(begun_at, ?4), not_before = NULL
                 WHERE number = ?1 RETURNING {COLUMNS}"
            );
            let key = params![task.cast_signed(), host, until, now];
            Some(db.prepare_cached(&take)?.query_row(key, rows::record)?)
        }
        None => None,
    };
    let due = "SELECT min(at) FROM (
            SELECT min(not_before) AS at FROM tasks WHERE state = 'waiting' AND not_before > ?1
            UNION ALL SELECT min(lease_until) FROM tasks WHERE state = 'running')";
    let due = db.prepare_cached(due)?.query_row([now], |row| row.get(0))?;
    Ok(Turn { claimed, due })
}

/// Everybody who has something waiting or running.
pub(super) fn contenders(db: &Connection, now: Millis) -> rusqlite::Result<Vec<(String, Contender)>> {
    // Skips from tenant to tenant in the index, instead of reading every task that waits.
    let all = "WITH RECURSIVE
        waiting (tenant) AS (
            SELECT min(tenant) FROM tasks WHERE state = 'waiting'
            UNION ALL
            SELECT (SELECT min(tenant) FROM tasks WHERE state = 'waiting' AND tenant > waiting.tenant)
            FROM waiting WHERE waiting.tenant IS NOT NULL),
        running (tenant, tasks, millis) AS (
            SELECT tenant, count(*), sum(?1 - charged_at) FROM tasks WHERE state = 'running' GROUP BY tenant),
        busy (tenant) AS (
            SELECT tenant FROM waiting WHERE tenant IS NOT NULL UNION SELECT tenant FROM running)
        SELECT busy.tenant, coalesce(virtual_time, 0), coalesce(weight, 1), coalesce(concurrent, 1),
            coalesce(running.tasks, 0), coalesce(running.millis, 0),
            (SELECT number FROM tasks WHERE state = 'waiting' AND tasks.tenant = busy.tenant
                AND (not_before IS NULL OR not_before <= ?1) ORDER BY number LIMIT 1)
        FROM busy LEFT JOIN running USING (tenant) LEFT JOIN shares USING (tenant)";
    let contender = |row: &rusqlite::Row<'_>| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let head: Option<i64> = row.get(6)?;
        let contender = Contender {
            virtual_time: row.get(1)?,
            weight: row.get(2)?,
            concurrent: number(3)?,
            running: number(4)?,
            running_seconds: row.get::<_, f64>(5)?.max(0.0) / 1_000.0,
            head: head.map(i64::cast_unsigned),
        };
        Ok((row.get(0)?, contender))
    };
    db.prepare_cached(all)?.query_map([now], contender)?.collect()
}

/// Puts the slot time that a running task has used since it was last charged on its tenant's account.
fn charge(db: &Connection, task: i64, now: Millis) -> rusqlite::Result<()> {
    let find = "SELECT tenant, charged_at FROM tasks WHERE number = ?1 AND charged_at IS NOT NULL";
    let found: Option<(String, Millis)> =
        db.prepare_cached(find)?.query_row([task], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((tenant, since)) = found else { return Ok(()) };
    make_share(db, &tenant)?;
    let find = "SELECT virtual_time, weight FROM shares WHERE tenant = ?1";
    let (virtual_time, weight): (f64, u32) =
        db.prepare_cached(find)?.query_row([&tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
    #[expect(clippy::cast_precision_loss, reason = "a slot is not held for 2^52 milliseconds")]
    let seconds = now.saturating_sub(since) as f64 / 1_000.0;
    let charged = scheduler::charge(virtual_time, seconds, weight);
    db.prepare_cached("UPDATE shares SET virtual_time = ?2 WHERE tenant = ?1")?.execute(params![tenant, charged])?;
    db.prepare_cached("UPDATE tasks SET charged_at = ?2 WHERE number = ?1")?.execute(params![task, now])?;
    Ok(())
}

/// A tenant that nobody has said anything of has a share all the same.
pub(super) fn make_share(db: &Connection, tenant: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO shares (tenant) VALUES (?1)")?.execute([tenant])?;
    Ok(())
}

/// Nothing, where the claim is still held.
fn must_be_held(db: &Connection, key: ClaimKey) -> rusqlite::Result<Result<(), QueueError>> {
    let held = "SELECT 1 FROM tasks WHERE number = ?1 AND epoch = ?2 AND state = 'running'";
    let key_of = params![key.task.cast_signed(), key.epoch.cast_signed()];
    let held: Option<i64> = db.prepare_cached(held)?.query_row(key_of, |row| row.get(0)).optional()?;
    Ok(held.map(|_| ()).ok_or(QueueError::Fenced { task: key.task, epoch: key.epoch }))
}

/// Runs what follows only under a claim that is held.
macro_rules! held {
    ($db:expr, $key:expr) => {
        if let Err(fenced) = must_be_held($db, $key)? {
            return Ok(Err(fenced));
        }
    };
}

pub(super) fn renew(
    db: &Connection,
    key: ClaimKey,
    now: Millis,
    until: Millis,
) -> rusqlite::Result<Result<Standing, QueueError>> {
    held!(db, key);
    let task = key.task.cast_signed();
    charge(db, task, now)?;
    let renew = "UPDATE tasks SET lease_until = ?2 WHERE number = ?1 RETURNING cancel";
    let cancel: bool = db.prepare_cached(renew)?.query_row(params![task, until], |row| row.get(0))?;
    Ok(Ok(if cancel { Standing::Cancel } else { Standing::Held }))
}

pub(super) fn pin(db: &Connection, key: ClaimKey, generation: &str) -> rusqlite::Result<Result<String, QueueError>> {
    held!(db, key);
    let pin = "UPDATE tasks SET generation = coalesce(generation, ?2) WHERE number = ?1 RETURNING generation";
    let pinned = db.prepare_cached(pin)?.query_row(params![key.task.cast_signed(), generation], |row| row.get(0))?;
    Ok(Ok(pinned))
}

pub(super) fn save(
    db: &Connection,
    key: ClaimKey,
    checkpoint: &Checkpoint,
) -> rusqlite::Result<Result<(), QueueError>> {
    held!(db, key);
    let save = "UPDATE tasks SET checkpoint = ?2 WHERE number = ?1";
    db.prepare_cached(save)?.execute(params![key.task.cast_signed(), as_json(checkpoint)?])?;
    Ok(Ok(()))
}

pub(super) fn end(
    db: &Connection,
    key: ClaimKey,
    ending: &Ending,
    checkpoint: &Checkpoint,
    now: Millis,
) -> rusqlite::Result<Result<(), QueueError>> {
    held!(db, key);
    let task = key.task.cast_signed();
    charge(db, task, now)?;
    let pause = |pause: &std::time::Duration| Some(now.saturating_add(super::millis(*pause)));
    let (state, reason, failed, not_before) = match ending {
        Ending::Done => ("done", None, 0, None),
        Ending::Partial(reason) => ("partial", Some(reason), 0, None),
        Ending::Again(reason, after) => ("waiting", Some(reason), 1, pause(after)),
        Ending::Deferred(reason, after) => ("waiting", Some(reason), 0, pause(after)),
        Ending::Parked(reason) => ("parked", Some(reason), 1, None),
        Ending::Cancelled => ("cancelled", None, 0, None),
        Ending::Released => ("waiting", None, 0, None),
    };
    // Somebody who asked for a cancellation meanwhile gets it, unless there is nothing left to cancel.
    let end = "UPDATE tasks SET
            state = CASE WHEN ?3 IN ('waiting', 'parked') AND cancel THEN 'cancelled' ELSE ?3 END,
            ended_at = CASE WHEN ?3 = 'waiting' AND NOT cancel THEN NULL ELSE ?7 END,
            reason = ?4, attempts = attempts + ?5, not_before = CASE WHEN NOT cancel THEN ?6 END, checkpoint = ?2,
            host = NULL, lease_until = NULL, charged_at = NULL, cancel = 0
        WHERE number = ?1";
    let values = params![task, as_json(checkpoint)?, state, reason, failed, not_before, now];
    db.prepare_cached(end)?.execute(values)?;
    Ok(Ok(()))
}

/// What a host held in an earlier life waits again; pauses end by `latest`.
pub(super) fn recover(db: &Connection, host: &str, now: Millis, latest: Millis) -> rusqlite::Result<u64> {
    db.prepare_cached("UPDATE tasks SET not_before = ?1 WHERE state = 'waiting' AND not_before > ?1")?
        .execute([latest])?;
    // What it used before it was killed is charged as far as it can be known: until its last renewal.
    let free = format!("{GIVE_BACK} WHERE state = 'running' AND host = ?1");
    db.prepare_cached(&free)?.execute(params![host, now]).map(|freed| freed as u64)
}
