//! Villains that say too much, or say it so that it hurts whoever reads it.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::data::Rows;
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

/// What newer terminals take for ESC [, and what turns the direction of writing round.
const FEW_KNOW: &str = "\u{9b}31mred\u{85}\u{202e}esrever";

/// Neither output has a character that a terminal obeys, line ends aside.
fn commands_no_terminal(finished: &Finished) {
    let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!finished.stdout.contains(obeyed), "{:?}", finished.stdout);
    assert!(!finished.stderr.contains(obeyed), "{:?}", finished.stderr);
}

/// `run` without `--json`, on a file with a name that is told.
fn told_to_people(app: &std::path::Path, data: &str) -> Finished {
    let command = Mysimbdp::new(["run"]).arg(app);
    let file = command.directory().join(format!("{FEW_KNOW}\u{1b}[2J\n.csv"));
    std::fs::write(&file, data).unwrap();
    command.arg(file).finish()
}

#[test]
fn documents_and_file_names_cannot_command_a_terminal() {
    let finished = told_to_people(&artefacts::rows(), &format!("a,b{FEW_KNOW}\n1,{FEW_KNOW}\n"));
    assert_eq!(finished.code(), expect::exit::DONE, "{:?}", finished.stderr);
    commands_no_terminal(&finished);
    let document = finished.stdout.lines().next().unwrap_or_default();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let told = &document["fields"][format!("b{FEW_KNOW}")];
    assert_eq!(told, FEW_KNOW, "the sample does not tell what is in the sink: {document:?}");
}

#[test]
fn deaths_and_refusals_cannot_command_a_terminal_by_the_names_they_quote() {
    let clash = format!("own_id_clash={FEW_KNOW}");
    let rows = Rows::innocent(5).with(2, &clash).with(3, &clash).with(4, "segfault");
    let finished = told_to_people(&artefacts::villains(), &rows.csv());
    assert_eq!(finished.code(), expect::exit::DEAD_LETTERS, "{:?}", finished.stderr);
    commands_no_terminal(&finished);
    let refused = finished.stdout.lines().find(|line| line.contains("another document has this _id"));
    assert!(refused.is_some_and(|line| line.contains("\\u{9b}31mred")), "{}", finished.stdout);
    assert!(finished.stderr.lines().all(|line| line.starts_with("app villains")), "{}", finished.stderr);

    let finished = Mysimbdp::run(&artefacts::villains(), rows.csv()).finish();
    commands_no_terminal(&finished);
}
