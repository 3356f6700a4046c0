//! What goes wrong outside: the disk is full, the file is damaged, a publisher goes away.

use super::*;
use std::future::poll_fn;
use std::task::Poll;

#[tokio::test]
async fn a_full_disk_takes_nothing_and_what_is_acknowledged_makes_room() {
    let settings = Settings { max_bytes: Some(1024 * 1024), ..Settings::default() };
    let home = Embedded::with(tempfile::tempdir().unwrap(), &settings, NEVER);
    let queue = queue("clicks", &["click"]);
    home.broker.declare(&queue).await.unwrap();
    let body = [b'x'; 1000];
    let batch =
        |start: usize| (start..start + 50).map(|n| outgoing("click", &n.to_string(), &body)).collect::<Vec<_>>();
    let mut accepted = 0;
    let told = loop {
        match home.broker.publish(&tenant("acme"), batch(accepted)).await {
            Ok(published) => accepted += usize::try_from(published.accepted).unwrap(),
            Err(error) => break error,
        }
        assert!(accepted < 2_000, "it never fills up");
    };
    assert!(matches!(told, BrokerError::Transient(_)), "{told:?}");
    let path = home.directory.path().join("broker.db");
    let words = format!("the broker cannot answer just now: database or disk is full ({})", path.display());
    assert_eq!(told.to_string(), words);
    let depth = home.depth(&queue).await;
    assert_eq!((depth.waiting, depth.bytes), (accepted as u64, Some(accepted as u64 * 1000)));
    // Room that was kept for what failed is given back.
    assert_eq!(home.broker.shared.queue(&queue.key).unwrap().lock().promised(), accepted as u64 * 1000);

    let mut consumer = home.consumer(&queue, "c-1", 10_000).await;
    let got = take(&mut *consumer, accepted).await;
    consumer.acknowledge(got[199].tag).await.unwrap();
    publish(&home.broker, batch(accepted)).await;
    drop(consumer);
    let home = home.close_and_open();
    let mut consumer = home.consumer(&queue, "c-1", 10_000).await;
    let got = take(&mut *consumer, accepted - 150).await;
    let numbers: Vec<usize> = got.iter().map(|got| got.id.parse().unwrap()).collect();
    assert_eq!(numbers, (200..accepted + 50).collect::<Vec<_>>());
}

#[tokio::test]
async fn while_the_file_cannot_be_written_acknowledgements_wait() {
    let settings = Settings { busy_timeout: Duration::from_millis(10), ..Settings::default() };
    let home = Embedded::with(tempfile::tempdir().unwrap(), &settings, NEVER);
    let queue = queue("clicks", &["click"]);
    home.broker.declare(&queue).await.unwrap();
    publish(&home.broker, numbered("click", 0..10)).await;
    let mut consumer = home.consumer(&queue, "c-1", 100).await;
    let got = take(&mut *consumer, 10).await;
    let other = home.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    consumer.acknowledge(got[4].tag).await.unwrap();
    let told = home.broker.publish(&tenant("acme"), numbered("click", [10])).await.unwrap_err();
    assert!(matches!(told, BrokerError::Transient(_)), "{told:?}");
    let told = home.broker.purge(&queue.key).await.unwrap_err();
    assert!(matches!(told, BrokerError::Transient(_)), "{told:?}");
    other.execute_batch("ROLLBACK").unwrap();
    publish(&home.broker, numbered("click", [11])).await;
    let killed = home.after_a_kill();
    let mut consumer = killed.consumer(&queue, "c-1", 100).await;
    assert_eq!(ids(&take(&mut *consumer, 6).await), ["5", "6", "7", "8", "9", "11"]);
}

#[tokio::test]
async fn what_a_publisher_that_went_away_has_published_is_there() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    let mut consumer = home.consumer(&queue, "c-1", 10).await;
    let acme = tenant("acme");
    let mut publishing = home.broker.publish(&acme, numbered("click", [1]));
    assert!(poll_fn(|cx| Poll::Ready(publishing.as_mut().poll(cx).is_pending())).await);
    drop(publishing);
    assert_eq!(ids(&patience(take(&mut *consumer, 1)).await), ["1"]);
    publish(&home.broker, numbered("click", [2])).await;
    assert_eq!(ids(&patience(take(&mut *consumer, 1)).await), ["2"]);
}

#[tokio::test]
async fn damaged_messages_are_told_and_end_their_consumer() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    publish(&home.broker, numbered("click", 0..2)).await;
    home.sqlite().execute("UPDATE chunks SET data = substr(data, 1, length(data) - 1)", []).unwrap();
    let mut consumer = home.consumer(&queue, "c-1", 10).await;
    let wide = Room { messages: 10, bytes: 1_000_000 };
    let told = patience(consumer.next(wide, &mut Bundle::default())).await.unwrap_err();
    assert!(matches!(told, BrokerError::Permanent(_)), "{told:?}");
    assert!(told.to_string().contains("the messages from 0 on are damaged"), "{told}");
    home.sqlite().execute("DELETE FROM chunks", []).unwrap();
    let told = patience(consumer.next(wide, &mut Bundle::default())).await.unwrap_err().to_string();
    assert!(told.contains("message 0 of the queue acme/clicks is not in the file"), "{told}");
}

#[tokio::test]
async fn what_is_settled_is_damaged_and_the_file_is_not_opened() {
    let home = with_queue(&queue("clicks", &["click"])).await;
    home.sqlite().execute("UPDATE queues SET settled = x'00'", []).unwrap();
    let Embedded { broker, directory } = home;
    broker.close().unwrap();
    let told = EmbeddedBroker::open(&directory.path().join("broker.db"), steady_clock()).err().unwrap().to_string();
    assert!(told.contains("what is acknowledged is damaged"), "{told}");
}

#[tokio::test]
async fn many_chunks_are_thrown_away_a_few_at_a_time_and_after_a_kill_too() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    for number in 0..300 {
        publish(&home.broker, numbered("click", [number])).await;
    }
    assert_eq!(home.broker.purge(&queue.key).await.unwrap(), 300);
    for number in 300..600 {
        publish(&home.broker, numbered("click", [number])).await;
    }
    assert_eq!(home.broker.delete(&queue.key).await.unwrap(), 300);
    // At the end it does not wait for all of them.
    let home = home.close_and_open();
    patience(async {
        while home.chunks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    home.broker.declare(&queue).await.unwrap();
    publish(&home.broker, numbered("click", [1])).await;
    assert_eq!(ids(&take(&mut *home.consumer(&queue, "c-1", 10).await, 1).await), ["1"]);
}
