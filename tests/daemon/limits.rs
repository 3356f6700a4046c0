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
    for (rows, file) in (1..).zip(&files) {
        daemon.write(file, Rows::innocent(rows).csv());
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
fn an_app_of_the_wrong_kind_is_named_with_the_kinds_that_it_has() {
    let daemon = with("");
    daemon.drop_app_as("acme", &artefacts::json_app(), "messages.so");
    let apps = daemon.ask(&["apps", "list"], &[0]);
    let names = apps.as_array().unwrap().iter().map(|app| app["app"].as_str().unwrap());
    let app = names.into_iter().find(|name| *name != "villains").unwrap();
    daemon.write("a.csv", "n\n1\n");
    let sentence = format!("app {app} of tenant acme is no batch app (its kinds: stream): name another");
    refused(&daemon, &["submit", "acme", app, "a.csv"], &sentence);
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
fn a_task_that_fills_the_tenants_storage_is_parked_while_it_runs() {
    let daemon = with("storage_bytes = \"400KB\"\n");
    // The file itself is well within it.
    daemon.write("a.csv", Rows::innocent(15_000).with(14_000, "crawl=20000").csv());
    let batch = daemon.ask(&["submit", "acme", "villains", "a.csv"], &[exit::FAILED]);
    let task = &batch["tasks"][0];
    assert_eq!(task["state"], "parked", "{task}");
    let reason = task["reason"].as_str().unwrap();
    assert!(reason.contains("tenant acme keeps ") && reason.contains("400000 are allowed (storage_bytes)"), "{task}");
    // What it had stored by then stays.
    let stored = task["checkpoint"]["counts"]["documents"]["stored"].as_u64().unwrap();
    assert!(stored > 0 && daemon.documents("acme", "documents").len() as u64 >= stored, "{task}");
}

#[test]
fn a_worker_that_takes_more_memory_than_the_profile_allows_loses_the_row_alone() {
    let daemon = with("memory_bytes = \"64MiB\"\n");
    daemon.write("a.csv", Rows::innocent(100).with(50, "memory_heap_abort").csv());
    let batch = daemon.ask(&["submit", "acme", "villains", "a.csv"], &[exit::DEAD_LETTERS]);
    assert_eq!(batch["tasks"][0]["state"], "done", "{batch}");
    let letters = daemon.letters("acme");
    assert_eq!((letters.len(), &letters[0]["row"]), (1, &50.into()), "{letters:?}");
    assert!(
        letters[0]["reason"].as_str().unwrap().contains("it asked for more memory than its limit of 64 MiB"),
        "{letters:?}"
    );
    assert_eq!(daemon.documents("acme", "documents").len(), 99);
}

#[test]
fn no_more_tasks_of_a_tenant_run_at_once_than_its_profile_allows() {
    let daemon = with("concurrent_tasks = 1\n");
    for file in 0..4 {
        let name = format!("{file}.csv");
        daemon.write(&name, Rows::innocent(10 + file).with(5, "crawl=100").csv());
        daemon.ask(&["submit", "acme", "villains", &name, "--no-wait"], &[0]);
    }
    assert!(daemon.settled().iter().all(|task| task["state"] == "done"));
    let told = daemon.command(["logs", "--json", "acme", "--limit", "1000"]).stdout;
    let events = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let events: Vec<String> = events.map(|event| event["event"].as_str().unwrap_or_default().to_owned()).collect();
    let turns: Vec<&str> =
        events.iter().map(String::as_str).filter(|event| ["task_began", "task_ended"].contains(event)).collect();
    assert_eq!(turns, ["task_began", "task_ended"].repeat(4));
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
