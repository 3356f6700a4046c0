//! Files over HTTP: whole, in forms, cut off, too large, changed on their way, sent twice.

use crate::scene::{CONFIG, Scene, issue};
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::disk::SmallDisk;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const FILES: &str = "/v1/tenants/acme/apps/villains/files";

fn files_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().display().to_string()),
            }
        }
    }
    found
}

/// What the daemon keeps of acme's files.
fn kept(daemon: &Daemon) -> Vec<String> {
    files_in(&daemon.path("data/tenants/acme/files"))
}

#[test]
fn a_file_and_a_form_of_files_become_documents() {
    let scene = Scene::set();
    let rows = Rows::innocent(50).with(7, "reject");
    let task = scene.ingested("a.csv", &rows.csv());
    let record = scene.acme.get(&format!("/v1/tasks/{task}")).good();
    assert_eq!((&record["state"], &record["file"]["name"]), (&json!("done"), &json!("a.csv")));
    let letters = scene.acme.get("/v1/tenants/acme/dead-letters").good();
    assert_eq!((&letters["count"], &letters["letters"][0]["row"]), (&json!(1), &json!(7)));
    let export = scene.acme.get("/v1/tenants/acme/dead-letters/export").text();
    assert_eq!(serde_json::from_str::<Value>(export.trim()).unwrap(), letters["letters"][0]);

    let part = |name: &str, text: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let form = part("b.csv", &Rows::innocent(5).csv()) + &part("c.csv", &Rows::innocent(6).csv()) + "--x--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let keyed = [kind[0], ("idempotency-key", "form")];
    let answer = scene.acme.send("POST", FILES, &keyed, form.as_bytes()).good();
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 2);
    // The same form again is the same batch; with another file in it, one more, or one less, it is refused.
    let again = scene.acme.send("POST", FILES, &keyed, form.as_bytes());
    assert_eq!((again.good(), again.header("idempotency-replayed")), (answer, Some("true")));
    let (b, c) = (part("b.csv", &Rows::innocent(5).csv()), part("c.csv", &Rows::innocent(6).csv()));
    let (other, renamed) = (part("c.csv", &Rows::innocent(7).csv()), part("d.csv", &Rows::innocent(6).csv()));
    for parts in [vec![&b, &other], vec![&b, &renamed], vec![&c, &b], vec![&b, &c, &renamed], vec![&b]] {
        let form: String = parts.into_iter().map(String::as_str).chain(["--x--\r\n"]).collect();
        let refused = scene.acme.send("POST", FILES, &keyed, form.as_bytes());
        assert_eq!(refused.problem(), "idempotency_key_reused", "{form}");
    }
    // A checksum is of one file.
    let checked = format!("{FILES}?blake3={}", blake3::hash(Rows::innocent(6).csv().as_bytes()));
    let form = part("e.csv", "n,deed\n") + &c + "--x--\r\n";
    assert_eq!(scene.acme.send("POST", &checked, &kind, form.as_bytes()).problem(), "bad_query");
    let settled = scene.daemon.settled();
    let documents: Vec<&Value> =
        settled.iter().map(|task| &task["checkpoint"]["counts"]["documents"]["stored"]).collect();
    assert_eq!(documents, [&json!(49), &json!(5), &json!(6)]);
}

#[test]
fn the_same_key_is_the_same_batch_even_over_a_restart() {
    let mut scene = Scene::set();
    let text = Rows::innocent(5).csv();
    let path = format!("{FILES}?name=a.csv");
    let send = |scene: &Scene, key: &str, text: &str| {
        scene.acme.at(&scene.daemon).send("POST", &path, &[("idempotency-key", key)], text.as_bytes())
    };
    let first = send(&scene, "k1", &text);
    let again = send(&scene, "k1", &text);
    assert_eq!((first.good(), again.header("idempotency-replayed")), (again.good(), Some("true")));
    scene.daemon.stop();
    scene.daemon.serve();
    assert_eq!(send(&scene, "k1", &text).good(), first.good());
    assert_eq!(scene.daemon.settled().len(), 1);
    // One that is made from a key is nobody's to choose.
    let batch = first.json()["batch"].clone();
    let plan = serde_json::json!({ "batch": batch, "tenant": "globex", "app": "villains", "files": [{ "name": "a.csv", "bytes": 3 }] });
    assert_eq!(scene.globex.at(&scene.daemon).post("/v1/batches", &plan).problem(), "bad_batch");
    // Other content under the key is refused, also after a restart, and so are more files than there were.
    assert_eq!(send(&scene, "k1", &Rows::innocent(6).csv()).problem(), "idempotency_key_reused");
    assert_eq!(send(&scene, "k1", &(text.clone() + "7,innocent\n")).problem(), "idempotency_key_reused");
    // A key is a token's own: another token of the tenant has another batch under it.
    let second = scene.acme.at(&scene.daemon).with(&issue(&scene.daemon, "second", &["--tenant", "acme"]));
    let sent = second.send("POST", &path, &[("idempotency-key", "k1")], Rows::innocent(8).csv().as_bytes());
    assert_eq!(sent.header("idempotency-replayed"), None);
    assert_ne!(sent.good()["batch"], first.json()["batch"]);
    assert_eq!(scene.daemon.settled().len(), 2);
    // What was refused is tried again under the same key.
    let wrong = format!("{path}&blake3={}", "0".repeat(64));
    for _ in 0..2 {
        let refused = scene.acme.at(&scene.daemon).send("POST", &wrong, &[("idempotency-key", "k2")], text.as_bytes());
        assert_eq!((refused.problem().as_str(), refused.header("idempotency-replayed")), ("wrong_checksum", None));
    }
    let reused = scene.acme.at(&scene.daemon).send(
        "POST",
        &format!("{FILES}?name=b.csv"),
        &[("idempotency-key", "k1")],
        text.as_bytes(),
    );
    assert_eq!(reused.problem(), "idempotency_key_reused");
}

#[test]
fn a_batch_is_over_when_all_of_it_is_however_much_of_it_is_shown() {
    let scene = Scene::with(&format!("slots = 1\n{CONFIG}"));
    let file = |name: &str, text: &str| json!({ "name": name, "bytes": text.len() });
    let texts = [Rows::innocent(3).csv(), Rows::innocent(5).with(2, "sleep_forever").csv(), Rows::innocent(4).csv()];
    let files: Vec<Value> =
        texts.iter().zip(["a.csv", "b.csv", "c.csv"]).map(|(text, name)| file(name, text)).collect();
    let plan = json!({ "tenant": "acme", "app": "villains", "files": files });
    let batch = scene.acme.post("/v1/batches", &plan).good()["batch"].as_str().unwrap().to_owned();
    let path = format!("/v1/batches/{batch}");
    assert_eq!(scene.acme.get(&path).problem(), "batch_open");
    for (index, text) in texts.iter().enumerate() {
        scene.acme.send("PUT", &format!("{path}/files/{index}"), &[], text.as_bytes()).good();
    }
    let tasks = scene.acme.post(&format!("{path}/commit"), &json!({})).good()["tasks"].clone();
    let view = scene.daemon.until("the end of the first", || {
        let view = scene.acme.get(&format!("{path}?limit=1")).good();
        (view["states"]["done"] == 1).then_some(view)
    });
    assert_eq!((&view["is_over"], view["tasks"].as_array().unwrap().len()), (&json!(false), 1), "{view}");
    assert_eq!(view["tasks"][0]["state"], "done");
    let next = scene.acme.get(&format!("{path}?limit=1"));
    assert!(next.header("link").unwrap().contains(&format!("after={}", tasks[0])), "{:?}", next.headers);
    let rest = scene.acme.get(&format!("{path}?after={}", tasks[0])).good();
    assert_eq!(rest["tasks"].as_array().unwrap().len(), 2, "{rest}");
    for task in tasks.as_array().unwrap() {
        let _may_be_over = scene.acme.post(&format!("/v1/tasks/{task}/cancel"), &json!({}));
    }
    scene.daemon.until("the end of all", || (scene.acme.get(&path).good()["is_over"] == true).then_some(()));
}

#[test]
fn what_is_cut_off_lies_about_itself_or_breaks_a_limit_leaves_nothing_behind() {
    let config =
        format!("{CONFIG}[tenants.acme.limits]\nfile_bytes = 1000\nfiles_per_batch = 2\nformats = [\"csv\"]\n");
    let scene = Scene::with(&config);
    let path = |name: &str| format!("{FILES}?name={name}");
    let text = Rows::innocent(20).csv();
    let long = Rows::innocent(500).csv();
    let chunked = |text: &str| format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    let head = |name: &str, more: &str| scene.acme.head("POST", &path(name), &[]) + more + "\r\n";

    // Too large: said so before a byte is read, or cut off where nothing was said.
    assert_eq!(scene.acme.send("POST", &path("a.csv"), &[], long.as_bytes()).problem(), "file_bytes");
    let reply = scene.acme.raw((head("a.csv", "transfer-encoding: chunked\r\n") + &chunked(&long)).as_bytes());
    assert_eq!(reply.problem(), "file_bytes", "{}", reply.text());
    // Cut off.
    let cut = head("a.csv", "content-length: 900\r\n") + &text;
    assert!(scene.acme.cut(cut.as_bytes()).is_none_or(|reply| reply.status >= 400));
    let cut = head("a.csv", "transfer-encoding: chunked\r\n") + &chunked(&text)[..40];
    assert!(scene.acme.cut(cut.as_bytes()).is_none_or(|reply| reply.status >= 400));
    // Another checksum, no name, names that are paths, another format, no such app.
    let wrong = format!("{}&blake3={}", path("a.csv"), "0".repeat(64));
    assert_eq!(scene.acme.send("POST", &wrong, &[], text.as_bytes()).problem(), "wrong_checksum");
    assert_eq!(scene.acme.send("POST", FILES, &[], text.as_bytes()).problem(), "bad_query");
    for name in ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd.csv", "%2fetc%2fpasswd.csv", "a%00.csv", &"x".repeat(10_000)] {
        assert_eq!(scene.acme.send("POST", &path(name), &[], text.as_bytes()).problem(), "bad_name", "{name}");
    }
    for name in ["", "..", "../../etc/passwd.csv", "/etc/passwd.csv", "a\\b.csv", "a\0.csv", &"x".repeat(10_000)] {
        let files = json!([{ "name": "good.csv", "bytes": 3 }, { "name": name, "bytes": 3 }]);
        let plan = json!({ "tenant": "acme", "app": "villains", "files": files });
        assert_eq!(scene.acme.post("/v1/batches", &plan).problem(), "bad_name", "{name}");
    }
    assert_eq!(scene.acme.send("POST", &path("a.exe"), &[], text.as_bytes()).problem(), "formats");
    let nowhere = "/v1/tenants/acme/apps/nothing/files?name=a.csv";
    assert_eq!(scene.acme.send("POST", nowhere, &[], text.as_bytes()).problem(), "unknown_app");
    // A form with a file too many, and with none.
    let part = |name: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\nn,deed\n1,none\n\r\n")
    };
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let form = part("a.csv") + &part("b.csv") + &part("c.csv") + "--x--\r\n";
    assert_eq!(scene.acme.send("POST", FILES, &kind, form.as_bytes()).problem(), "files_per_batch");
    assert_eq!(scene.acme.send("POST", FILES, &kind, b"--x--\r\n").problem(), "bad_form");
    assert_eq!(scene.acme.send("POST", FILES, &kind, &part("a.csv").as_bytes()[..50]).problem(), "bad_form");

    scene.daemon.until("nothing that is kept", || kept(&scene.daemon).is_empty().then_some(()));
    assert_eq!(scene.daemon.ask(&["tasks", "list"], &[0]).as_array().unwrap().len(), 0);
    // And it still works.
    scene.ingested("good.csv", &text);
}

#[test]
fn unicode_look_alikes_and_paths_are_no_names_of_tenants_apps_or_streams() {
    let scene = Scene::set();
    for tenant in ["аcme", "..", "%2e%2e", "acme%2f..%2fglobex", "acme%00", &"a".repeat(10_000), "ACME", "%ff"] {
        let tenant: String = tenant
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    format!("%{:02X}%{:02X}", (c as u32) >> 6 | 0xC0, (c as u32) & 0x3F | 0x80)
                }
            })
            .collect();
        for path in
            [format!("/v1/tenants/{tenant}/apps/villains/history"), format!("/v1/tenants/acme/apps/{tenant}/history")]
        {
            let reply = scene.operator.get(&path);
            assert!(matches!(reply.status, 400 | 404 | 414 | 431), "{path}: {} {}", reply.status, reply.text());
        }
    }
}

#[test]
fn a_disk_that_is_full_during_an_upload_is_told_and_the_same_upload_is_taken_when_there_is_room() {
    let mut daemon = Daemon::prepare(CONFIG);
    let disk = SmallDisk::mount(daemon.path("data"), 256);
    daemon.serve();
    let scene = Scene::of(daemon);
    // It is unmounted before the daemon's directory is removed.
    let disk = disk;
    let text = Rows::innocent(200_000).csv();
    assert!(text.len() > 2 << 20, "{} bytes do not fill the disk", text.len());
    let ballast = disk.fill(1 << 20);
    let path = format!("{FILES}?name=a.csv");
    let submit = || scene.acme.send("POST", &path, &[("idempotency-key", "one")], text.as_bytes());
    for _ in 0..2 {
        let refused = submit();
        assert_eq!((refused.status, refused.problem()), (503, "files_unavailable".to_owned()));
        assert!(refused.text().contains("No space left"), "{}", refused.text());
        assert_eq!(kept(&scene.daemon), Vec::<String>::new());
    }
    assert_eq!(scene.acme.get("/v1/tasks").good(), json!([]));
    fs::remove_file(ballast).unwrap();
    let task = submit().good()["tasks"][0].as_u64().unwrap();
    let record = scene.daemon.until("its end", || {
        let record = scene.acme.get(&format!("/v1/tasks/{task}")).good();
        (record["state"] == "done").then_some(record)
    });
    assert_eq!(record["checkpoint"]["counts"]["documents"]["stored"], 200_000);
}
