//! `kill -9` amid writing: what was answered is there, and a batch is there whole or not at all.
//!
//! The test runs itself once more as a child that writes and tells each answer on its standard output.

use super::*;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD: &str = "MYSIMBDP_TEST_KILLED_WRITER";
const THIS: &str = "sink::embedded::tests::kill::what_was_answered_survives_kill_9_and_no_batch_is_there_by_half";
const ROWS: u64 = 100;
/// Ends a child that nobody kills.
const BATCHES: u64 = 20_000;

#[test]
fn what_was_answered_survives_kill_9_and_no_batch_is_there_by_half() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acme.db");
    for (round, answers) in [3, 40, 150].into_iter().enumerate() {
        let answered = kill_after(&path, answers);
        assert!(answered.len() >= answers);

        let store = Store::open(&path).unwrap();
        let reader = store.reader().unwrap();
        let there = |row: u64| {
            let id = crate::document::DocumentId::new(1, row, 0).unwrap().to_string();
            reader.document(COLLECTION, &id).unwrap()
        };
        for batch in &answered {
            for row in batch * ROWS + 1..=(batch + 1) * ROWS {
                let json = there(row).unwrap_or_else(|| panic!("round {round}: row {row} was answered")).json;
                assert!(json.ends_with(&format!("\"row\":{row}}}")), "{json}");
            }
        }
        assert_eq!(reader.count(COLLECTION).unwrap() % ROWS, 0, "round {round}: a batch is there by half");
    }
}

/// Starts a child, kills it after so many answers, and gives the batches that it told as answered.
fn kill_after(path: &Path, answers: usize) -> HashSet<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answered = HashSet::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes to the same pipe, and a last line may be cut by the kill.
        let line = line.unwrap();
        let Some(batch) = line.split("answered ").nth(1).and_then(|rest| rest.strip_suffix('.')) else { continue };
        answered.insert(batch.parse().unwrap());
        if answered.len() >= answers && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed && !status.success(), "the child ended by itself: {status}");
    answered
}

fn write_until_killed(path: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(path).unwrap();
        let sink = store.collection(COLLECTION).await.unwrap();
        let one_in_four = async |offset: u64| {
            for batch in (offset..BATCHES).step_by(4) {
                sink.write(rows(batch * ROWS + 1, ROWS)).await.unwrap();
                // Not by println, which the harness would take.
                writeln!(std::io::stdout(), "answered {batch}.").unwrap();
            }
        };
        tokio::join!(one_in_four(0), one_in_four(1), one_in_four(2), one_in_four(3));
    });
}
