//! What hostile or broken clients send: a clear answer, and the host goes on.

use crate::scene::Scene;
use mysimbdp_tests::http::{Http, Reply};
use serde_json::json;
use std::io::Write as _;

#[test]
fn whatever_is_no_request_is_answered_or_closed_and_the_host_goes_on() {
    let scene = Scene::set();
    let http = Http::of(&scene.daemon);
    let huge = format!("GET /v1/me HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many: String = (0..2_000).map(|n| format!("x-{n}: y\r\n")).collect();
    for bytes in [
        &b"\0\0\0\0"[..],
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        huge.as_bytes(),
        format!("GET /v1/me HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes(),
        b"POST /v1/tokens HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /v1/tokens HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/tokens HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        if let Some(reply) = http.cut(bytes) {
            assert!(
                (400..500).contains(&reply.status),
                "{} for {:?}",
                reply.status,
                String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
            );
        }
    }
    assert_eq!(scene.operator.get("/v1/status").status, 200);
}

#[test]
fn bodies_that_are_too_large_no_json_or_not_what_is_wanted_are_told_so() {
    let scene = Scene::set();
    let post =
        |path: &str, body: &[u8]| scene.operator.send("POST", path, &[("content-type", "application/json")], body);
    let large = vec![b' '; 3 << 20];
    assert_eq!(
        (post("/v1/tokens", &large).status, post("/v1/tokens", &large).problem()),
        (413, "body_too_large".to_owned())
    );
    for body in [&b"{"[..], b"[]", b"\xff", b"{\"name\":1}", b"{\"name\":\"x\",\"more\":1}"] {
        assert_eq!(post("/v1/tokens", body).problem(), "bad_body", "{}", String::from_utf8_lossy(body));
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert_eq!(post("/v1/tokens", &deep).problem(), "bad_body");
    assert_eq!(scene.operator.get("/v1/tasks?limit=-1").problem(), "bad_query");
    assert_eq!(scene.operator.get("/v1/tasks?nonsense=1").problem(), "bad_query");
    assert_eq!(scene.operator.get("/v1/tasks/99999999999999999999").problem(), "bad_path");
    assert_eq!(scene.operator.get("/v1/nowhere").problem(), "unknown_route");
    assert_eq!(scene.operator.send("DELETE", "/v1/status", &[], b"").problem(), "method_not_allowed");
}

#[test]
fn many_who_hold_a_connection_and_say_nothing_keep_nobody_out_for_long() {
    let scene = Scene::with(&format!("{}connections = 50\n", crate::scene::CONFIG));
    let held: Vec<_> = (0..40).map(|_| scene.operator.connect()).collect();
    let mut slow = scene.operator.connect();
    slow.write_all(b"GET /v1/me HT").unwrap();
    assert_eq!(scene.operator.get("/v1/status").status, 200);
    drop(held);
    slow.write_all(b"TP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(Reply::read(&mut slow).status, 401);
}

#[test]
fn health_needs_no_token_and_says_nothing_else() {
    let scene = Scene::set();
    let http = Http::of(&scene.daemon);
    assert_eq!(http.get("/healthz").good(), json!({ "status": "live" }));
    assert_eq!(http.get("/readyz").good(), json!({ "ready": true }));
    assert_eq!(http.get("/healthz").header("x-content-type-options"), Some("nosniff"));
}
