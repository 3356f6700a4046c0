//! The description of the API, and the command line that is one of its clients.

use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;

#[test]
fn the_description_is_served_as_it_stands_in_the_source() {
    let scene = Scene::set();
    let served = Http::of(&scene.daemon).get("/openapi.json").good();
    let agreed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json")).unwrap();
    assert_eq!(served, serde_json::from_str::<serde_json::Value>(&agreed).unwrap());
    assert_eq!(served["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
}

#[test]
fn the_command_line_does_over_http_what_it_does_over_the_socket() {
    let scene = Scene::set();
    let token = crate::scene::issue(&scene.daemon, "remote", &["--tenant", "acme"]);
    scene.daemon.write("a.csv", Rows::innocent(10).csv());
    let address = format!("http://{}", scene.acme.address);
    let remote = |arguments: &[&str]| {
        scene.daemon.command(arguments.iter().copied().chain(["--server", &address, "--token", &token, "--json"]))
    };
    let told = remote(&["submit", "acme", "villains", "a.csv"]);
    assert_eq!((told.code, &told.json()["tasks"][0]["state"]), (0, &"done".into()), "{}{}", told.stdout, told.stderr);
    assert_eq!(remote(&["tenants", "list"]).json().as_array().unwrap().len(), 1);
    let told = remote(&["apps", "history", "globex", "villains"]);
    assert!(told.code != 0 && told.stderr.contains("there is no tenant globex"), "{}", told.stderr);
    let far = scene.daemon.command(["status", "--server", "http://ingest.example:7373", "--token", &token]);
    assert!(far.stderr.contains("would send the token in the clear: use https"), "{}", far.stderr);
}
