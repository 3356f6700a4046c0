//! The thread that reads chunks for consumers: a connection of its own that sees what is committed and never waits for the
//! writer. It belongs to no runtime, so that a consumer whose runtime ends takes nothing along that others wait for.

use super::chunk::{Chunk, Messages};
use super::queue::Queue;
use super::state::READ_AHEAD;
use crate::sqlite::Trouble;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// What it is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Chunks from the one with this message on, into the state of the queue.
    Chunks(Arc<Queue>, u64),
    /// When the message with this number was published.
    Time(i64, u64, oneshot::Sender<Result<Option<i64>, Trouble>>),
    Stop,
}

/// Answers until it is told to stop.
pub(super) fn run(connection: &Connection, asked: &Receiver<Ask>) {
    while let Ok(ask) = asked.recv() {
        match ask {
            Ask::Chunks(queue, from) => {
                let read = chunks(connection, queue.id, from);
                queue.lock().loaded(from, read);
                queue.news.notify_one();
            }
            Ask::Time(queue, number, answer) => {
                let found = time(connection, queue, number).map_err(|error| Trouble::of(&error));
                // Whoever asked may have gone meanwhile.
                let _gone = answer.send(found);
            }
            Ask::Stop => return,
        }
    }
}

/// Chunks from the one with this message on: at least one, and further ones until they are enough to read at once.
fn chunks(connection: &Connection, queue: i64, from: u64) -> Result<Vec<Chunk>, Trouble> {
    let sql = "SELECT first, count, at, data FROM chunks WHERE queue = ?1
            AND first >= coalesce((SELECT max(first) FROM chunks WHERE queue = ?1 AND first <= ?2), ?2)
        ORDER BY first";
    let read = || {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query(params![queue, from.cast_signed()])?;
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        while bytes < READ_AHEAD
            && let Some(row) = rows.next()?
        {
            let chunk = chunk(row)?;
            bytes += chunk.size();
            chunks.push(chunk);
        }
        Ok(chunks)
    };
    read().map_err(|error: rusqlite::Error| Trouble::of(&error))
}

/// A row with first number, count, time and messages.
pub(super) fn chunk(row: &Row<'_>) -> rusqlite::Result<Chunk> {
    let (first, count, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let data = Bytes::copy_from_slice(row.get_ref(3)?.as_blob()?);
    let broken = |why: String| {
        let why = format!("the messages from {first} on are damaged: {why}");
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Blob, why.into())
    };
    let messages = Messages::read(data).map_err(|why| broken(why.to_string()))?;
    if usize::try_from(count) != Ok(messages.count()) {
        return Err(broken(format!("there are {} of {count}", messages.count())));
    }
    Ok(Chunk { first: first.cast_unsigned(), at, messages })
}

fn time(connection: &Connection, queue: i64, number: u64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT at FROM chunks WHERE queue = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![queue, number.cast_signed()], |row| row.get(0)).optional()
}
