//! What becomes of queues: declared, full, purged, deleted, counted, opened again.

use super::*;

pub(crate) async fn a_queue_that_is_declared_again_keeps_its_messages<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..3)).await;
    declared(&home, &queue).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    declared(&home, &queue).await;
    publish(home.broker(), numbered("click", [3])).await;
    assert_eq!(ids(&take(&mut *consumer, 4).await), texts(0..4));
}

pub(crate) async fn keys_that_are_not_named_any_more_are_let_go<H: Home>() {
    let queue = queue("clicks", &["old", "kept"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("old", [0])).await;
    let queue = QueueSpec { routing_keys: vec!["kept".into(), "new".into()], ..queue };
    declared(&home, &queue).await;
    let messages = [numbered("old", [1]), numbered("kept", [2]), numbered("new", [3])].concat();
    let published = home.broker().publish(&tenant("acme"), messages).await.unwrap();
    assert_eq!((published.accepted, published.refused.len(), published.refused[0].0), (2, 1, 0));
    assert_eq!(ids(&take(&mut *consumer(&home, &queue, "c-1", 10).await, 3).await), ["0", "2", "3"]);
}

pub(crate) async fn a_full_queue_refuses_and_loses_nothing<H: Home>() {
    let queue = QueueSpec { max_bytes: 100_000, ..queue("clicks", &["click"]) };
    let home: H = with_queue(&queue).await;
    let body = vec![b'x'; 10_000];
    let one = async |number: usize| {
        let message = outgoing("click", &number.to_string(), &body);
        home.broker().publish(&tenant("acme"), vec![message]).await.unwrap()
    };
    let mut accepted = Vec::new();
    // Some know only afterwards that it was too much.
    for number in 0.. {
        let published = one(number).await;
        match published.accepted {
            1 => accepted.push(number),
            _ => {
                assert_eq!((published.refused.len(), published.refused[0].0), (1, 0));
                assert!(published.refused[0].1.contains("full"), "{published:?}");
                break;
            }
        }
        assert!(number < 1_000, "it is never full");
    }
    assert!(accepted.len() >= 9, "{accepted:?}");
    let mut consumer = consumer(&home, &queue, "c-1", 2_000).await;
    let got = take(&mut *consumer, accepted.len()).await;
    assert_eq!(ids(&got), texts(accepted));
    consumer.acknowledge(got.last().unwrap().tag).await.unwrap();
    until(1, || async { one(5_000).await.accepted }).await;
    assert_eq!(ids(&take(&mut *consumer, 1).await), ["5000"]);
}

pub(crate) async fn purging_throws_away_what_waits_and_nothing_that_is_held<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    let mut first = consumer(&home, &queue, "c-1", 3).await;
    let got = take(&mut *first, 3).await;
    until_waiting(home.broker(), &queue, 7).await;
    assert_eq!(home.broker().purge(&queue.key).await.unwrap(), 7);
    until_waiting(home.broker(), &queue, 0).await;
    publish(home.broker(), numbered("click", [10])).await;
    first.acknowledge(got[0].tag).await.unwrap();
    drop(first);
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    let got = take(&mut *second, 3).await;
    assert_eq!(ids(&got).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["1", "2", "10"]));
    let nowhere = home.broker().purge(&key("acme", "nothing")).await;
    assert!(matches!(nowhere, Err(BrokerError::NoQueue(_))), "{nowhere:?}");
}

pub(crate) async fn deleting_a_queue_throws_away_what_waits<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    until_waiting(home.broker(), &queue, 10).await;
    assert_eq!(home.broker().delete(&queue.key).await.unwrap(), 10);
    assert_eq!(home.broker().delete(&queue.key).await.unwrap(), 0);
    let depth = home.broker().depth(&queue.key).await;
    assert!(matches!(&depth, Err(BrokerError::NoQueue(key)) if *key == queue.key), "{depth:?}");
    let consumed = home.broker().consume(subscription(&queue, "c-1", 10)).await.map(|_| ());
    assert!(matches!(consumed, Err(BrokerError::NoQueue(_))), "{consumed:?}");
    let published = home.broker().publish(&tenant("acme"), numbered("click", [1])).await.unwrap();
    assert_eq!((published.accepted, published.refused.len()), (0, 1));
}

pub(crate) async fn a_consumer_of_a_deleted_queue_ends_and_hears_why<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..2)).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    take(&mut *consumer, 2).await;
    let (ended, deleted) = tokio::join!(
        async {
            let mut bundle = Bundle::default();
            loop {
                if let Err(ended) = consumer.next(WIDE, &mut bundle).await {
                    break ended;
                }
            }
        },
        home.broker().delete(&queue.key),
    );
    deleted.unwrap();
    assert!(matches!(&ended, BrokerError::NoQueue(key) if *key == queue.key), "{ended:?}");
    assert!(consumer.next(WIDE, &mut Bundle::default()).await.is_err());
}

pub(crate) async fn a_queue_that_was_deleted_is_made_anew_and_is_empty<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..3)).await;
    home.broker().delete(&queue.key).await.unwrap();
    declared(&home, &queue).await;
    publish(home.broker(), numbered("click", [3])).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    assert_eq!(ids(&take(&mut *consumer, 1).await), ["3"]);
    until_waiting(home.broker(), &queue, 0).await;
}

pub(crate) async fn what_is_put_back_goes_into_one_queue_whatever_its_keys_are<H: Home>() {
    let home = H::fresh().await;
    let (one, other) = (queue("one", &["click"]), queue("other", &["click"]));
    declared(&home, &one).await;
    declared(&home, &other).await;
    let again = |key: &str| outgoing(key, "again", b"body").envelope;
    for routing_key in ["click", "nobody's"] {
        let published = home.broker().put_back(&one.key, again(routing_key)).await.unwrap();
        assert_eq!((published.accepted, published.refused), (1, vec![]));
    }
    publish(home.broker(), numbered("click", [1])).await;
    let got = take(&mut *consumer(&home, &one, "one-1", 10).await, 3).await;
    assert_eq!(ids(&got), ["again", "again", "1"]);
    assert_eq!(ids(&take(&mut *consumer(&home, &other, "other-1", 10).await, 1).await), ["1"]);
    let nowhere = home.broker().put_back(&key("acme", "nothing"), again("click")).await;
    assert!(matches!(nowhere, Err(BrokerError::NoQueue(_))), "{nowhere:?}");
}

pub(crate) async fn depth_tells_what_waits_and_who_consumes<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let counts = || async {
        let depth = depth(home.broker(), &queue).await;
        (depth.waiting, depth.consumers)
    };
    until((0, 0), counts).await;
    publish(home.broker(), numbered("click", 0..5)).await;
    until((5, 0), counts).await;
    let mut one = consumer(&home, &queue, "c-1", 2).await;
    let got = take(&mut *one, 2).await;
    until((3, 1), counts).await;
    let other = consumer(&home, &queue, "c-2", 1).await;
    until(2, || async { depth(home.broker(), &queue).await.consumers }).await;
    drop(other);
    until((3, 1), counts).await;
    one.acknowledge(got[1].tag).await.unwrap();
    let got = take(&mut *one, 2).await;
    until((1, 1), counts).await;
    one.acknowledge(got[1].tag).await.unwrap();
    let got = take(&mut *one, 1).await;
    one.acknowledge(got[0].tag).await.unwrap();
    until((0, 1), counts).await;
    drop(one);
    until((0, 0), counts).await;
}

pub(crate) async fn a_tenant_that_is_forgotten_loses_everything_and_others_nothing<H: Home>() {
    let home = H::fresh().await;
    let (one, other) = (queue("one", &["click"]), queue("other", &["click"]));
    let theirs = QueueSpec { key: key("globex", "one"), ..one.clone() };
    for queue in [&one, &other, &theirs] {
        declared(&home, queue).await;
    }
    publish(home.broker(), numbered("click", 0..10)).await;
    let published = home.broker().publish(&tenant("globex"), numbered("click", 0..3)).await.unwrap();
    assert_eq!(published.accepted, 3);
    let mut consuming = consumer(&home, &one, "c-1", 10).await;
    take(&mut *consuming, 5).await;
    let streams = [one.key.stream.clone(), other.key.stream.clone()];
    home.broker().forget_tenant(&tenant("acme"), &streams).await.unwrap();
    let mut bundle = Bundle::default();
    while consuming.next(WIDE, &mut bundle).await.is_ok() {}
    drop(consuming);
    for queue in [&one, &other] {
        // A connection may have to be made anew.
        until(true, async || matches!(home.broker().depth(&queue.key).await, Err(BrokerError::NoQueue(_)))).await;
    }
    let got = take(&mut *consumer(&home, &theirs, "c-2", 10).await, 3).await;
    assert_eq!(ids(&got), texts(0..3));
}

pub(crate) async fn a_tenant_that_was_forgotten_begins_anew_with_nothing<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let streams = [queue.key.stream.clone()];
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    // What is not there any more need not be.
    for _ in 0..2 {
        home.broker().forget_tenant(&tenant("acme"), &streams).await.unwrap();
    }
    until(true, async || home.broker().declare(&queue).await.is_ok()).await;
    publish(home.broker(), numbered("click", [10])).await;
    assert_eq!(ids(&take(&mut *consumer(&home, &queue, "c-1", 10).await, 1).await), ["10"]);
    // Of a tenant that nobody has heard of there is nothing to forget.
    home.broker().forget_tenant(&tenant("nobody"), &[]).await.unwrap();
}

pub(crate) async fn what_was_accepted_is_there_when_the_broker_is_opened_again<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    let mut first = consumer(&home, &queue, "c-1", 5).await;
    let got = take(&mut *first, 5).await;
    first.acknowledge(got[2].tag).await.unwrap();
    drop(first);
    until_waiting(home.broker(), &queue, 7).await;
    let home = home.reopened().await;
    declared(&home, &queue).await;
    publish(home.broker(), numbered("click", [10])).await;
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    let got = take(&mut *second, 8).await;
    assert_eq!(ids(&got), texts(3..11));
    assert!(got[0].redelivered && !got[7].redelivered);
}
