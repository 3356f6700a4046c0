//! A host that is killed leaves no worker behind, and running the same file again makes the same documents.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit, sorted};
use std::time::{Duration, Instant};

/// Starts the villains on `rows` and waits until there is a worker.
fn start(rows: &Rows) -> mysimbdp_tests::command::Running {
    let running = expect::villains(rows).option("--stall-seconds", "60").start();
    running.wait_for_worker();
    running
}

#[test]
fn no_worker_outlives_its_host_whatever_it_does() {
    for deed in ["endless_loop", "block_all_signals", "sleep_forever", "ignore_sigterm", "read_host_frames"] {
        let mut running = start(&Rows::innocent(3).with(1, deed));
        std::thread::sleep(Duration::from_millis(200));
        running.kill();
        // Fails where a worker is left.
        let finished = running.finish();
        assert_eq!(finished.status.code(), None, "{deed}");
    }
}

#[test]
fn a_run_that_was_cut_off_is_made_whole_by_running_it_again() {
    let rows = Rows::innocent(50_000).with(40_000, "sleep_forever");
    let mut running = start(&rows);
    let sink = running.directory().join("sink.db");
    // Some of it is in the sink, the rest is not.
    let deadline = Instant::now() + Duration::from_secs(30);
    while mysimbdp_tests::sink::Sink::open(&sink).count() == 0 {
        assert!(Instant::now() < deadline, "nothing was stored");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill();
    let cut_off = running.finish();
    let before = cut_off.sink().count();
    assert!(before < rows.count());

    let data = cut_off.directory().join("data.csv");
    let again = Mysimbdp::new(["run"])
        .arg(artefacts::villains())
        .arg(&data)
        .arg("--json")
        .option("--sink", sink.to_str().unwrap())
        .option("--collection", "rows")
        .option("--stall-seconds", "3")
        .finish();
    assert_eq!(again.code(), exit::DEAD_LETTERS, "{}", again.stderr);
    assert_eq!(sorted(cut_off.sink().documents()), rows.documents());
}
