//! Every route with the wrong token. The routes are those of the description: one that is added is asked, too.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;
use serde_json::{Value, json};

/// Every route there is, with whatever stands for a name put in its place.
fn routes(http: &Http, names: &[(&str, String)]) -> Vec<(String, String)> {
    let description = http.get("/openapi.json").good();
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let mut path = path.clone();
        for (name, value) in names {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{path} has a name that this test does not know");
        for method in item.as_object().unwrap().keys() {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

/// A body that the route would take.
fn body(path: &str, tenant: &str) -> Vec<u8> {
    let json = |value: Value| value.to_string().into_bytes();
    match path {
        "/v1/batches" => {
            json(json!({ "tenant": tenant, "app": "villains", "files": [{ "name": "a.csv", "bytes": 3 }] }))
        }
        "/v1/tokens" => json(json!({ "name": "more" })),
        _ if path.ends_with("/files") || path.ends_with("/lines") => b"n,deed\n".to_vec(),
        _ => b"{}".to_vec(),
    }
}

fn ask(http: &Http, method: &str, path: &str, query: &str, body: &[u8]) -> (u16, String) {
    if path.ends_with("/follow") || path == "/v1/live" {
        // They have no end: the status is all there is to read. Without a tenant they are one's own.
        return (0, String::new());
    }
    let reply = http.send(method, &format!("{path}{query}"), &[("content-type", "application/json")], body);
    let mut value: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::String(reply.text()));
    if let Some(problem) = value.as_object_mut() {
        problem.remove("request_id");
    }
    (reply.status, value.to_string())
}

#[test]
fn of_another_tenants_things_each_route_says_what_it_says_of_what_never_was() {
    let scene = Scene::set();
    let task = scene.ingested("secret.csv", &Rows::innocent(10).with(3, "reject").csv());
    let batch = scene.acme.get(&format!("/v1/tasks/{task}")).good()["batch"].as_str().unwrap().to_owned();
    let names = |tenant: &str, task: u64, batch: &str| {
        [
            ("tenant", tenant.to_owned()),
            ("app", "villains".to_owned()),
            ("stream", "trips".to_owned()),
            ("task", task.to_string()),
            ("batch", batch.to_owned()),
            ("index", "0".to_owned()),
            ("id", "abcdefghijkm".to_owned()),
            ("profile", "normal".to_owned()),
        ]
    };
    let never = "0198c0de-0000-7000-8000-00000000dead";
    let theirs = routes(&scene.globex, &names("acme", task, &batch));
    let nobodys = routes(&scene.globex, &names("nobody", 999_999, never));
    assert!(theirs.len() > 25, "only {} routes", theirs.len());
    // Named in a query, or not named at all.
    for (method, path) in theirs.iter().filter(|(method, path)| method == "GET" && !path.contains("acme")) {
        for query in ["", "?tenant=acme"] {
            let (_, told) = ask(&scene.globex, method, path, query, b"");
            let is_mine = !told.contains("secret.csv") && (query.is_empty() || !told.contains("\"tenant\":\"acme\""));
            assert!(is_mine && (!query.is_empty() || !told.contains("acme")), "{method} {path}{query}: {told}");
        }
    }
    for ((method, path), (_, other)) in theirs.iter().zip(&nobodys) {
        if method == "GET" && path == other {
            // It names nothing, and was looked at above.
            continue;
        }
        let (status, told) = ask(&scene.globex, method, path, "", &body(path, "acme"));
        let (never_status, never_told) = ask(&scene.globex, method, other, "", &body(other, "nobody"));
        let leveled = told.replace("acme", "T").replace(&batch, "B").replace(&format!("task {task}"), "task N");
        let never_leveled = never_told.replace("nobody", "T").replace(never, "B").replace("task 999999", "task N");
        assert_eq!((status, leveled), (never_status, never_leveled), "{method} {path}");
        if path != other {
            assert!(matches!(status, 403 | 404), "{method} {path} answers {status}: {told}");
        }
        assert!(!told.contains("secret.csv"), "{method} {path}: {told}");
    }
    // Nothing was done to it, and its owner sees all of it.
    assert_eq!(scene.acme.get(&format!("/v1/tasks/{task}")).good()["state"], "done");
    assert_eq!(scene.acme.get("/v1/streams").good()[0]["state"], "started");
}

#[test]
fn each_route_but_those_of_health_wants_a_token() {
    let scene = Scene::set();
    let nobody = Http::of(&scene.daemon);
    let names = [
        ("tenant", "acme"),
        ("app", "villains"),
        ("stream", "trips"),
        ("task", "1"),
        ("index", "0"),
        ("id", "x"),
        ("profile", "normal"),
    ];
    let mut names: Vec<(&str, String)> = names.map(|(name, value)| (name, value.to_owned())).to_vec();
    names.push(("batch", "0198c0de-0000-7000-8000-00000000dead".to_owned()));
    for (method, path) in routes(&nobody, &names) {
        let status = nobody.send(&method, &path, &[], b"").status;
        let expected = if matches!(path.as_str(), "/healthz" | "/readyz") { 200 } else { 401 };
        assert_eq!(status, expected, "{method} {path}");
    }
}
