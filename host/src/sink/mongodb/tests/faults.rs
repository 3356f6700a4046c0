//! Servers that die, and answers that get lost: nothing is lost and nothing is there twice.

use super::proxy::Proxy;
use super::*;
use mysimbdp_servers::MongoDb;

const BATCHES: u64 = 60;
const ROWS: u64 = 50;

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_amid_writes_loses_nothing_and_doubles_nothing() {
    let mut server = MongoDb::start().unwrap();
    let to = MongoDestination::with(Settings::new(server.url())).await;
    let sink = patient(&to.sink);
    let answered = AtomicU64::new(0);
    let (due, mut kill) = tokio::sync::mpsc::unbounded_channel();
    let writer = async |offset: u64| {
        for batch in (offset..BATCHES).step_by(4) {
            assert_eq!(sink.write(rows(batch * ROWS + 1, ROWS)).await.unwrap(), stored(ROWS));
            if [5, 20, 40].contains(&answered.fetch_add(1, Ordering::SeqCst)) {
                due.send(()).unwrap();
            }
        }
    };
    let killer = async move {
        for _ in 0..3 {
            kill.recv().await.unwrap();
            server = tokio::task::spawn_blocking(move || {
                server.kill();
                server.restart().unwrap();
                server
            })
            .await
            .unwrap();
        }
        server
    };
    let (_server, ..) = tokio::join!(killer, writer(0), writer(1), writer(2), writer(3));
    let mut found: Vec<i64> = to.bson().await.iter().map(|document| document.get_i64("row").unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (1..=(BATCHES * ROWS).cast_signed()).collect::<Vec<_>>());
    to.sinks.close().await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_written_again_and_counts_as_stored() {
    let server = MongoDb::start().unwrap();
    let proxy = Proxy::before(server.port());
    // Directly, or the driver would learn the server's own address and go there.
    let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", proxy.port);
    let to = MongoDestination::with(Settings::new(url)).await;
    proxy.lose.store(1, Ordering::SeqCst);
    let error = to.sink.write(rows(1, 30)).await.unwrap_err();
    assert!(matches!(error, SinkError::Transient { .. }), "{error}");
    assert_eq!(proxy.lose.load(Ordering::SeqCst), 0, "one answer was lost");
    assert_eq!(to.sink.write(rows(1, 30)).await.unwrap(), stored(30));

    proxy.lose.store(3, Ordering::SeqCst);
    assert_eq!(patient(&to.sink).write(rows(31, 30)).await.unwrap(), stored(30));
    assert_eq!(proxy.lose.load(Ordering::SeqCst), 0);
    assert_eq!(to.bson().await.len(), 60);
    to.sinks.close().await;
}

#[tokio::test]
async fn a_server_that_is_silent_passes_and_what_it_did_meanwhile_is_found() {
    let server = MongoDb::start().unwrap();
    let to =
        MongoDestination::with(Settings { answered_within: Duration::from_secs(5), ..Settings::new(server.url()) })
            .await;
    server.pause();
    let error = to.sink.write(rows(1, 10)).await.unwrap_err();
    assert!(matches!(error, SinkError::Transient { .. }), "{error}");
    server.resume();
    assert_eq!(patient(&to.sink).write(rows(1, 10)).await.unwrap(), stored(10));
    assert_eq!(to.bson().await.len(), 10);
}
