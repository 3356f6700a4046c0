//! Tenants, profiles and streams that several people settle, at once and one after another, and what the file says besides.

use crate::scene::{CONFIG, Scene};
use mysimbdp_tests::artefacts;
use mysimbdp_tests::http::{Http, Reply};
use serde_json::{Value, json};

fn ask(http: &Http, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Reply {
    let headers = [&[("content-type", "application/json")], more].concat();
    http.send(method, path, &headers, body.to_string().as_bytes())
}

fn etag(http: &Http, path: &str) -> String {
    http.get(path).header("etag").unwrap().to_owned()
}

const LATE: &str = "/v1/tenants/acme/streams/late2";

/// A stream that its tenant settles; messages wait in it.
fn settle_late(scene: &Scene) {
    let settings = json!({ "app": "nobody", "enabled": true });
    ask(&scene.acme, "PUT", LATE, &[], &settings).good();
    ask(&scene.acme, "POST", &format!("{LATE}/stop"), &[], &json!({})).good();
    let sent = scene.acme.send("POST", &format!("{LATE}/lines"), &[], b"one\ntwo\n").good();
    assert_eq!(sent["accepted"], 2);
}

#[test]
fn an_operator_who_has_not_seen_a_stream_does_not_lose_it_with_what_waits_in_it() {
    let scene = Scene::set();
    let path = "/v1/tenants/acme";
    let seen = scene.operator.get(path);
    let version = seen.header("etag").unwrap().to_owned();
    settle_late(&scene);
    let late = ask(&scene.operator, "PUT", path, &[("if-match", &version)], &seen.good()["settings"]);
    assert_eq!((late.status, late.problem()), (412, "changed_since".to_owned()));
    let change = json!({ "limits": { "attempts": 5 } });
    let told = ask(&scene.operator, "PATCH", path, &[], &change).good();
    assert_eq!(told["settings"], json!({ "limits": { "attempts": 5 }, "streams": told["settings"]["streams"] }));
    let waiting = || scene.acme.get(LATE).good()["waiting"].clone();
    scene.daemon.until("the messages", || (waiting() == json!(2)).then_some(()));
    // Whoever has seen it may let it go, and that is on record.
    let version = etag(&scene.operator, path);
    let whole = json!({ "streams": { "trips": { "app": "villains" } } });
    ask(&scene.operator, "PUT", path, &[("if-match", &version)], &whole).good();
    assert_eq!(scene.acme.get(LATE).problem(), "unknown_stream");
    let deeds = scene.operator.get("/v1/logs?tenant=acme&event=deed").text();
    assert!(deeds.contains("the queue of stream acme/late2 was deleted, and 2 messages"), "{deeds}");
}

#[test]
fn parts_that_two_operators_and_a_tenant_change_at_once_are_all_there() {
    let scene = Scene::set();
    for round in 0_u64..12 {
        std::thread::scope(|scope| {
            for key in ["attempts", "streams", "files_per_batch"] {
                let operator = &scene.operator;
                let patch = json!({ "limits": { key: round + 1 } });
                scope.spawn(move || ask(operator, "PATCH", "/v1/tenants/globex", &[], &patch).good());
            }
            let path = format!("/v1/tenants/globex/streams/s{round}");
            let globex = &scene.globex;
            scope.spawn(move || ask(globex, "PUT", &path, &[], &json!({ "app": "a", "enabled": false })).good());
        });
        let now = scene.operator.get("/v1/tenants/globex").good()["settings"].clone();
        let limits = json!({ "attempts": round + 1, "streams": round + 1, "files_per_batch": round + 1 });
        assert_eq!(now["limits"], limits, "round {round}: {now}");
        assert_eq!(now["streams"].as_object().unwrap().len() as u64, round + 1, "round {round}: {now}");
    }
}

#[test]
fn what_is_to_be_there_or_not_is_heeded_for_tenants_profiles_and_streams() {
    let scene = Scene::set();
    ask(&scene.operator, "PUT", "/v1/profiles/small", &[], &json!({})).good();
    for (there, absent, body) in [
        ("/v1/tenants/acme", "/v1/tenants/initech", json!({ "streams": { "trips": { "app": "villains" } } })),
        ("/v1/profiles/small", "/v1/profiles/large", json!({})),
        ("/v1/tenants/acme/streams/trips", "/v1/tenants/acme/streams/other", json!({ "app": "villains" })),
    ] {
        let put = |path: &str, name: &str, value: &str| ask(&scene.operator, "PUT", path, &[(name, value)], &body);
        let version = etag(&scene.operator, there);
        let told = put(there, "if-none-match", "*");
        assert_eq!((told.status, told.problem()), (412, "there_already".to_owned()), "{there}");
        assert_eq!(put(there, "if-none-match", &version).problem(), "there_already");
        for value in ["*", "\"0\""] {
            let told = put(absent, "if-match", value);
            assert_eq!((told.status, told.problem()), (412, "not_there".to_owned()), "{absent}");
        }
        assert_eq!(scene.operator.get(absent).status, 404);
        assert_eq!(etag(&scene.operator, there), version);
        for (name, value) in [("if-match", "3"), ("if-none-match", "W/\"3\""), ("if-match", "\"1\", \"2\"")] {
            assert_eq!(put(there, name, value).problem(), "bad_version", "{name}: {value}");
        }
        assert_eq!(put(absent, "if-none-match", "*").status, 200);
        assert_eq!(put(there, "if-match", "*").status, 200);
        let late = scene.operator.send("DELETE", there, &[("if-match", &version)], b"");
        assert_eq!(late.problem(), "changed_since", "{there}");
        let not = scene.operator.send("DELETE", there, &[("if-none-match", "*")], b"");
        assert_eq!(not.problem(), "there_already", "{there}");
    }
}

#[test]
fn a_stream_has_a_version_that_rises_whatever_is_settled_of_its_tenant() {
    let scene = Scene::set();
    let path = "/v1/tenants/acme/streams/clicks";
    let made = ask(&scene.acme, "PUT", path, &[], &json!({ "app": "villains" }));
    let first = made.header("etag").unwrap().to_owned();
    assert_eq!(format!("\"{}\"", made.good()["version"]), first);
    let shown = scene.acme.get(path);
    assert_eq!((shown.header("etag"), &shown.good()["settings"]), (Some(&*first), &json!({ "app": "villains" })));
    ask(&scene.operator, "PATCH", "/v1/tenants/acme", &[], &json!({ "weight": 2 })).good();
    assert_eq!(etag(&scene.acme, path), first);
    let patch = json!({ "consumers_max": 2 });
    let changed = ask(&scene.acme, "PATCH", path, &[("if-match", &first)], &patch);
    let second = changed.header("etag").unwrap().to_owned();
    assert_eq!((changed.good()["bounds"].clone(), second == first), (json!([1, 2]), false));
    assert_eq!(ask(&scene.acme, "PATCH", path, &[("if-match", &first)], &patch).problem(), "changed_since");
    let whole = json!({ "streams": { "clicks": { "app": "villains" } } });
    ask(&scene.operator, "PUT", "/v1/tenants/acme", &[], &whole).good();
    let third = etag(&scene.acme, path);
    let number = |version: &str| version.trim_matches('"').parse::<u64>().unwrap();
    assert!(number(&first) < number(&second) && number(&second) < number(&third), "{first} {second} {third}");
    let listed = scene.acme.get("/v1/streams").good();
    assert_eq!(listed[0]["version"].as_u64(), Some(number(&third)), "{listed}");
}

#[test]
fn the_profile_that_is_always_there_is_not_removed() {
    let scene = Scene::set();
    let path = "/v1/profiles/normal";
    ask(&scene.operator, "PATCH", path, &[], &json!({ "weight": 7 })).good();
    let weight = || scene.operator.get("/v1/tenants").good()[0]["weight"].clone();
    assert_eq!(weight(), 7, "nobody has said anything else of that tenant");
    let told = scene.operator.send("DELETE", path, &[], b"");
    assert_eq!((told.status, told.problem()), (409, "always_there".to_owned()));
    assert_eq!(scene.operator.get("/v1/profiles").good()[0]["name"], "normal");
    let back = ask(&scene.operator, "POST", &format!("{path}/reset"), &[], &json!({})).good();
    assert_eq!((back["settings"]["weight"].clone(), weight()), (json!(1), json!(1)));
    let told = ask(&scene.operator, "POST", "/v1/profiles/none/reset", &[], &json!({}));
    assert_eq!((told.status, told.problem()), (409, "not_in_the_file".to_owned()));
    assert_eq!(ask(&scene.acme, "POST", &format!("{path}/reset"), &[], &json!({})).problem(), "operators_only");
}

#[test]
fn a_tenant_that_was_touched_once_follows_the_file_and_goes_back_to_it() {
    let mut scene = Scene::with(&format!("{CONFIG}[tenants.umbra]\nweight = 2\n"));
    let set = |scene: &Scene, setting: &str| scene.daemon.ask(&["tenants", "set", "umbra", setting], &[0]);
    set(&scene, "enabled=false");
    set(&scene, "enabled=true");
    scene.daemon.ask(&["tenants", "remove", "globex"], &[0]);
    scene.daemon.stop();
    let file = "[tenants.umbra]\nweight = 5\nenabled = false\nlimits.attempts = 9\n";
    scene.daemon.write("mysimbdp.toml", format!("{CONFIG}{file}"));
    let told = [
        "tenant umbra: enabled as settled at run time, whatever its table says: `mysimbdp tenants reset umbra`",
        "tenant globex was removed at run time, and stays away: `mysimbdp tenants reset globex`",
    ];
    let checked = scene.daemon.command(["config", "check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    scene.daemon.serve();
    for sentence in told {
        assert!(checked.stderr.contains(sentence), "{}", checked.stderr);
        assert_eq!(scene.daemon.log().matches(sentence).count(), 1, "{}", scene.daemon.log());
    }
    let shown = || scene.daemon.ask(&["tenants", "show", "umbra"], &[0])["settings"].clone();
    assert_eq!(shown(), json!({ "weight": 5, "enabled": true, "limits": { "attempts": 9 } }));
    let back = scene.daemon.ask(&["tenants", "reset", "umbra"], &[0]);
    assert_eq!(back["settings"], json!({ "weight": 5, "enabled": false, "limits": { "attempts": 9 } }));
    scene.daemon.ask(&["tenants", "reset", "globex"], &[0]);
    // Whoever had a token of the one that was removed has none of this one.
    assert_eq!(scene.globex.at(&scene.daemon).get("/v1/status").problem(), "unauthorized");
    let told = scene.daemon.command(["config", "check"]).stderr;
    assert!(!told.contains("run time"), "{told}");
}

#[test]
fn whoever_has_a_token_of_a_removed_tenant_is_a_stranger_before_all_of_it_has_ended() {
    let scene = Scene::set();
    scene.daemon.drop_app_as("acme", &artefacts::obeys_messages(0), "obeys.so");
    let path = "/v1/tenants/acme/streams/clicks";
    ask(&scene.acme, "PUT", path, &[], &json!({ "app": "obeys-messages" })).good();
    scene.acme.send("POST", &format!("{path}/lines"), &[], b"slow 25000\n").good();
    scene.daemon.until("a message at work", || (scene.acme.get(path).good()["held"] == 1).then_some(()));
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| scene.operator.send("DELETE", "/v1/tenants/acme", &[], b"").status);
        let is_stranger = || (scene.acme.get("/v1/me").problem() == "unauthorized").then_some(());
        scene.daemon.until("its removal", || (scene.operator.get("/v1/tenants/acme").status == 404).then_some(()));
        scene.daemon.until("its token to be no good", is_stranger);
        assert!(!removal.is_finished(), "its consumer takes its time to end");
        // Its name is somebody else's when the removal has come to its end.
        assert_eq!(ask(&scene.operator, "PUT", "/v1/tenants/acme", &[], &json!({})).status, 200);
        let token = crate::scene::issue(&scene.daemon, "next", &["--tenant", "acme"]);
        assert_eq!(removal.join().unwrap(), 204);
        assert_eq!(scene.acme.with(&token).get("/v1/me").status, 200);
        assert!(is_stranger().is_some());
    });
}
