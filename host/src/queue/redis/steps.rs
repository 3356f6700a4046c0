//! What changes something: each one script.

use super::rows::{self, Fields, Job, as_json};
use super::scripts;
use super::{LONGEST_PAUSE, RedisQueue};
use crate::queue::{
    Claim, ClaimKey, Ending, HOST_WORD, HostCard, Load, Moment, NewBatch, PartWish, QueueError, Share, Standing,
};
use crate::task::{Checkpoint, Origin, TaskRecord, TaskState, Work};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use redis::{FromRedisValue, Script};
use std::sync::PoisonError;
use std::time::Duration;

/// Arguments of a script, after the time.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { vec![$($value.to_string()),*] };
}

pub(super) async fn set_share(queue: &RedisQueue, tenant: &TenantId, share: Share) -> Result<(), QueueError> {
    let concurrent = share.concurrent.min(u64::from(u32::MAX));
    let given = arguments![tenant, share.weight.max(1), concurrent];
    queue.line.run::<String>(&scripts::SHARE, queue.now(), given).await.map(drop)
}

pub(super) async fn announce(
    queue: &RedisQueue,
    tenant: &TenantId,
    app: &AppName,
    generation: Option<&str>,
    since: Timestamp,
) -> Result<(), QueueError> {
    let given = arguments![tenant, app, since.as_millisecond(), generation.unwrap_or("-")];
    queue.line.run::<u8>(&scripts::ANNOUNCE, queue.now(), given).await.map(drop)
}

pub(super) async fn greet(queue: &RedisQueue, host: &HostCard, id: &str) -> Result<Option<Duration>, QueueError> {
    let given = arguments![host.name, id, as_json(host)?, millis(HOST_WORD)];
    let ago: String = queue.line.run(&scripts::GREET, queue.now(), given).await?;
    if ago.is_empty() { Ok(None) } else { Ok(Some(Duration::from_millis(parsed(&ago)?))) }
}

/// What the script answers instead of the index of a file where a tenant has no room.
const FULL: i64 = -2;

pub(super) async fn enqueue(queue: &RedisQueue, batch: NewBatch) -> Result<Vec<u64>, QueueError> {
    let NewBatch { id, tenant, app, origin, files, generation, refuse_known, room } = batch;
    let empty = as_json(&Checkpoint::default())?;
    let known = match origin {
        Origin::Replay => "replay",
        _ if refuse_known => "refuse",
        _ => "take",
    };
    // Beyond what a script can count there is no limit that anybody meets.
    let room = room.min(PartWish::MOST);
    let mut given = arguments![id, tenant, app, generation.unwrap_or_default(), empty, known, room];
    for (file, work) in files {
        let content = file.content.clone();
        let job = Job { batch: id, origin, tenant: tenant.clone(), app: app.clone(), file };
        given.extend([as_json(&job)?, as_json(&work)?, content]);
    }
    let answer: (Vec<u64>, i64, String, Fields) = queue.line.run(&scripts::ENQUEUE, queue.now(), given).await?;
    let (numbers, refused, known, fields) = answer;
    match (usize::try_from(refused), numbers.as_slice()) {
        (Ok(file), _) => Err(QueueError::Known { file, known: Box::new(rows::record(parsed(&known)?, &fields)?) }),
        (Err(_), &[waiting, running]) if refused == FULL => Err(QueueError::Full(Load { waiting, running, parked: 0 })),
        (Err(_), _) => Ok(numbers),
    }
}

pub(super) async fn claim(queue: &RedisQueue, host: &str, lease: Duration) -> Result<Option<Claim>, QueueError> {
    let (answer, asked) = ask_for_a_task(queue, &scripts::CLAIM, host, lease, Vec::new()).await?;
    claimed(queue, lease, answer, asked)
}

/// Runs a script that claims, with a token; `ending` follows in its arguments. Answers also when that was first asked for.
async fn ask_for_a_task<T: FromRedisValue + Send + 'static>(
    queue: &RedisQueue,
    script: &'static Script,
    host: &str,
    lease: Duration,
    ending: Vec<String>,
) -> Result<(T, Moment), QueueError> {
    let unanswered = || queue.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
    let lost = unanswered().pop();
    let again = u8::from(lost.is_some());
    let (token, asked) = lost.unwrap_or_else(|| (uuid::Uuid::now_v7().to_string(), Moment::now()));
    let mut given = arguments![host, millis(lease), token, again];
    given.extend(ending);
    let answer = queue.line.run(script, queue.now(), given).await;
    if let Err(QueueError::Transient(_)) = answer {
        unanswered().push((token, asked));
    }
    answer.map(|answer| (answer, asked))
}

/// What a script that claims has answered.
fn claimed(
    queue: &RedisQueue,
    lease: Duration,
    (due, number, fields): (i64, String, Fields),
    asked: Moment,
) -> Result<Option<Claim>, QueueError> {
    if number.is_empty() {
        queue.remember_due(due);
        return Ok(None);
    }
    queue.remember_lease(lease);
    // There may be more, and whoever waits has not heard of it if it came in one piece with this.
    queue.line.wake();
    Ok(Some(Claim { task: rows::record(parsed(&number)?, &fields)?, asked }))
}

pub(super) async fn renew(queue: &RedisQueue, key: ClaimKey, lease: Duration) -> Result<Standing, QueueError> {
    let given = arguments![key.task, key.epoch, millis(lease)];
    match queue.line.run::<String>(&scripts::RENEW, queue.now(), given).await?.as_str() {
        "held" => Ok(Standing::Held),
        "cancel" => Ok(Standing::Cancel),
        _ => Err(fenced(key)),
    }
}

pub(super) async fn pin(queue: &RedisQueue, key: ClaimKey, generation: &str) -> Result<String, QueueError> {
    let given = arguments![key.task, key.epoch, generation];
    let pinned: String = queue.line.run(&scripts::PIN, queue.now(), given).await?;
    if pinned.is_empty() { Err(fenced(key)) } else { Ok(pinned) }
}

pub(super) async fn save(queue: &RedisQueue, key: ClaimKey, checkpoint: Checkpoint) -> Result<(), QueueError> {
    let given = arguments![key.task, key.epoch, as_json(&checkpoint)?];
    kept(key, queue.line.run(&scripts::SAVE, queue.now(), given).await?)
}

pub(super) async fn end(
    queue: &RedisQueue,
    key: ClaimKey,
    ending: Ending,
    checkpoint: Checkpoint,
) -> Result<(), QueueError> {
    kept(key, queue.line.run(&scripts::FINISH, queue.now(), as_arguments(key, &ending, &checkpoint)?).await?)
}

pub(super) async fn end_and_claim(
    queue: &RedisQueue,
    key: ClaimKey,
    ending: Ending,
    checkpoint: Checkpoint,
    host: &str,
    lease: Duration,
) -> Result<Option<Claim>, QueueError> {
    let ending = as_arguments(key, &ending, &checkpoint)?;
    let (answer, asked) = ask_for_a_task(queue, &scripts::NEXT, host, lease, ending).await?;
    let (answer, due, number, fields): (String, i64, String, Fields) = answer;
    kept(key, answer)?;
    claimed(queue, lease, (due, number, fields), asked)
}

/// The end of a claim, as scripts take it.
fn as_arguments(key: ClaimKey, ending: &Ending, checkpoint: &Checkpoint) -> Result<Vec<String>, QueueError> {
    let after = |pause: &Duration| i64::try_from(millis(*pause)).unwrap_or(i64::MAX);
    let (state, reason, failed, pause) = match ending {
        Ending::Done => ("done", "", 0, -1),
        Ending::Partial(reason) => ("partial", reason.as_str(), 0, -1),
        Ending::Again(reason, pause) => ("waiting", reason.as_str(), 1, after(pause)),
        Ending::Deferred(reason, pause) => ("waiting", reason.as_str(), 0, after(pause)),
        Ending::Parked(reason) => ("parked", reason.as_str(), 1, -1),
        Ending::Cancelled => ("cancelled", "", 0, -1),
        Ending::Released => ("waiting", "", 0, -1),
    };
    Ok(arguments![key.task, key.epoch, state, reason, failed, pause, as_json(checkpoint)?])
}

pub(super) async fn recover(queue: &RedisQueue, host: &str) -> Result<u64, QueueError> {
    queue.line.run(&scripts::RECOVER, queue.now(), arguments![host, millis(LONGEST_PAUSE)]).await
}

pub(super) async fn retry(queue: &RedisQueue, task: u64) -> Result<(), QueueError> {
    let states = " parked partial cancelled ";
    change(queue, task, arguments![task, "retry", states], "retried", "parked, partial or cancelled").await
}

pub(super) async fn cancel(queue: &RedisQueue, task: u64) -> Result<(), QueueError> {
    let states = " waiting running parked ";
    change(queue, task, arguments![task, "cancel", states], "cancelled", "waiting, running or parked").await
}

pub(super) async fn rerun(queue: &RedisQueue, task: u64, generation: Option<&str>) -> Result<(), QueueError> {
    let (work, empty) = (as_json(&Work::EraseAndIngest)?, as_json(&Checkpoint::default())?);
    let states = " done partial parked cancelled ";
    let given = arguments![task, "rerun", states, work, empty, generation.unwrap_or_default()];
    change(queue, task, given, "run again from nothing", "over").await
}

async fn change(
    queue: &RedisQueue,
    task: u64,
    given: Vec<String>,
    what: &'static str,
    wanted: &'static str,
) -> Result<(), QueueError> {
    let state: String = queue.line.run(&scripts::CHANGE, queue.now(), given).await?;
    match state.as_str() {
        "" => Ok(()),
        "none" => Err(QueueError::Unknown(task)),
        name => match TaskState::ALL.into_iter().find(|state| state.name() == name) {
            Some(state) => Err(QueueError::NotNow { task, state, what, wanted }),
            None => Err(QueueError::Permanent(format!("the state of task {task} cannot be read: {name}"))),
        },
    }
}

pub(super) async fn forget(queue: &RedisQueue, age: Duration, limit: usize) -> Result<Vec<TaskRecord>, QueueError> {
    let given = arguments![millis(age), limit];
    let forgotten: Vec<(String, Fields)> = queue.line.run(&scripts::FORGET, queue.now(), given).await?;
    forgotten.iter().map(|(number, fields)| rows::record(parsed(number)?, fields)).collect()
}

fn kept(key: ClaimKey, answer: String) -> Result<(), QueueError> {
    if answer == "kept" { Ok(()) } else { Err(fenced(key)) }
}

fn fenced(key: ClaimKey) -> QueueError {
    QueueError::Fenced { task: key.task, epoch: key.epoch }
}

/// A task number as a script answers it.
pub(super) fn parsed(number: &str) -> Result<u64, QueueError> {
    number.parse().map_err(|error| QueueError::Permanent(format!("{number} is no number of a task: {error}")))
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(1 << 50)
}
