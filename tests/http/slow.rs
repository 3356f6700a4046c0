//! Clients that send or read slowly, or send on although they are answered: each is told, and holds nothing for long.

use crate::scene::{CONFIG, Scene};
use mysimbdp_tests::http::{Http, Reply};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILES: &str = "/v1/tenants/acme/apps/villains/files";
const LINES: &str = "/v1/tenants/acme/streams/trips/lines";

/// Of a token there is one request under way at once, and a second is all the patience there is.
fn scene() -> Scene {
    Scene::with(&format!("{CONFIG}connections = 4\npatience = \"1s\"\n"))
}

/// Sends what is given, and then ten bytes every tenth of a second until it is answered; reads the answer.
fn trickled(http: &Http, begun: &str) -> Reply {
    let mut stream = http.connect();
    stream.write_all(begun.as_bytes()).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let trickle = std::thread::spawn(move || {
        while sender.write_all(b"xxxxxxxxxx").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let reply = Reply::read(&mut stream);
    stream.shutdown(Shutdown::Both).unwrap();
    trickle.join().unwrap();
    reply
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files_below(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

#[test]
fn bodies_that_do_not_come_or_trickle_are_told_so_and_leave_nothing_behind() {
    let scene = scene();
    let acme = &scene.acme;
    let plan = json!({ "tenant": "acme", "app": "villains", "files": [{ "name": "a.csv", "bytes": 100_000 }] });
    let batch = acme.post("/v1/batches", &plan).good()["batch"].as_str().unwrap().to_owned();
    let done = [("idempotency-key", "mine")];
    assert_eq!(acme.send("POST", LINES, &done, b"1,none\n").good()["accepted"], 1);
    let form = ("content-type", "multipart/form-data; boundary=x");
    let part = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.csv\"\r\n\r\nn,deed\n";
    let apps = scene.daemon.staging("acme").join("apps");
    let before = files_below(&apps);

    let head = |method: &str, path: &str, more: &[(&str, &str)]| {
        acme.head(method, path, more) + "content-length: 100000\r\n\r\n"
    };
    let raw = format!("{FILES}?name=a.csv");
    let file = format!("/v1/batches/{batch}/files/0");
    let silent = [
        head("POST", "/v1/batches", &[]),
        head("POST", LINES, &done),
        head("POST", &raw, &[]) + "n,deed\n",
        acme.head("POST", LINES, &[]) + "transfer-encoding: chunked\r\n\r\n7\r\n1,none\n\r\n",
    ];
    let trickling = [
        head("POST", "/v1/batches", &[]) + "{",
        head("POST", LINES, &[]),
        head("POST", LINES, &done),
        head("POST", &raw, &[]) + "n,deed\n",
        head("POST", FILES, &[form]) + part,
        head("POST", FILES, &[form]),
        head("PUT", &file, &[]) + "n,deed\n",
        head("POST", "/v1/tenants/acme/apps", &[]),
    ];
    let told = |reply: &Reply, sent: &str| {
        assert_eq!((reply.status, reply.problem().as_str()), (408, "too_slow"), "{sent}: {}", reply.text());
        assert_eq!(acme.get("/v1/me").status, 200, "its place is free again: {sent}");
    };
    for sent in &silent {
        let mut stream = acme.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        // A look that came before it would take its place.
        std::thread::sleep(Duration::from_millis(200));
        scene.daemon.until("a request under way", || (acme.get("/v1/me").status == 429).then_some(()));
        let reply = Reply::read(&mut stream);
        told(&reply, sent);
        assert!(reply.text().contains("nothing came for 1s (api.patience)"), "{sent}: {}", reply.text());
    }
    for sent in &trickling {
        told(&trickled(acme, sent), sent);
    }

    let kept = scene.daemon.path("data/tenants/acme/files");
    scene.daemon.until("nothing that is kept", || files_below(&kept).is_empty().then_some(()));
    assert_eq!(files_below(&apps), before);
    assert_eq!(acme.get("/v1/tasks").good(), json!([]));
    assert_eq!(acme.post(&format!("/v1/batches/{batch}/commit"), &json!({})).problem(), "missing_file");
}

#[test]
fn whoever_reads_nothing_of_its_answer_is_let_go() {
    let scene = scene();
    // Each is a dead letter with its row: more than the system keeps for one who does not read.
    let long = "x".repeat(60_000);
    let rows: String = (1..=250).map(|number| format!("{number},{long}\n")).collect();
    let path = format!("{FILES}?name=a.csv");
    scene.operator.send("POST", &path, &[], format!("n,deed\n{rows}").as_bytes()).good();
    scene.daemon.settled();
    let export = "/v1/tenants/acme/dead-letters/export";
    let whole = scene.operator.get(export).body.len();
    assert!(whole > 12 << 20, "{whole} bytes");

    let mut stream = scene.acme.connect();
    stream.write_all(format!("{}\r\n", scene.acme.head("GET", export, &[])).as_bytes()).unwrap();
    // A look that came before it would take its place.
    std::thread::sleep(Duration::from_millis(200));
    let status = || scene.acme.get("/v1/me").status;
    scene.daemon.until("a request under way", || (status() == 429).then_some(()));
    scene.daemon.until("its end", || (status() == 200).then_some(()));
    let mut came = Vec::new();
    // It ends with an error or not, and early.
    let _reset = stream.read_to_end(&mut came);
    assert!(came.starts_with(b"HTTP/1.1 200") && came.len() < whole, "{} of {whole} bytes", came.len());
}

#[test]
fn a_connection_on_which_no_request_comes_is_closed() {
    let scene = scene();
    for begun in ["", "GET /v1/me HTTP/1.1\r\nho", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = scene.acme.connect();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut came = Vec::new();
        stream.read_to_end(&mut came).unwrap_or_else(|error| panic!("{begun:?} keeps its connection: {error}"));
        assert_eq!(came.starts_with(b"HTTP/1.1 200"), begun.contains("healthz"), "{begun:?}");
    }
}

/// Sends all of a request before it reads anything, as many clients do.
fn sent_first(http: &Http, method: &str, path: &str, body: &[u8]) -> Reply {
    let mut stream: TcpStream = http.connect();
    let head = http.head(method, path, &[]) + &format!("content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .write_all(body)
        .unwrap_or_else(|error| panic!("{path}: the host does not take what it does not want: {error}"));
    Reply::read(&mut stream)
}

#[test]
fn whoever_sends_all_before_it_reads_hears_why_it_is_refused() {
    let scene = Scene::with(&format!("{CONFIG}[tenants.acme.limits]\nfile_bytes = 1000\n"));
    let nobody = Http::of(&scene.daemon);
    let large = vec![b' '; 40 << 20];
    let file = format!("{FILES}?name=a.csv");
    for _ in 0..3 {
        for (http, path, status, code) in [
            (&scene.acme, file.as_str(), 422, "file_bytes"),
            (&scene.acme, "/v1/tenants/acme/apps/nothing/files?name=a.csv", 404, "unknown_app"),
            (&scene.acme, "/v1/batches", 413, "body_too_large"),
            (&scene.acme, LINES, 413, "body_too_large"),
            (&scene.acme, "/v1/nowhere", 404, "unknown_route"),
            (&nobody, file.as_str(), 401, "unauthorized"),
        ] {
            let reply = sent_first(http, "POST", path, &large);
            assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{path}: {}", reply.text());
        }
    }
}

#[test]
fn a_body_that_is_said_to_be_too_large_is_refused_before_it_comes() {
    let scene = Scene::set();
    for (path, bytes, code) in [
        ("/v1/batches", (2 << 20) + 1, "body_too_large"),
        (LINES, (32 << 20) + 1, "body_too_large"),
        ("/v1/tenants/acme/apps", (256 << 20) + 1, "app_too_large"),
    ] {
        let head = scene.acme.head("POST", path, &[]) + &format!("content-length: {bytes}\r\n\r\n");
        let reply = scene.acme.raw(head.as_bytes());
        assert_eq!((reply.status, reply.problem().as_str()), (413, code), "{path}: {}", reply.text());
    }
    // One that does not say so is refused when it is.
    let head = scene.acme.head("POST", "/v1/batches", &[]) + "transfer-encoding: chunked\r\n\r\n";
    let body = " ".repeat((2 << 20) + 1);
    let reply = scene.acme.raw(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
    assert_eq!((reply.status, reply.problem().as_str()), (413, "body_too_large"));
}

#[test]
fn a_body_of_which_nobody_says_how_long_it_is_counts_as_it_comes() {
    let scene = Scene::set();
    let settle = |http: &Http| {
        let kind = [("content-type", "application/json")];
        let mut stream = http.connect();
        let head = http.head("PATCH", "/v1/tenants/acme", &kind) + "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut begun: Vec<TcpStream> = (0..8).map(|_| settle(&scene.operator)).collect();
    for stream in begun.iter_mut().rev() {
        stream.write_all(b"c\r\n\"weight\": 2}\r\n0\r\n\r\n").unwrap();
        assert_eq!(Reply::read(stream).good()["settings"]["weight"], 2);
    }
}
