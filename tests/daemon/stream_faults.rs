//! `kill -9` of the host and of workers while messages flow: documents match messages one to one.

use super::streams::{OBEY, drained, numbers, obeying, publish, stored, stream};
use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::leftovers;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::{Command, Stdio};
use std::time::Duration;

/// `cargo xtask soak` asks for more.
const ROUNDS: usize = 20;
const MESSAGES: u32 = 1_000;

/// Kills all workers of the moment; answers how many those were.
fn kill_workers(daemon: &Daemon) -> usize {
    // It may have ended by itself.
    let killed = |worker: &u32| {
        let kill = Command::new("kill").args(["-KILL", &worker.to_string()]).stderr(Stdio::null()).status();
        kill.is_ok_and(|status| status.success())
    };
    leftovers::workers_of(daemon.pid()).iter().filter(|worker| killed(worker)).count()
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

/// Workers die of something that is no message's fault: the system is out of memory, or somebody has made a mistake.
#[test]
fn workers_that_are_killed_while_messages_flow_lose_and_double_nothing() {
    const PORTIONS: u32 = 20;
    const LEAST_KILLS: usize = 20;
    /// Of each portion, those that come without message ids.
    const UNNAMED: u32 = 200;
    let daemon = obeying(OBEY);
    let random = RandomState::new();
    let mut last = 0;
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for portion in 0..PORTIONS {
                publish(
                    &daemon,
                    "acme/obey",
                    &numbers(portion * 2_000 + 1..=(portion + 1) * 2_000),
                    &format!("p{portion}"),
                );
                let file = daemon
                    .write("plain.jsonl", numbers(200_001 + portion * UNNAMED..=200_000 + (portion + 1) * UNNAMED));
                daemon.ask(&["publish", "acme/obey", file.to_str().unwrap(), "--no-ids"], &[0]);
            }
        });
        let mut kills = 0;
        while !publishing.is_finished() || kills < LEAST_KILLS {
            std::thread::sleep(Duration::from_millis(random.hash_one(kills) % 80));
            if kills < LEAST_KILLS && publishing.is_finished() {
                // It was faster than the kills: a worker that has nothing to do may die as well.
                last += 1;
                publish(&daemon, "acme/obey", &numbers(last + 100_000..=last + 100_000), &format!("late{last}"));
            }
            kills += kill_workers(&daemon);
        }
        publishing.join().unwrap();
    });
    drained(&daemon, "obey");
    let expected: Vec<i64> =
        (1..=i64::from(PORTIONS) * 2_000).chain((1..=i64::from(last)).map(|late| late + 100_000)).collect();
    let (named, mut unnamed): (Vec<i64>, Vec<i64>) =
        stored(&daemon, "documents").into_iter().partition(|number| *number <= 200_000);
    assert_eq!(named, expected);
    unnamed.dedup();
    assert_eq!(unnamed, (200_001..=200_000 + i64::from(PORTIONS * UNNAMED)).collect::<Vec<i64>>(), "without ids");
    assert!(daemon.letters("acme").is_empty(), "an innocent was convicted: {:?}", daemon.letters("acme"));
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

/// Dead between the word that a stream is deleted and the end of its queue, which would go on taking messages.
#[test]
fn a_kill_between_a_deletion_and_its_queue_leaves_no_queue() {
    let limits = "window_seconds = 1\nmessages_per_window = 100\non_breach = \"delete\"";
    let mut daemon = Daemon::prepare(&OBEY.replace("messages_per_window = \"unlimited\"", limits));
    daemon.set("MYSIMBDP_FAILPOINT", "stream.deleted_kept");
    daemon.serve();
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    let file = daemon.write("many.jsonl", numbers(1..=1_000));
    // The host may die before it answers.
    daemon.command(["publish", "acme/obey", file.to_str().unwrap()]);
    daemon.wait();
    daemon.unset("MYSIMBDP_FAILPOINT");
    daemon.serve();
    assert_eq!(stream(&daemon, "obey")["state"], "deleted");
    let refused = daemon.command(["publish", "acme/obey", file.to_str().unwrap()]);
    assert!(refused.stdout.contains("0 messages accepted, 1000 refused"), "{} {}", refused.stdout, refused.stderr);
    // The next start finds nothing to do, and takes away nothing of a stream that was started again.
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    publish(&daemon, "acme/obey", "n 2001\n", "anew");
    daemon.kill();
    daemon.serve();
    daemon.until("the message", || stored(&daemon, "documents").contains(&2_001).then_some(()));
}

#[test]
fn a_message_that_is_innocent_alone_is_not_convicted() {
    let daemon = obeying(OBEY);
    // `first` dies unless it is the first message of its worker, so a bundle with two of them cannot be done at once.
    publish(&daemon, "acme/obey", "n 1\nfirst 2\nn 3\n", "mined");
    daemon.until("the deaths", || {
        let line = stream(&daemon, "obey");
        (line["errors"].as_u64() > Some(1)).then_some(())
    });
    assert!(daemon.letters("acme").is_empty(), "{:?}", daemon.letters("acme"));
}
