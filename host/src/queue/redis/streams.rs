//! What hosts agree on for their streams: what was said of each, and who holds which part of a limit.

use super::rows::Fields;
use super::steps::millis;
use super::{RedisQueue, scripts};
use crate::queue::{HOST_WORD, Heard, PartWish, QueueError, Words};
use crate::tenant::{Said, StreamName, StreamState, TenantId};
use jiff::Timestamp;

pub(super) async fn say(
    queue: &RedisQueue,
    tenant: &TenantId,
    stream: &StreamName,
    state: StreamState,
    reason: &str,
) -> Result<Said, QueueError> {
    let given = vec![tenant.to_string(), stream.to_string(), state.name().to_owned(), reason.to_owned()];
    let since: String = queue.line.run(&scripts::SAY, queue.now(), given).await?;
    let since = time(&since).ok_or_else(|| unreadable(&since))?;
    Ok(Said { state, reason: reason.to_owned(), since })
}

pub(super) async fn said(queue: &RedisQueue) -> Result<Words, QueueError> {
    let said: Fields = queue.line.query(redis::cmd("HGETALL").arg(queue.line.key("said"))).await?;
    let read = |field: &str, value: &str| {
        let (tenant, stream) = field.split_once(' ')?;
        let (since, rest) = value.split_once(' ')?;
        let (state, reason) = rest.split_once(' ')?;
        let state = StreamState::named(state)?;
        let said = Said { state, reason: reason.to_owned(), since: time(since)? };
        Some((TenantId::parse(tenant).ok()?, StreamName::parse(stream).ok()?, said))
    };
    said.iter().map(|(field, value)| read(field, value).ok_or_else(|| unreadable(field))).collect()
}

pub(super) async fn tell(queue: &RedisQueue, host: &str, told: &str, wishes: &[PartWish]) -> Result<Heard, QueueError> {
    let mut given = vec![host.to_owned(), told.to_owned(), millis(HOST_WORD).to_string()];
    for PartWish { of, limit, wish } in wishes {
        let most = |number: u64| number.min(PartWish::MOST).to_string();
        given.extend([of.clone(), most(*limit), most(*wish)]);
    }
    let answer: (u64, Vec<u64>, Vec<(String, String)>) = queue.line.run(&scripts::TELL, queue.now(), given).await?;
    let (words, parts, mut others) = answer;
    others.sort();
    if parts.len() != wishes.len() {
        return Err(QueueError::Permanent(format!(
            "{} parts were asked for, and {} granted",
            wishes.len(),
            parts.len()
        )));
    }
    Ok(Heard { words, parts, others })
}

pub(super) async fn fall_silent(queue: &RedisQueue, host: &str) -> Result<(), QueueError> {
    let mut forget = redis::pipe();
    forget.hdel(queue.line.key("beats"), host).hdel(queue.line.key("told"), host);
    queue.line.pipe::<(u64, u64)>(forget).await.map(drop)
}

fn time(millis: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis.parse().ok()?).ok()
}

fn unreadable(what: &str) -> QueueError {
    QueueError::Permanent(format!("what was said of {what} cannot be read: was it written by a newer mysimbdp?"))
}
