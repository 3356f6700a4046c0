//! Whoever asks for much and reads none of it holds up nobody else.

use crate::scene::{CONFIG, Scene};
use mysimbdp_tests::daemon::Daemon;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

/// A journal of acme's with so many events, the last of which is another.
fn with_journal(events: usize) -> Scene {
    let mut daemon = Daemon::prepare(CONFIG);
    let folder = daemon.path("data/tenants/acme/journal");
    fs::create_dir_all(&folder).unwrap();
    let mut text = r#"{"at":"2026-11-01T00:00:00Z","event":"file_began","number":1}"#.to_owned() + "\n";
    let sentence = "x".repeat(900);
    for number in 0..events {
        let at = format!("2026-11-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60);
        writeln!(text, r#"{{"at":"{at}","tenant":"acme","event":"deed","sentence":"{number} {sentence}"}}"#).unwrap();
    }
    fs::write(folder.join("journal.jsonl"), text).unwrap();
    daemon.serve();
    Scene::of(daemon)
}

#[test]
fn large_answers_that_nobody_reads_are_bounded_for_a_token_and_others_are_answered() {
    let scene = with_journal(20_000);
    let path = "/v1/logs?limit=10000";
    let whole = scene.acme.get(path);
    assert!(whole.status == 200 && whole.body.len() > 8 << 20, "{} {}", whole.status, whole.body.len());
    let hanging: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = scene.acme.connect();
            // So that most of the answer waits with the host, and not in the system's buffers.
            rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
            stream.write_all((scene.acme.head("GET", path, &[]) + "\r\n").as_bytes()).unwrap();
            stream
        })
        .collect();
    scene.daemon.until("a refusal of one more", || {
        let one_more = scene.acme.get(path);
        (one_more.status == 429 && one_more.problem() == "too_many_at_once").then_some(())
    });
    // What is small is answered, and so is everybody else.
    assert_eq!(scene.acme.get("/v1/logs?limit=1").status, 200);
    assert_eq!(scene.globex.get("/v1/logs?limit=10000").status, 200);
    assert_eq!(scene.operator.get(path).status, 200);
    drop(hanging);
    scene.daemon.until("the answer, when they are gone", || (scene.acme.get(path).status == 200).then_some(()));
}
