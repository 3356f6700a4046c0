//! Villains that say too much, or say it so that it hurts whoever reads it.

use mysimbdp_tests::expect;

/// Most that the host may have resident in these tests.
const HOST_MEMORY: u64 = 200 << 20;

#[test]
fn a_gigabyte_on_stdout_and_stderr_costs_the_host_nothing() {
    let finished = expect::every_deed_is_held(&["stdout_1gb", "stderr_1gb", "close_stdout"]);
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
    assert!(finished.stdout.len() + finished.stderr.len() < 4 << 20, "the flood came through");
}

#[test]
fn a_flood_of_log_lines_costs_the_host_nothing() {
    let finished = expect::every_deed_is_held(&["log_flood", "log_huge_line"]);
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
    assert!(finished.stdout.len() + finished.stderr.len() < 32 << 20, "the flood came through");
}

#[test]
fn what_an_app_says_cannot_command_a_terminal() {
    let finished = expect::every_deed_is_held(&["stdout_escape_codes", "log_escape_codes"]);
    let dangerous = |c: char| c == '\u{1b}' || c == '\u{7}' || c == '\u{8}';
    assert!(!finished.stderr.contains(dangerous), "{:?}", finished.stderr);
    assert!(!finished.stdout.contains(dangerous), "{:?}", finished.stdout);
}

#[test]
fn a_reason_is_cut_and_cleaned() {
    let rows = expect::crowd("huge_reject_reason").with(22, "reject_with_escape_codes");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!(finished.code(), expect::exit::DEAD_LETTERS);
    assert_eq!(report.rows.rejected, 2);
    assert!(report.deaths.is_empty(), "{:?}", report.sentences());
    for letter in &report.dead_letters {
        assert!(letter.reason.len() <= 4096, "a reason of {} bytes", letter.reason.len());
    }
    assert!(!finished.stderr.contains('\u{1b}') && !finished.stdout.contains('\u{1b}'));
    assert_eq!(expect::innocent_documents(&finished), rows.documents());
}
