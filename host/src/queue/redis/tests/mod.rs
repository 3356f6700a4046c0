//! The queue on Redis keeps the contract, and what is special about it: a server that is killed, silent, full or closed to us.

use super::*;
use crate::queue::contract::{Subject, TestTime, batch_of, suite, tenant};
use mysimbdp_servers::Redis;

mod streams;
mod tls;
mod twins;
mod weather;

const LEASE: Duration = Duration::from_secs(30);

fn settings(url: String) -> RedisSettings {
    RedisSettings { url, prefix: "test".into(), ca: None, certificate: None }
}

async fn connect(server: &Redis) -> RedisQueue {
    let (queue, warnings) = RedisQueue::connect(&settings(server.url())).await.unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    queue
}

/// Runs a command of the server's own.
async fn command(server: &Redis, words: &[&str]) {
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = ::redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.exec_async(&mut connection).await.unwrap();
}

async fn all(queue: &RedisQueue) -> Vec<TaskRecord> {
    queue.tasks(&TaskFilter::default(), 100).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_on_redis_keeps_the_contract() {
    let server = Redis::start().unwrap();
    let fresh = std::sync::atomic::AtomicU32::new(0);
    suite(async || {
        let prefix = format!("contract-{}", fresh.fetch_add(1, Ordering::Relaxed));
        let settings = RedisSettings { prefix, ..settings(server.url()) };
        let (mut queue, _) = RedisQueue::connect(&settings).await.unwrap();
        let time = TestTime::new();
        queue.time = Arc::clone(&time.0);
        Subject { queue: Arc::new(queue), time }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_pinned_to_the_generation_that_was_announced_last() {
    let server = Redis::start().unwrap();
    let queue = connect(&server).await;
    let (acme, app) = (tenant("acme"), AppName::parse("app").unwrap());
    let at = |second| Timestamp::from_second(second).unwrap();
    queue.set_share(&acme, Share { weight: 1, concurrent: 9 }).await.unwrap();
    queue.enqueue(batch_of("acme", 4)).await.unwrap();
    let pinned = async || queue.claim("host", LEASE).await.unwrap().unwrap().task.generation;
    queue.announce(&acme, &app, Some("aa"), at(10)).await.unwrap();
    assert_eq!(pinned().await.as_deref(), Some("aa"));
    queue.announce(&acme, &app, Some("bb"), at(12)).await.unwrap();
    queue.announce(&acme, &app, Some("cc"), at(11)).await.unwrap();
    assert_eq!(pinned().await.as_deref(), Some("bb"));
    queue.announce(&acme, &app, None, at(13)).await.unwrap();
    assert_eq!(pinned().await, None);
    // What began on a generation stays on it.
    queue.recover("host").await.unwrap();
    assert_eq!(pinned().await.as_deref(), Some("aa"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_and_not_answered_can_be_asked_for_again() {
    let server = Redis::start().unwrap();
    let queue = connect(&server).await;
    queue.set_share(&tenant("acme"), Share { weight: 1, concurrent: 9 }).await.unwrap();
    queue.enqueue(batch_of("acme", 2)).await.unwrap();
    let ask = async || {
        queue.unanswered.lock().unwrap().push(("lost".into(), Moment::now()));
        queue.claim("host", LEASE).await.unwrap().unwrap()
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!(first.task, again.task);
    for _ in 0..2 {
        queue.end(first.key(), Ending::Done, Checkpoint::default()).await.unwrap();
    }
    // The token of a claim that is over stands for nothing.
    assert_eq!(ask().await.task.number, 2);
    let fenced = queue.end(ClaimKey { task: 1, epoch: 9 }, Ending::Done, Checkpoint::default()).await;
    assert!(matches!(fenced, Err(QueueError::Fenced { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_it_answered() {
    let mut server = Redis::start().unwrap();
    let queue = connect(&server).await;
    let batch = batch_of("acme", 3);
    queue.enqueue(batch.clone()).await.unwrap();
    let claim = queue.claim("host", LEASE).await.unwrap().unwrap();
    queue.save(claim.key(), Checkpoint { own_ids: 7, ..Checkpoint::default() }).await.unwrap();
    let before = all(&queue).await;
    server.kill();
    let told = queue.claim("host", LEASE).await.unwrap_err();
    assert!(matches!(told, QueueError::Transient(_)), "{told}");
    server.restart().unwrap();
    // The same queue goes on; scripts and the subscription are there again.
    loop {
        match queue.enqueue(batch.clone()).await {
            Ok(numbers) => break assert_eq!(numbers, [1, 2, 3]),
            Err(error) => assert!(matches!(error, QueueError::Transient(_)), "{error}"),
        }
    }
    assert_eq!(all(&queue).await, before);
    assert_eq!(queue.renew(claim.key(), LEASE).await.unwrap(), Standing::Held);
    let other = connect(&server).await;
    // Drain what reconnecting woke; then only news wakes.
    while tokio::time::timeout(Duration::from_millis(200), queue.line.news()).await.is_ok() {}
    other.enqueue(batch_of("acme", 1)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), queue.line.news()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_told_and_used_again_when_it_answers() {
    let server = Redis::start().unwrap();
    let queue = connect(&server).await;
    server.pause();
    let told = queue.claim("host", LEASE).await.unwrap_err();
    assert!(matches!(told, QueueError::Transient(_)), "{told}");
    server.resume();
    queue.enqueue(batch_of("acme", 1)).await.unwrap();
    assert_eq!(queue.claim("host", LEASE).await.unwrap().unwrap().task.number, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_tasks_is_warned_of() {
    let server = Redis::start_with(&["--maxmemory-policy", "allkeys-lru"]).unwrap();
    let (_, warnings) = RedisQueue::connect(&settings(server.url())).await.unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("appendonly is off") && warnings[1].contains("allkeys-lru"), "{warnings:?}");
    command(&server, &["CONFIG", "SET", "appendonly", "yes"]).await;
    let (_, warnings) = RedisQueue::connect(&settings(server.url())).await.unwrap();
    assert!(warnings[0].contains("appendfsync is not always"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_full_takes_nothing_or_all() {
    let server = Redis::start().unwrap();
    let queue = connect(&server).await;
    command(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let told = queue.enqueue(batch_of("acme", 3)).await.unwrap_err();
    assert!(matches!(told, QueueError::Transient(_)), "{told}");
    command(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(all(&queue).await, []);
    assert_eq!(queue.enqueue(batch_of("acme", 3)).await.unwrap(), [1, 2, 3]);
}

/// It cannot write its snapshot, as with a full disk, and takes nothing until it can.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_write_to_its_disk_takes_nothing_and_goes_on_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let server = Redis::start_with(&["--dir", folder.path().to_str().unwrap(), "--save", "3600 1"]).unwrap();
    let (queue, _) = RedisQueue::connect(&settings(server.url())).await.unwrap();
    queue.set_share(&tenant("acme"), Share { weight: 1, concurrent: 9 }).await.unwrap();
    let numbers = queue.enqueue(batch_of("acme", 2)).await.unwrap();
    let claim = queue.claim("host", LEASE).await.unwrap().unwrap();
    let in_its_way = folder.path().join("dump.rdb");
    std::fs::create_dir_all(in_its_way.join("folder")).unwrap();
    command(&server, &["BGSAVE"]).await;
    let told = loop {
        match queue.save(claim.key(), Checkpoint::default()).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(told, QueueError::Transient(_)) && told.to_string().contains("MISCONF"), "{told}");
    for refused in [
        queue.enqueue(batch_of("acme", 1)).await.err(),
        queue.claim("host", LEASE).await.err(),
        queue.renew(claim.key(), LEASE).await.err(),
        queue.end(claim.key(), Ending::Done, Checkpoint::default()).await.err(),
    ] {
        assert!(matches!(refused, Some(QueueError::Transient(_))), "{refused:?}");
    }
    std::fs::remove_dir_all(in_its_way).unwrap();
    command(&server, &["BGSAVE"]).await;
    while queue.end(claim.key(), Ending::Done, Checkpoint::default()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = queue.claim("host", LEASE).await.unwrap().unwrap();
    assert_eq!((next.task.number, all(&queue).await.len()), (numbers[1], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_rights_to_our_keys_is_enough_and_a_wrong_password_is_told_without_it() {
    let server = Redis::start().unwrap();
    let rights = "ACL SETUSER host on >secret ~{test}:* &{test}:* +@all -@admin -@dangerous +info";
    command(&server, &rights.split(' ').collect::<Vec<_>>()).await;
    let as_user = |password| settings(server.url().replace("redis://", &format!("redis://host:{password}@")));
    let (queue, warnings) = RedisQueue::connect(&as_user("secret")).await.unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    queue.enqueue(batch_of("acme", 1)).await.unwrap();
    assert!(queue.claim("host", LEASE).await.unwrap().is_some());
    let told = RedisQueue::connect(&as_user("wrongword")).await.err().unwrap();
    assert!(matches!(told, QueueError::Permanent(_)), "{told}");
    assert!(!told.to_string().contains("wrongword"), "{told}");
    let other = RedisSettings { prefix: "other".into(), ..as_user("secret") };
    let told = RedisQueue::connect(&other).await.err().unwrap();
    assert!(matches!(told, QueueError::Permanent(_)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_with_its_reason() {
    let mut server = Redis::start().unwrap();
    server.kill();
    let told = RedisQueue::connect(&settings(server.url())).await.err().unwrap();
    assert!(matches!(told, QueueError::Transient(_)) && told.to_string().contains("refused"), "{told}");
    let told = RedisQueue::connect(&settings("http://127.0.0.1/".into())).await.err().unwrap();
    assert!(matches!(told, QueueError::Permanent(_)), "{told}");
}
