//! What goes wrong outside: another process holds the file, it is full, somebody changed its tables, an asker goes away.

use super::*;
use std::time::Duration;

const IMPATIENT: Duration = Duration::from_millis(20);

fn unstored(written: Result<Written, SinkError>) -> (bool, String) {
    match written.unwrap_err() {
        SinkError::Transient { reason, .. } => (true, reason),
        SinkError::Permanent { reason, .. } => (false, reason),
    }
}

#[tokio::test]
async fn while_another_process_holds_the_file_writing_fails_for_now_and_works_again_after() {
    let to = Embedded::with(Settings { busy_timeout: IMPATIENT, ..Settings::default() }).await;
    let other = to.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(unstored(to.sink.write(rows(1, 3)).await), (true, "database is locked".into()));
    let told = to.sink.keep(vec![crate::sink::contract::letter(1, 1, 0)]).await.unwrap_err().to_string();
    let path = to.store.path().display();
    assert_eq!(told, format!("the sink trips ({path}) cannot store just now: database is locked"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(to.sink.write(rows(1, 3)).await.unwrap().stored, 3);
    assert_eq!(to.count(), 3);
}

#[tokio::test]
async fn those_who_wait_for_another_process_together_are_told_together() {
    let to = Embedded::with(Settings { busy_timeout: Duration::from_millis(200), ..Settings::default() }).await;
    let other = to.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writes: Vec<_> = (0..20).map(|n| begun(to.sink.write(rows(1 + n * 10, 10)))).collect();
    let first = writes.remove(0).await;
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(unstored(first), (true, "database is locked".into()));
    for write in writes {
        assert_eq!(unstored(write.await), (true, "database is locked".into()));
    }
    assert_eq!(to.sink.write(rows(1, 10)).await.unwrap().stored, 10);
}

#[tokio::test]
async fn a_short_lock_of_another_process_is_waited_for() {
    let to = Embedded::fresh().await;
    let other = to.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut write = to.sink.write(rows(1, 3));
    assert!(poll(&mut write).is_pending());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(write.await.unwrap().stored, 3);
}

#[tokio::test]
async fn two_stores_on_one_file_take_turns() {
    let to = Embedded::fresh().await;
    let second = Store::open(to.store.path()).unwrap();
    let sink = second.collection(COLLECTION).await.unwrap();
    for turn in 0..20 {
        let (here, there) =
            tokio::join!(to.sink.write(rows(1 + turn * 10, 10)), sink.write(rows(1001 + turn * 10, 10)));
        assert_eq!((here.unwrap().stored, there.unwrap().stored), (10, 10));
    }
    assert_eq!(to.count(), 400);
}

#[tokio::test]
async fn a_full_disk_takes_nothing_of_a_batch_and_writing_works_again_when_there_is_room() {
    let to = Embedded::with(Settings { max_bytes: Some(400 * 1024), ..Settings::default() }).await;
    let mut stored = 0;
    let mut next = 1;
    let (transient, words) = loop {
        match to.sink.write(rows(next, 200)).await {
            Ok(written) => stored += written.stored,
            failed => break unstored(failed),
        }
        next += 200;
        assert!(next < 100_000, "it never fills up");
    };
    assert_eq!((transient, words.as_str()), (true, "database or disk is full"));
    assert!(stored > 200);
    assert_eq!(to.count(), stored);

    to.sqlite().execute("DELETE FROM trips WHERE doc->>'$.row' <= 400", []).unwrap();
    assert_eq!(to.sink.write(rows(next, 200)).await.unwrap().stored, 200);
    assert_eq!(to.count(), stored - 400 + 200);
}

#[tokio::test]
async fn a_constraint_that_somebody_added_refuses_its_document_and_the_rest_is_stored() {
    let to = Embedded::fresh().await;
    to.sqlite().execute_batch("CREATE UNIQUE INDEX only_one ON trips (doc->>'$.name')").unwrap();
    let batch = Batch::default()
        .numbered((1, 1, 0), &doc! { "name": "a" })
        .numbered((1, 2, 0), &doc! { "name": "a" })
        .own("x", &doc! { "name": "b" });
    let written = to.sink.write(batch.build()).await.unwrap();
    assert_eq!(written.stored, 2);
    let told = "SQLite cannot store this document: UNIQUE constraint failed: index 'only_one'";
    assert_eq!(written.refused, [(1, told.to_owned())]);
    assert_eq!(to.count(), 2);
}

#[tokio::test]
async fn a_document_that_is_too_large_for_sqlite_is_refused_and_the_rest_is_stored() {
    let to = Embedded::fresh().await;
    let connection = to.sqlite();
    // SAFETY: the handle is that of an open connection, which this thread alone uses; the limit is its own.
    unsafe { rusqlite::ffi::sqlite3_limit(connection.handle(), rusqlite::ffi::SQLITE_LIMIT_LENGTH, 1000) };
    let batch = Batch::default().own("large", &doc! { "text": "x".repeat(1000) }).own("small", &doc! {}).build();
    let statements = Arc::new(Statements::of(&CollectionName::parse(COLLECTION).unwrap()));
    let job = WriteDocuments { statements, prepared: Prepared::of(&batch) };
    let written = crate::sqlite::Job::perform(&job, &connection).unwrap();
    assert_eq!(written.stored, 1);
    assert_eq!(written.refused, [(0, "SQLite cannot store this document: string or blob too big".to_owned())]);
}

#[tokio::test]
async fn bytes_that_are_no_document_are_refused_and_the_rest_is_stored() {
    let to = Embedded::fresh().await;
    let mut batch = rows(1, 3);
    let mut bytes = batch.bytes.to_vec();
    bytes[batch.documents[1].offset as usize + 4] = 0xee;
    batch.bytes = bytes.into();
    let written = to.sink.write(batch).await.unwrap();
    assert_eq!((written.stored, written.refused.len(), written.refused[0].0), (2, 1, 1));
    assert!(written.refused[0].1.contains("not a validated document"), "{}", written.refused[0].1);
}

#[tokio::test]
async fn a_request_that_cannot_be_done_does_not_spoil_the_others_of_its_transaction() {
    let to = Embedded::fresh().await;
    let broken = to.store.collection("broken").await.unwrap();
    let other = to.sqlite();
    other.execute_batch("DROP TABLE broken; CREATE VIEW broken AS SELECT 1 AS _id, 2 AS doc").unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writes = [to.sink.write(rows(1, 10)), broken.write(rows(1, 10)), to.sink.write(rows(11, 10))];
    // All are queued before the writer can begin, so they are one group.
    for write in &mut writes {
        assert!(poll(write).is_pending());
    }
    other.execute_batch("COMMIT").unwrap();
    let [first, second, third] = writes;
    assert_eq!(first.await.unwrap().stored, 10);
    let (transient, words) = unstored(second.await);
    assert!(!transient && words.contains("broken"), "{words}");
    assert_eq!(third.await.unwrap().stored, 10);
    assert_eq!(to.count(), 20);
}

#[tokio::test]
async fn a_table_that_somebody_dropped_is_made_again() {
    let to = Embedded::fresh().await;
    to.sink.write(rows(1, 10)).await.unwrap();
    to.sqlite().execute_batch("DROP TABLE trips").unwrap();
    assert_eq!(to.sink.write(rows(1, 10)).await.unwrap().stored, 10);
    assert_eq!(to.count(), 10);
}

#[tokio::test]
async fn a_write_whose_asker_goes_away_harms_nobody() {
    let to = Embedded::with(Settings { queue_bytes: 4096, ..Settings::default() }).await;
    for _ in 0..50 {
        drop(begun(to.sink.write(rows(1, 100))));
    }
    assert_eq!(to.sink.write(rows(101, 10)).await.unwrap().stored, 10);
}

#[tokio::test]
async fn a_slow_disk_is_felt_as_a_write_that_waits_for_room() {
    let to = Embedded::with(Settings { queue_bytes: 4096, ..Settings::default() }).await;
    let other = to.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut first = to.sink.write(rows(1, 100));
    assert!(poll(&mut first).is_pending());
    assert!(room(&to.sink).is_pending());
    other.execute_batch("COMMIT").unwrap();
    first.await.unwrap();
    assert!(room(&to.sink).is_ready());
}

fn room(sink: &EmbeddedSink) -> Poll<bool> {
    let mut room: BoxFuture<'_, bool> = Box::pin(async { sink.asker.room(1).await.is_ok() });
    poll(&mut room)
}
