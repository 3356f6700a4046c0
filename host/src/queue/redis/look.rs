//! What only looks. A list is read in several requests and is no snapshot: a task that changes its state meanwhile is in it
//! or not.

use super::rows::{self, Fields};
use super::steps::parsed;
use super::{RedisQueue, scripts};
use crate::queue::{Announced, HostCard, Load, QueueError, States, TaskFilter};
use crate::task::{BatchId, TaskRecord, TaskState};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use std::time::Duration;

/// Tasks, or tenants, that are read at a time.
const PAGE: usize = 500;

/// How long a host that is gone is listed.
const DAY: u64 = 86_400_000;

pub(super) async fn announced(queue: &RedisQueue) -> Result<Vec<Announced>, QueueError> {
    let live: Fields = queue.line.query(redis::cmd("HGETALL").arg(queue.line.key("live"))).await?;
    let unreadable = |field: &str| QueueError::Permanent(format!("what was announced of {field} cannot be read"));
    let read = |field: &str, value: &str| {
        let (tenant, app) = field.split_once(' ')?;
        let (since, generation) = value.split_once(' ')?;
        Some(Announced {
            tenant: TenantId::parse(tenant).ok()?,
            app: AppName::parse(app).ok()?,
            generation: (generation != "-").then(|| generation.to_owned()),
            since: Timestamp::from_millisecond(since.parse().ok()?).ok()?,
        })
    };
    live.iter().map(|(field, value)| read(field, value).ok_or_else(|| unreadable(field))).collect()
}

pub(super) async fn hosts(queue: &RedisQueue) -> Result<Vec<(HostCard, Duration)>, QueueError> {
    let told: Vec<(String, u64)> = queue.line.run(&scripts::HOSTS, queue.now(), vec![DAY.to_string()]).await?;
    let read = |(card, ago): &(String, u64)| {
        let card: HostCard = serde_json::from_str(card)
            .map_err(|error| QueueError::Permanent(format!("what a host tells of itself cannot be read: {error}")))?;
        Ok((card, Duration::from_millis(*ago)))
    };
    let mut hosts = told.iter().map(read).collect::<Result<Vec<_>, QueueError>>()?;
    hosts.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    Ok(hosts)
}

pub(super) async fn batch(queue: &RedisQueue, id: BatchId) -> Result<Vec<u64>, QueueError> {
    queue.line.query(redis::cmd("LRANGE").arg(queue.line.key(&format!("batch:{id}"))).arg(0).arg(-1)).await
}

pub(super) async fn states(queue: &RedisQueue, id: BatchId) -> Result<States, QueueError> {
    let mut states = States::new();
    for numbers in batch(queue, id).await?.chunks(PAGE) {
        let mut asked = redis::pipe();
        for number in numbers {
            asked.cmd("HGET").arg(queue.line.key(&format!("task:{number}"))).arg("state");
        }
        // One that is forgotten meanwhile has none.
        let told: Vec<Option<String>> = queue.line.pipe(asked).await?;
        for name in told.into_iter().flatten() {
            let state = TaskState::ALL.into_iter().find(|state| state.name() == name);
            let state = state.ok_or_else(|| QueueError::Permanent(format!("a task of batch {id} is {name:?}")))?;
            *states.entry(state).or_default() += 1;
        }
    }
    Ok(states)
}

pub(super) async fn task(queue: &RedisQueue, number: u64) -> Result<Option<TaskRecord>, QueueError> {
    Ok(read(queue, &[number]).await?.pop())
}

pub(super) async fn known(
    queue: &RedisQueue,
    tenant: &TenantId,
    app: &AppName,
    content: &str,
) -> Result<Option<TaskRecord>, QueueError> {
    let given = vec![tenant.to_string(), app.to_string(), content.to_owned()];
    let (number, fields): (String, Fields) = queue.line.run(&scripts::KNOWN, queue.now(), given).await?;
    if number.is_empty() {
        return Ok(None);
    }
    rows::record(parsed(&number)?, &fields).map(Some)
}

pub(super) async fn load(queue: &RedisQueue, tenant: &TenantId) -> Result<Load, QueueError> {
    let loads = loads(queue, std::slice::from_ref(tenant)).await?;
    Ok(loads.into_iter().next().unwrap_or_default())
}

pub(super) async fn loads(queue: &RedisQueue, tenants: &[TenantId]) -> Result<Vec<Load>, QueueError> {
    let mut loads = Vec::with_capacity(tenants.len());
    for some in tenants.chunks(PAGE) {
        let mut asked = redis::pipe();
        for tenant in some {
            for state in [TaskState::Waiting, TaskState::Running, TaskState::Parked] {
                asked.zcard(queue.line.key(&format!("tasks:{tenant}:{state}")));
            }
        }
        let counts: Vec<u64> = queue.line.pipe(asked).await?;
        loads.extend(counts.as_chunks().0.iter().map(|&[waiting, running, parked]| Load { waiting, running, parked }));
    }
    Ok(loads)
}

/// In two requests: a task that is claimed in between leaves its tenant without an answer, once.
pub(super) async fn waiting_since(
    queue: &RedisQueue,
    tenants: &[TenantId],
) -> Result<Vec<Option<Timestamp>>, QueueError> {
    let mut since = Vec::with_capacity(tenants.len());
    for some in tenants.chunks(PAGE) {
        let mut asked = redis::pipe();
        for tenant in some {
            asked.zrange(queue.line.key(&format!("ready:{tenant}")), 0, 0);
        }
        let first: Vec<Vec<u64>> = queue.line.pipe(asked).await?;
        let mut asked = redis::pipe();
        for number in first.iter().flatten() {
            asked.hget(queue.line.key(&format!("task:{number}")), "enqueued_at");
        }
        let mut times = match first.iter().all(Vec::is_empty) {
            true => Vec::new(),
            false => queue.line.pipe::<Vec<Option<i64>>>(asked).await?,
        }
        .into_iter();
        let mut time = || Timestamp::from_millisecond(times.next()??).ok();
        since.extend(first.iter().map(|first| if first.is_empty() { None } else { time() }));
    }
    Ok(since)
}

pub(super) async fn tasks(
    queue: &RedisQueue,
    filter: &TaskFilter,
    limit: usize,
) -> Result<Vec<TaskRecord>, QueueError> {
    let mut found = Vec::new();
    let mut after = filter.after;
    while found.len() < limit {
        let numbers = numbers(queue, filter, after).await?;
        let Some(last) = numbers.last() else { break };
        after = Some(*last);
        let is_asked_for = |task: &TaskRecord| {
            filter.tenant.as_ref().is_none_or(|tenant| *tenant == task.tenant)
                && filter.app.as_ref().is_none_or(|app| *app == task.app)
                && filter.state.is_none_or(|state| state == task.state)
        };
        let read = read(queue, &numbers).await?;
        found.extend(read.into_iter().filter(is_asked_for).take(limit - found.len()));
    }
    Ok(found)
}

/// The next numbers behind `after`, in the order that is asked for: of a batch, or of all tenants and states in question,
/// merged.
async fn numbers(queue: &RedisQueue, filter: &TaskFilter, after: Option<u64>) -> Result<Vec<u64>, QueueError> {
    let is_behind = |number: &u64| match (after, filter.newest_first) {
        (None, _) => true,
        (Some(after), false) => *number > after,
        (Some(after), true) => *number < after,
    };
    let mut numbers: Vec<u64> = match filter.batch {
        Some(id) => batch(queue, id).await?.into_iter().filter(is_behind).collect(),
        None => {
            let tenants = match &filter.tenant {
                Some(tenant) => vec![tenant.to_string()],
                None => queue.line.query(redis::cmd("SMEMBERS").arg(queue.line.key("tenants"))).await?,
            };
            let mut asked = redis::pipe();
            for tenant in &tenants {
                for state in filter.state.map_or(TaskState::ALL.to_vec(), |state| vec![state]) {
                    let key = queue.line.key(&format!("tasks:{tenant}:{state}"));
                    let beyond = after.map(|after| format!("({after}"));
                    let page = isize::try_from(PAGE).unwrap_or(isize::MAX);
                    match filter.newest_first {
                        false => asked.zrangebyscore_limit(key, beyond.unwrap_or("-inf".into()), "+inf", 0, page),
                        true => asked.zrevrangebyscore_limit(key, beyond.unwrap_or("+inf".into()), "-inf", 0, page),
                    };
                }
            }
            if tenants.is_empty() {
                return Ok(Vec::new());
            }
            queue.line.pipe::<Vec<Vec<u64>>>(asked).await?.into_iter().flatten().collect()
        }
    };
    numbers.sort_unstable();
    if filter.newest_first {
        numbers.reverse();
    }
    // One that changed its state in between may be met twice.
    numbers.dedup();
    numbers.truncate(PAGE);
    Ok(numbers)
}

/// Those of the tasks that there are.
async fn read(queue: &RedisQueue, numbers: &[u64]) -> Result<Vec<TaskRecord>, QueueError> {
    let mut asked = redis::pipe();
    for number in numbers {
        asked.hgetall(queue.line.key(&format!("task:{number}")));
    }
    let found: Vec<Fields> = queue.line.pipe(asked).await?;
    let there = numbers.iter().zip(&found).filter(|(_, fields)| !fields.is_empty());
    there.map(|(number, fields)| rows::record(*number, fields)).collect()
}
