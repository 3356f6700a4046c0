//! Apps over HTTP: uploaded, judged, listed, rolled back, retired.

use crate::scene::Scene;
use mysimbdp_tests::artefacts;
use mysimbdp_tests::data::Rows;
use serde_json::json;
use std::fs;
use std::io::Write as _;

const APPS: &str = "/v1/tenants/acme/apps";

#[test]
fn an_app_that_is_uploaded_is_judged_as_one_that_was_dropped() {
    let scene = Scene::set();
    let upload = |bytes: &[u8]| scene.acme.send("POST", APPS, &[], bytes).good();
    let citizen = fs::read(artefacts::citizen()).unwrap();
    let verdict = upload(&citizen);
    assert_eq!((&verdict["verdict"], &verdict["app"]), (&json!("live"), &json!("citizen")), "{verdict}");
    assert_eq!(verdict["file"], "apps/citizen.so");
    let listed = scene.acme.get("/v1/apps").good();
    let live = |app: &str| listed.as_array().unwrap().iter().any(|line| line["app"] == app && line["state"] == "live");
    assert!(live("citizen") && live("villains"), "{listed}");
    assert!(scene.daemon.staging("acme").join("apps/citizen.so").is_file());
    // The same once more changes nothing; a broken one changes nothing that is live, and leaves nothing behind.
    let again = upload(&citizen);
    assert_eq!((&again["generation"], &again["app"]), (&verdict["generation"], &json!("citizen")), "{again}");
    for (bytes, word) in [(&b""[..], "empty"), (b"not an app", "ELF"), (&citizen[..citizen.len() / 2], "")] {
        let refused = upload(bytes);
        let sentence = refused["sentence"].as_str().unwrap();
        assert!(refused["verdict"] == "refused" && sentence.contains(word), "{refused}");
    }
    let names: Vec<_> = fs::read_dir(scene.daemon.staging("acme").join("apps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".upload")), "{names:?}");
    let history = scene.acme.get(&format!("{APPS}/citizen/history")).good();
    assert!(history.as_array().unwrap().iter().any(|entry| entry["what"] == "live"), "{history}");
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing() {
    let scene = Scene::set();
    let app = fs::read(artefacts::citizen()).unwrap();
    let head = scene.acme.head("POST", APPS, &[]) + &format!("content-length: {}\r\n\r\n", app.len());
    let cut = [head.as_bytes(), &app[..app.len() / 2]].concat();
    assert!(scene.acme.cut(&cut).is_none_or(|reply| reply.status >= 400));
    let folder = scene.daemon.staging("acme").join("apps");
    scene.daemon.until("no file on its way", || {
        let left = fs::read_dir(&folder).into_iter().flatten().flatten();
        (!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".upload"))).then_some(())
    });
    assert_eq!(scene.acme.get("/v1/apps").good().as_array().unwrap().len(), 1);
}

#[test]
fn an_app_that_is_retired_takes_nothing_more_until_it_is_rolled_back() {
    let scene = Scene::set();
    let path = format!("{APPS}/villains");
    assert_eq!(scene.acme.send("DELETE", &path, &[], b"").good()["state"], "retired");
    let files = format!("{path}/files?name=a.csv");
    assert_eq!(scene.acme.send("POST", &files, &[], Rows::innocent(3).csv().as_bytes()).problem(), "unknown_app");
    assert_eq!(scene.acme.send("DELETE", &path, &[], b"").problem(), "no_generation");
    assert_eq!(scene.acme.post(&format!("{path}/rollback"), &json!({})).good()["state"], "live");
    scene.ingested("a.csv", &Rows::innocent(3).csv());
}

#[test]
fn an_upload_that_a_kill_cut_off_is_gone_after_the_next_start() {
    let mut scene = Scene::set();
    let app = fs::read(artefacts::citizen()).unwrap();
    let head = scene.acme.head("POST", APPS, &[]) + &format!("content-length: {}\r\n\r\n", app.len());
    let mut stream = scene.acme.connect();
    stream.write_all(&[head.as_bytes(), &app[..app.len() / 2]].concat()).unwrap();
    let folder = scene.daemon.staging("acme").join("apps");
    let left = || {
        let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".upload-")).count()
    };
    scene.daemon.until("a file on its way", || (left() == 1).then_some(()));
    scene.daemon.kill();
    assert_eq!(left(), 1, "a kill cleans nothing up");
    scene.daemon.serve();
    assert_eq!(left(), 0);
    // Sent again, it comes whole.
    let verdict = scene.acme.at(&scene.daemon).send("POST", APPS, &[], &app).good();
    assert_eq!(verdict["verdict"], "live", "{verdict}");
}

#[test]
fn what_the_plugin_guide_sends_with_curl_is_answered_as_it_says() {
    let scene = Scene::set();
    let guide = fs::read_to_string(artefacts::root().join("docs/plugin-guide.md")).unwrap();
    let (_, section) = guide.split_once("\n## Handing it in\n").unwrap();
    let section = section.split("\n## ").next().unwrap().replace("\\\n", " ").replace("my-app", "villains");
    let mut answers = Vec::new();
    for command in section.lines().filter(|line| line.starts_with("curl ")) {
        let (_, path) = command.split_once("$MYSIMBDP_SERVER").unwrap();
        let path = path.trim_end_matches('"');
        let body = command.split_whitespace().find_map(|word| word.strip_prefix('@'));
        answers.push(match body {
            None => scene.acme.get(path).good(),
            Some(app) if app.ends_with(".so") => {
                scene.acme.send("POST", path, &[], &fs::read(artefacts::villains()).unwrap()).good()
            }
            Some(_) => scene.acme.send("POST", path, &[], Rows::innocent(3).csv().as_bytes()).good(),
        });
    }
    let [verdict, batch, letters] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((&verdict["verdict"], &verdict["app"]), (&json!("live"), &json!("villains")));
    assert!(batch["tasks"][0].is_u64() && letters["letters"].is_array(), "{batch} {letters}");
}
