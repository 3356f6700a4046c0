//! What becomes of a task whose kept file, or whose data directory, is not what it was.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;
use std::fs;
use std::io::Write;

#[test]
fn a_file_that_vanished_or_grew_after_it_was_submitted_is_told() {
    let daemon = Daemon::start("");
    daemon.drop_app("acme", &artefacts::villains());
    for name in ["a.csv", "b.csv"] {
        daemon.write(name, format!("{}{name},none\n", Rows::innocent(10).csv()));
    }
    let batch = daemon.ask(&["submit", "acme", "villains", "a.csv", "b.csv"], &[exit::DONE, exit::DEAD_LETTERS]);
    let kept = |index: usize| {
        let key = batch["tasks"][index]["file"]["key"].as_str().unwrap();
        let (tenant, rest) = key.split_once('/').unwrap();
        daemon.path("data/tenants").join(tenant).join("files").join(rest)
    };
    fs::remove_file(kept(0)).unwrap();
    fs::OpenOptions::new().append(true).open(kept(1)).unwrap().write_all(b"11,none\n").unwrap();
    for (task, sentence) in [("1", "the kept file a.csv is not there any more"), ("2", "somebody changed it")] {
        daemon.ask(&["tasks", "rerun", task], &[0]);
        let told = daemon.settled();
        let task = &told[task.parse::<usize>().unwrap() - 1];
        assert_eq!(task["state"], "parked", "{task}");
        assert!(task["reason"].as_str().unwrap().contains(sentence), "{task}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_is_told_in_one_sentence() {
    let daemon = Daemon::prepare("data = \"file/data\"\n");
    daemon.write("file", "not a directory");
    let told = daemon.command(["serve"]);
    assert_eq!(told.code, exit::FAILED);
    assert!(told.stderr.contains("file/data") && told.stderr.contains("cannot be made"), "{}", told.stderr);
}

#[test]
fn a_daemon_that_finds_somebody_elses_file_leaves_it_as_it_is() {
    let daemon = Daemon::prepare("");
    fs::create_dir(daemon.path("data")).unwrap();
    let file = daemon.write("data/queue.db", "x".repeat(1_000));
    let told = daemon.command(["serve"]);
    assert_eq!(told.code, exit::FAILED);
    assert!(told.stderr.contains("queue.db is not an SQLite database and was left as it is"), "{}", told.stderr);
    assert_eq!(fs::read_to_string(file).unwrap().len(), 1_000);
}
