//! `kill -9` of the host and of workers while messages flow: documents match messages one to one.

use super::streams::{OBEY, drained, numbers, obeying, publish, stored};
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::leftovers;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::Command;
use std::time::Duration;

/// `cargo xtask soak` asks for more.
const ROUNDS: usize = 20;
const MESSAGES: u32 = 1_000;

fn kill_workers(daemon: &Daemon) {
    for worker in leftovers::workers_of(daemon.pid()) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-KILL", &worker.to_string()]).status();
    }
}

#[test]
fn no_kill_loses_or_doubles_a_message() {
    let rounds =
        std::env::var("MYSIMBDP_TEST_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut daemon = obeying(OBEY);
    let random = RandomState::new();
    let mut expected: Vec<i64> = Vec::new();
    for round in 0..u32::try_from(rounds).unwrap() {
        let (first, last) = (round * MESSAGES + 1, (round + 1) * MESSAGES);
        let lines = format!("{}reject\n", numbers(first..=last));
        publish(&daemon, "acme/obey", &lines, &format!("round-{round}"));
        expected.extend(i64::from(first)..=i64::from(last));
        let dice = random.hash_one(round);
        std::thread::sleep(Duration::from_millis(dice % 100));
        if dice & 1024 == 0 {
            kill_workers(&daemon);
        } else {
            daemon.kill();
            daemon.serve();
        }
    }
    drained(&daemon, "obey");
    assert_eq!(stored(&daemon, "documents"), expected);
    let letters = daemon.letters("acme");
    assert_eq!(letters.len(), rounds, "{letters:?}");
    assert!(letters.iter().all(|letter| letter["text"] == "reject"), "an innocent was convicted: {letters:?}");
}

#[test]
fn without_message_ids_none_is_missing() {
    let mut daemon = obeying(OBEY);
    let file = daemon.write("plain.jsonl", numbers(1..=2_000));
    let file = file.to_str().unwrap();
    for _ in 0..3 {
        let answer = daemon.ask(&["publish", "acme/obey", file, "--no-ids"], &[0]);
        assert_eq!(answer["accepted"], 2_000, "{answer}");
        daemon.kill();
        daemon.serve();
    }
    let line = drained(&daemon, "obey");
    assert_eq!(line["unnamed"], line["messages"], "{line}");
    let mut stored = stored(&daemon, "documents");
    assert!(stored.len() >= 6_000, "{} documents", stored.len());
    stored.dedup();
    assert_eq!(stored, (1..=2_000).collect::<Vec<i64>>());
}

#[test]
fn a_kill_at_each_step_of_a_stream_is_made_good() {
    for (point, lines) in [("stream.committed", "n 1\nn 2\n"), ("stream.letter_kept", "n 1\ndie\nn 2\n")] {
        let mut daemon = obeying(OBEY);
        daemon.stop();
        daemon.set("MYSIMBDP_FAILPOINT", point);
        daemon.serve();
        let file = daemon.write("lines.jsonl", lines);
        // The host may die before it answers.
        daemon.command(["publish", "acme/obey", file.to_str().unwrap(), "--ids", "point"]);
        let until = std::time::Instant::now() + mysimbdp_tests::daemon::PATIENCE;
        while daemon.is_running() {
            assert!(std::time::Instant::now() < until, "{point} was not crossed: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.unset("MYSIMBDP_FAILPOINT");
        daemon.kill();
        daemon.serve();
        publish(&daemon, "acme/obey", lines, "point");
        drained(&daemon, "obey");
        assert_eq!(stored(&daemon, "documents"), [1, 2], "after {point}");
        let dead = usize::from(lines.contains("die"));
        assert_eq!(daemon.letters("acme").len(), dead, "after {point}");
    }
}

#[test]
fn a_message_that_is_innocent_alone_is_not_convicted() {
    let daemon = obeying(OBEY);
    // `first` dies unless it is the first message of its worker, so a bundle with two of them cannot be done at once.
    publish(&daemon, "acme/obey", "n 1\nfirst 2\nn 3\n", "mined");
    daemon.until("the deaths", || {
        let line = super::streams::stream(&daemon, "obey");
        (line["errors"].as_u64() > Some(1)).then_some(())
    });
    assert!(daemon.letters("acme").is_empty(), "{:?}", daemon.letters("acme"));
}
