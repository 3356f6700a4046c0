//! What hostile or broken clients send: a clear answer, and the host goes on.

use crate::scene::Scene;
use mysimbdp_tests::http::{Http, Reply};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::io::{Read as _, Write as _};

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
    for body in [
        &b"{"[..],
        b"[]",
        b"[\"arr\",null,true,3]",
        b"null",
        b"\xff",
        b"{\"name\":1}",
        b"{\"name\":\"x\",\"more\":1}",
        b"{\"name\":\"x\",\"name\":\"y\"}",
        b"{\"name\":\"x\"} {}",
    ] {
        assert_eq!(post("/v1/tokens", body).problem(), "bad_body", "{}", String::from_utf8_lossy(body));
    }
    let listed = b"{\"tenant\":\"acme\",\"app\":\"villains\",\"files\":[[\"a.csv\",3]]}";
    assert_eq!(post("/v1/batches", listed).problem(), "bad_body");
    let twice = b"{\"weight\":1,\"weight\":2}";
    let twice = scene.operator.send("PATCH", "/v1/tenants/acme", &[("content-type", "application/json")], twice);
    assert!(twice.problem() == "bad_body" && twice.text().contains("stands there twice"), "{}", twice.text());
    let tokens = scene.operator.get("/v1/tokens").good();
    assert_eq!(tokens.as_array().map(Vec::len), Some(4), "one was issued: {tokens}");
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
fn whatever_cannot_be_read_as_a_request_is_told_why_with_a_code_and_an_id() {
    let scene = Scene::set();
    let http = &scene.operator;
    let long = "y".repeat(70_000);
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let cases = [
        (b"\0\0\0\0\r\n\r\n".to_vec(), 400, "bad_request"),
        (b"nonsense\r\n\r\n".to_vec(), 400, "bad_request"),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), 400, "bad_request"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(65_535)).into_bytes(), 414, "uri_too_long"),
        (format!("GET /{long}{long} HTTP/1.1\r\n\r\n").into_bytes(), 431, "head_too_large"),
        (format!("GET / HTTP/1.1\r\nx: {long}{long}{long}\r\n\r\n").into_bytes(), 431, "head_too_large"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n").into_bytes(), 431, "head_too_large"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(), 400, "bad_request"),
        (b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef".to_vec(), 400, "bad_request"),
    ];
    // On a connection that had a request before, too.
    let before = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", http.address);
    for (bytes, status, code) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let told = |reply: &Reply| {
            assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{shown:?}: {}", reply.text());
            assert_eq!(reply.header("x-request-id"), reply.json()["request_id"].as_str(), "{shown:?}");
            assert_eq!(reply.header("connection"), Some("close"), "{shown:?}");
        };
        told(&http.raw(&bytes));
        let mut stream = http.connect();
        stream.write_all(before.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"status\":\"live\"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        stream.write_all(&bytes).unwrap();
        told(&Reply::read(&mut stream));
    }
    let metrics = http.get("/metrics").text();
    for line in ["{status=\"400\"} 10", "{status=\"414\"} 2", "{status=\"431\"} 6"] {
        assert!(metrics.contains(&format!("mysimbdp_http_requests_total{line}\n")), "{line}: {metrics}");
    }
}

#[test]
fn what_is_open_to_everybody_has_ids_is_counted_and_says_what_it_does_not_take() {
    let scene = Scene::set();
    let nobody = Http::of(&scene.daemon);
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs", "/", "/dashboard/js/main.js"] {
        let reply = nobody.send("GET", path, &[("x-request-id", "mine")], b"");
        assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("mine")), "{path}");
        let refused = nobody.post(path, &json!({}));
        assert_eq!((refused.status, refused.problem().as_str()), (405, "method_not_allowed"), "{path}");
        assert_eq!(refused.header("allow"), Some("GET,HEAD"), "{path}");
        assert_eq!(refused.header("x-request-id"), refused.json()["request_id"].as_str(), "{path}");
    }
    let metrics = scene.operator.get("/metrics").text();
    assert!(metrics.contains("mysimbdp_http_requests_total{status=\"405\"} 6\n"), "{metrics}");
}

#[test]
fn health_needs_no_token_and_says_nothing_else() {
    let scene = Scene::set();
    let http = Http::of(&scene.daemon);
    assert_eq!(http.get("/healthz").good(), json!({ "status": "live" }));
    assert_eq!(http.get("/readyz").good(), json!({ "ready": true }));
    assert_eq!(http.get("/healthz").header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn ten_thousand_connections_keep_nobody_out_and_leave_nothing_behind() {
    const MANY: usize = 10_000;
    let scene = Scene::set();
    let may_be = getrlimit(Resource::Nofile).maximum;
    assert!(may_be.is_none_or(|most| most > 11_000), "the test opens {MANY} files: ulimit -Hn 20000");
    setrlimit(Resource::Nofile, Rlimit { current: may_be, maximum: may_be }).unwrap();
    let files = || scene.daemon.files();
    let before = files();
    let mut held = Vec::new();
    for number in 0..MANY {
        let mut connection = scene.operator.connect();
        if number % 2 == 0 {
            // The host may have closed it already.
            let _sent = connection.write_all(b"GET /v1/me HTTP/1.1\r\nho");
        }
        held.push(connection);
        if number % 1_000 == 999 {
            assert_eq!(scene.operator.get("/v1/status").status, 200, "with {number} connections");
            assert_eq!(scene.acme.get("/v1/apps").status, 200);
        }
    }
    let path = "/v1/tenants/acme/apps/villains/files?name=a.csv";
    let rows = mysimbdp_tests::data::Rows::innocent(50).csv();
    let task = scene.acme.send("POST", path, &[], rows.as_bytes()).good()["tasks"][0].as_u64().unwrap();
    let state = |wanted: &str| scene.acme.get(&format!("/v1/tasks/{task}")).good()["state"] == wanted;
    scene.daemon.until("its end", || state("done").then_some(()));
    assert!(files() < before + 1_200, "{} files are open, where {before} were", files());
    drop(held);
    scene.daemon.until("as many open files as before", || (files() < before + 20).then_some(()));
}

#[test]
fn one_token_does_not_take_all_places_and_whoever_finds_none_is_told() {
    let scene = Scene::with(&format!("{}connections = 8\n", crate::scene::CONFIG));
    let look = |who: &Http| {
        let mut stream = who.connect();
        stream.write_all(format!("{}\r\n", who.head("GET", "/v1/live", &[])).as_bytes()).unwrap();
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        stream
    };
    // A quarter of the places.
    let of_acme = [look(&scene.acme), look(&scene.acme)];
    assert_eq!(scene.acme.get("/v1/me").problem(), "too_many_at_once");
    assert_eq!(scene.globex.get("/v1/me").status, 200);
    let mut others = vec![look(&scene.globex), look(&scene.globex), look(&scene.operator), look(&scene.operator)];
    others.extend([look(&scene.looker), look(&scene.looker)]);
    let refused = Reply::read(&mut scene.globex.connect());
    assert_eq!((refused.status, refused.problem()), (503, "no_place".to_owned()));
    drop(of_acme);
    scene.daemon.until("a place", || {
        let mut stream = scene.acme.connect();
        stream.write_all(format!("{}\r\n", scene.acme.head("GET", "/v1/me", &[])).as_bytes()).ok()?;
        Reply::try_read(&mut stream).ok().filter(|reply| reply.status == 200)
    });
    drop(others);
}
