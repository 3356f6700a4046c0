//! A data file that somebody changes while it is ingested.

use mysimbdp_tests::command::Running;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

/// More than any buffer on the way holds.
const ROWS: u64 = 200_000;

/// A run whose first row keeps it busy for three seconds, once that row is in work.
fn start() -> Running {
    let running = expect::villains(&Rows::innocent(ROWS).with(1, "crawl=3000")).option("--stall-seconds", "60").start();
    running.wait_for_worker();
    std::thread::sleep(Duration::from_millis(800));
    running
}

#[test]
fn a_file_that_shrinks_is_never_told_as_done() {
    let running = start();
    let file = OpenOptions::new().write(true).open(running.directory().join("data.csv")).unwrap();
    file.set_len(1_000_000).unwrap();
    let finished = running.finish();
    let report = finished.report();
    assert_ne!(report.outcome, "done", "{:?}", report.rows);
    expect::says_one_of(&report.reason.clone().unwrap_or_default(), &["shrank"]);
    assert_ne!(finished.code(), exit::DONE);
    // What is stored is the beginning of the file, without the first row, which tells something else.
    let stored = expect::innocent_documents(&finished);
    assert!(stored.len() as u64 + 1 < ROWS);
    assert!(stored.iter().zip(2..).all(|(document, n)| *document == json!({ "n": n })), "{:?}", stored.last());
}

#[test]
fn a_file_that_grows_is_ingested_as_it_was_and_never_told_as_done() {
    let running = start();
    let mut file = OpenOptions::new().append(true).open(running.directory().join("data.csv")).unwrap();
    for n in ROWS + 1..ROWS + 1_000 {
        writeln!(file, "{n},none").unwrap();
    }
    let finished = running.finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::PARTIAL, "partial"), "{:?}", report.sentences());
    expect::says_one_of(&report.reason.clone().unwrap_or_default(), &["grew"]);
    assert_eq!((report.rows.read, finished.sink().count()), (ROWS, ROWS));
}
