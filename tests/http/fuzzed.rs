//! The API held to its description by a program that reads it: no answer outside of it, whatever is asked.

use crate::scene::{CONFIG, Scene, issue};
use mysimbdp_tests::data::Rows;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// What has no end, and what would end the host.
const EXCLUDED: [&str; 4] = ["/v1/live", "/v1/logs/follow", "/v1/host/drain", "/v1/host/shutdown"];

/// Has it send no keys, of which it knows so few that everything but the first request would be another one under the same; and
/// open batches of a tenant and an app that are there, and files say no checksum, which would be wrong.
const HOOKS: &str = "
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    if case.headers:
        case.headers.pop('Idempotency-Key', None)
    if case.path == '/v1/batches' and isinstance(case.body, dict):
        case.body.update({'tenant': 'acme', 'app': 'villains'})
    if case.path.endswith('/files') and isinstance(case.query, dict):
        case.query.pop('blake3', None)
";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,allow_header_conformance,ignored_auth";

fn scene() -> Scene {
    Scene::with(&format!("{CONFIG}requests = 1000000\n"))
}

/// Has each route asked at random with a token; `settings` are the program's own, as a file.
fn probe(scene: &Scene, token: &str, settings: &str, more: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("schemathesis.toml"), settings).unwrap();
    std::fs::write(place.path().join("hooks.py"), HOOKS).unwrap();
    let mut prober = Command::new(mysimbdp_servers::schemathesis().unwrap());
    prober
        .current_dir(place.path())
        .args(["run", &format!("http://{}/openapi.json", scene.operator.address)])
        .args(["-H", &format!("Authorization: Bearer {token}"), "--workers", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--generation-deterministic"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure", "--no-color"])
        .args(more);
    for path in EXCLUDED {
        prober.args(["--exclude-path", path]);
    }
    let told = prober.output().unwrap();
    let text = String::from_utf8_lossy(&told.stdout);
    let end: Vec<&str> = text.lines().rev().take(200).collect();
    assert!(told.status.success(), "{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(text.contains(" passed"), "{text}");
    assert_eq!(scene.operator.get("/v1/status").status, 200);
}

#[test]
fn whatever_an_operator_asks_the_answer_is_one_that_the_description_has() {
    let scene = scene();
    scene.ingested("a.csv", &Rows::innocent(10).with(3, "reject").csv());
    let token = issue(&scene.daemon, "prober", &[]);
    probe(&scene, &token, "", &["--checks", CHECKS, "--max-examples", "10"]);
}

/// The routes are asked about what is there, so that what they do besides looking for it is reached.
#[test]
fn whatever_a_tenant_asks_of_what_it_has_the_answer_is_one_that_the_description_has() {
    let scene = scene();
    let task = scene.ingested("a.csv", &Rows::innocent(10).with(3, "reject").csv());
    let open = json!({ "tenant": "acme", "app": "villains", "files": [{ "name": "b.csv", "bytes": 3 }] });
    let open = scene.acme.post("/v1/batches", &open).good()["batch"].as_str().unwrap().to_owned();
    let batch = scene.acme.get(&format!("/v1/tasks/{task}")).good()["batch"].as_str().unwrap().to_owned();
    scene.acme.send("POST", "/v1/tenants/acme/streams/trips/lines", &[], b"1,none\n2,reject\n").good();
    let token = issue(&scene.daemon, "prober", &["--tenant", "acme"]);
    let settings = format!(
        "hooks = \"hooks.py\"
[parameters]
\"path.tenant\" = \"acme\"
\"path.app\" = \"villains\"
\"path.stream\" = \"trips\"
\"path.task\" = {task}
\"path.batch\" = \"{batch}\"
\"path.index\" = 0
\"path.profile\" = \"normal\"
\"query.tenant\" = \"acme\"
[[operations]]
include-path = \"/v1/batches/{{batch}}/files/{{index}}\"
parameters = {{ \"path.batch\" = \"{open}\" }}
[[operations]]
include-path = \"/v1/tenants/{{tenant}}/apps/{{app}}/files\"
parameters = {{ \"query.name\" = \"c.csv\" }}
"
    );
    // Otherwise nothing would be there soon.
    let checks = format!("{CHECKS},unsupported_method");
    let more = ["--checks", &checks, "--max-examples", "15", "--exclude-method", "DELETE"];
    probe(&scene, &token, &settings, &more);
    // It has come to what it was about.
    let told = scene.operator.get("/v1/logs?event=request&limit=10000").good();
    let is_done = |event: &&Value| event["by"] == "prober" && event["status"] == 200;
    let done: BTreeSet<&str> =
        told.as_array().unwrap().iter().filter(is_done).filter_map(|event| event["path"].as_str()).collect();
    for what in ["batches", "tasks/1/rerun", "tasks/1/replay"] {
        assert!(done.contains(&*format!("/v1/{what}")), "{what} was never done: {done:#?}");
    }
    for what in ["apps", "apps/villains/files", "streams/trips", "streams/trips/purge", "streams/trips/replay"] {
        assert!(done.contains(&*format!("/v1/tenants/acme/{what}")), "{what} was never done: {done:#?}");
    }
}
