//! What is found when the file is opened.
//!
//! Of the chunks only the index is read, but for those of which a part is settled: how many bytes are left of them stands
//! nowhere else. A queue that was deleted may have left chunks; they are deleted as if it was deleted now.

use super::queue::Queue;
use super::reader;
use super::runs::Runs;
use super::shared::Shared;
use super::state::{Found, State};
use crate::broker::{QueueSpec, StreamKey};
use crate::tenant::{StreamName, TenantId};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use std::ops::Range;
use std::sync::Arc;

/// Makes known what is in the file.
pub(super) fn open(connection: &Connection, shared: &Arc<Shared>) -> rusqlite::Result<()> {
    let sql = "SELECT id, tenant, stream, keys, max_bytes, single_active, next, settled FROM queues ORDER BY id";
    let rows: Vec<(i64, QueueSpec, u64, Runs)> =
        connection.prepare(sql)?.query_map([], queue)?.collect::<rusqlite::Result<_>>()?;
    for (id, spec, next, settled) in rows {
        let routing_keys = spec.routing_keys.clone();
        let found = found(connection, id, next, settled)?;
        let swept = found.touched.is_empty();
        let queue = Arc::new(Queue::new(id, State::new(spec, found, shared.weight.beside())));
        shared.routes_mut().bind(Arc::clone(&queue), &routing_keys);
        if !swept {
            shared.settled(&queue);
        }
    }
    let sql = "SELECT queue, max(first + count) FROM chunks WHERE queue NOT IN (SELECT id FROM queues) GROUP BY queue";
    let orphans: Vec<(i64, i64)> = connection
        .prepare(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, next) in orphans {
        // Nobody asks for it, so it may be anybody's.
        let spec =
            QueueSpec { key: key("nobody", "nothing")?, routing_keys: Vec::new(), max_bytes: 0, single_active: false };
        let found = Found { next: next.cast_unsigned(), ..Found::default() };
        let mut state = State::new(spec, found, shared.weight.beside());
        state.end();
        shared.settled(&Arc::new(Queue::new(id, state)));
    }
    Ok(())
}

fn queue(row: &Row<'_>) -> rusqlite::Result<(i64, QueueSpec, u64, Runs)> {
    let text = |column| row.get::<_, String>(column);
    let spec = QueueSpec {
        key: key(&text(1)?, &text(2)?)?,
        routing_keys: serde_json::from_str(&text(3)?).map_err(|why| broken(3, why.to_string()))?,
        max_bytes: row.get::<_, i64>(4)?.cast_unsigned(),
        single_active: row.get(5)?,
    };
    let settled = Runs::from_bytes(row.get_ref(7)?.as_blob()?)
        .ok_or_else(|| broken(7, "what is acknowledged is damaged".into()))?;
    Ok((row.get(0)?, spec, row.get::<_, i64>(6)?.cast_unsigned(), settled))
}

fn key(tenant: &str, stream: &str) -> rusqlite::Result<StreamKey> {
    Ok(StreamKey {
        tenant: TenantId::parse(tenant).map_err(|why| broken(1, why.to_string()))?,
        stream: StreamName::parse(stream).map_err(|why| broken(2, why.to_string()))?,
    })
}

fn broken(column: usize, why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

fn found(connection: &Connection, queue: i64, next: u64, settled: Runs) -> rusqlite::Result<Found> {
    let sql = "SELECT coalesce(sum(bytes), 0) FROM chunks WHERE queue = ?1";
    let mut bytes: i64 = connection.prepare_cached(sql)?.query_row([queue], |row| row.get(0))?;
    let mut touched = Runs::default();
    let sql = "SELECT first, count, bytes FROM chunks WHERE queue = ?1 AND first < ?3
        AND first >= coalesce((SELECT max(first) FROM chunks WHERE queue = ?1 AND first <= ?2), 0)
        AND first + count > ?2";
    let mut overlapping = connection.prepare_cached(sql)?;
    for run in settled.iter() {
        let mut rows = overlapping.query(params![queue, run.start.cast_signed(), run.end.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let (first, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            let numbers = first.cast_unsigned()..(first + count).cast_unsigned();
            if numbers.start >= run.start && numbers.end <= run.end {
                bytes -= row.get::<_, i64>(2)?;
                touched.insert(run.clone());
            } else {
                bytes -= part(connection, queue, &numbers, &run)?.cast_signed();
            }
        }
    }
    Ok(Found { next, settled, bytes: bytes.cast_unsigned(), touched })
}

/// Bytes of the bodies of a chunk that are within a run.
fn part(connection: &Connection, queue: i64, numbers: &Range<u64>, run: &Range<u64>) -> rusqlite::Result<u64> {
    let sql = "SELECT first, count, at, data FROM chunks WHERE queue = ?1 AND first = ?2";
    let key = params![queue, numbers.start.cast_signed()];
    let chunk = connection.prepare_cached(sql)?.query_row(key, reader::chunk)?;
    let within = (0..).zip(numbers.clone()).filter(|(_, number)| run.contains(number));
    Ok(within.map(|(index, _)| u64::from(chunk.messages.body(index))).sum())
}
