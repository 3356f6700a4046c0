//! A host that is drained, and one that is shut down.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use serde_json::json;

#[test]
fn a_host_that_is_drained_finishes_what_runs_and_takes_nothing_more() {
    let mut scene = Scene::set();
    let submit = |name: &str, text: &str| {
        let path = format!("/v1/tenants/acme/apps/villains/files?name={name}");
        scene.acme.send("POST", &path, &[], text.as_bytes()).good()["tasks"][0].as_u64().unwrap()
    };
    let state = |task: u64| scene.operator.get(&format!("/v1/tasks/{task}")).good()["state"].clone();
    let running = submit("a.csv", &Rows::innocent(100).with(50, "crawl=1500").csv());
    scene.daemon.until("a task that runs", || (state(running) == "running").then_some(()));
    assert_eq!(scene.acme.post("/v1/host/drain", &json!({})).problem(), "operators_only");
    assert_eq!(scene.operator.post("/v1/host/drain", &json!({})).good()["state"], "draining");
    let waiting = submit("b.csv", &Rows::innocent(3).csv());
    scene.daemon.until("the end of what runs", || (state(running) == "done").then_some(()));
    assert_eq!(state(waiting), "waiting");
    let ready = scene.operator.get("/readyz");
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)));
    assert_eq!(scene.operator.get("/v1/streams").good()[0]["consumers"], 0);
    // Started anew, it goes on.
    assert_eq!(scene.operator.post("/v1/host/shutdown", &json!({})).good()["state"], "stopping");
    scene.daemon.wait();
    scene.daemon.serve();
    let operator = scene.operator.at(&scene.daemon);
    scene.daemon.until("the other task", || {
        (operator.get(&format!("/v1/tasks/{waiting}")).good()["state"] == "done").then_some(())
    });
}

#[test]
fn metrics_are_the_operators_and_agree_with_what_was_done() {
    let scene = Scene::set();
    scene.ingested("a.csv", &Rows::innocent(20).with(7, "reject").csv());
    let lines = [
        "mysimbdp_documents_total{tenant=\"acme\"} 19",
        "mysimbdp_dead_letters_total{tenant=\"acme\"} 1",
        "mysimbdp_task_attempts_total{tenant=\"acme\",state=\"done\"} 1",
        "mysimbdp_tenants 2",
    ];
    scene.daemon.until("the metrics", || {
        let text = scene.looker.get("/metrics").text();
        lines.iter().all(|line| text.lines().any(|found| found == *line)).then_some(())
    });
    assert_eq!(scene.acme.get("/metrics").problem(), "operators_only");
}
