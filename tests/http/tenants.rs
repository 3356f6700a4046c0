//! Tenants, profiles and streams, settled while the host runs.

use crate::scene::{CONFIG, Scene};
use mysimbdp_tests::artefacts;
use mysimbdp_tests::data::Rows;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn patch(scene: &Scene, path: &str, body: &Value) -> mysimbdp_tests::http::Reply {
    scene.operator.send("PATCH", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

fn put(scene: &Scene, path: &str, body: &Value) -> mysimbdp_tests::http::Reply {
    scene.operator.send("PUT", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

#[test]
fn a_tenant_that_is_created_works_at_once_and_after_a_restart() {
    let mut scene = Scene::set();
    assert_eq!(put(&scene, "/v1/profiles/small", &json!({ "file_bytes": "1kB" })).good()["version"], 1);
    let made = put(&scene, "/v1/tenants/initech", &json!({ "profile": "small" }));
    assert_eq!((made.good()["version"].clone(), made.header("etag")), (json!(2), Some("\"2\"")));
    std::fs::create_dir_all(scene.daemon.staging("initech")).unwrap();
    assert_eq!(scene.daemon.drop_app("initech", &artefacts::villains())["verdict"], "live");
    for round in 0..2 {
        let operator = scene.operator.at(&scene.daemon);
        let path = format!("/v1/tenants/initech/apps/villains/files?name=a{round}.csv");
        let small = Rows::innocent(5 + round).csv();
        assert_eq!(operator.send("POST", &path, &[], small.as_bytes()).status, 200);
        let large = Rows::innocent(500).csv();
        assert_eq!(operator.send("POST", &path, &[], large.as_bytes()).problem(), "file_bytes");
        scene.daemon.settled();
        scene.daemon.stop();
        scene.daemon.serve();
    }
}

#[test]
fn a_change_that_is_sent_again_says_its_version_again() {
    let scene = Scene::set();
    let change = || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "mine")];
        scene.operator.send("PATCH", "/v1/tenants/acme", &headers, b"{\"weight\": 3}")
    };
    let (first, again) = (change(), change());
    assert_eq!((first.good(), first.header("etag")), (again.good(), Some("\"1\"")));
    for name in ["etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[test]
fn a_tenant_that_is_suspended_runs_nothing_until_it_is_resumed_and_loses_nothing() {
    let scene = Scene::set();
    // Long enough to be met at work, however busy this machine is.
    let rows = Rows::innocent(400).with(200, "crawl=5000");
    let path = "/v1/tenants/acme/apps/villains/files?name=a.csv";
    let task = scene.acme.send("POST", path, &[], rows.csv().as_bytes()).good()["tasks"][0].as_u64().unwrap();
    let told = patch(&scene, "/v1/tenants/acme", &json!({ "enabled": false })).good();
    assert_eq!(told["settings"]["enabled"], false);
    let record = scene.operator.get(&format!("/v1/tasks/{task}")).good();
    let batch = record["batch"].as_str().unwrap();
    // Its own token reaches nothing meanwhile, whatever it asks for.
    let about = [format!("/v1/tasks/{task}"), format!("/v1/batches/{batch}")];
    let all = ["apps", "tasks", "logs", "stats", "usage", "status", "streams", "tenants", "me", "live", "logs/follow"];
    for path in all.map(|what| format!("/v1/{what}")).into_iter().chain(about) {
        let refused = scene.acme.get(&path);
        assert_eq!((refused.status, refused.problem().as_str()), (403, "tenant_suspended"), "{path}");
    }
    let file = format!("/v1/batches/{batch}/files/0");
    assert_eq!(scene.acme.send("PUT", &file, &[], rows.csv().as_bytes()).problem(), "tenant_suspended");
    assert_eq!(scene.acme.post(&format!("/v1/batches/{batch}/commit"), &json!({})).problem(), "tenant_suspended");
    // The operator looks at it as ever, and has nothing done for it but what settles it.
    for path in [
        "apps?tenant=acme",
        "status?tenant=acme",
        "streams?tenant=acme",
        "stats?tenant=acme",
        "tenants/acme/apps/villains/history",
        "tenants/acme/streams/trips/windows",
        "tenants/acme/dead-letters",
    ] {
        assert_eq!(scene.operator.get(&format!("/v1/{path}")).status, 200, "{path}");
    }
    assert_eq!(scene.operator.get("/v1/status?tenant=acme").good()["tenants"][0]["enabled"], false);
    let deeds = [path, "/v1/tenants/acme/streams/trips/start", "/v1/tenants/acme/streams/trips/messages"];
    for path in deeds {
        let refused = scene.operator.send("POST", path, &[], rows.csv().as_bytes());
        assert_eq!((refused.status, refused.problem().as_str()), (409, "tenant_suspended"), "{path}");
    }
    let so = std::fs::read(mysimbdp_tests::artefacts::villains()).unwrap();
    assert_eq!(scene.operator.send("POST", "/v1/tenants/acme/apps", &[], &so).problem(), "tenant_suspended");
    let state = |wanted: &str| {
        let record = scene.operator.get(&format!("/v1/tasks/{task}")).good();
        (record["state"] == wanted).then_some(record)
    };
    scene.daemon.until("the task back in the queue", || state("waiting"));
    patch(&scene, "/v1/tenants/acme", &json!({ "enabled": true })).good();
    let record = scene.daemon.until("its end", || state("done"));
    assert_eq!(record["checkpoint"]["counts"]["documents"]["stored"], 400);
    scene.daemon.until("its stream", || (scene.acme.get("/v1/streams").good()[0]["consumers"] == 1).then_some(()));
}

#[test]
fn a_tenant_that_is_removed_while_its_batches_run_leaves_nothing_that_runs() {
    let scene = Scene::set();
    let rows = Rows::innocent(400).with(200, "crawl=20000");
    let path = "/v1/tenants/acme/apps/villains/files?name=a.csv";
    scene.acme.send("POST", path, &[], rows.csv().as_bytes()).good();
    let status = || scene.operator.get("/v1/status").good();
    scene.daemon.until("a task that runs", || status()["running"].as_array()?.first().map(|_| ()));
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/acme", &[], b"").status, 204);
    scene.daemon.until("its end", || status()["running"].as_array()?.is_empty().then_some(()));
    assert_eq!(scene.operator.get("/v1/streams").good(), json!([]));
    // What it did stays on record, and on the bill.
    for path in ["logs", "stats", "usage"] {
        let reply = scene.operator.get(&format!("/v1/{path}?tenant=acme"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(scene.operator.get(&format!("/v1/{path}?tenant=nobody")).problem(), "unknown_tenant", "{path}");
    }
    // Once more: whoever was cut off may ask again. One that never was is not there.
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/acme", &[], b"").status, 204);
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/nobody", &[], b"").problem(), "unknown_tenant");
    // Whoever has its name later is not reached with its tokens.
    assert_eq!(scene.acme.get("/v1/status").problem(), "unauthorized");
    assert_eq!(put(&scene, "/v1/tenants/acme", &json!({})).status, 200);
    assert_eq!(scene.acme.get("/v1/status").problem(), "unauthorized");
    assert_eq!(scene.globex.get("/v1/status").status, 200);
}

#[test]
fn of_two_operators_who_change_one_tenant_the_second_is_told() {
    let scene = Scene::set();
    let version = scene.operator.get("/v1/tenants/acme").header("etag").unwrap().to_owned();
    let change = |weight: u64| {
        let headers = [("if-match", version.as_str()), ("content-type", "application/json")];
        scene.operator.send("PATCH", "/v1/tenants/acme", &headers, json!({ "weight": weight }).to_string().as_bytes())
    };
    assert_eq!(change(2).good()["settings"]["weight"], 2);
    let late = change(3);
    assert_eq!((late.status, late.problem()), (412, "changed_since".to_owned()));
    assert_eq!(scene.operator.get("/v1/tenants/acme").good()["settings"]["weight"], 2);
    let wrong = patch(&scene, "/v1/tenants/acme", &json!({ "limits": { "file_bytes": -1 }, "colour": "red" }));
    assert_eq!(wrong.problem(), "bad_settings");
    assert!(wrong.text().contains("tenants.acme.limits.file_bytes") && wrong.text().contains("tenants.acme.colour"));
    assert_eq!(scene.acme.send("PATCH", "/v1/tenants/acme", &[], b"{\"weight\":9}").problem(), "operators_only");
    for name in ["..", "%2e%2e", "%2f", "A", "1"] {
        assert_eq!(put(&scene, &format!("/v1/tenants/{name}"), &json!({})).problem(), "bad_path", "{name}");
        assert_eq!(put(&scene, &format!("/v1/profiles/{name}"), &json!({})).problem(), "bad_path", "{name}");
    }
}

#[test]
fn a_stream_that_is_created_carries_messages_is_changed_without_loss_and_goes() {
    let scene = Scene::with(&format!("{CONFIG}[tenants.acme.sinks.documents]\n[tenants.acme.sinks.other]\n"));
    scene.daemon.drop_app_as("acme", &artefacts::obeys_messages(0), "obeys.so");
    let path = "/v1/tenants/acme/streams/clicks";
    let send = |method: &str, body: &Value| {
        scene.acme.send(method, path, &[("content-type", "application/json")], body.to_string().as_bytes())
    };
    assert_eq!(send("PATCH", &json!({ "consumers_max": 2 })).problem(), "unknown_stream");
    let line = send("PUT", &json!({ "app": "obeys-messages" })).good();
    assert_eq!((&line["state"], &line["app"]), (&json!("started"), &json!("obeys-messages")));
    let publish = |from: u64| {
        let lines: String = (from..from + 100).map(|n| format!("n {n}\n")).collect();
        let answer = scene.acme.send("POST", &format!("{path}/lines?ids=m&first={from}"), &[], lines.as_bytes()).good();
        assert_eq!(answer["accepted"], 100);
    };
    publish(1);
    assert_eq!(
        send("PATCH", &json!({ "consumers_max": 2, "batch_messages": 7, "sink": "other" })).good()["bounds"],
        json!([1, 2])
    );
    publish(101);
    scene.daemon.until("all messages", || {
        let streams = scene.acme.get("/v1/streams").good();
        let clicks = streams.as_array()?.iter().find(|line| line["stream"] == "clicks")?.clone();
        (clicks["messages"].as_u64()? >= 200 && clicks["waiting"] == 0 && clicks["held"] == 0).then_some(())
    });
    let stored = |collection: &str| -> BTreeSet<u64> {
        let documents = scene.daemon.documents("acme", collection);
        documents.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()["n"].as_u64().unwrap()).collect()
    };
    let (before, after) = (stored("documents"), stored("other"));
    assert_eq!(before.union(&after).copied().collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    assert!((101..=200).all(|n| after.contains(&n) && !before.contains(&n)), "{before:?} {after:?}");
    // Its sink is another collection now.
    let moved = json!({ "sinks": { "documents": {}, "other": { "collection": "elsewhere" } } });
    patch(&scene, "/v1/tenants/acme", &moved).good();
    publish(201);
    scene.daemon.until("the documents in the other collection", || {
        (stored("elsewhere") == (201..=300).collect()).then_some(())
    });
    assert_eq!(stored("other"), after);
    // What is settled later counts, whatever was said before.
    assert_eq!(send("PATCH", &json!({ "enabled": false })).good()["state"], "stopped");
    assert_eq!(send("PATCH", &json!({ "enabled": true })).good()["state"], "started");
    let windows = scene.daemon.until("a window", || {
        let windows = scene.acme.get(&format!("{path}/windows")).good();
        (!windows.as_array()?.is_empty()).then_some(windows)
    });
    assert!(windows[0]["messages"].as_u64().unwrap() > 0, "{windows}");
    assert_eq!(send("DELETE", &json!({})).status, 204);
    assert_eq!(send("DELETE", &json!({})).problem(), "unknown_stream");
    assert_eq!(scene.acme.get("/v1/streams").good().as_array().unwrap().len(), 1);
    // One of the same name begins anew.
    assert_eq!(send("PUT", &json!({ "app": "obeys-messages" })).good()["state"], "started");
}

#[test]
fn a_tenant_that_was_adopted_has_its_profile_as_it_is_now() {
    let scene = Scene::with("adopt_tenants = true\n[api]\nlisten = \"127.0.0.1:0\"\n");
    let upload = |name: &str| {
        let path = format!("/v1/tenants/acme/apps/villains/files?name={name}");
        let text = format!("{}{name},none\n", Rows::innocent(500).csv());
        scene.acme.send("POST", &path, &[], text.as_bytes())
    };
    upload("before.csv").good();
    patch(&scene, "/v1/profiles/normal", &json!({ "file_bytes": "1kB" })).good();
    assert_eq!(upload("after.csv").problem(), "file_bytes");
}

#[test]
fn a_tenant_raises_no_limit_by_settling_a_stream() {
    let scene = Scene::with(&format!(
        "{CONFIG}[tenants.globex.streams.slow]\napp = \"villains\"\nlimits.messages_per_window = 7\n"
    ));
    let path = "/v1/tenants/globex/streams/slow";
    let kind = [("content-type", "application/json")];
    let send = |method: &str, body: &Value| scene.globex.send(method, path, &kind, body.to_string().as_bytes());
    for body in
        [json!({ "app": "villains", "limits": { "memory_bytes": "1TiB" } }), json!({ "max_queue_bytes": "1TiB" })]
    {
        assert_eq!(send("PUT", &body).problem(), "operators_only", "{body}");
        assert_eq!(send("PATCH", &body).problem(), "operators_only", "{body}");
    }
    // What the operator has settled stays, whatever its owner settles besides.
    let line = send("PUT", &json!({ "app": "villains", "consumers_max": 2 })).good();
    assert_eq!((&line["limits"]["messages_per_window"], &line["bounds"]), (&json!(7), &json!([1, 2])));
    // And the operator may.
    let raised = json!({ "limits": { "messages_per_window": 9 } }).to_string();
    let line = scene.operator.send("PATCH", path, &kind, raised.as_bytes()).good();
    assert_eq!(line["limits"]["messages_per_window"], 9);
}
