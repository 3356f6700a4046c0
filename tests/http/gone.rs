//! Clients that are gone before they are answered: what they have begun comes to its end, and is in the audit log.

use crate::scene::{CONFIG, Scene, issue};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;
use serde_json::{Value, json};
use std::io::Write as _;

const ROUNDS: usize = 12;

/// Sends all of a request under an id, and is gone.
fn send_and_go(http: &Http, method: &str, path: &str, id: &str, body: &Value) {
    let body = body.to_string();
    let head = http.head(method, path, &[("content-type", "application/json"), ("x-request-id", id)]);
    let mut stream = http.connect();
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
}

/// Waits until the audit log has a request, and answers its status.
fn told(scene: &Scene, id: &str) -> u64 {
    scene.daemon.until(&format!("{id} in the audit log"), || {
        let events = scene.operator.get("/v1/logs?event=request&limit=10000").good();
        events.as_array()?.iter().find(|event| event["request_id"] == id)?["status"].as_u64()
    })
}

#[test]
fn a_batch_is_committed_although_its_client_is_gone() {
    let scene = Scene::set();
    let mut batches = Vec::new();
    for round in 0..ROUNDS {
        let text = Rows::innocent(3 + round as u64).csv();
        let plan = json!({ "tenant": "acme", "app": "villains", "files": [{ "name": "a.csv", "bytes": text.len() }] });
        let batch = scene.acme.post("/v1/batches", &plan).good()["batch"].as_str().unwrap().to_owned();
        scene.acme.send("PUT", &format!("/v1/batches/{batch}/files/0"), &[], text.as_bytes()).good();
        send_and_go(
            &scene.acme,
            "POST",
            &format!("/v1/batches/{batch}/commit"),
            &format!("commit-{round}"),
            &json!({}),
        );
        batches.push(batch);
    }
    for (round, batch) in batches.iter().enumerate() {
        assert_eq!(told(&scene, &format!("commit-{round}")), 200);
        let tasks = scene.acme.get(&format!("/v1/batches/{batch}")).good()["tasks"].as_array().unwrap().len();
        assert_eq!(tasks, 1, "{batch}");
    }
    assert_eq!(scene.daemon.settled().len(), ROUNDS);
}

#[test]
fn a_tenant_is_changed_and_removed_although_whoever_told_so_is_gone() {
    let scene = Scene::with(&format!("{CONFIG}[tenants.initech]\n"));
    issue(&scene.daemon, "of initech", &["--tenant", "initech"]);
    for round in 1..=ROUNDS {
        send_and_go(
            &scene.operator,
            "PATCH",
            "/v1/tenants/acme",
            &format!("change-{round}"),
            &json!({ "weight": round }),
        );
        assert_eq!(told(&scene, &format!("change-{round}")), 200);
        let settled = scene.operator.get("/v1/tenants/acme").good();
        assert_eq!((&settled["settings"]["weight"], &settled["version"]), (&json!(round), &json!(round)));
    }
    send_and_go(&scene.operator, "DELETE", "/v1/tenants/initech", "removal", &json!({}));
    assert_eq!(told(&scene, "removal"), 204);
    assert_eq!(scene.operator.get("/v1/tenants/initech").problem(), "unknown_tenant");
    // The last that is done for that.
    let tokens = scene.operator.get("/v1/tokens").good();
    let its = tokens.as_array().unwrap().iter().find(|token| token["name"] == "of initech").unwrap();
    assert_eq!(its["good"], false);
}
