//! The API held to its description by a program that reads it: no answer outside of it, whatever is asked.

use crate::scene::{Scene, issue};
use mysimbdp_tests::data::Rows;
use std::process::Command;

/// What has no end, and what would end the host.
const EXCLUDED: [&str; 4] = ["/v1/live", "/v1/logs/follow", "/v1/host/drain", "/v1/host/shutdown"];

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[test]
fn whatever_is_asked_the_answer_is_one_that_the_description_has() {
    let scene = Scene::with(&format!("{}requests = 1000000\n", crate::scene::CONFIG));
    scene.ingested("a.csv", &Rows::innocent(10).with(3, "reject").csv());
    let token = issue(&scene.daemon, "prober", &[]);
    let place = tempfile::tempdir().unwrap();
    let mut prober = Command::new(mysimbdp_servers::schemathesis().unwrap());
    prober
        .current_dir(place.path())
        .args(["run", &format!("http://{}/openapi.json", scene.operator.address)])
        .args(["-H", &format!("Authorization: Bearer {token}"), "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--workers", "1"])
        .args(["--generation-deterministic", "--suppress-health-check", "all", "--warnings", "off"])
        .args(["--continue-on-failure", "--no-color"]);
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
