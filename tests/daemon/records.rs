//! What is on record: journal, statistics, the bill.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn busy() -> Daemon {
    let daemon = Daemon::start("");
    for (tenant, files) in [("acme", 3), ("globex", 1)] {
        daemon.drop_app(tenant, &artefacts::villains());
        for file in 0..files {
            daemon.write("a.csv", Rows::innocent(100 + file).with(2, "reject").csv());
            daemon.ask(&["submit", tenant, "villains", "a.csv"], &[3]);
        }
    }
    daemon
}

#[test]
fn statistics_are_drawn_per_tenant_and_for_the_platform() {
    let daemon = busy();
    let acme = daemon.ask(&["stats", "acme"], &[0]).to_string();
    let all = daemon.ask(&["stats"], &[0]).to_string();
    assert_ne!(acme, all);
    let told = daemon.command(["stats"]);
    for part in ["p50", "p95", "max"] {
        assert!(told.stdout.contains(part), "{}", told.stdout);
    }
    let none = daemon.command(["stats", "nobody"]);
    assert!(none.stderr.contains("there is no tenant nobody"), "{}", none.stderr);
}

#[test]
fn the_bill_counts_each_document_once_even_after_a_kill() {
    let mut daemon = busy();
    let documents = |daemon: &Daemon| -> u64 {
        let lines = daemon.ask(&["usage", "acme"], &[0]);
        lines.as_array().unwrap().iter().map(|line| line["documents"].as_u64().unwrap()).sum()
    };
    assert_eq!(documents(&daemon), 99 + 100 + 101);
    daemon.kill();
    daemon.serve();
    assert_eq!(documents(&daemon), 99 + 100 + 101);
    let csv = daemon.command(["usage", "--csv"]);
    assert!(csv.stdout.lines().count() >= 3 && csv.stdout.contains("globex"), "{}", csv.stdout);
}

#[test]
fn a_log_is_followed_live() {
    let daemon = busy();
    let mut follow = Command::new(artefacts::binary())
        .args(["logs", "--json", "acme", "-f", "--event", "task_ended", "-n", "1"])
        .current_dir(daemon.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["task"], 3);
    daemon.write("b.csv", Rows::innocent(7).csv());
    daemon.ask(&["submit", "acme", "villains", "b.csv"], &[0]);
    assert_eq!(next()["task"], 5);
    follow.kill().unwrap();
    follow.wait().unwrap();
}
