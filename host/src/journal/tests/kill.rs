//! `kill -9` amid recording: what was flushed is there, in order, and at most one line is torn.
//!
//! The test runs itself once more as a child that records and tells each flush on its standard output.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD: &str = "MYSIMBDP_TEST_KILLED_JOURNAL";
const THIS: &str = "journal::tests::kill::what_was_flushed_survives_kill_9_and_the_rest_is_whole_lines";

#[test]
fn what_was_flushed_survives_kill_9_and_the_rest_is_whole_lines() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    if let Some(data) = std::env::var_os(CHILD) {
        return runtime.block_on(record_until_killed(Path::new(&data)));
    }
    let data = tempfile::tempdir().unwrap();
    let mut house = None;
    for flushes in [1, 20, 60] {
        drop(house.take());
        let flushed = kill_after(data.path(), flushes);
        let (journal, thread) = Journal::open_tuned(data.path(), killed_rules(), tuning()).unwrap();
        runtime.block_on(async {
            journal.record(deed("acme", 1_000_000)).await;
            journal.flush().await.unwrap();
            for scope in [Scope::General, acme()] {
                let all = Filter::default();
                let page = journal.read(&scope, &all, Order::NewestFirst, MOST_EVENTS, None).await.unwrap();
                let numbers: Vec<_> = page.events.iter().map(number).collect();
                // Up to the end of the round before.
                let own = numbers[1..].iter().take_while(|number| **number != 1_000_000);
                let mut own: Vec<_> = own.copied().collect();
                own.reverse();
                assert_eq!(own, (0..own.len() as u64).collect::<Vec<_>>());
                assert!(own.len() as u64 > flushed, "{} of {flushed}", own.len());
                assert!(page.damaged <= 3, "one for each kill");
            }
        });
        house = Some((journal, thread));
    }
}

fn killed_rules() -> Rules {
    Rules { bytes: 20_000, files: 10_000, ..rules() }
}

/// Starts a child, kills it after so many flushes, and gives the last event that it told as flushed.
fn kill_after(data: &Path, flushes: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut last, mut count, mut killed) = (0, 0, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes to the same pipe, and a last line may be cut by the kill.
        let line = line.unwrap();
        let Some(number) = line.split("flushed ").nth(1).and_then(|rest| rest.strip_suffix('.')) else { continue };
        last = number.parse().unwrap();
        count += 1;
        if count >= flushes && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed && !status.success(), "the child ended by itself: {status}");
    last
}

async fn record_until_killed(data: &Path) {
    let (journal, _thread) = Journal::open_tuned(data, killed_rules(), Tuning::default()).unwrap();
    for number in 0..9_000 {
        journal.record(deed("acme", number)).await;
        if number % 10 == 9 {
            journal.flush().await.unwrap();
            // Not by println, which the harness would take.
            writeln!(std::io::stdout(), "flushed {number}.").unwrap();
        }
    }
}
