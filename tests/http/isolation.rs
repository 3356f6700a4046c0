//! Every route with the wrong token. The routes are those of the description: one that is added is asked, too.

use crate::scene::{CONFIG, Scene, issue};
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

/// A query and a body that the route would take.
fn request(method: &str, path: &str, tenant: &str) -> (&'static str, Vec<u8>) {
    let json = |value: Value| value.to_string().into_bytes();
    let last = path.rsplit('/').next().unwrap_or_default();
    match (method, last) {
        ("POST", "batches") => {
            let files = json!([{ "name": "a.csv", "bytes": 3 }]);
            ("", json(json!({ "tenant": tenant, "app": "villains", "files": files })))
        }
        ("POST", "tokens") => ("", json(json!({ "name": "more", "days": 1 }))),
        ("POST", "files") => ("?name=a.csv", b"n,deed\n1,none\n".to_vec()),
        ("POST", "lines") => ("?ids=mine&first=1", b"1,none\n2,none\n".to_vec()),
        ("POST", "messages") => ("?id=mine", b"1,none\n".to_vec()),
        ("POST", "rerun") => ("", json(json!({ "same_generation": true }))),
        ("POST", "replay") if path.starts_with("/v1/tasks/") => ("", json(json!({ "rows": [3] }))),
        ("POST", "credentials") => ("", json(json!({ "rotate": true }))),
        ("POST", "rollback") => ("", json(json!({ "to": "2" }))),
        ("PUT", "0") => ("", b"n,d".to_vec()),
        ("PUT" | "PATCH", _) if path.contains("/streams/") => ("", json(json!({ "app": "villains" }))),
        ("PUT" | "PATCH", _) => ("", json(json!({ "weight": 2 }))),
        ("GET", "history" | "windows" | "dead-letters") => ("?limit=10", Vec::new()),
        _ => ("", Vec::new()),
    }
}

/// What the routes of a scene name.
fn names(tenant: &str, task: u64, batch: &str) -> [(&'static str, String); 8] {
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
        let (query, body) = request(method, path, "acme");
        let (status, told) = ask(&scene.globex, method, path, query, &body);
        let (query, body) = request(method, other, "nobody");
        let (never_status, never_told) = ask(&scene.globex, method, other, query, &body);
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
    assert_eq!(scene.globex.get("/v1/tasks").good(), json!([]));
    // What was sent is what the routes take: of its owner, none is refused for how it is asked.
    for (method, path) in theirs.iter().filter(|(_, path)| !path.starts_with("/v1/host/")) {
        let (query, body) = request(method, path, "acme");
        let (status, told) = ask(&scene.acme, method, path, query, &body);
        assert!(status != 400 && !told.contains("\"code\":\"bad_"), "{method} {path} answers {status}: {told}");
    }
}

#[test]
fn whoever_is_suspended_removed_revoked_or_expired_is_refused_at_every_route_and_nothing_is_done() {
    let mut scene = Scene::with(&format!("{CONFIG}[tenants.initech]\n[tenants.umbrella]\n"));
    let task = scene.ingested("secret.csv", &Rows::innocent(10).with(3, "reject").csv());
    let batch = scene.acme.get(&format!("/v1/tasks/{task}")).good()["batch"].as_str().unwrap().to_owned();
    let http = Http::of(&scene.daemon);
    let token = |name: &str, more: &[&str]| http.with(&issue(&scene.daemon, name, more));
    let lost = [
        ("unauthorized", token("revoked-operator", &[])),
        ("unauthorized", token("revoked", &["--tenant", "acme"])),
        ("unauthorized", token("expired-operator", &[])),
        ("unauthorized", token("expired", &["--tenant", "acme"])),
        ("unauthorized", token("removed", &["--tenant", "initech"])),
        ("tenant_suspended", token("suspended", &["--tenant", "umbrella"])),
    ];
    let tokens = scene.operator.get("/v1/tokens").good();
    for token in
        tokens.as_array().unwrap().iter().filter(|token| token["name"].as_str().unwrap().starts_with("revoked"))
    {
        let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
        scene.operator.send("DELETE", &path, &[], b"").good();
    }
    assert_eq!(scene.operator.send("DELETE", "/v1/tenants/initech", &[], b"").status, 204);
    let suspend = b"{\"enabled\": false}";
    scene.operator.send("PATCH", "/v1/tenants/umbrella", &[("content-type", "application/json")], suspend).good();
    // Time passes for two of them.
    scene.daemon.stop();
    let file = scene.daemon.path("data/tokens.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for token in kept.as_object_mut().unwrap().values_mut() {
        if token["name"].as_str().unwrap().starts_with("expired") {
            token["expires"] = token["issued"].clone();
        }
    }
    std::fs::write(&file, kept.to_string()).unwrap();
    scene.daemon.serve();

    let operator = scene.operator.at(&scene.daemon);
    let all = ["/v1/tasks", "/v1/tokens", "/v1/apps", "/v1/tenants", "/v1/profiles", "/v1/logs?event=request,deed"];
    let settled = || all.map(|path| operator.get(path).good());
    let before = settled();
    for (code, http) in lost {
        let http = http.at(&scene.daemon);
        for own in ["acme", "initech", "umbrella"] {
            for (method, path) in routes(&operator, &names(own, task, &batch)) {
                let (query, body) = request(&method, &path, own);
                let reply =
                    http.send(&method, &format!("{path}{query}"), &[("content-type", "application/json")], &body);
                let is_open = matches!(path.as_str(), "/healthz" | "/readyz");
                let expected = if is_open { "" } else { code };
                let told = if reply.status == 200 { String::new() } else { reply.problem() };
                assert_eq!(told, expected, "{method} {path}: {}", reply.text());
            }
        }
    }
    assert_eq!(settled(), before);
}

#[test]
fn the_same_key_of_another_tenant_or_another_token_is_another_request() {
    let scene = Scene::set();
    let other = Http::of(&scene.daemon).with(&issue(&scene.daemon, "acme, too", &["--tenant", "acme"]));
    let key = [("idempotency-key", "the same"), ("content-type", "application/json")];
    let lines = "/v1/tenants/acme/streams/trips/lines";
    for http in [&scene.acme, &other, &scene.operator] {
        for replayed in [None, Some("true")] {
            let reply = http.send("POST", lines, &key, b"1,none\n");
            assert_eq!((reply.header("idempotency-replayed"), &reply.good()["accepted"]), (replayed, &json!(1)));
        }
    }
    // An address that names nobody, and the same file for an app of the same name.
    let opened = |http: &Http, tenant: &str| {
        let plan = request("POST", "/v1/batches", tenant).1;
        let reply = http.send("POST", "/v1/batches", &[("idempotency-key", "open"), key[1]], &plan);
        (reply.header("idempotency-replayed").is_some(), reply.good()["batch"].clone())
    };
    let sent = |http: &Http, tenant: &str| {
        let path = format!("/v1/tenants/{tenant}/apps/villains/files?name=a.csv");
        let reply = http.send("POST", &path, &key[..1], b"n,deed\n1,none\n");
        (reply.header("idempotency-replayed").is_some(), reply.good()["batch"].clone())
    };
    // Keys are a token's own: files go under others than lines.
    let fresh = |tenant: &str| Http::of(&scene.daemon).with(&issue(&scene.daemon, "fresh", &["--tenant", tenant]));
    let (acme, globex) = (fresh("acme"), fresh("globex"));
    for (mine, theirs) in
        [(opened(&acme, "acme"), opened(&globex, "globex")), (sent(&acme, "acme"), sent(&globex, "globex"))]
    {
        assert!(!mine.0 && !theirs.0 && mine.1 != theirs.1, "{mine:?} {theirs:?}");
    }
    assert_eq!(scene.globex.get("/v1/tasks").good().as_array().map(Vec::len), Some(1));
}

#[test]
fn each_route_but_those_of_health_wants_a_token() {
    let scene = Scene::set();
    let nobody = Http::of(&scene.daemon);
    for (method, path) in routes(&nobody, &names("acme", 1, "0198c0de-0000-7000-8000-00000000dead")) {
        let status = nobody.send(&method, &path, &[], b"").status;
        let expected = if matches!(path.as_str(), "/healthz" | "/readyz") { 200 } else { 401 };
        assert_eq!(status, expected, "{method} {path}");
    }
}
