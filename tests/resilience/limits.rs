//! How many dead rows are borne.

use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit};

fn rejecting(rows: u64, every: u64) -> Rows {
    (1..=rows).step_by(usize::try_from(every).unwrap()).fold(Rows::innocent(rows), |rows, n| rows.with(n, "reject"))
}

#[test]
fn more_dead_rows_than_are_allowed_fail_the_task_with_the_number() {
    let rows = rejecting(100, 10);
    let finished = expect::villains(&rows).option("--max-dead-rows", "9").finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"));
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains("10 rows became dead letters, where 9 are allowed"), "{reason}");

    let finished = expect::villains(&rows).option("--max-dead-rows", "10").finish();
    assert_eq!(finished.code(), exit::DEAD_LETTERS);
}

#[test]
fn a_larger_share_of_dead_rows_than_is_allowed_fails_the_task_with_the_share() {
    let rows = rejecting(200, 20);
    let finished = expect::villains(&rows).option("--max-dead-percent", "4.9").finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"));
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains("10 of 200 rows (5.0 %)"), "{reason}");

    let finished = expect::villains(&rows).option("--max-dead-percent", "5").finish();
    assert_eq!(finished.code(), exit::DEAD_LETTERS);
}

#[test]
fn more_killing_rows_than_are_borne_fail_the_task() {
    let rows = (1..=5).fold(Rows::innocent(10), |rows, n| rows.with(n, "segfault"));
    let finished = expect::villains(&rows).option("--max-killing-rows", "2").finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"));
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains("3 rows kill the app"), "{reason}");
}

#[test]
fn dead_rows_that_kill_count_as_dead_rows() {
    let rows = (1..=3).fold(Rows::innocent(10), |rows, n| rows.with(n, "abort"));
    let finished = expect::villains(&rows).option("--max-dead-rows", "2").finish();
    assert_eq!(finished.code(), exit::FAILED);
}
