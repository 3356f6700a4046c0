//! The contract over the embedded broker, and what only it promises.

mod faults;
mod kill;
mod model;
mod waiting;

use super::*;
use crate::broker::contract::{
    Home, broker_contract, ids, numbered, outgoing, patience, publish, queue, subscription, take, tenant, unpacked,
};
use crate::broker::{Bundle, Room};
use crate::queue::embedded::steady_clock;
use tempfile::TempDir;

broker_contract!(Embedded);

/// Acknowledgements are written when something is published, or at the end: a test that says when.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// A broker in a directory of its own.
struct Embedded {
    broker: EmbeddedBroker,
    directory: TempDir,
}

impl Embedded {
    fn new() -> Embedded {
        Embedded::within(tempfile::tempdir().unwrap())
    }

    fn within(directory: TempDir) -> Embedded {
        Embedded::with(directory, &Settings::default(), LINGER)
    }

    fn with(directory: TempDir, settings: &Settings, linger: Duration) -> Embedded {
        let path = directory.path().join("broker.db");
        Embedded { broker: EmbeddedBroker::open_with(&path, steady_clock(), settings, linger).unwrap(), directory }
    }

    fn close_and_open(self) -> Embedded {
        let Embedded { broker, directory } = self;
        broker.close().unwrap();
        Embedded::within(directory)
    }

    /// What a loss of power now would leave behind, opened.
    fn after_a_kill(&self) -> Embedded {
        let directory = tempfile::tempdir().unwrap();
        for name in ["broker.db", "broker.db-wal"] {
            std::fs::copy(self.directory.path().join(name), directory.path().join(name)).unwrap();
        }
        Embedded::within(directory)
    }

    /// Another process, as far as SQLite can tell.
    fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.directory.path().join("broker.db")).unwrap()
    }

    fn chunks(&self) -> i64 {
        self.sqlite().query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap()
    }

    async fn consumer(&self, queue: &QueueSpec, tag: &str, prefetch: u16) -> Box<dyn Consumer> {
        self.broker.consume(subscription(queue, tag, prefetch)).await.unwrap()
    }

    async fn depth(&self, queue: &QueueSpec) -> Depth {
        self.broker.depth(&queue.key).await.unwrap()
    }
}

impl Home for Embedded {
    fn fresh() -> BoxFuture<'static, Self> {
        Box::pin(async { Embedded::new() })
    }

    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn reopened(self) -> BoxFuture<'static, Self> {
        Box::pin(async { self.close_and_open() })
    }
}

/// A broker with one queue.
async fn with_queue(queue: &QueueSpec) -> Embedded {
    let home = Embedded::new();
    home.broker.declare(queue).await.unwrap();
    home
}

#[tokio::test]
async fn what_was_acknowledged_before_something_was_published_is_gone_after_a_kill() {
    let home = Embedded::with(tempfile::tempdir().unwrap(), &Settings::default(), NEVER);
    let queue = queue("clicks", &["click"]);
    home.broker.declare(&queue).await.unwrap();
    publish(&home.broker, numbered("click", 0..10)).await;
    let mut consumer = home.consumer(&queue, "c-1", 100).await;
    let got = take(&mut *consumer, 10).await;
    consumer.acknowledge(got[3].tag).await.unwrap();
    publish(&home.broker, numbered("click", [10])).await;
    consumer.acknowledge(got[5].tag).await.unwrap();
    // Not written yet: these come again.
    let killed = home.after_a_kill();
    let depth = killed.depth(&queue).await;
    assert_eq!((depth.waiting, depth.held, depth.consumers), (7, 0, 0));
    assert_eq!(depth.bytes, Some("body 4".len() as u64 * 6 + "body 10".len() as u64));
    let mut consumer = killed.consumer(&queue, "c-1", 100).await;
    let got = take(&mut *consumer, 7).await;
    assert_eq!(ids(&got), ["4", "5", "6", "7", "8", "9", "10"]);
    assert!(got.iter().all(|got| got.redelivered));
}

#[tokio::test]
async fn what_was_acknowledged_is_written_when_the_consumer_goes_though_nothing_is_published() {
    let home = Embedded::with(tempfile::tempdir().unwrap(), &Settings::default(), NEVER);
    let queue = queue("clicks", &["click"]);
    home.broker.declare(&queue).await.unwrap();
    publish(&home.broker, numbered("click", 0..10)).await;
    let mut consumer = home.consumer(&queue, "c-1", 100).await;
    let got = take(&mut *consumer, 10).await;
    consumer.acknowledge(got[9].tag).await.unwrap();
    assert_eq!(home.chunks(), 1);
    drop(consumer);
    patience(async {
        while home.chunks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(home.depth(&queue).await, Depth { bytes: Some(0), ..Depth::default() });
}

#[tokio::test]
async fn what_was_acknowledged_is_written_soon_though_nothing_happens() {
    let queue = queue("clicks", &["click"]);
    let home = with_queue(&queue).await;
    publish(&home.broker, numbered("click", 0..10)).await;
    let mut consumer = home.consumer(&queue, "c-1", 100).await;
    let got = take(&mut *consumer, 10).await;
    consumer.acknowledge(got[9].tag).await.unwrap();
    patience(async {
        while home.chunks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn numbers_go_on_after_everything_was_acknowledged() {
    let queue = queue("clicks", &["click"]);
    let mut home = with_queue(&queue).await;
    for round in 0..3 {
        publish(&home.broker, numbered("click", round * 10..round * 10 + 10)).await;
        let mut consumer = home.consumer(&queue, "c-1", 100).await;
        let got = take(&mut *consumer, 10).await;
        assert_eq!(got[0].id, (round * 10).to_string());
        consumer.acknowledge(got[9].tag).await.unwrap();
        drop(consumer);
        home = home.close_and_open();
        assert_eq!((home.chunks(), home.depth(&queue).await.waiting), (0, 0));
    }
    let (next, settled): (i64, Vec<u8>) =
        home.sqlite().query_row("SELECT next, settled FROM queues", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((next, settled), (30, [0_u64.to_le_bytes(), 30_u64.to_le_bytes()].concat()));
}

#[tokio::test]
async fn a_message_is_in_all_its_queues_or_in_none() {
    let home = Embedded::new();
    let small = QueueSpec { max_bytes: 10, ..queue("small", &["click"]) };
    let large = queue("large", &["click"]);
    home.broker.declare(&large).await.unwrap();
    home.broker.declare(&small).await.unwrap();
    let messages =
        vec![outgoing("click", "1", b"12345678"), outgoing("click", "2", b"123"), outgoing("click", "3", b"12")];
    let published = home.broker.publish(&tenant("acme"), messages).await.unwrap();
    let told = "the queue of the stream acme/small is full: it has 8 bytes of at most 10, and this message 3 more";
    assert_eq!(published, Published { accepted: 2, refused: vec![(1, told.to_owned())] });
    for queue in [&small, &large] {
        assert_eq!(ids(&take(&mut *home.consumer(queue, "c-1", 10).await, 2).await), ["1", "3"]);
    }
    assert_eq!(home.depth(&large).await.bytes, Some(10));
    // What is held takes up room until it is acknowledged.
    let mut consumer = home.consumer(&small, "c-2", 10).await;
    let got = take(&mut *consumer, 2).await;
    let again = || home.broker.publish(home_tenant(), vec![outgoing("click", "4", b"1")]);
    assert_eq!(again().await.unwrap().accepted, 0);
    consumer.acknowledge(got[0].tag).await.unwrap();
    assert_eq!(again().await.unwrap().accepted, 1);
}

fn home_tenant() -> &'static TenantId {
    static ACME: std::sync::OnceLock<TenantId> = std::sync::OnceLock::new();
    ACME.get_or_init(|| tenant("acme"))
}

#[tokio::test]
async fn a_key_that_no_stream_takes_is_named() {
    let home = with_queue(&queue("clicks", &["click"])).await;
    let published = home.broker.publish(&tenant("acme"), numbered("clik", [0])).await.unwrap();
    let told = "no stream of acme takes the routing key \"clik\": start one that does, or publish with another key";
    assert_eq!(published, Published { accepted: 0, refused: vec![(0, told.to_owned())] });
}

#[tokio::test]
async fn a_queue_without_keys_is_not_declared() {
    let told = Embedded::new().broker.declare(&queue("clicks", &[])).await.unwrap_err().to_string();
    assert_eq!(told, "the broker cannot do it: the stream acme/clicks names no routing key: name at least one");
}

#[tokio::test]
async fn limits_and_keys_are_there_after_it_was_closed_and_opened() {
    let home = with_queue(&queue("clicks", &["a"])).await;
    let spec = QueueSpec { max_bytes: 3, single_active: true, ..queue("clicks", &["b", "ü", "b"]) };
    home.broker.declare(&spec).await.unwrap();
    let home = home.close_and_open();
    let there = home.broker.shared.queue(&spec.key).unwrap();
    assert_eq!(there.lock().spec, spec);
    for (key, accepted) in [("a", 0), ("b", 1), ("ü", 1), ("b", 1), ("b", 0)] {
        let published = home.broker.publish(&tenant("acme"), vec![outgoing(key, "1", b"x")]).await.unwrap();
        assert_eq!(published.accepted, accepted, "{key}: {published:?}");
    }
    assert_eq!(home.depth(&spec).await.waiting, 3);
}

#[tokio::test]
async fn depth_tells_how_old_the_oldest_is_wherever_it_lies() {
    let time = Arc::new(std::sync::atomic::AtomicI64::new(1_000));
    let clock = Arc::clone(&time);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("broker.db");
    let broker = EmbeddedBroker::open(&path, Arc::new(move || clock.load(Ordering::SeqCst))).unwrap();
    let queue = queue("clicks", &["click"]);
    broker.declare(&queue).await.unwrap();
    let oldest = async || broker.depth(&queue.key).await.unwrap().oldest.map(|age| age.as_millis());
    assert_eq!(oldest().await, None);
    publish(&broker, numbered("click", 0..2)).await;
    time.store(1_500, Ordering::SeqCst);
    publish(&broker, numbered("click", 2..4)).await;
    time.store(1_700, Ordering::SeqCst);
    assert_eq!(oldest().await, Some(700));
    let mut consumer = broker.consume(subscription(&queue, "c-1", 3)).await.unwrap();
    let got = take(&mut *consumer, 3).await;
    assert_eq!(oldest().await, Some(700));
    consumer.acknowledge(got[1].tag).await.unwrap();
    assert_eq!(oldest().await, Some(200));
    consumer.acknowledge(got[2].tag).await.unwrap();
    let got = take(&mut *consumer, 1).await;
    assert_eq!(oldest().await, Some(200));
    consumer.acknowledge(got[0].tag).await.unwrap();
    assert_eq!(oldest().await, None);
}
