//! What hosts tell each other, and the parts of limits that they hold.

use super::*;
use crate::queue::{HOST_WORD, Heard, PartWish};

fn wish(limit: u64, wish: u64) -> Vec<PartWish> {
    vec![PartWish { of: "acme.messages".into(), limit, wish }]
}

async fn tell(queue: &RedisQueue, host: &str, told: &str, wishes: &[PartWish]) -> Heard {
    queue.tell(host, told, wishes).await.unwrap().unwrap()
}

async fn with_time(server: &Redis) -> (RedisQueue, TestTime) {
    let (mut queue, time) = (connect(server).await, TestTime::new());
    queue.time = Arc::clone(&time.0);
    (queue, time)
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_hear_what_the_others_told_last_until_they_fall_silent() {
    let server = Redis::start().unwrap();
    let (queue, time) = with_time(&server).await;
    let heard = tell(&queue, "one", "some \"thing\"\n with lines", &[]).await;
    assert_eq!(heard, Heard::default());
    let heard = tell(&queue, "two", "other", &[]).await;
    assert_eq!(heard.others, [("one".to_owned(), "some \"thing\"\n with lines".to_owned())]);
    tell(&queue, "one", "more", &[]).await;
    assert_eq!(tell(&queue, "two", "", &[]).await.others, [("one".to_owned(), "more".to_owned())]);
    queue.fall_silent("one").await.unwrap();
    assert_eq!(tell(&queue, "two", "other", &[]).await.others, []);
    time.0.fetch_add(i64::try_from(HOST_WORD.as_millis()).unwrap(), Ordering::SeqCst);
    assert_eq!(tell(&queue, "one", "", &[]).await.others, [], "it was not heard of for too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_that_something_was_said_of_a_stream() {
    let server = Redis::start().unwrap();
    let queue = connect(&server).await;
    let words = tell(&queue, "one", "", &[]).await.words;
    queue.say(&tenant("acme"), &"clicks".parse().unwrap(), StreamState::Stopped, "by hand").await.unwrap();
    let after = tell(&queue, "two", "", &[]).await.words;
    assert_ne!(after, words);
    assert_eq!(tell(&queue, "two", "", &[]).await.words, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_granted_what_others_leave() {
    let server = Redis::start().unwrap();
    let (queue, time) = with_time(&server).await;
    assert_eq!(tell(&queue, "one", "", &wish(100, 100)).await.parts, [100]);
    assert_eq!(tell(&queue, "two", "", &wish(100, 50)).await.parts, [0]);
    assert_eq!(tell(&queue, "one", "", &wish(100, 70)).await.parts, [70]);
    assert_eq!(tell(&queue, "two", "", &wish(100, 50)).await.parts, [30]);
    assert_eq!(tell(&queue, "one", "", &wish(100, 100)).await.parts, [70]);
    // Of several limits each for itself, as large as they may be.
    let most = PartWish::MOST - 1;
    let wishes = [wish(100, 5), vec![PartWish { of: "acme/clicks.bytes".into(), limit: most, wish: most }]].concat();
    assert_eq!(tell(&queue, "two", "", &wishes).await.parts, [5, most]);
    // What was held by a host that is gone comes back.
    time.0.fetch_add(i64::try_from(HOST_WORD.as_millis()).unwrap(), Ordering::SeqCst);
    assert_eq!(tell(&queue, "one", "", &wish(100, 100)).await.parts, [100]);
    queue.fall_silent("one").await.unwrap();
    assert_eq!(tell(&queue, "two", "", &wish(100, 60)).await.parts, [60]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_hosts_wish_they_never_hold_more_than_the_limit() {
    let server = Redis::start().unwrap();
    let (queue, time) = with_time(&server).await;
    let mut random = fastrand::Rng::with_seed(5);
    let hosts = ["one", "two", "three"];
    let mut held = [(0, 0_i64); 3];
    for _ in 0..500 {
        let host = random.usize(..3);
        let wished = random.u64(..150);
        let granted = tell(&queue, hosts[host], "", &wish(100, wished)).await.parts[0];
        assert!(granted <= wished);
        held[host] = (granted, time.now());
        let since = time.now() - i64::try_from(HOST_WORD.as_millis()).unwrap();
        let sum: u64 = held.iter().filter(|(_, at)| *at > since).map(|(part, _)| part).sum();
        assert!(sum <= 100, "{held:?}");
        time.0.fetch_add(random.i64(0..6_000), Ordering::SeqCst);
    }
}
