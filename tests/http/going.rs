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
    // It says so, wherever one looks.
    let status = scene.daemon.command(["status"]).stdout;
    assert!(status.contains("this host is drained"), "{status}");
    let status = scene.daemon.ask(&["status"], &[0]);
    assert_eq!((&status["draining"], &status["hosts"][0]["draining"]), (&json!(true), &json!(true)));
    let text = scene.looker.get("/metrics").text();
    for line in ["mysimbdp_draining 1", "mysimbdp_ready 0"] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
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
    // From the beginning, so that the first incident is a rise.
    let text = scene.looker.get("/metrics").text();
    assert!(text.lines().any(|line| line == "mysimbdp_worker_deaths_total{tenant=\"globex\"} 0"), "{text}");
    scene.ingested("a.csv", &Rows::innocent(20).with(7, "reject").csv());
    let lines = [
        "mysimbdp_rows_total{tenant=\"acme\"} 20",
        "mysimbdp_documents_total{tenant=\"acme\"} 19",
        "mysimbdp_dead_letters_total{tenant=\"acme\"} 1",
        "mysimbdp_task_attempts_total{tenant=\"acme\",state=\"done\"} 1",
        "mysimbdp_task_queue_wait_seconds_count 1",
        "mysimbdp_tenants 2",
    ];
    scene.daemon.until("the metrics", || {
        let text = scene.looker.get("/metrics").text();
        lines.iter().all(|line| text.lines().any(|found| found == *line)).then_some(())
    });
    assert_eq!(scene.acme.get("/metrics").problem(), "operators_only");
    let asked = |accept: &str| {
        let answer = scene.looker.send("GET", "/metrics", &[("accept", accept)], b"");
        let header = answer.headers.iter().find(|(name, _)| name == "content-type").unwrap().1.clone();
        (header.split(';').next().unwrap().to_owned(), answer.text().ends_with("# EOF\n"))
    };
    assert_eq!(asked("text/plain;version=0.0.4"), ("text/plain".to_owned(), false));
    assert_eq!(asked("application/openmetrics-text"), ("application/openmetrics-text".to_owned(), true));
    // The token that asks says when it ends, and what comes by the control socket is no request over HTTP.
    let text = scene.looker.get("/metrics").text();
    assert!(text.contains("\nmysimbdp_scrape_token_expires_timestamp_seconds 1"), "{text}");
    let requests = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("mysimbdp_http_requests_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    for _ in 0..5 {
        scene.daemon.ask(&["status"], &[0]);
    }
    assert_eq!(requests(&scene.looker.get("/metrics").text()), requests(&text) + 1);
}

#[test]
fn a_task_that_runs_moves_its_counters_before_it_is_over() {
    let scene = Scene::set();
    let text = Rows::innocent(60_000).with(59_000, "crawl=4000").csv();
    let submitted = scene.acme.send("POST", "/v1/tenants/acme/apps/villains/files?name=a.csv", &[], text.as_bytes());
    let task = submitted.good()["tasks"][0].as_u64().unwrap();
    let count = |name: &str| {
        let text = scene.looker.get("/metrics").text();
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{tenant=\"acme\"}} "))).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse::<u64>().unwrap()
    };
    let state = || scene.operator.get(&format!("/v1/tasks/{task}")).good()["state"].clone();
    scene.daemon.until("rows of a task that runs", || {
        let rows = count("mysimbdp_rows_total");
        assert!(state() != "done", "it was over before");
        (0 < rows && rows < 60_000).then_some(())
    });
    scene.daemon.until("its end", || (state() == "done").then_some(()));
    scene.daemon.until("its last rows", || (count("mysimbdp_rows_total") == 60_000).then_some(()));
    assert_eq!(count("mysimbdp_documents_total"), 60_000);
}
