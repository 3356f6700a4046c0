//! Who waits and who is woken; consumers on threads of their own; long queues in little memory.

use super::*;
use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;

const WIDE: Room = Room { messages: 10_000, bytes: 64 * 1024 * 1024 };

async fn polled<T>(call: &mut BoxFuture<'_, T>) -> bool {
    poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await
}

#[test]
fn consumers_on_threads_of_their_own_are_given_each_message_once() {
    const MESSAGES: usize = 20_000;
    let queue = queue("clicks", &["click"]);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let home = runtime().block_on(with_queue(&queue));
    let consume = |tag: &'static str| {
        let (home, queue) = (&home, &queue);
        move || {
            runtime().block_on(patience(async move {
                let mut consumer = home.consumer(queue, tag, 200).await;
                let (mut all, mut bundle) = (Vec::new(), Bundle::default());
                // The last message is for each of them.
                while !all.iter().rev().take(200).any(|id: &String| id.starts_with("end")) {
                    bundle.clear();
                    consumer.next(Room { messages: 100, ..WIDE }, &mut bundle).await.unwrap();
                    let got = unpacked(&bundle);
                    consumer.acknowledge(got.last().unwrap().tag).await.unwrap();
                    all.extend(got.into_iter().map(|got| got.id));
                }
                all
            }))
        }
    };
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let consumers = ["c-1", "c-2", "c-3"].map(|tag| scope.spawn(consume(tag)));
        runtime().block_on(async {
            for batch in 0..MESSAGES / 50 {
                publish(&home.broker, numbered("click", batch * 50..batch * 50 + 50)).await;
            }
            let mut ended = 0;
            while !consumers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                publish(&home.broker, vec![outgoing("click", &format!("end {ended}"), b"")]).await;
                ended += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        for consumer in consumers {
            let got = consumer.join().unwrap();
            let numbers: Vec<usize> = got.iter().filter_map(|id| id.parse().ok()).collect();
            assert!(numbers.is_sorted(), "the order of a consumer is kept");
            all.extend(got);
        }
    });
    let numbers: Vec<usize> = all.iter().filter_map(|id| id.parse().ok()).collect();
    assert_eq!((numbers.len(), numbers.iter().collect::<HashSet<_>>().len()), (MESSAGES, MESSAGES));
}

#[tokio::test]
async fn a_long_queue_is_read_a_little_at_a_time_and_in_its_order() {
    const MESSAGES: usize = 30_000;
    let queue = QueueSpec { max_bytes: u64::MAX, ..queue("clicks", &["click"]) };
    let home = with_queue(&queue).await;
    let body = [b'x'; 1000];
    let message = |number: usize| outgoing("click", &number.to_string(), &body);
    // One for each chunk, few, and as many as there are.
    let mut number = 0;
    while number < MESSAGES {
        let count = [1, 1, 1, 40, 900][number % 5].min(MESSAGES - number);
        publish(&home.broker, (number..number + count).map(message).collect()).await;
        number += count;
    }
    let memory = || home.broker.shared.weight.together();
    assert_eq!(memory(), 0, "nobody consumes");
    let home_depth = home.depth(&queue).await;
    assert_eq!((home_depth.waiting, home_depth.bytes), (30_000, Some(30_000_000)));
    let mut consumer = home.consumer(&queue, "c-1", 500).await;
    let mut next = 0;
    while next < MESSAGES {
        let mut bundle = Bundle::default();
        patience(consumer.next(Room { messages: 300, ..WIDE }, &mut bundle)).await.unwrap();
        let got = unpacked(&bundle);
        for got in &got {
            assert_eq!(got.id, next.to_string());
            next += 1;
        }
        consumer.acknowledge(got.last().unwrap().tag).await.unwrap();
        assert!(memory() < 4 * 1024 * 1024, "{} bytes in memory", memory());
    }
    drop(consumer);
    assert_eq!(memory(), 0);
}

#[tokio::test]
async fn what_was_given_back_far_behind_comes_first() {
    let queue = QueueSpec { max_bytes: u64::MAX, ..queue("clicks", &["click"]) };
    let home = with_queue(&queue).await;
    let body = [b'x'; 10_000];
    let message = |number: usize| outgoing("click", &number.to_string(), &body);
    for batch in 0..40 {
        publish(&home.broker, (batch * 50..batch * 50 + 50).map(message).collect()).await;
    }
    let mut slow = home.consumer(&queue, "slow", 10).await;
    assert_eq!(take(&mut *slow, 10).await[0].id, "0");
    let mut fast = home.consumer(&queue, "fast", 1000).await;
    let got = take(&mut *fast, 900).await;
    fast.acknowledge(got[899].tag).await.unwrap();
    drop(slow);
    let got = patience(take(&mut *fast, 20)).await;
    let numbers: Vec<usize> = got.iter().map(|got| got.id.parse().unwrap()).collect();
    assert_eq!(numbers, (0..10).chain(910..920).collect::<Vec<_>>());
    assert_eq!(got.iter().filter(|got| got.redelivered).count(), 10);
}

#[tokio::test]
async fn one_that_is_woken_and_goes_away_wakes_another() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    let (mut one, mut other) = (home.consumer(&queue, "c-1", 9).await, home.consumer(&queue, "c-2", 9).await);
    let (mut ones, mut others) = (Bundle::default(), Bundle::default());
    let mut gone = one.next(WIDE, &mut ones);
    assert!(!polled(&mut gone).await);
    let mut stays = other.next(WIDE, &mut others);
    assert!(!polled(&mut stays).await);
    publish(&home.broker, numbered("click", [1])).await;
    // It was the first to wait, so it is the one that was woken.
    drop(gone);
    patience(stays).await.unwrap();
    assert_eq!((ones.messages.len(), others.messages.len()), (0, 1));
}

#[tokio::test]
async fn what_one_consumer_leaves_wakes_the_next() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    let (mut one, mut other) = (home.consumer(&queue, "c-1", 2).await, home.consumer(&queue, "c-2", 9).await);
    let (mut ones, mut others) = (Bundle::default(), Bundle::default());
    {
        let (mut first, mut second) = (one.next(WIDE, &mut ones), other.next(WIDE, &mut others));
        assert!(!polled(&mut first).await && !polled(&mut second).await);
        publish(&home.broker, numbered("click", 0..5)).await;
        patience(first).await.unwrap();
        patience(second).await.unwrap();
    }
    assert_eq!((ones.messages.len(), others.messages.len()), (2, 3));
}

#[tokio::test]
async fn a_bundle_without_room_is_answered_as_it_is() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    publish(&home.broker, numbered("click", 0..5)).await;
    let mut consumer = home.consumer(&queue, "c-1", 9).await;
    let mut bundle = Bundle::default();
    for _ in 0..3 {
        consumer.next(Room { messages: 2, ..WIDE }, &mut bundle).await.unwrap();
        assert_eq!(bundle.messages.len(), 2);
    }
}

#[tokio::test]
async fn a_consumer_that_holds_all_it_may_hears_that_its_queue_is_gone() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    publish(&home.broker, numbered("click", 0..5)).await;
    let mut consumer = home.consumer(&queue, "c-1", 2).await;
    take(&mut *consumer, 2).await;
    let mut bundle = Bundle::default();
    let mut next = consumer.next(WIDE, &mut bundle);
    assert!(!polled(&mut next).await);
    assert_eq!(home.broker.delete(&queue.key).await.unwrap(), 5);
    let ended = patience(next).await;
    assert!(matches!(ended, Err(BrokerError::NoQueue(_))), "{ended:?}");
    assert!(matches!(consumer.acknowledge(2).await, Err(BrokerError::NoQueue(_))));
}

#[tokio::test]
async fn consumers_of_a_closed_broker_end() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    let mut consumer = home.consumer(&queue, "c-1", 2).await;
    let mut bundle = Bundle::default();
    let mut next = consumer.next(WIDE, &mut bundle);
    assert!(!polled(&mut next).await);
    home.broker.close().unwrap();
    assert_eq!(patience(next).await.unwrap_err().to_string(), "the broker cannot do it: it was closed");
    assert!(consumer.acknowledge(1).await.is_err());
}
