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

#[test]
fn tenants_and_profiles_are_settled_with_commands() {
    let scene = Scene::set();
    let ask = |arguments: &[&str]| scene.daemon.ask(arguments, &[0]);
    ask(&["profiles", "set", "small", "weight=3", "file_bytes=1kB"]);
    let made = ask(&["tenants", "set", "initech", "profile=small", "limits.formats=[\"csv\"]"]);
    assert_eq!((&made["version"], &made["settings"]["limits"]["formats"][0]), (&2.into(), &"csv".into()), "{made}");
    let changed = ask(&["tenants", "set", "initech", "enabled=false", "limits.formats="]);
    assert_eq!((&changed["settings"]["enabled"], &changed["settings"]["profile"]), (&false.into(), &"small".into()));
    assert_eq!(ask(&["profiles", "list"]).as_array().unwrap().len(), 2);
    let told = scene.daemon.command(["profiles", "remove", "small"]);
    assert!(told.code != 0 && told.stderr.contains("no such profile"), "{}", told.stderr);
    ask(&["tenants", "remove", "initech"]);
    ask(&["profiles", "remove", "small"]);
    let told = scene.daemon.command(["tenants", "show", "initech"]);
    assert!(told.stderr.contains("there is no tenant initech"), "{}", told.stderr);
    let told = scene.daemon.command(["tenants", "set", "acme", "limits.file_bytes=lots"]);
    assert!(told.stderr.contains("tenants.acme.limits.file_bytes"), "{}", told.stderr);
}
