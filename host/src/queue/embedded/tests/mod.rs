//! The embedded queue keeps the contract, and what is special about it.

use super::*;
use crate::queue::contract::{Subject, TestTime, batch_of, suite, tenant};
use tempfile::TempDir;

mod kill;

fn open(folder: &Path, time: &TestTime) -> EmbeddedQueue {
    let time = time.clone();
    EmbeddedQueue::open(&folder.join("queue.db"), Arc::new(move || time.now())).unwrap()
}

#[tokio::test]
async fn the_embedded_queue_keeps_the_contract() {
    let folders = std::cell::RefCell::new(Vec::<TempDir>::new());
    suite(async || {
        let folder = tempfile::tempdir().unwrap();
        let time = TestTime::new();
        let queue = Arc::new(open(folder.path(), &time));
        folders.borrow_mut().push(folder);
        Subject { queue, time }
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_it_was_closed_and_opened() {
    let folder = tempfile::tempdir().unwrap();
    let time = TestTime::new();
    let queue = open(folder.path(), &time);
    queue.enqueue(batch_of("acme", 2)).await.unwrap();
    let claim = queue.claim("host", Duration::from_secs(30)).await.unwrap().unwrap();
    queue.end(claim.key(), Ending::Parked("why".into()), Checkpoint::default()).await.unwrap();
    let before = queue.tasks(&TaskFilter::default(), 10).await.unwrap();
    queue.close().unwrap();
    let queue = open(folder.path(), &time);
    assert_eq!(queue.tasks(&TaskFilter::default(), 10).await.unwrap(), before);
}

#[tokio::test]
async fn a_pause_that_another_clock_set_is_shortened() {
    let folder = tempfile::tempdir().unwrap();
    let time = TestTime::new();
    let queue = open(folder.path(), &time);
    queue.enqueue(batch_of("acme", 1)).await.unwrap();
    let claim = queue.claim("host", Duration::from_secs(30)).await.unwrap().unwrap();
    let years = Duration::from_secs(300_000_000);
    queue.end(claim.key(), Ending::Again("why".into(), years), Checkpoint::default()).await.unwrap();
    queue.recover("host").await.unwrap();
    let task = queue.task(1).await.unwrap().unwrap();
    let longest = Timestamp::from_millisecond(time.now() + millis(LONGEST_PAUSE)).unwrap();
    assert_eq!(task.not_before, Some(longest));
}

#[tokio::test]
async fn a_claim_reads_what_waits_by_an_index_and_not_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), &TestTime::new());
    queue.load(&tenant("acme")).await.unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    let plan = |sql: &str| -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = explain.query_map([], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    };
    let next = plan("SELECT min(tenant) FROM tasks WHERE state = 'waiting' AND tenant > 'a'");
    assert!(next.contains("SEARCH tasks USING COVERING INDEX tasks_waiting (tenant>?)"), "{next}");
    let head = plan(
        "SELECT number FROM tasks WHERE state = 'waiting' AND tasks.tenant = 'a' AND (not_before IS NULL OR not_before <= 7)
         ORDER BY number LIMIT 1",
    );
    assert!(head.contains("SEARCH tasks USING COVERING INDEX tasks_waiting (tenant=?)"), "{head}");
    assert!(!head.contains("TEMP B-TREE"), "{head}");
}
