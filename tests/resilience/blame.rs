//! Only a row that kills is convicted, and only by killing twice.

use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit, innocent_documents};

#[test]
fn three_killing_rows_among_ten_thousand_cost_three_rows() {
    let rows = Rows::innocent(10_000).with(17, "segfault").with(5_000, "panic").with(9_999, "abort");
    let finished = expect::villains(&rows).finish();
    let report = expect::only_the_guilty_die(&finished, &rows, &["SIGSEGV", "panicked", "SIGABRT"]);
    assert_eq!(report.documents.stored, 9_997);
}

#[test]
fn seven_bad_rows_and_three_killing_ones_are_ten_dead_letters_and_nothing_else_is_missing() {
    let bad = [3, 1_000, 2_500, 2_501, 7_777, 9_000, 10_000];
    let killing = [4, 5_000, 9_998];
    let rows = bad.iter().fold(Rows::innocent(10_000), |rows, n| rows.with(*n, "reject"));
    let rows = killing.iter().fold(rows, |rows, n| rows.with(*n, "segfault"));
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"));
    assert_eq!(innocent_documents(&finished), rows.documents());
    assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (10_000, 9_990, 10));
    let mut letters = report.dead_letters.clone();
    letters.sort_by_key(|letter| letter.row);
    for (letter, n) in letters.iter().zip(rows.guilty()) {
        assert_eq!((letter.row, letter.line, letter.start), (Some(n), Some(rows.line(n)), rows.start(n)));
    }
    let rejected = letters.iter().filter(|letter| letter.reason.contains("the villain rejects")).count();
    assert_eq!((letters.len(), rejected), (10, 7));
}

#[test]
fn killing_rows_side_by_side_are_each_convicted_for_themselves() {
    let rows = Rows::innocent(30).with(1, "segfault").with(2, "abort").with(3, "exit0").with(30, "panic");
    let finished = expect::villains(&rows).finish();
    expect::only_the_guilty_die(&finished, &rows, &["SIGSEGV", "SIGABRT", "status 0", "panicked"]);
}

#[test]
fn a_file_of_nothing_but_killing_rows_ends_with_nothing_but_dead_letters() {
    let rows = (1..=10).fold(Rows::innocent(10), |rows, n| rows.with(n, "segfault"));
    let finished = expect::villains(&rows).finish();
    let report = expect::only_the_guilty_die(&finished, &rows, &["SIGSEGV"]);
    assert_eq!((report.rows.ingested, report.rows.rejected), (0, 10));
}

#[test]
fn the_named_row_runs_alone_before_it_is_convicted() {
    let finished = expect::villains(&expect::crowd("segfault")).finish();
    let report = finished.report();
    assert_eq!(report.deaths.iter().map(|death| death.alone).collect::<Vec<_>>(), [false, true]);
    assert!(report.deaths[1].sentence.contains("alone"), "{}", report.deaths[1].sentence);
}

#[test]
fn a_crash_is_told_with_the_place_in_the_apps_source() {
    let finished = expect::villains(&expect::crowd("segfault")).finish();
    let report = finished.report();
    let trace = report.deaths[0].backtrace.join("\n");
    assert!(trace.contains("segfaults") && trace.contains("dying.rs"), "{trace}");
}

#[test]
fn a_death_that_an_earlier_row_prepared_loses_no_row_silently() {
    // Row 20 lights a fuse: the row that dies did nothing, and lives where it runs alone.
    let rows = expect::crowd("strike_later=2");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_ne!(finished.code(), exit::DONE);
    let stored: Vec<u64> = finished.sink().documents().iter().filter_map(|it| it["n"].as_u64()).collect();
    let told = |n: &u64| report.dead_letters.iter().any(|letter| letter.row == Some(*n));
    let lost: Vec<u64> = (1..=rows.count()).filter(|n| !stored.contains(n) && !told(n)).collect();
    assert!(lost.is_empty() || report.outcome != "done", "{lost:?} are lost and nobody says so");
    assert!(report.dead_letters.iter().all(|letter| letter.row > Some(20)), "{:?}", report.sentences());
}
