//! Clients that are gone before they are answered: what they have begun comes to its end, and is in the audit log.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;
use serde_json::json;
use std::io::{Read as _, Write as _};

const ROUNDS: u64 = 12;

/// Sends a request under an id, and is gone once all of it is sent. It was begun by then: its body was asked for.
fn send_and_go(http: &Http, method: &str, path: &str, id: &str, body: &str) {
    let headers = [("content-type", "application/json"), ("x-request-id", id), ("expect", "100-continue")];
    let head = http.head(method, path, &headers);
    let mut stream = http.connect();
    stream.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n", "{}", String::from_utf8_lossy(&told));
    stream.write_all(body.as_bytes()).unwrap();
}

/// Waits until the audit log has a request, and answers its status.
fn told(scene: &Scene, id: &str) -> u64 {
    scene.daemon.until(&format!("{id} in the audit log"), || {
        let events = scene.operator.get("/v1/logs?event=request&limit=10000").good();
        events.as_array()?.iter().find(|event| event["request_id"] == id)?["status"].as_u64()
    })
}

#[test]
fn files_are_committed_although_their_client_is_gone() {
    let scene = Scene::set();
    for round in 0..ROUNDS {
        let path = format!("/v1/tenants/acme/apps/villains/files?name={round}.csv");
        send_and_go(&scene.acme, "POST", &path, &format!("submit-{round}"), &Rows::innocent(3 + round).csv());
    }
    for round in 0..ROUNDS {
        assert_eq!(told(&scene, &format!("submit-{round}")), 200);
    }
    let settled = scene.daemon.settled();
    let stored = |task: &serde_json::Value| task["checkpoint"]["counts"]["documents"]["stored"].as_u64();
    let documents: u64 = settled.iter().filter_map(stored).sum();
    assert_eq!((settled.len() as u64, documents), (ROUNDS, (3..3 + ROUNDS).sum()));
}

#[test]
fn a_tenant_is_changed_although_whoever_told_so_is_gone() {
    let scene = Scene::set();
    for round in 1..=ROUNDS {
        let (id, body) = (format!("change-{round}"), json!({ "weight": round }).to_string());
        send_and_go(&scene.operator, "PATCH", "/v1/tenants/acme", &id, &body);
        assert_eq!(told(&scene, &id), 200);
        let settled = scene.operator.get("/v1/tenants/acme").good();
        assert_eq!((&settled["settings"]["weight"], &settled["version"]), (&json!(round), &json!(round)));
    }
}
