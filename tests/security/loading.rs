//! Villains that misbehave before there is a row: while they are loaded, while they make their instance, or after all.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::{self, exit};
use std::path::Path;
use std::time::Duration;

const DATA: &str = "n,deed\n1,none\n2,none\n";

fn run(name: &str) -> Finished {
    Mysimbdp::run(&artefacts::c_villain(name), DATA).finish()
}

/// It fails, blames no row, and says one of the words.
fn fails(name: &str, words: &[&str]) {
    let finished = run(name);
    assert_eq!(finished.code(), exit::FAILED, "{}", finished.words());
    let said = finished.words();
    expect::says_one_of(&said, words);
    expect::says_one_of(&said, &[&name.replace('_', "-")]);
    assert!(finished.sink().documents().is_empty());
    assert!(finished.sink().dead_letters().is_empty(), "no row is to blame");
}

#[test]
fn a_constructor_that_exits_with_status_0_is_not_taken_for_good() {
    fails("constructor_exits", &["exit", "before it was ready", "ended"]);
}

#[test]
fn a_constructor_that_hangs_is_ended() {
    fails("constructor_hangs", &["ready", "seconds", "hang"]);
}

#[test]
fn a_constructor_that_crashes_is_told_with_its_signal() {
    fails("constructor_crashes", &["SIGSEGV"]);
}

#[test]
fn a_constructor_cannot_forge_that_it_is_ready() {
    fails("constructor_forges_ready", &["somebody-else", "name", "ended", "exit"]);
}

#[test]
fn a_constructor_that_takes_more_memory_than_it_may_is_told_with_both_numbers() {
    let name = "constructor_hoards_page_tables";
    let finished = Mysimbdp::run(&artefacts::c_villain(name), DATA).option("--memory", "32M").finish();
    assert_eq!(finished.code(), exit::FAILED, "{}", finished.words());
    let said = finished.words();
    assert!(said.contains("MiB of memory before it was ready, its limit is 32 MiB, and was stopped"), "{said}");
    expect::says_one_of(&said, &[&name.replace('_', "-")]);
}

#[test]
fn a_flood_before_the_app_is_ready_is_not_read() {
    let finished = run("constructor_floods");
    let said = finished.words();
    assert_eq!(finished.code(), exit::FAILED, "{}", said.len());
    assert!(said.len() < 4096, "the flood came through: {} bytes", said.len());
    expect::says_one_of(&said, &["it sent a Rows frame where a Ready of protocol 1"]);
    assert!(finished.peak_memory < 64 << 20, "the host took {} MB", finished.peak_memory >> 20);
}

#[test]
fn constructors_are_confined_too() {
    for name in ["constructor_files", "constructor_sockets", "constructor_forks"] {
        let finished = run(name);
        // Where one of its attempts works it aborts.
        assert!(!finished.words().contains("SIGABRT"), "{name}: {}", finished.words());
    }
    for path in ["/tmp/mysimbdp-villain", "/tmp/mysimbdp-villain-directory"] {
        assert!(!Path::new(path).exists(), "{path} was made");
    }
}

#[test]
fn an_instance_that_cannot_be_made_is_told_in_the_apps_words() {
    fails("create_fails", &["the moon is in the wrong phase"]);
}

#[test]
fn a_crash_with_no_row_open_blames_no_row() {
    fails("create_crashes", &["SIGSEGV"]);
    fails("ingest_crashes", &["SIGSEGV"]);
}

#[test]
fn an_error_is_told_in_clean_words() {
    let finished = run("ingest_fails");
    let reason = finished.report().reason.unwrap_or_default();
    assert_eq!(finished.code(), exit::FAILED);
    assert!(reason.contains("out of patience"), "{reason:?}");
    expect::is_one_clean_sentence(&reason);
}

#[test]
fn a_status_that_does_not_exist_is_an_error() {
    fails("unknown_status", &["4711", "status", "error"]);
}

#[test]
fn an_app_that_reads_nothing_is_not_reported_as_a_success() {
    let finished = run("reads_nothing");
    assert_eq!(finished.code(), exit::PARTIAL, "{}", finished.words());
    assert_eq!(finished.report().outcome, "partial");
}

#[test]
fn a_destructor_that_hangs_keeps_nobody_waiting() {
    let finished = run("destructor_hangs");
    assert!(finished.took < Duration::from_secs(15), "took {:?}", finished.took);
}
