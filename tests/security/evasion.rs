//! Villains that look busy, honest or unlucky to slip past a deadline or a limit: every run ends all the same, with the
//! reason, and a file that the same app is honest with is ingested in full.
//!
//! That a run ends is seen to by the harness, which waits two minutes at the most; the deadlines here are far shorter than
//! what the villains would take.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::{self, exit};
use mysimbdp_tests::report::Report;

/// What a file fails with whose workers die of nothing that a row has done.
const NO_CULPRIT: &str = "3 workers died and no row that kills alone could be made out";
/// Rows of the file that the villains do work on.
const INNOCENT: u64 = 300;
/// Most of a row that a letter quotes.
const MAX_RAW: u64 = 64 * 1024;
/// Most that the letters of one file quote in full, and what each quotes afterwards.
const QUOTED_IN_FULL: u64 = 64 << 20;
const QUOTED_AFTERWARDS: u64 = 256;
/// Most that the host may have resident in these tests.
const HOST_MEMORY: u64 = 200 << 20;

fn villain(name: &str, data: impl AsRef<[u8]>) -> Mysimbdp {
    let command = Mysimbdp::run(&artefacts::c_villain(name), data);
    let innocent = command.directory().join("innocent.csv");
    std::fs::write(&innocent, innocent_lines().join("\n") + "\n").unwrap();
    command.arg(innocent)
}

fn innocent_lines() -> Vec<String> {
    (1..=INNOCENT).map(|row| format!("row {row}")).collect()
}

fn reports(finished: &Finished) -> Vec<Report> {
    let reports: Vec<Report> = finished.stdout.lines().map(|line| Report::parse(line).unwrap()).collect();
    assert!(reports.iter().all(Report::balances), "{}", finished.stdout);
    reports
}

/// The lines that are stored, in the order of their rows.
fn stored(finished: &Finished) -> Vec<String> {
    let documents = finished.sink().documents();
    documents.iter().filter_map(|document| Some(document.get("line")?.as_str()?.to_owned())).collect()
}

/// The first file's report, after a look at the innocent one's.
fn of_the_guilty_file(finished: &Finished) -> Report {
    let [guilty, innocent] = &reports(finished)[..] else { panic!("not two reports: {}", finished.stdout) };
    assert_eq!((innocent.outcome.as_str(), innocent.rows.ingested), ("done", INNOCENT), "{:?}", innocent.sentences());
    assert!(innocent.deaths.is_empty() && innocent.dead_letters.is_empty(), "{:?}", innocent.sentences());
    assert_eq!(stored(finished), innocent_lines());
    guilty.clone()
}

/// The file fails for this reason, and no row of it is blamed.
fn fails(command: Mysimbdp, reasons: &[&str]) -> Report {
    let finished = command.finish();
    let report = of_the_guilty_file(&finished);
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"), "{:?}", report.sentences());
    let reason = report.reason.clone().unwrap_or_default();
    assert!(reasons.iter().all(|part| reason.contains(part)), "not all of {reasons:?} in: {reason}");
    expect::is_one_clean_sentence(&reason);
    assert!(report.dead_letters.is_empty() && finished.sink().dead_letters().is_empty(), "no row is to blame");
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
    report
}

/// Number of dead letters in the sink, and of the bytes that they quote.
fn letters(finished: &Finished) -> (u64, u64) {
    let ask = |what: &str| {
        let query = format!("SELECT CAST({what} AS TEXT) FROM _dead_letters");
        finished.sink().texts(&query).first().and_then(|number| number.parse().ok()).unwrap_or_default()
    };
    (ask("count(*)"), ask("coalesce(sum(length(raw)), 0)"))
}

#[test]
fn a_worker_that_talks_without_end_meets_the_stall_deadline() {
    let command = villain("talks_without_end", "abc\n").option("--stall-seconds", "2");
    let report = fails(command, &[NO_CULPRIT, "it finished no row within 2s and was stopped"]);
    assert_eq!(report.deaths.len(), 3, "{:?}", report.sentences());
}

#[test]
fn a_worker_that_talks_without_end_meets_the_total_deadline() {
    let command = villain("talks_without_end", "abc\n").option("--total-seconds", "3");
    let report = fails(command, &["it took longer than the 3 s that a task may take"]);
    assert!(report.deaths.is_empty(), "{:?}", report.sentences());
}

#[test]
fn frames_of_rows_without_a_row_do_not_pass_for_progress() {
    let command = villain("reports_nothing", "abc\n").option("--stall-seconds", "4").option("--total-seconds", "4");
    fails(command, &[NO_CULPRIT, "it broke the protocol (it sent a frame of rows without a row) and was stopped"]);
}

#[test]
fn a_worker_that_reads_its_tasks_no_more_is_stopped() {
    let mut command = Mysimbdp::run(&artefacts::c_villain("answers_in_advance"), "abc\n");
    // More tasks than a socket holds that nobody reads.
    for number in 1..=1000 {
        let file = command.directory().join(format!("{number}.csv"));
        std::fs::write(&file, "abc\n").unwrap();
        command = command.arg(file);
    }
    let finished = command.option("--stall-seconds", "2").option("--total-seconds", "20").finish();
    let reports = reports(&finished);
    assert_eq!(reports.len(), 1001);
    // What an app says of how far it has read the host cannot check.
    assert_eq!(finished.code(), exit::DONE, "{}", finished.stderr);
    let stopped: Vec<&Report> = reports.iter().filter(|report| !report.deaths.is_empty()).collect();
    assert!(!stopped.is_empty(), "every task went into the socket");
    for report in stopped {
        let words = ["it broke the protocol (it does not read what it is sent) and was stopped"];
        expect::the_sentence_names_everything(report, &report.deaths[0], &words);
    }
    assert!(reports.iter().all(|report| report.dead_letters.is_empty()) && finished.sink().count() == 0);
}

#[test]
fn accusing_another_row_in_each_attempt_ends_in_failure() {
    let report = fails(villain("accuses_another_row", "abc\n".repeat(500)), &[NO_CULPRIT, "it exited with status 0"]);
    assert_eq!(report.deaths.len(), 3, "{:?}", report.sentences());
    assert!(report.deaths.iter().all(|death| death.row.is_some() && !death.alone), "{:?}", report.sentences());
}

#[test]
fn the_starts_of_workers_count_towards_the_total_deadline() {
    let command = villain("accuses_another_row", "abc\n".repeat(500)).option("--total-seconds", "2");
    let report = fails(command, &["it took longer than the 2 s that a task may take"]);
    assert!(report.deaths.len() < 3, "{:?}", report.sentences());
}

#[test]
fn a_row_that_talks_without_end_when_it_runs_alone_meets_the_stall_deadline() {
    let command = villain("talks_when_alone", "abc\n").option("--stall-seconds", "2");
    let report = fails(command, &[NO_CULPRIT, "running that row alone: it finished no row within 2s and was stopped"]);
    assert_eq!((report.deaths[0].row, report.deaths[0].alone), (Some(1), false), "{:?}", report.sentences());
    assert!(report.deaths[1..].iter().all(|death| death.alone), "{:?}", report.sentences());
}

#[test]
fn a_row_that_talks_without_end_when_it_runs_alone_meets_the_total_deadline() {
    let command = villain("talks_when_alone", "abc\n").option("--total-seconds", "3");
    let report = fails(command, &["it took longer than the 3 s that a task may take"]);
    assert_eq!(report.deaths.len(), 1, "{:?}", report.sentences());
}

#[test]
fn a_rerun_reads_the_file_from_its_beginning_although_a_dead_worker_has_read_on() {
    // Long enough that rows are settled before the death.
    let mut lines: Vec<String> = (1..=2100).map(|row| format!("{row} {}", "x".repeat(80))).collect();
    lines[2000] = "die".into();
    let finished = Mysimbdp::run(&artefacts::c_villain("reads_in_order"), lines.join("\n") + "\n").finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"), "{:?}", report.sentences());
    let convicted: Vec<_> = report.dead_letters.iter().map(|letter| (letter.row, letter.raw.as_str())).collect();
    assert_eq!(convicted, [(Some(2001), "die")], "{:?}", report.sentences());
    assert_eq!(report.deaths.iter().map(|death| death.alone).collect::<Vec<_>>(), [false, true]);
    lines.remove(2000);
    assert_eq!(stored(&finished), lines);
    let beginnings = finished.stderr.matches("the file stands at byte").count();
    assert_eq!(
        (beginnings, finished.stderr.matches("the file stands at byte 0").count()),
        (2, 2),
        "{}",
        finished.stderr
    );
}

#[test]
fn many_large_rejected_rows_are_quoted_within_a_bound() {
    let rows = 1280;
    let finished = villain("rejects_large_rows", "x".repeat(64 * 1024).repeat(1280)).finish();
    let report = of_the_guilty_file(&finished);
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"), "{:?}", report.reason);
    assert_eq!((report.rows.read, report.rows.rejected), (rows, rows));
    let (count, quoted) = letters(&finished);
    assert_eq!(count, rows);
    // The row that steps over the bound is quoted as well.
    let bound = QUOTED_IN_FULL + MAX_RAW + rows * QUOTED_AFTERWARDS;
    assert!((QUOTED_IN_FULL..=bound).contains(&quoted), "{quoted} bytes are quoted");
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
}

#[test]
fn empty_rejected_rows_quote_nothing() {
    let rows = 60_000;
    let finished = villain("rejects_empty_rows", vec![b'x'; 60_000]).finish();
    let report = of_the_guilty_file(&finished);
    assert_eq!((report.outcome.as_str(), report.rows.rejected), ("partial", rows), "{:?}", report.reason);
    expect::says_one_of(&report.reason.unwrap_or_default(), &["the app ended at byte 0 of 60000"]);
    assert_eq!(letters(&finished), (rows, 0));
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
}

#[test]
fn a_frame_with_more_rows_than_fill_it_is_refused() {
    let broke = "of a frame, where a frame is full at byte 1048576) and was stopped";
    for name in ["overfills_a_frame", "rejects_in_one_frame"] {
        fails(villain(name, vec![b'x'; 70_000]), &[NO_CULPRIT, "it broke the protocol (it began a row at byte", broke]);
    }
}

#[test]
fn a_row_whose_documents_are_refused_is_quoted_once() {
    let finished = villain("one_row_refused_often", vec![b'x'; 70_000]).finish();
    let report = of_the_guilty_file(&finished);
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"), "{:?}", report.reason);
    let documents = report.documents;
    assert_eq!((documents.emitted, documents.stored, documents.refused), (30_000, 1, 29_999));
    assert_eq!(letters(&finished), (29_999, MAX_RAW));
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
}
