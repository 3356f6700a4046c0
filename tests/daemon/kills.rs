//! `kill -9` of the host and of its workers at random moments: the final documents are those of an undisturbed run.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::leftovers;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::process::Command;
use std::time::Duration;

const FILES: usize = 10;
/// `cargo xtask soak` asks for more.
const ROUNDS: usize = 20;

fn rows(file: usize) -> Rows {
    Rows::innocent(2_000 + 100 * file as u64).with(17, "reject").with(1_000, "segfault")
}

fn fill(daemon: &Daemon) {
    let inbox = daemon.staging("acme").join("inbox/villains");
    daemon.until("the inbox", || inbox.is_dir().then_some(()));
    for file in 0..FILES {
        fs::write(inbox.join(format!("{file}.csv")), rows(file).csv()).unwrap();
    }
}

#[test]
fn no_kill_changes_the_final_documents() {
    let undisturbed = Daemon::start("");
    undisturbed.drop_app("acme", &artefacts::villains());
    fill(&undisturbed);
    let expected = undisturbed.outcome("acme", FILES);
    assert!(
        expected.iter().all(|file| file.state == "done" && file.documents.len() > 1_900 && file.letters.len() == 2)
    );
    drop(undisturbed);

    let rounds =
        std::env::var("MYSIMBDP_TEST_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut daemon = Daemon::start("");
    daemon.drop_app("acme", &artefacts::villains());
    fill(&daemon);
    let random = RandomState::new();
    for round in 0..rounds {
        let dice = random.hash_one(round);
        std::thread::sleep(Duration::from_millis(dice % 150));
        if dice & 1024 == 0 {
            for worker in leftovers::workers_of(daemon.pid()) {
                // It may have ended by itself.
                let _ = Command::new("kill").args(["-KILL", &worker.to_string()]).status();
            }
        } else {
            daemon.kill();
            daemon.serve();
        }
        if round % 8 == 7 {
            // Kept busy: there is something to kill amid.
            daemon.ask(&["tasks", "rerun", &(1 + dice % FILES as u64).to_string()], &[0, 1]);
        }
    }
    assert_eq!(daemon.outcome("acme", FILES), expected);
}
