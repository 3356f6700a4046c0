//! What goes on, as it changes.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

/// Server-sent events, as they come.
struct Events {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Events {
    fn of(http: &Http, path: &str) -> Events {
        let mut stream = http.connect();
        let head = http.head("GET", path, &[("accept", "text/event-stream")]) + "\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        Events { lines: BufReader::new(stream).lines() }
    }

    /// The next event of this name that is as wanted.
    fn until(&mut self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let mut is_named = false;
        loop {
            let line = self.lines.next().unwrap_or_else(|| panic!("the events end")).unwrap();
            match line.split_once(": ") {
                Some(("event", found)) => is_named = found == name,
                Some(("data", data)) if is_named => {
                    let data: Value = serde_json::from_str(data).unwrap();
                    if is_wanted(&data) {
                        return data;
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads to their end, which comes before they must be kept alive.
    fn end(&mut self) {
        for line in self.lines.by_ref() {
            assert_ne!(line.unwrap(), ":", "the events do not end");
        }
    }
}

#[test]
fn whoever_looks_sees_a_file_come_and_end() {
    let scene = Scene::set();
    let mut mine = Events::of(&scene.acme, "/v1/live");
    let mut all = Events::of(&scene.operator, "/v1/live?tenant=acme");
    let mut log = Events::of(&scene.acme, "/v1/logs/follow?event=task_ended");
    let status = mine.until("status", |_| true);
    assert_eq!((status["tenants"].as_array().unwrap().len(), &status["tenants"][0]["tenant"]), (1, &"acme".into()));
    let task = scene.ingested("a.csv", &Rows::innocent(2_000).csv());
    for events in [&mut mine, &mut all] {
        events.until("event", |event| event["event"] == "task_ended" && event["task"] == task);
        events.until("tasks", |tasks| tasks[0]["number"] == task && tasks[0]["state"] == "done");
    }
    assert_eq!(log.until("event", |_| true)["task"], task);
}

#[test]
fn a_host_that_stops_lets_go_of_whoever_looks() {
    let mut scene = Scene::set();
    let mut events = Events::of(&scene.acme, "/v1/live");
    events.until("status", |_| true);
    assert_eq!(scene.daemon.stop(), 0);
    events.end();
}

#[test]
fn whoever_listens_with_a_token_that_is_revoked_hears_nothing_more() {
    let scene = Scene::set();
    let mut events = Events::of(&scene.acme, "/v1/live");
    events.until("status", |_| true);
    let tokens = scene.operator.get("/v1/tokens").good();
    let own = tokens.as_array().unwrap().iter().find(|token| token["name"] == "acme").unwrap();
    scene.operator.send("DELETE", &format!("/v1/tokens/{}", own["id"].as_str().unwrap()), &[], b"").good();
    events.end();
}

#[test]
fn whoever_listens_to_a_tenant_that_is_removed_hears_nothing_more() {
    let scene = Scene::set();
    let paths = ["/v1/live?tenant=acme", "/v1/logs/follow?tenant=acme&limit=1"];
    let mut of_acme = paths.map(|path| Events::of(&scene.operator, path));
    let mut own = Events::of(&scene.acme, "/v1/live");
    let mut all = Events::of(&scene.operator, "/v1/live");
    own.until("status", |_| true);
    of_acme[0].until("status", |_| true);
    of_acme[1].until("event", |_| true);
    let settle = |body: &str| {
        scene.operator.send("PATCH", "/v1/tenants/acme", &[("content-type", "application/json")], body.as_bytes())
    };
    settle("{\"enabled\": false}").good();
    own.end();
    // Its operator still does.
    settle("{\"enabled\": false, \"weight\": 7}").good();
    of_acme[1].until("event", |event| event["by"] == "operator");
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/acme", &[], b"").status, 204);
    for mut events in of_acme {
        events.end();
    }
    all.until("status", |status| status["tenants"].as_array().is_some_and(|tenants| tenants.len() == 1));
}

#[test]
fn another_tenants_events_are_not_there() {
    let scene = Scene::set();
    for path in ["/v1/live?tenant=acme", "/v1/logs/follow?tenant=acme"] {
        assert_eq!(scene.globex.get(path).problem(), "unknown_tenant", "{path}");
    }
}

#[test]
fn the_log_is_read_page_by_page_with_nothing_twice_and_nothing_left_out() {
    let scene = Scene::set();
    for number in 0..3 {
        scene.ingested(&format!("{number}.csv"), &Rows::innocent(3 + number).csv());
    }
    // What happens from now on is on no page.
    let now = scene.acme.get("/v1/logs?limit=1").good()[0]["at"].as_str().unwrap().to_owned();
    let all = scene.acme.get(&format!("/v1/logs?until={now}&limit=10000"));
    assert_eq!(all.header("link"), None);
    let all = all.good().as_array().unwrap().clone();
    let (mut pages, mut next) = (Vec::new(), Some(format!("/v1/logs?until={now}&limit=4")));
    while let Some(path) = next {
        let reply = scene.acme.get(&path);
        next = reply.header("link").map(|link| link[1..link.find('>').unwrap()].to_owned());
        pages.push(reply.good().as_array().unwrap().clone());
    }
    assert!(pages.len() >= all.len() / 4 && pages.iter().all(|page| page.len() <= 4));
    pages.reverse();
    assert_eq!(pages.concat(), all);
    for path in ["/v1/logs?after=x", "/v1/logs?limit=0", "/v1/logs/follow?after=1.1"] {
        assert_eq!(scene.acme.get(path).problem(), "bad_query", "{path}");
    }
}
