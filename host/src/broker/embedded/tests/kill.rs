//! `kill -9` amid work: what was accepted is there, what was acknowledged before something else was accepted is gone, and
//! nothing is there twice.
//!
//! The test runs itself once more as a child that publishes, takes and acknowledges, and tells what it did.

use super::*;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const CHILD: &str = "MYSIMBDP_TEST_KILLED_BROKER";
const THIS: &str =
    "broker::embedded::tests::kill::what_was_accepted_survives_kill_9_and_what_was_acknowledged_stays_away";

/// What became of messages, by number.
#[derive(Default)]
struct Told {
    accepted: HashSet<usize>,
    acknowledged: HashSet<usize>,
    gone: HashSet<usize>,
}

#[test]
fn what_was_accepted_survives_kill_9_and_what_was_acknowledged_stays_away() {
    if let Some(path) = std::env::var_os(CHILD) {
        return work_until_killed(Path::new(&path));
    }
    for (point, lines) in [
        (None, 5),
        (None, 60),
        (None, 400),
        (Some("broker.before_commit:2"), usize::MAX),
        (Some("broker.before_commit:30"), usize::MAX),
        (Some("broker.after_commit:2"), usize::MAX),
        (Some("broker.after_commit:31"), usize::MAX),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let told = kill_after(directory.path(), point, lines);
        let home = Embedded::within(directory);
        let left = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(left(&home));
        let there: HashSet<usize> = left.iter().copied().collect();
        assert!(left.is_sorted() && there.len() == left.len(), "{point:?}: {left:?}");
        let missing: Vec<_> =
            told.accepted.iter().filter(|n| !there.contains(n) && !told.acknowledged.contains(n)).collect();
        assert!(missing.is_empty(), "{point:?}: {missing:?} were accepted and are not there");
        let again: Vec<_> = told.gone.intersection(&there).collect();
        assert!(again.is_empty(), "{point:?}: {again:?} were acknowledged and are there again");
    }
}

async fn left(home: &Embedded) -> Vec<usize> {
    let queue = queue("clicks", &["click"]);
    home.broker.declare(&queue).await.unwrap();
    let count = usize::try_from(home.depth(&queue).await.waiting).unwrap();
    let got = take(&mut *home.consumer(&queue, "c-1", u16::MAX).await, count).await;
    got.iter().map(|got| got.id.parse().unwrap()).collect()
}

fn kill_after(folder: &Path, point: Option<&str>, lines: usize) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .envs(point.map(|point| ("MYSIMBDP_FAILPOINT", point)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut told, mut count) = (Told::default(), 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes to the same pipe, and a last line may be cut by the kill.
        let line = line.unwrap();
        let Some(words) = line.split("told ").nth(1).and_then(|rest| rest.strip_suffix('.')) else { continue };
        let (what, numbers) = words.split_once(' ').unwrap();
        let numbers = numbers.split(' ').map(|number| number.parse::<usize>().unwrap());
        match what {
            "accepted" => told.accepted.extend(numbers),
            // Before it is done: whether it was is not known.
            "acknowledging" => told.acknowledged.extend(numbers),
            _ => told.gone.extend(numbers),
        }
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(!status.success() && status.code().is_none(), "the child ended by itself: {status}");
    told
}

fn work_until_killed(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let broker = EmbeddedBroker::open(&folder.join("broker.db"), steady_clock()).unwrap();
        let queue = queue("clicks", &["click"]);
        broker.declare(&queue).await.unwrap();
        let mut consumer = broker.consume(subscription(&queue, "c-1", 50)).await.unwrap();
        let mut held = Vec::new();
        let tell = |what: &str, numbers: &[usize]| {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            // Not by println, which the harness would take.
            writeln!(std::io::stdout(), "told {what} {}.", numbers.join(" ")).unwrap();
        };
        for round in 0..100_000 {
            let numbers: Vec<usize> = (round * 8..round * 8 + 7).collect();
            publish(&broker, numbered("click", numbers.iter().copied())).await;
            tell("accepted", &numbers);
            let got = take(&mut *consumer, 6).await;
            held.extend(got.iter().map(|got| got.id.parse::<usize>().unwrap()));
            let acknowledged: Vec<usize> = held.drain(..held.len() - 1).collect();
            tell("acknowledging", &acknowledged);
            consumer.acknowledge(got[4].tag).await.unwrap();
            let more = [round * 8 + 7];
            publish(&broker, numbered("click", more)).await;
            tell("accepted", &more);
            tell("gone", &acknowledged);
            if round % 3 == 0 {
                drop(consumer);
                held.clear();
                consumer = broker.consume(subscription(&queue, "c-1", 50)).await.unwrap();
            }
        }
    });
}
