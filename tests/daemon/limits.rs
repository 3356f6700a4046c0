//! Limits: refused before anything is queued, or where they are met; each sentence names limit and value.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;

fn with(limits: &str) -> Daemon {
    let daemon = Daemon::start(&format!("adopt_tenants = true\n[profiles.normal]\n{limits}"));
    daemon.drop_app("acme", &artefacts::villains());
    daemon
}

fn refused(daemon: &Daemon, arguments: &[&str], sentence: &str) {
    let told = daemon.command(arguments.iter());
    assert_eq!(told.code, exit::FAILED, "{}", told.stdout);
    assert!(told.stderr.contains(sentence), "{}", told.stderr);
    assert!(daemon.ask(&["tasks", "list"], &[0]).as_array().unwrap().is_empty());
}

#[test]
fn eleven_files_are_one_too_many() {
    let daemon = with("");
    let files: Vec<String> = (0..11).map(|n| format!("{n}.csv")).collect();
    for file in &files {
        daemon.write(file, Rows::innocent(1).csv());
    }
    let arguments: Vec<&str> =
        ["submit", "acme", "villains"].into_iter().chain(files.iter().map(String::as_str)).collect();
    refused(&daemon, &arguments, "11 files in one batch, where 10 are allowed (files_per_batch");
    daemon.ask(&arguments[..13], &[0]);
}

#[test]
fn a_file_one_byte_over_is_refused_and_one_of_just_the_size_is_not() {
    let daemon = with("file_bytes = 100\n");
    daemon.write("over.csv", format!("n\n{}", "1".repeat(99)));
    daemon.write("just.csv", format!("n\n{}", "1".repeat(98)));
    refused(&daemon, &["submit", "acme", "villains", "over.csv"], "101 bytes, where 100 are allowed (file_bytes");
    let batch = daemon.command(["submit", "acme", "villains", "just.csv", "--json"]).json();
    assert_eq!(batch["tasks"][0]["file"]["bytes"], 100, "{batch}");
}

#[test]
fn what_is_not_there_is_named() {
    let daemon = with("");
    daemon.write("a.csv", "n\n1\n");
    refused(&daemon, &["submit", "nobody", "villains", "a.csv"], "there is no tenant nobody");
    refused(&daemon, &["submit", "acme", "nothing", "a.csv"], "tenant acme has no app nothing");
    refused(&daemon, &["submit", "acme", "villains", "b.csv"], "b.csv cannot be opened");
    let told = daemon.command(["submit", "../acme", "villains", "a.csv"]);
    assert_eq!(told.code, exit::USAGE);
    assert!(told.stderr.contains("\"../acme\" is not the name of a tenant"), "{}", told.stderr);
}

#[test]
fn formats_and_waiting_tasks_are_limited() {
    let daemon = with("formats = [\"csv\"]\nwaiting_tasks = 2\n");
    daemon.write("a.txt", "n\n1\n");
    refused(&daemon, &["submit", "acme", "villains", "a.txt"], "(formats");
    for name in ["a.csv", "b.csv", "c.csv"] {
        daemon.write(name, format!("n,deed\n1,none\n{name},none\n"));
    }
    refused(&daemon, &["submit", "acme", "villains", "a.csv", "b.csv", "c.csv"], "(waiting_tasks");
}

#[test]
fn limits_that_are_met_while_a_task_runs_park_it_by_name() {
    for (limits, deed, sentence) in [
        ("rows_per_task = 100\n", "none", "100 rows that a file may have (rows_per_task)"),
        ("documents_per_task = 100\n", "none", "100 documents that a file may make (documents_per_task)"),
        ("dead_letters = 0\n", "reject", "where 0 are allowed"),
        ("wall_seconds = 1\n", "sleep_forever", "1 s that a task may take (wall_seconds)"),
        ("cpu_seconds = 1\n", "endless_loop", "1 CPU seconds that a task may use (cpu_seconds)"),
    ] {
        let daemon = with(limits);
        daemon.write("a.csv", Rows::innocent(3_000).with(2_000, deed).csv());
        let batch = daemon.ask(&["submit", "acme", "villains", "a.csv"], &[exit::FAILED]);
        let task = &batch["tasks"][0];
        assert_eq!(task["state"], "parked", "{limits}: {task}");
        assert!(task["reason"].as_str().unwrap().contains(sentence), "{limits}: {task}");
    }
}

#[test]
fn a_tenant_that_keeps_too_much_is_refused_more() {
    let daemon = with("storage_bytes = \"200KB\"\n");
    daemon.write("large.csv", Rows::innocent(40_000).csv());
    refused(&daemon, &["submit", "acme", "villains", "large.csv"], "(storage_bytes");
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let daemon = Daemon::prepare("slots = 0\nslotz = 3\n[tenants.acme]\nprofile = \"nothing\"\n");
    let told = daemon.command(["serve"]);
    assert_eq!(told.code, exit::USAGE);
    for part in ["mysimbdp.toml:1", "mysimbdp.toml:2", "mysimbdp.toml:4", "slotz", "nothing"] {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
}
