//! A network that cuts connections, loses answers and falls silent between host and Redis.

use super::*;
use fastrand::Rng;
use mysimbdp_servers::{Proxy, Weather};
use std::future::Future;

/// Asks until there is an answer.
async fn insist<T, F: Future<Output = Result<T, QueueError>>>(mut ask: impl FnMut() -> F) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(QueueError::Transient(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_runs_once_whatever_answers_are_lost_and_connections_cut() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let (queue, _) = RedisQueue::connect(&settings(format!("redis://127.0.0.1:{}/", proxy.port()))).await.unwrap();
    let mut random = Rng::with_seed(7);
    let mut storm = || match random.u8(..4) {
        0 => proxy.lose_answers(1),
        1 => proxy.cut_once(),
        _ => {}
    };
    let acme = tenant("acme");
    insist(|| queue.set_share(&acme, Share { weight: 1, concurrent: 100 })).await;
    let mut expected = Vec::new();
    for _ in 0..10 {
        let batch = batch_of("acme", 3);
        storm();
        expected.extend(insist(|| queue.enqueue(batch.clone())).await);
    }
    assert_eq!(expected, (1..=30).collect::<Vec<_>>());
    let mut claimed = Vec::new();
    // As a slot does: the end of one is the claim of the next, where there is one.
    let mut at_hand = None;
    while claimed.len() < 30 {
        storm();
        let claim = match at_hand.take() {
            Some(claim) => claim,
            None => match insist(|| queue.claim("host", LEASE)).await {
                Some(claim) => claim,
                None => continue,
            },
        };
        storm();
        assert_eq!(insist(|| queue.pin(claim.key(), "generation")).await, "generation");
        storm();
        assert_eq!(insist(|| queue.renew(claim.key(), LEASE)).await, Standing::Held);
        storm();
        insist(|| queue.save(claim.key(), Checkpoint { own_ids: 3, ..Checkpoint::default() })).await;
        storm();
        let ending = || queue.end_and_claim(claim.key(), Ending::Done, Checkpoint::default(), "host", LEASE);
        match claim.task.number % 3 {
            0 => insist(|| queue.end(claim.key(), Ending::Done, Checkpoint::default())).await,
            _ => at_hand = insist(ending).await,
        }
        claimed.push(claim.task.number);
    }
    assert_eq!(claimed, expected, "each was claimed once, in its order");
    let ended = all(&queue).await;
    assert!(ended.iter().all(|task| task.state == crate::task::TaskState::Done && task.epoch == 1), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nobody_answers_is_given_up() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let (queue, _) = RedisQueue::connect(&settings(format!("redis://127.0.0.1:{}/", proxy.port()))).await.unwrap();
    proxy.set(Weather::Frozen);
    let told = queue.enqueue(batch_of("acme", 1)).await.unwrap_err();
    assert!(matches!(told, QueueError::Transient(_)), "{told}");
    proxy.set(Weather::Fair);
    insist(|| queue.enqueue(batch_of("acme", 1))).await;
    // News reach it again, too.
    let other = connect(&server).await;
    while tokio::time::timeout(Duration::from_millis(200), queue.line.news()).await.is_ok() {}
    other.enqueue(batch_of("acme", 1)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), queue.line.news()).await.unwrap();
}
