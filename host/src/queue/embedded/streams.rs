//! What was said of streams.

use super::Millis;
use crate::queue::{QueueError, Words};
use crate::tenant::{Said, StreamName, StreamState, TenantId};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, params};

pub(super) fn say(
    db: &Connection,
    tenant: &TenantId,
    stream: &StreamName,
    state: StreamState,
    reason: &str,
    now: Millis,
) -> rusqlite::Result<Result<Said, QueueError>> {
    // The last word is later than the one before, whatever became of the clock.
    let set = "INSERT INTO streams (tenant, stream, state, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (tenant, stream) DO UPDATE SET state = ?3, reason = ?4, since = max(?5, since + 1) RETURNING since";
    let values = params![tenant.as_str(), stream.as_str(), state.name(), reason, now];
    let since = db.prepare_cached(set)?.query_row(values, |row| row.get(0))?;
    let since = Timestamp::from_millisecond(since).unwrap_or_default();
    Ok(Ok(Said { state, reason: reason.to_owned(), since }))
}

pub(super) fn said(db: &Connection) -> rusqlite::Result<Words> {
    let mut find = db.prepare_cached("SELECT tenant, stream, state, reason, since FROM streams")?;
    let rows = find.query_map([], |row| {
        let word = |at: usize| row.get::<_, String>(at);
        let unknown = |at: usize, word: &str| {
            rusqlite::Error::FromSqlConversionFailure(at, Type::Text, format!("{word} is not known here").into())
        };
        let tenant = word(0).and_then(|name| TenantId::parse(&name).map_err(|_| unknown(0, &name)))?;
        let stream = word(1).and_then(|name| StreamName::parse(&name).map_err(|_| unknown(1, &name)))?;
        let state = word(2).and_then(|name| StreamState::named(&name).ok_or_else(|| unknown(2, &name)))?;
        let since = Timestamp::from_millisecond(row.get(4)?).unwrap_or_default();
        Ok((tenant, stream, Said { state, reason: word(3)?, since }))
    })?;
    rows.collect()
}
