//! Another app that runs at the same time notices nothing: same documents, no deaths, no dead letters.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Mysimbdp, Running};
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit, sorted};
use serde_json::{Value, json};

/// Deeds that would be felt outside of their worker, if they could be.
const FELT: &[&str] = &[
    "memory_private",
    "memory_shared",
    "fork_bomb",
    "thread_bomb",
    "kill_host",
    "kill_group",
    "endless_loop",
    "stdout_1gb",
    "log_flood",
    "dup_bomb",
    "garbage_everywhere",
    "segfault",
];

#[test]
fn a_neighbour_of_all_villains_notices_nothing() {
    let short = |deed: &&str| expect::villains(&expect::crowd(deed)).option("--stall-seconds", "3").start();
    let mut villains: Vec<_> = FELT.iter().map(short).collect();
    while villains.iter_mut().any(Running::is_running) {
        a_neighbour_gets_all_of_its_documents();
    }
    for (deed, villain) in FELT.iter().zip(villains) {
        let finished = villain.finish();
        assert!(finished.status.code().is_some(), "{deed} killed its host: {}", finished.status);
        assert_eq!(expect::innocent_documents(&finished), expect::crowd(deed).documents(), "{deed}");
    }
}

fn a_neighbour_gets_all_of_its_documents() {
    let rows = 2_000;
    let data: String = (1..=rows).map(|n| format!("{n}\n")).collect();
    let command = Mysimbdp::run(&artefacts::example("twin_a"), format!("n\n{data}"));
    // The machine is busy, and that is nobody's fault.
    let neighbour = command.option("--stall-seconds", "60").finish();
    let report = neighbour.report();
    assert_eq!(neighbour.code(), exit::DONE, "{:?}", report.sentences());
    let expected: Vec<Value> = (1..=rows).map(|n| json!({ "n": n, "twin": "a" })).collect();
    assert_eq!(sorted(neighbour.sink().documents()), expected);
    assert!(report.deaths.is_empty() && report.dead_letters.is_empty());
}

#[test]
fn batches_of_another_tenant_beside_every_villain_there_is_end_as_they_would_alone() {
    let profile = "stall_seconds = 1\nmemory_bytes = \"256MiB\"\nattempts = 1\nfiles_per_batch = 1000\n";
    let mut daemon = Daemon::start(&format!("[profiles.normal]\n{profile}[tenants.villain]\n[tenants.acme]\n"));
    for tenant in ["villain", "acme"] {
        daemon.drop_app(tenant, &artefacts::villains());
    }
    let deeds = artefacts::deeds();
    let files: Vec<String> = deeds.iter().map(|deed| format!("{deed}.csv")).collect();
    for (number, (file, deed)) in (0_u64..).zip(files.iter().zip(&deeds)) {
        daemon.write(file, Rows::innocent(10 + number).with(5, deed).csv());
    }
    let submit = |tenant: &str, files: &[&str], more: &[&str]| {
        daemon.ask(&[&["submit", tenant, "villains"], files, more].concat(), &[0, 1, 3, 4])
    };
    submit("villain", &files.iter().map(String::as_str).collect::<Vec<_>>(), &["--no-wait"]);
    let waiting = || {
        let tasks = daemon.ask(&["tasks", "list", "--tenant", "villain", "--state", "waiting"], &[0]);
        tasks.as_array().unwrap().len()
    };
    let mut honest: u64 = 0;
    while waiting() > 0 {
        honest += 1;
        let file = format!("honest-{honest}.csv");
        daemon.write(&file, Rows::innocent(5_000 + honest).csv());
        let task = &submit("acme", &[&file], &[])["tasks"][0];
        let counts = &task["checkpoint"]["counts"];
        let (read, stored) = (&counts["rows"]["read"], &counts["documents"]["stored"]);
        let all = Value::from(5_000 + honest);
        assert_eq!(
            (&task["state"], read, stored, &task["attempts"]),
            (&"done".into(), &all, &all, &0.into()),
            "{task}"
        );
    }
    assert!(honest > 2, "they hardly met");
    let tasks = daemon.settled();
    assert!(daemon.is_running());
    let documents: Vec<Value> =
        daemon.documents("acme", "documents").iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(documents.len() as u64, (1..=honest).map(|number| 5_000 + number).sum::<u64>());
    assert!(documents.iter().all(|document| document.get("verdict").is_none()));
    assert_eq!(daemon.ask(&["deadletters", "list", "acme"], &[0])["letters"].as_array().unwrap().len(), 0);
    // Nothing that it did has worked, and its own books balance, however it lied.
    let told = daemon.documents("villain", "documents");
    assert!(told.iter().all(|text| !text.contains("\"breached\"")), "{told:?}");
    for (task, deed) in tasks.iter().zip(&deeds) {
        let rows = &task["checkpoint"]["counts"]["rows"];
        let count = |name: &str| rows[name].as_u64().unwrap();
        assert_eq!(count("read"), count("ingested") + count("passed_over") + count("rejected"), "{deed}: {task}");
        assert!(task["state"] == "done" || !task["reason"].as_str().unwrap().is_empty(), "{deed}: {task}");
    }
}

#[test]
fn the_next_file_of_a_villain_is_untouched_by_the_one_before() {
    let rows = Rows::innocent(10);
    let command = expect::villains(&expect::crowd("segfault"));
    let second = command.directory().join("second.csv");
    std::fs::write(&second, rows.csv()).unwrap();
    let finished = command.arg(&second).finish();
    assert_eq!(finished.code(), exit::DEAD_LETTERS);
    let mut expected = expect::crowd("segfault").documents();
    expected.extend(rows.documents());
    assert_eq!(sorted(finished.sink().documents()), sorted(expected));
}
