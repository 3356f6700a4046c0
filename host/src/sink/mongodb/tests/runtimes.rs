//! Who uses the sinks from which event loop, and what is left when one of them is gone.

use super::*;
use std::thread;

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn event_loops_of_slots_come_and_go_and_the_client_stays() {
    let daemon = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let to = daemon.block_on(MongoDestination::fresh());
    for round in 0..3 {
        let slots: Vec<_> = (0..3_u64)
            .map(|slot| {
                let sink = Arc::clone(&to.sink);
                let first = (round * 3 + slot) * 100 + 1;
                let write = async move {
                    let (one, other) = tokio::join!(sink.write(rows(first, 60)), sink.write(rows(first + 60, 40)));
                    assert_eq!((one.unwrap(), other.unwrap()), (stored(60), stored(40)));
                };
                // Each has an event loop of its own, which is gone afterwards.
                thread::spawn(move || current_thread().block_on(write))
            })
            .collect();
        slots.into_iter().for_each(|slot| slot.join().unwrap());
    }
    // A slot that is alive, and whose loop nobody turns while the sinks are closed.
    let asleep = current_thread();
    assert_eq!(asleep.block_on(to.sink.write(rows(901, 5))).unwrap(), stored(5));
    assert_eq!(daemon.block_on(to.documents()).len(), 905);
    to.sinks.close_all();
    let error = asleep.block_on(to.sink.write(rows(1, 1))).unwrap_err();
    assert!(matches!(error, SinkError::Transient { .. }), "{error}");
}

#[test]
fn an_event_loop_that_stays_has_a_client_of_its_own_and_takes_it_along() {
    let daemon = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let to = daemon.block_on(MongoDestination::fresh());
    daemon.block_on(async { to.sinks.open_here(&to.tenant, COLLECTION).await.map(drop) }).unwrap();
    assert_eq!(to.sinks.clients(), 1);
    for round in 0..3 {
        let lane = current_thread();
        let sinks = [0, 1].map(|_| lane.block_on(to.sinks.open_here(&to.tenant, COLLECTION)).unwrap());
        assert_eq!(to.sinks.clients(), 2);
        for (sink, first) in sinks.iter().zip([1, 51]) {
            assert_eq!(lane.block_on(sink.write(rows(100 * round + first, 50))).unwrap(), stored(50));
        }
        drop(sinks);
        lane.block_on(to.sinks.leave());
        assert_eq!(to.sinks.clients(), 1);
        drop(lane);
        assert_eq!(daemon.block_on(to.sink.write(rows(100 * round + 1, 100))).unwrap(), stored(100));
    }
    assert_eq!(daemon.block_on(to.documents()).len(), 300);
    to.sinks.close_all();
}

#[test]
fn who_writes_after_the_daemons_event_loop_is_gone_is_told() {
    let daemon = current_thread();
    let to = daemon.block_on(MongoDestination::fresh());
    drop(daemon);
    let told = current_thread().block_on(to.sink.write(rows(1, 1))).unwrap_err().to_string();
    assert!(told.contains("closed"), "{told}");
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_blocks_nobody() {
    let to = MongoDestination::fresh().await;
    for row in 1..=20 {
        let mut write = to.sink.write(rows(row, 1));
        // Begun, then dropped.
        tokio::select! {
            biased;
            _ = &mut write => {}
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(to.sink.write(rows(1, 30)).await.unwrap(), stored(30));
    assert_eq!(to.bson().await.len(), 30);
}

#[tokio::test]
async fn little_room_makes_writes_wait_and_each_is_done() {
    let settings = Settings { bytes_in_flight: 1 << 20, commands_at_once: 1, ..Settings::new(server::url()) };
    let to = MongoDestination::with(settings).await;
    let text = "x".repeat(700 << 10);
    let batch = |row| Batch::default().numbered((1, row, 0), &doc! { "text": &*text }).build();
    let (a, b, c) = tokio::join!(to.sink.write(batch(1)), to.sink.write(batch(2)), to.sink.write(batch(3)));
    assert_eq!([a.unwrap(), b.unwrap(), c.unwrap()], [stored(1), stored(1), stored(1)]);
}

#[tokio::test]
async fn what_is_not_used_is_closed_and_what_somebody_holds_is_not() {
    let to = MongoDestination::fresh().await;
    let open = || to.sinks.is_open(&to.tenant, COLLECTION);
    to.sinks.close_idle(Duration::ZERO);
    assert!(open(), "somebody holds it");
    let MongoDestination { sinks, sink, tenant, .. } = to;
    drop(sink);
    sinks.close_idle(Duration::from_secs(3600));
    assert!(sinks.is_open(&tenant, COLLECTION), "it was just used");
    sinks.close_idle(Duration::ZERO);
    assert!(!sinks.is_open(&tenant, COLLECTION));
    assert!(sinks.open(&tenant, COLLECTION).await.is_ok());
}

#[tokio::test]
async fn the_size_of_a_database_is_known_after_a_while_and_never_waited_for() {
    let settings = Settings { size_age: Duration::ZERO, ..Settings::new(server::url()) };
    let to = MongoDestination::with(settings).await;
    assert_eq!(to.sinks.stored_bytes(&to.tenant), 0);
    let batch = Batch::default().numbered((1, 1, 0), &doc! { "text": "x".repeat(100_000) });
    to.sink.write(batch.build()).await.unwrap();
    while to.sinks.stored_bytes(&to.tenant) < 100_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_host_may_start_before_its_mongodb_and_says_what_is_missing() {
    // A port on which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("mongodb://user:geheim@127.0.0.1:{port}/");
    let sinks = MongoSinks::connect(Settings { connected_within: Duration::from_millis(200), ..Settings::new(url) });
    let sinks = sinks.await.unwrap();
    for error in
        [sinks.check().await.unwrap_err(), sinks.open(&TenantId::parse("acme").unwrap(), "trips").await.err().unwrap()]
    {
        assert!(matches!(error, SinkError::Transient { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains("no server of MongoDB can be used") && told.contains("refused"), "{told}");
        assert!(!told.contains("geheim") && !told.contains("labels"), "{told}");
    }
    sinks.close().await;
}
