//! Another app that runs at the same time notices nothing: same documents, no deaths, no dead letters.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Mysimbdp, Running};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit, sorted};
use serde_json::{Value, json};

/// Deeds that would be felt outside of their worker, if they could be.
const FELT: &[&str] = &[
    "memory_private",
    "memory_shared",
    "fork_bomb",
    "thread_bomb",
    "kill_host",
    "kill_group",
    "endless_loop",
    "stdout_1gb",
    "log_flood",
    "dup_bomb",
    "garbage_everywhere",
    "segfault",
];

#[test]
fn a_neighbour_of_all_villains_notices_nothing() {
    let short = |deed: &&str| expect::villains(&expect::crowd(deed)).option("--stall-seconds", "3").start();
    let mut villains: Vec<_> = FELT.iter().map(short).collect();
    while villains.iter_mut().any(Running::is_running) {
        a_neighbour_gets_all_of_its_documents();
    }
    for (deed, villain) in FELT.iter().zip(villains) {
        let finished = villain.finish();
        assert!(finished.status.code().is_some(), "{deed} killed its host: {}", finished.status);
        assert_eq!(expect::innocent_documents(&finished), expect::crowd(deed).documents(), "{deed}");
    }
}

fn a_neighbour_gets_all_of_its_documents() {
    let rows = 2_000;
    let data: String = (1..=rows).map(|n| format!("{n}\n")).collect();
    let command = Mysimbdp::run(&artefacts::example("twin_a"), format!("n\n{data}"));
    // The machine is busy, and that is nobody's fault.
    let neighbour = command.option("--stall-seconds", "60").finish();
    let report = neighbour.report();
    assert_eq!(neighbour.code(), exit::DONE, "{:?}", report.sentences());
    let expected: Vec<Value> = (1..=rows).map(|n| json!({ "n": n, "twin": "a" })).collect();
    assert_eq!(sorted(neighbour.sink().documents()), expected);
    assert!(report.deaths.is_empty() && report.dead_letters.is_empty());
}

#[test]
fn the_next_file_of_a_villain_is_untouched_by_the_one_before() {
    let rows = Rows::innocent(10);
    let command = expect::villains(&expect::crowd("segfault"));
    let second = command.directory().join("second.csv");
    std::fs::write(&second, rows.csv()).unwrap();
    let finished = command.arg(&second).finish();
    assert_eq!(finished.code(), exit::DEAD_LETTERS);
    let mut expected = expect::crowd("segfault").documents();
    expected.extend(rows.documents());
    assert_eq!(sorted(finished.sink().documents()), sorted(expected));
}
