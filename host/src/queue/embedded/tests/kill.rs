//! `kill -9` amid work: what was answered is there, and a task is ended once.
//!
//! The test runs itself once more as a child that enqueues, claims and ends tasks and tells each answer.

use super::*;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD: &str = "MYSIMBDP_TEST_KILLED_QUEUE";
const THIS: &str = "queue::embedded::tests::kill::what_was_answered_survives_kill_9";

#[test]
fn what_was_answered_survives_kill_9() {
    if let Some(path) = std::env::var_os(CHILD) {
        return work_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut enqueued, mut done) = (HashSet::new(), HashSet::new());
    for answers in [2, 17, 60] {
        for (what, task) in kill_after(folder.path(), answers) {
            match what.as_str() {
                "enqueued" => assert!(enqueued.insert(task), "task {task} was enqueued twice"),
                _ => assert!(done.insert(task), "task {task} was done twice"),
            }
        }
        let queue = EmbeddedQueue::open(&folder.path().join("queue.db"), steady_clock()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tasks = runtime.block_on(queue.tasks(&TaskFilter::default(), 100_000)).unwrap();
        let there: HashSet<u64> = tasks.iter().map(|task| task.number).collect();
        assert!(enqueued.is_subset(&there));
        for task in tasks {
            assert!(!done.contains(&task.number) || task.state == crate::task::TaskState::Done, "{task:?}");
        }
    }
}

fn kill_after(folder: &Path, answers: usize) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answered = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes to the same pipe, and a last line may be cut by the kill.
        let line = line.unwrap();
        let Some(words) = line.split("told ").nth(1).and_then(|rest| rest.strip_suffix('.')) else { continue };
        let (what, task) = words.split_once(' ').unwrap();
        answered.push((what.to_owned(), task.parse().unwrap()));
        if answered.len() >= answers && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed && !status.success(), "the child ended by itself: {status}");
    answered
}

fn work_until_killed(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let queue = EmbeddedQueue::open(&folder.join("queue.db"), steady_clock()).unwrap();
        queue.recover("host").await.unwrap();
        // Not by println, which the harness would take.
        let tell = |what: &str, task: u64| writeln!(std::io::stdout(), "told {what} {task}.").unwrap();
        loop {
            for task in queue.enqueue(batch_of("acme", 2)).await.unwrap() {
                tell("enqueued", task);
            }
            while let Some(claim) = queue.claim("host", Duration::from_secs(30)).await.unwrap() {
                queue.end(claim.key(), Ending::Done, Checkpoint::default()).await.unwrap();
                tell("done", claim.task.number);
            }
        }
    });
}
