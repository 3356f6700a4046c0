//! Messages published over HTTP: as many as fit into a body, without the host's memory going with them.

use crate::scene::{CONFIG, Scene};
use base64::Engine as _;
use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::http::Reply;
use mysimbdp_tests::memory::Watch;
use std::io::Write as _;
use std::time::Duration;

/// What a host that is built without optimisation may need for two million messages.
const LONG: Duration = Duration::from_secs(300);

#[test]
fn the_largest_body_of_short_lines_does_not_take_the_hosts_memory() {
    let scene = Scene::with(&CONFIG.replacen("app = \"villains\"", "app = \"villains\"\nmax_queue_bytes = \"1MB\"", 1));
    let path = "/v1/tenants/acme/streams/trips";
    scene.acme.send("POST", &format!("{path}/stop"), &[], b"").good();
    // The memory is this host's, whatever the broker is; a RabbitMQ needs its time for each message.
    let bytes = if scene.daemon.broker_lag().is_zero() { 32 << 20 } else { 1 << 20 };
    let lines = b"fifteen bytes 5\n".repeat(bytes / 16);
    let head = scene.acme.head("POST", &format!("{path}/lines?ids=m"), &[]);
    let watch = Watch::start(scene.daemon.pid());
    let mut connection = scene.acme.connect();
    connection.set_read_timeout(Some(LONG)).unwrap();
    connection.write_all(format!("{head}content-length: {bytes}\r\n\r\n").as_bytes()).unwrap();
    connection.write_all(&lines).unwrap();
    let answer = Reply::read(&mut connection).good();
    let (before, most) = watch.stop();
    let count = |name: &str| answer[name].as_u64().unwrap();
    assert_eq!(count("accepted") + count("refused_in_all"), bytes as u64 / 16);
    assert!(count("accepted") > 10_000, "{}", count("accepted"));
    if bytes == 32 << 20 {
        let listed = answer["refused"].as_array().unwrap();
        assert_eq!((listed.len(), &listed[0][0]), (1_000, &count("accepted").into()), "{:?}", listed[0]);
    }
    assert!(most - before < 200 << 20, "{} MiB more than before", (most - before) >> 20);
}

#[test]
fn one_message_is_published_byte_by_byte_and_what_the_stream_does_not_take_is_told() {
    let stream = "[tenants.acme.streams.clicks]\napp = \"obeys-messages\"\nrouting_keys = [\"c.one\", \"c.two\"]\n";
    let scene = Scene::with(&format!("{stream}[tenants.acme.limits]\nmessage_bytes = \"1MB\"\n{CONFIG}"));
    scene.daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    let path = "/v1/tenants/acme/streams/clicks/messages";
    let send = |query: &str, body: &[u8]| {
        scene.acme.send("POST", &format!("{path}{query}"), &[("content-type", "application/x-deed")], body)
    };
    // The app takes it for no word that it knows, so all of it becomes a dead letter.
    let body = b"wrong\n\0\xff\r\n\0 more\n\n";
    assert_eq!(send("?id=m-1&routing_key=c.two", body).good()["accepted"], 1);
    assert_eq!(send("", b"n 7").good()["accepted"], 1);
    let letter = scene.daemon.until("a dead letter", || {
        let page = scene.acme.get("/v1/tenants/acme/dead-letters?stream=clicks").good();
        page["letters"].as_array()?.first().cloned()
    });
    let whole = base64::engine::general_purpose::STANDARD.encode(body);
    assert_eq!((&letter["message_id"], &letter["base64"]), (&"m-1".into(), &whole.into()), "{letter}");
    scene.daemon.until("a document", || (scene.daemon.documents("acme", "documents").len() == 1).then_some(()));

    assert_eq!(send("?routing_key=c.three", b"n 1").problem(), "bad_routing_key");
    assert_eq!(send("?first=1", b"n 1").problem(), "bad_query");
    let large = send("", &vec![b'x'; 2 << 20]);
    assert_eq!((large.status, large.problem()), (422, "message_bytes".to_owned()));
    let key = [("idempotency-key", "one")];
    let again = |body: &[u8]| scene.acme.send("POST", &format!("{path}?id=m-2"), &key, body);
    assert_eq!(again(b"n 8").header("idempotency-replayed"), None);
    assert_eq!(again(b"n 8").header("idempotency-replayed"), Some("true"));
    assert_eq!(scene.globex.send("POST", path, &[], b"n 1").problem(), "unknown_tenant");
    assert_eq!(scene.looker.send("POST", path, &[], b"n 1").problem(), "read_only");
    // Messages are data: none of them stands in the audit log.
    let told = scene.daemon.command(["logs", "--json", "acme", "--event", "request"]);
    assert!(told.code == 0 && !told.stdout.contains("/messages"), "{}{}", told.stdout, told.stderr);
}
