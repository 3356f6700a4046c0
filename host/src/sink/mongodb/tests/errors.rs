//! What a server says when it cannot: told to say so by the fail point that drivers are tested with.

use super::*;
use mysimbdp_servers::MongoDb;

/// What the next insert meets, whether it passes, and what is said of it.
fn cases() -> Vec<(Document, bool, &'static str)> {
    let error = |code: i32| doc! { "errorCode": code };
    let concern = |code: i32| doc! { "writeConcernError": { "code": code, "errmsg": "not acknowledged" } };
    vec![
        (error(10107), true, "code 10107"),
        (error(189), true, "code 189"),
        (error(91), true, "code 91"),
        (error(11600), true, "code 11600"),
        (error(14031), true, "code 14031"),
        (error(50), true, "code 50"),
        (error(13), false, "code 13"),
        (error(59), false, "code 59"),
        (concern(64), true, "the write concern was not fulfilled: not acknowledged"),
        (concern(91), true, "the write concern was not fulfilled: not acknowledged"),
        (concern(100), false, "the write concern was not fulfilled: not acknowledged"),
        (doc! { "closeConnection": true }, true, "the connection to MongoDB failed"),
    ]
}

#[tokio::test]
async fn what_passes_is_told_from_what_does_not_and_nothing_is_answered_that_is_not_durable() {
    let server = MongoDb::start_with_fail_points().unwrap();
    // A server that says it is no primary is looked at anew when its next sign of life is due.
    let to = MongoDestination::with(Settings::new(format!("{}?heartbeatFrequencyMS=500", server.url()))).await;
    let admin = to.sinks.home.client.database("admin");
    let cases = cases();
    let count = cases.len() as u64;
    for (row, (fails, passes, told)) in (1..).zip(cases) {
        let mut data = doc! { "failCommands": ["insert"] };
        data.extend(fails);
        let fail = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data.clone() };
        admin.run_command(fail).await.unwrap();
        let error = to.sink.write(rows(row, 1)).await.unwrap_err();
        assert_eq!(matches!(error, SinkError::Transient { .. }), passes, "{data}: {error}");
        assert!(error.to_string().contains(told), "{data}: {error}");
        assert_eq!(patient(&to.sink).write(rows(row, 1)).await.unwrap(), stored(1), "{data}");
    }
    assert_eq!(to.bson().await.len() as u64, count);
    to.sinks.close().await;
}

#[tokio::test]
async fn a_command_that_is_refused_as_a_whole_is_sent_in_halves_until_the_document_is_alone() {
    let server = MongoDb::start_with_fail_points().unwrap();
    let to = MongoDestination::with(Settings::new(server.url())).await;
    // Of eight: the eight, the first four, the first two and the first alone meet it.
    let fail = doc! {
        "configureFailPoint": "failCommand", "mode": { "times": 4 },
        "data": { "failCommands": ["insert"], "errorCode": 22 },
    };
    to.sinks.home.client.database("admin").run_command(fail).await.unwrap();
    let written = to.sink.write(rows(1, 8)).await.unwrap();
    let [(0, reason)] = &written.refused[..] else { panic!("{written:?}") };
    assert!(reason.contains("code 22"), "{reason}");
    assert_eq!(written.stored, 7);
    assert_eq!(to.bson().await.len(), 7);
    to.sinks.close().await;
}
