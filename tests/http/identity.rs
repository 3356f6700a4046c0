//! Tokens, and what is open without one.

use crate::scene::{CONFIG, Scene, issue};
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::http::Http;
use mysimbdp_tests::http::Reply;
use serde_json::json;
use std::io::Write as _;

#[test]
fn without_any_token_whoever_is_on_this_machine_is_an_operator_and_that_is_said_at_the_start() {
    let daemon = Daemon::start("");
    let http = Http::of(&daemon);
    let me = http.get("/v1/me").good();
    assert_eq!((&me["scope"], &me["open"]), (&json!("operator"), &json!(true)));
    assert!(
        daemon.log().contains("no token was issued yet: whoever is on this machine is an operator"),
        "{}",
        daemon.log()
    );
    // The first token shuts the door at once.
    let token = issue(&daemon, "me", &[]);
    let reply = http.get("/v1/status");
    assert_eq!((reply.status, reply.problem()), (401, "unauthorized".to_owned()));
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_eq!(http.with(&token).get("/v1/me").good()["open"], false);
    // And it stays shut when that one is over.
    let id = daemon.ask(&["tokens", "list"], &[0])[0]["id"].as_str().unwrap().to_owned();
    daemon.ask(&["tokens", "revoke", &id], &[0]);
    assert_eq!(http.get("/v1/status").status, 401);
}

#[test]
fn without_any_token_http_is_served_on_loopback_alone() {
    let daemon = Daemon::start("adopt_tenants = true\n[api]\nlisten = \"0.0.0.0:0\"\n");
    assert!(Http::of(&daemon).address.starts_with("127.0.0.1:"));
    assert!(daemon.log().contains("no token was ever issued, so HTTP is served on 127.0.0.1:0"), "{}", daemon.log());
}

#[test]
fn wrong_expired_revoked_and_cut_tokens_let_nobody_in() {
    let Scene { daemon, operator, .. } = Scene::set();
    let http = Http::of(&daemon);
    let token = issue(&daemon, "soon gone", &[]);
    assert_eq!(http.with(&token).get("/v1/me").good()["name"], "soon gone");
    for wrong in
        [&token[..token.len() - 1], &token[..20], "msb_", "nonsense", "", &format!("{token}x"), &token.to_uppercase()]
    {
        let reply = http.with(wrong).get("/v1/me");
        assert_eq!((reply.status, reply.problem()), (401, "unauthorized".to_owned()), "{wrong}");
    }
    for header in ["Basic bXNiOg==", "Bearer", "msb_x", "Bearer \u{1}"] {
        let reply = http.send("GET", "/v1/me", &[("authorization", header)], b"");
        assert!(matches!(reply.status, 400 | 401), "{header}: {}", reply.status);
    }
    let id = operator
        .get("/v1/tokens")
        .good()
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["name"] == "soon gone")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!operator.get("/v1/tokens").text().contains(&token[17..]), "a secret is listed");
    assert_eq!(operator.send("DELETE", &format!("/v1/tokens/{id}"), &[], b"").good()["good"], false);
    let reply = http.with(&token).get("/v1/me");
    assert!(reply.status == 401 && reply.text().contains("was revoked"), "{}", reply.text());
}

#[test]
fn a_token_that_may_only_read_changes_nothing_and_a_tenants_token_does_nothing_of_the_operators() {
    let scene = Scene::set();
    assert_eq!(scene.looker.get("/v1/status").status, 200);
    for path in ["/v1/tokens", "/v1/tenants/acme/streams/trips/stop", "/v1/tasks/1/cancel"] {
        assert_eq!(scene.looker.post(path, &json!({})).problem(), "read_only", "{path}");
    }
    assert_eq!(scene.acme.get("/v1/tokens").problem(), "operators_only");
    assert_eq!(scene.acme.post("/v1/tokens", &json!({ "name": "more" })).problem(), "operators_only");
}

#[test]
fn tokens_outlive_a_restart_and_the_audit_log_names_who_did_what() {
    let mut scene = Scene::set();
    scene.daemon.stop();
    scene.daemon.serve();
    let acme = scene.acme.at(&scene.daemon);
    let reply = acme.send("POST", "/v1/tenants/acme/streams/trips/stop", &[("x-request-id", "mine-17")], b"");
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("mine-17")));
    let told = scene.daemon.ask(&["logs", "--event", "request"], &[0]);
    let last = told.as_array().map_or(&told, |all| all.last().unwrap());
    assert_eq!(
        (&last["by"], &last["method"], &last["path"], &last["status"], &last["request_id"]),
        (&json!("acme"), &json!("POST"), &json!("/v1/tenants/acme/streams/trips/stop"), &json!(200), &json!("mine-17"))
    );
    // What operators do stands in a log of its own, with which token was issued to whom, and with the tenant whose task it is.
    let operator = scene.operator.at(&scene.daemon);
    let issued = operator.post("/v1/tokens", &json!({ "name": "new", "tenant": "acme", "read_only": true })).good();
    let task =
        scene.acme.at(&scene.daemon).send("POST", "/v1/tenants/acme/apps/villains/files?name=a.csv", &[], b"n,deed\n");
    let change = |patch: &[u8]| operator.send("PATCH", "/v1/tenants/acme", &[], patch).good();
    change(br#"{"weight": 3, "limits": {"file_bytes": "9GB"}}"#);
    change(br#"{"weight": 4}"#);
    let path = format!("/v1/tasks/{}/cancel", task.good()["tasks"][0]);
    let _it_may_be_over = operator.post(&path, &json!({}));
    let audit = scene.daemon.until("the audit log", || {
        let audit = operator.get("/v1/logs?audit=true").good();
        audit.as_array()?.iter().any(|event| event["path"] == path.as_str()).then_some(audit)
    });
    let audit = audit.as_array().unwrap();
    assert!(audit.iter().all(|event| event["event"] == "request" && event["operator"] == true), "{audit:?}");
    let of = |path: &str| audit.iter().rfind(|event| event["path"] == path).unwrap();
    let what = of("/v1/tokens")["what"].as_str().unwrap();
    let expected =
        format!("token {} (\"new\") of tenant acme was issued: it may read until ", issued["id"].as_str().unwrap());
    assert!(what.starts_with(&expected), "{what}");
    assert_eq!(of(&path)["tenant"], "acme");
    assert_eq!(of("/v1/tenants/acme")["what"], "weight is 4, and was 3");
    assert_eq!(scene.daemon.ask(&["logs", "--audit", "-n", "1"], &[0])["event"], "request");
    let own = scene.acme.at(&scene.daemon).get("/v1/logs?event=request").good();
    assert!(own.as_array().unwrap().iter().any(|event| event["path"] == path.as_str()), "{own}");
    assert_eq!(scene.acme.at(&scene.daemon).get("/v1/logs?audit=true").problem(), "operators_only");
    assert_eq!(operator.get("/v1/logs?audit=true&tenant=acme").problem(), "bad_query");
}

#[test]
fn pages_of_other_sites_and_other_names_of_this_machine_are_refused() {
    let daemon = Daemon::start(CONFIG);
    let http = Http::of(&daemon);
    let with = |name: &str, value: &str| http.send("POST", "/v1/tokens", &[(name, value)], b"{\"name\":\"evil\"}");
    assert_eq!(with("origin", "https://evil.example").problem(), "other_origin");
    assert_eq!(with("origin", "null").problem(), "other_origin");
    assert_eq!(with("host", "evil.example").problem(), "other_host");
    assert_eq!(with("origin", &format!("http://{}", http.address)).status, 200);
}

#[test]
fn a_token_that_asks_too_often_is_told_when_to_come_again() {
    let config = format!("{CONFIG}requests = 20\n");
    let scene = Scene::with(&config);
    let refused = (0..40).map(|_| scene.acme.get("/v1/me")).find(|reply| reply.status != 200).unwrap();
    assert_eq!((refused.status, refused.problem()), (429, "too_many_requests".to_owned()));
    let seconds = refused.header("retry-after").unwrap();
    assert!(refused.text().contains(&format!("ask again in {seconds} s")), "{seconds}: {}", refused.text());
    assert_eq!(scene.globex.get("/v1/me").status, 200, "somebody else's token is not concerned");
}

#[test]
fn an_upload_of_a_token_that_is_revoked_meanwhile_comes_to_nothing() {
    let scene = Scene::set();
    let (first, rest) = ("n,deed\n1,none\n", "2,none\n");
    let batch = json!({ "tenant": "acme", "app": "villains", "files": [{ "name": "a.csv", "bytes": 21 }] });
    let batch = scene.acme.post("/v1/batches", &batch).good()["batch"].as_str().unwrap().to_owned();
    let form = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.csv\"\r\n\r\n";
    let whole = "/v1/tenants/acme/apps/villains/files?name=a.csv".to_owned();
    let uploads = [
        ("POST", whole.clone(), "text/csv", first.to_owned(), rest.to_owned()),
        ("POST", whole, "multipart/form-data; boundary=x", format!("{form}{first}"), format!("{rest}\r\n--x--\r\n")),
        ("PUT", format!("/v1/batches/{batch}/files/0"), "text/csv", first.to_owned(), rest.to_owned()),
        ("POST", "/v1/tenants/acme/apps".to_owned(), "text/csv", first.to_owned(), rest.to_owned()),
    ];
    for (number, (method, path, kind, begun, rest)) in uploads.into_iter().enumerate() {
        let name = format!("upload-{number}");
        let http = Http::of(&scene.daemon).with(&issue(&scene.daemon, &name, &["--tenant", "acme"]));
        let length = begun.len() + rest.len();
        let head = http.head(method, &path, &[("content-type", kind)]);
        let mut stream = http.connect();
        stream.write_all(format!("{head}content-length: {length}\r\n\r\n{begun}").as_bytes()).unwrap();
        let folders = [scene.daemon.path("data/tenants/acme/files"), scene.daemon.staging("acme").join("apps")];
        scene
            .daemon
            .until("a file on its way", || folders.iter().any(|folder| has_one_on_its_way(folder)).then_some(()));
        let tokens = scene.operator.get("/v1/tokens").good();
        let token = tokens.as_array().unwrap().iter().find(|token| token["name"] == name.as_str()).unwrap();
        let id = token["id"].as_str().unwrap();
        assert_eq!(scene.operator.send("DELETE", &format!("/v1/tokens/{id}"), &[], b"").good()["good"], false);
        stream.write_all(rest.as_bytes()).unwrap();
        let reply = Reply::read(&mut stream);
        assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthorized"), "{method} {path}");
        assert!(reply.text().contains("while the request was under way"), "{}", reply.text());
        let is_gone = || (!folders.iter().any(|folder| has_one_on_its_way(folder))).then_some(());
        scene.daemon.until("nothing on its way", is_gone);
    }
    assert_eq!(scene.operator.get("/v1/tasks").good(), json!([]));
    assert_eq!(scene.acme.post(&format!("/v1/batches/{batch}/commit"), &json!({})).problem(), "missing_file");
}

/// A file on its way has a name that begins with a dot.
fn has_one_on_its_way(folder: &std::path::Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        true => has_one_on_its_way(&entry.path()),
        false => {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.ends_with(".part") || name.starts_with(".upload-")
        }
    })
}

#[test]
fn a_token_is_shown_once_whoever_sends_the_same_request_again() {
    let scene = Scene::set();
    let issue = |key: &str| {
        let headers = [("idempotency-key", key), ("content-type", "application/json")];
        scene.operator.send("POST", "/v1/tokens", &headers, b"{\"name\":\"only once\"}")
    };
    let issued = issue("one").good();
    let secret = issued["secret"].as_str().unwrap();
    assert_eq!(Http::of(&scene.daemon).with(secret).get("/v1/me").good()["name"], "only once");
    let again = issue("one");
    assert_eq!((again.status, again.problem()), (409, "shown_once".to_owned()));
    assert!(!again.text().contains(secret), "{}", again.text());
    let count = || {
        let all = scene.operator.get("/v1/tokens").good();
        all.as_array().unwrap().iter().filter(|token| token["name"] == "only once").count()
    };
    assert_eq!(count(), 1);
    assert_eq!(issue("another").status, 200);
    assert_eq!(count(), 2);
}

#[test]
fn another_body_under_the_key_of_a_request_that_was_done_is_another_request() {
    let scene = Scene::set();
    let send = |body: &[u8]| {
        let headers = [("idempotency-key", "mine"), ("content-type", "application/json")];
        scene.acme.send("POST", "/v1/tenants/acme/streams/trips/lines", &headers, body)
    };
    assert_eq!(send(b"1,none\n").good()["accepted"], 1);
    let again = send(b"1,none\n");
    assert_eq!((again.header("idempotency-replayed"), &again.good()["accepted"]), (Some("true"), &json!(1)));
    assert_eq!(send(b"2,none\n").problem(), "idempotency_key_reused");
    assert_eq!(send(b"").problem(), "idempotency_key_reused");
}
