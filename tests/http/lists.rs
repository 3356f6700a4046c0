//! Lists, page by page: every list there is, whole and in pieces, and nobody's cursor leads to another's things.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;
use serde_json::{Value, json};

/// A list in pieces of one, following what the answers say.
fn followed(http: &Http, path: &str) -> Vec<Value> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let (mut address, mut all) = (format!("{path}{joint}limit=1"), Vec::new());
    for _ in 0..1_000 {
        let answer = http.get(&address);
        let page = answer.good();
        let page =
            page.as_array().or_else(|| page["letters"].as_array()).unwrap_or_else(|| panic!("{address}: {page}"));
        assert!(page.len() <= 1, "{address}: {page:?}");
        all.extend(page.clone());
        match answer.header("link") {
            None => return all,
            Some(link) => {
                address = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            }
        }
    }
    panic!("{path} has no end");
}

fn whole(http: &Http, path: &str) -> Vec<Value> {
    let answer = http.get(path).good();
    answer.as_array().or_else(|| answer["letters"].as_array()).unwrap().clone()
}

/// What does not change between two answers.
fn told(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    for fields in list.iter_mut().filter_map(Value::as_object_mut) {
        fields.retain(|name, _| !name.contains("seconds") && name != "stored_bytes");
    }
    list
}

fn set() -> (Scene, Vec<String>) {
    let scene = Scene::with(&format!("[tenants.acme.streams.clicks]\napp = \"villains\"\n{}", crate::scene::CONFIG));
    for (name, rows) in [("a.csv", 10), ("b.csv", 11), ("c.csv", 12)] {
        scene.ingested(name, &Rows::innocent(rows).with(3, "reject").with(5, "reject").csv());
    }
    let path = "/v1/tenants/globex/apps/villains/files?name=a.csv";
    scene.globex.send("POST", path, &[], Rows::innocent(10).csv().as_bytes()).good();
    for profile in ["small", "large"] {
        scene.operator.send("PUT", &format!("/v1/profiles/{profile}"), &[], b"{}").good();
    }
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/acme/apps/villains", &[], b"").status, 200);
    scene.daemon.until("a bill for both", || (whole(&scene.operator, "/v1/usage").len() == 2).then_some(()));
    for _ in 0..2 {
        let lines = "/v1/tenants/globex/streams/pairs/lines";
        let settled = scene.operator.send("PUT", "/v1/tenants/globex/streams/pairs", &[], br#"{"app": "villains"}"#);
        assert_eq!(settled.status, 200, "{}", settled.text());
        scene.operator.send("POST", lines, &[], b"1,innocent\n").good();
        let windows = "/v1/tenants/globex/streams/pairs/windows";
        let before = whole(&scene.operator, windows).len();
        scene.daemon.until("a window", || (whole(&scene.operator, windows).len() > before).then_some(()));
    }
    let lists = [
        ("/v1/tenants", 2),
        ("/v1/profiles", 3),
        ("/v1/apps", 2),
        ("/v1/streams", 3),
        ("/v1/tokens", 4),
        ("/v1/tasks", 4),
        ("/v1/tasks?newest_first=true", 4),
        ("/v1/usage", 2),
        ("/v1/tenants/acme/apps/villains/history", 2),
        ("/v1/tenants/acme/dead-letters", 6),
        ("/v1/tenants/globex/streams/pairs/windows", 2),
    ];
    let mut paths = Vec::new();
    for (path, least) in lists {
        assert!(whole(&scene.operator, path).len() >= least, "{path}: {:?}", whole(&scene.operator, path));
        paths.push(path.to_owned());
    }
    (scene, paths)
}

#[test]
fn every_list_comes_page_by_page_as_it_comes_whole() {
    let (scene, paths) = set();
    for path in &paths {
        let mut pages = followed(&scene.operator, path);
        if path.ends_with("/windows") {
            // The newest page comes first, and on each the oldest.
            pages.reverse();
        }
        assert_eq!(told(&pages), told(&whole(&scene.operator, path)), "{path}");
    }
    // The log, too, whose last page comes first; it grows by what is asked here, if that changes something.
    let events = "/v1/logs?tenant=acme&event=task_ended";
    let mut pages = followed(&scene.operator, events);
    pages.reverse();
    assert_eq!(pages, whole(&scene.operator, events));

    let csv = |query: &str| scene.operator.get(&format!("/v1/usage?format=csv{query}"));
    let (all, first) = (csv("").text(), csv("&limit=1"));
    assert_eq!(all.lines().count(), 3, "{all}");
    assert_eq!(first.text().lines().collect::<Vec<_>>(), all.lines().take(2).collect::<Vec<_>>());
    assert!(first.header("link").unwrap().contains("format=csv&limit=1&after=acme%2F"), "{:?}", first.headers);

    for path in &paths {
        let joint = if path.contains('?') { '&' } else { '?' };
        assert_eq!(scene.operator.get(&format!("{path}{joint}limit=0")).problem(), "bad_query", "{path}");
        if !path.contains("profiles") && !path.contains("tokens") {
            let refused = scene.operator.get(&format!("{path}{joint}after=%2f.%2f"));
            assert_eq!(refused.problem(), "bad_query", "{path}");
        }
    }
    // What the command line lists comes by the same pages.
    let tokens = scene.daemon.ask(&["tokens", "list"], &[0]);
    assert_eq!(tokens.as_array().unwrap().len(), whole(&scene.operator, "/v1/tokens").len());
}

#[test]
fn a_cursor_leads_to_nobody_elses_things() {
    let (scene, _) = set();
    let cursors = [
        ("/v1/tenants", "acme"),
        ("/v1/apps", "acme/villains"),
        ("/v1/apps", "acme/"),
        ("/v1/streams", "acme/clicks"),
        ("/v1/usage", "acme/1970-01-01"),
        ("/v1/tasks", "0"),
        ("/v1/logs", "0.0"),
        ("/v1/logs", "1.100000"),
    ];
    for (path, after) in cursors {
        for query in ["", "tenant=globex&"] {
            let answer = scene.globex.get(&format!("{path}?{query}after={after}"));
            assert!(!answer.text().contains("\"acme\""), "{path} after {after}: {}", answer.text());
            assert!(matches!(answer.status, 200 | 400), "{path} after {after}: {}", answer.text());
        }
        let theirs = scene.globex.get(&format!("{path}?tenant=acme&after={after}"));
        assert!(matches!(theirs.status, 400 | 404), "{path} after {after}: {}", theirs.text());
    }
    // Of what is the operator's no cursor is asked.
    for path in ["/v1/tokens?after=a", "/v1/profiles?after=a"] {
        assert_eq!(scene.globex.get(path).problem(), "operators_only", "{path}");
    }
    assert_eq!(scene.globex.get("/v1/tenants").good()[0]["tenant"], json!("globex"));
}
