//! A thousand files of one tenant, and one of another a moment later.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::fs;

const FILES: usize = 1_000;
const SLOTS: usize = 3;

#[test]
fn one_file_does_not_wait_behind_a_thousand() {
    let daemon = Daemon::start("");
    for tenant in ["many", "few"] {
        daemon.drop_app(tenant, &artefacts::villains());
        let inbox = daemon.staging(tenant).join("inbox/villains");
        daemon.until("the inbox", || inbox.is_dir().then_some(()));
    }
    let inbox = daemon.staging("many").join("inbox/villains");
    for file in 0..FILES {
        fs::write(inbox.join(format!("{file}.csv")), Rows::innocent(20 + file as u64).csv()).unwrap();
    }
    let journal = |tenant: &str| -> Vec<Value> {
        let path = daemon.path("data/tenants").join(tenant).join("journal/journal.jsonl");
        let lines = fs::read_to_string(path).unwrap_or_default();
        let events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["event"] == "task_ended").collect()
    };
    daemon.until("the first of the thousand", || (journal("many").len() > 10).then_some(()));
    daemon.write("one.csv", Rows::innocent(5).csv());
    let batch = daemon.ask(&["submit", "few", "villains", "one.csv"], &[0]);
    let time = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (enqueued, begun) = (time(&batch["tasks"][0]["enqueued_at"]), time(&batch["tasks"][0]["begun_at"]));
    // Times of one clock in one form sort as text.
    let before = daemon.ask(&["tasks", "list", "--tenant", "many", "--state", "done", "--limit", "1000"], &[0]);
    let before = before.as_array().unwrap().iter().map(|task| time(&task["begun_at"]));
    let before = before.filter(|at| *at > enqueued && *at < begun).count();
    assert!(before <= SLOTS + 1, "{before} tasks of the other tenant began before it");
}
