//! How long tasks, their files and their generations are kept: as long as somebody may ask for them, and no longer.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Tasks are forgotten a second after they are over, at the next look; a start looks at once.
const BRIEFLY: &str = "adopt_tenants = true\n[keep]\ntasks = \"1s\"\n\
                       [profiles.normal]\nconcurrent_tasks = 1\nattempts = 1\n";

/// Starts anew once everything that is over has been so for long enough.
fn restarted(daemon: &mut Daemon) {
    sleep(Duration::from_millis(1_200));
    daemon.stop();
    daemon.serve();
}

fn numbers(daemon: &Daemon) -> Vec<u64> {
    let tasks = daemon.ask(&["tasks", "list"], &[0]);
    let mut numbers: Vec<u64> = tasks.as_array().unwrap().iter().map(|task| task["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn forgotten(daemon: &Daemon, left: &[u64]) {
    daemon.until(&format!("that only {left:?} are left"), || (numbers(daemon) == left).then_some(()));
}

/// Files that are kept of the tenant.
fn files(daemon: &Daemon) -> usize {
    let batches = fs::read_dir(daemon.path("data/tenants/acme/files")).unwrap();
    batches.map(|batch| fs::read_dir(batch.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn what_is_parked_is_kept_and_what_is_over_is_forgotten_with_its_files() {
    let mut daemon = Daemon::start(BRIEFLY);
    daemon.drop_app("acme", &artefacts::villains());
    daemon.drop_app("acme", &artefacts::c_villain("ingest_fails"));
    let apps = daemon.ask(&["apps", "list"], &[0]);
    let mut names = apps.as_array().unwrap().iter().map(|app| app["app"].as_str().unwrap());
    let failing = names.find(|name| *name != "villains").unwrap();
    daemon.write("a.csv", Rows::innocent(10).csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv"], &[0]);
    daemon.ask(&["submit", "acme", failing, "a.csv"], &[exit::FAILED]);
    restarted(&mut daemon);
    forgotten(&daemon, &[2]);
    daemon.until("the end of the other file", || (files(&daemon) == 1).then_some(()));
    // Its file is there, too: it fails for its own reason once more.
    daemon.ask(&["tasks", "retry", "2"], &[0]);
    let parked = &daemon.settled()[0];
    assert_eq!(parked["state"], "parked", "{parked}");
    assert!(parked["reason"].as_str().unwrap().contains("returned an error"), "{parked}");
    daemon.ask(&["tasks", "cancel", "2"], &[0]);
    restarted(&mut daemon);
    forgotten(&daemon, &[]);
    daemon.until("the end of all files", || (files(&daemon) == 0).then_some(()));
}

#[test]
fn a_replay_has_its_file_although_the_task_whose_rows_it_replays_is_forgotten() {
    let mut daemon = Daemon::start(BRIEFLY);
    daemon.drop_app("acme", &artefacts::villains());
    daemon.write("a.csv", Rows::innocent(10).with(5, "reject").csv());
    daemon.write("slow.csv", Rows::innocent(3).with(2, "crawl=6000").csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv"], &[exit::DEAD_LETTERS]);
    daemon.ask(&["submit", "acme", "villains", "slow.csv", "--no-wait"], &[0]);
    // It waits behind the slow one, which starts anew with the host.
    daemon.ask(&["deadletters", "replay", "1"], &[0]);
    restarted(&mut daemon);
    forgotten(&daemon, &[2, 3]);
    assert_eq!(files(&daemon), 2);
    let told = daemon.settled();
    assert_eq!((&told[1]["state"], &told[1]["reason"]), (&"done".into(), &serde_json::Value::Null), "{told:?}");
    restarted(&mut daemon);
    forgotten(&daemon, &[]);
    daemon.until("the end of all files", || (files(&daemon) == 0).then_some(()));
}

#[test]
fn whatever_can_be_retried_has_its_generation() {
    let mut daemon = Daemon::start("");
    let app = fs::read(artefacts::villains()).unwrap();
    let drop = |daemon: &Daemon, build: u32| {
        // Bytes behind the end change nothing but the generation.
        let mut bytes = app.clone();
        bytes.extend_from_slice(format!("build {build:08}").as_bytes());
        let path = daemon.write("build.so", bytes);
        daemon.drop_app_as("acme", &path, "villains.so")["generation"].clone()
    };
    let first = drop(&daemon, 0);
    daemon.write("a.csv", Rows::innocent(5_000).with(4_000, "crawl=30000").csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv", "--no-wait"], &[0]);
    daemon.until("its beginning", || (daemon.ask(&["tasks", "list"], &[0])[0]["generation"] == first).then_some(()));
    daemon.ask(&["tasks", "cancel", "1"], &[0]);
    assert_eq!(daemon.settled()[0]["state"], "cancelled");
    // More than are kept for a rollback.
    for build in 1..=7 {
        drop(&daemon, build);
    }
    daemon.stop();
    daemon.serve();
    let kept = |daemon: &Daemon| fs::read_dir(daemon.path("data/apps")).unwrap().count();
    daemon.until("the end of those that nobody needs", || (kept(&daemon) <= 7).then_some(()));
    daemon.ask(&["tasks", "retry", "1"], &[0]);
    let begun = daemon.until("that it runs", || {
        let task = daemon.ask(&["tasks", "list"], &[0])[0].take();
        assert_ne!(task["state"], "parked", "{task}");
        (task["state"] == "running").then_some(task)
    });
    assert_eq!(begun["generation"], first, "{begun}");
}
