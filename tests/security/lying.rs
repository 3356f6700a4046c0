//! Villains that lie: in the protocol, through the function table, in the flight recorder, in their documents.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::{self, innocent_documents, told};
use serde_json::Value;

/// What the sentence says of a worker that broke the protocol.
const BROKE: [&str; 1] = ["protocol"];

macro_rules! the_host_takes_no {
    ($($deed:ident;)*) => {
        mod the_host_takes_no {
            $(
                #[test]
                fn $deed() {
                    mysimbdp_tests::expect::the_killing_row_is_named(stringify!($deed), &super::BROKE);
                }
            )*
        }
    };
}

the_host_takes_no! {
    garbage_to_socket;
    garbage_everywhere;
    huge_frame;
    huge_control_frame;
    unknown_kind;
    host_kind;
    dirty_padding;
    forged_tag;
    forged_ready;
    forged_refused;
    forged_outcomes;
    control_not_json;
    control_not_utf8;
    control_deep_json;
}

/// In the first row the host has no other reason to refuse the frame than the one that is tested.
macro_rules! the_host_takes_no_first_row_with {
    ($($deed:ident: $words:expr;)*) => {
        mod the_host_takes_no_first_row_with {
            $(
                #[test]
                fn $deed() {
                    mysimbdp_tests::expect::the_killing_first_row_is_named(stringify!($deed), &$words);
                }
            )*
        }
    };
}

the_host_takes_no_first_row_with! {
    frame_fewer_documents_than_sent: ["protocol (it sent a payload that ends inside a record"];
    frame_four_billion_documents: ["protocol (it reported 4294967295 documents"];
    frame_more_bytes_than_sent: ["protocol (it sent a payload that ends inside a record"];
    frame_cut_row_header: ["protocol (it sent a payload that ends inside a record"];
    frame_unknown_fate: ["protocol (it sent a row header with an unknown fate 77"];
    frame_row_again: ["protocol (it reported row 0 where row 1 comes next"];
    frame_row_ahead: ["protocol (it reported row 274877906944 where row 1 comes next"];
    frame_row_number_max: ["protocol (it reported row 18446744073709551615 where row 1 comes next"];
    frame_position_outside: ["protocol (it reported row 1 at bytes"];
    frame_position_backwards: ["protocol (it reported row 1 at bytes 10 to 5"];
    frame_reason_not_utf8: ["protocol (it sent a reason that is not UTF-8"];
    frame_reason_huge: ["protocol (it sent a reason that is not UTF-8 or longer"];
}

#[test]
fn a_worker_that_leaves_in_the_middle_of_a_frame_is_named() {
    expect::the_killing_row_is_named("half_frame", &["exited with status 0"]);
}

#[test]
fn a_forged_row_spoils_the_liars_own_file_and_nothing_else() {
    // The host cannot know who wrote a frame that is right in itself: the row is the forger's. But then the real one
    // comes, out of its turn.
    for deed in [
        "frame_invalid_bson",
        "frame_garbage_document",
        "frame_without_id",
        "frame_deep_document",
        "frame_document_over_16mb",
        "frame_more_documents_than_sent",
    ] {
        let rows = mysimbdp_tests::data::Rows::innocent(20).with(1, deed);
        let finished = expect::villains(&rows).finish();
        let report = finished.report();
        assert_ne!(report.outcome, "done", "{deed}: {:?}", report.sentences());
        assert!(report.dead_letters.iter().all(|letter| letter.row == Some(1)), "{deed}: {:?}", report.sentences());
        let stored = innocent_documents(&finished);
        assert!(stored.iter().all(|document| rows.documents().contains(document)), "{deed}: {stored:?}");
    }
}

#[test]
fn a_worker_without_descriptors_is_taken_for_dead() {
    expect::the_killing_row_is_named("close_fds", &["protocol", "closed", "exit", "ended", "killed"]);
}

#[test]
fn a_worker_that_goes_on_without_descriptors_is_not_taken_for_done() {
    let finished = expect::villains(&expect::crowd("close_fds_and_go_on")).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (expect::exit::FAILED, "failed"));
    assert!(report.dead_letters.is_empty(), "{:?}", report.dead_letters);
    assert!(report.deaths.iter().all(|death| death.sentence.contains(&report.app.as_ref().unwrap().generation[..8])));
}

#[test]
fn descriptors_cannot_be_used_to_confuse_the_host() {
    expect::every_deed_is_held(&["shutdown_socket", "nonblocking_socket", "progress_beyond_the_file"]);
}

#[test]
fn a_forged_end_leaves_nothing_for_the_next_file() {
    // What an app says of how far it has read the host cannot check: this one claims all of it, and no rows.
    let rows = mysimbdp_tests::data::Rows::innocent(20);
    let command = expect::villains(&rows.clone().with(1, "forged_done_twice"));
    let second = command.directory().join("second.csv");
    std::fs::write(&second, rows.csv()).unwrap();
    let finished = command.arg(&second).finish();
    assert!(finished.status.code().is_some());
    assert_eq!(innocent_documents(&finished), rows.documents());
}

#[test]
fn a_forged_end_does_not_pass_for_success() {
    let rows = expect::crowd("forged_done");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    let complete = innocent_documents(&finished) == rows.documents();
    assert!(complete || report.outcome != "done", "rows are missing and the outcome is {}", report.outcome);
    assert_ne!(finished.code(), expect::exit::DONE);
}

#[test]
fn a_run_that_returns_before_the_end_of_the_file_is_partial() {
    let rows = expect::crowd("return_early");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (expect::exit::PARTIAL, "partial"));
    assert_eq!(innocent_documents(&finished), rows.documents()[..19]);
    let reason = report.reason.unwrap_or_default();
    expect::says_one_of(&reason, &["the rest was not read"]);
    expect::is_one_clean_sentence(&reason);
}

#[test]
fn documents_that_are_none_are_refused_and_the_app_goes_on() {
    let finished = expect::every_deed_is_held(&[
        "invalid_bson",
        "invalid_bson_empty",
        "invalid_bson_length",
        "invalid_bson_type",
        "invalid_bson_utf8",
        "invalid_bson_unterminated",
        "deep_document",
        "document_over_16mb",
        "row_over_32mb",
        "row_of_too_many_documents",
        "own_id_array",
        "own_id_zero",
    ]);
    let report = finished.report();
    assert!(report.deaths.is_empty(), "{:?}", report.sentences());
    assert!(report.documents.refused >= 8, "{:?}", report.documents);
    // The first six, one row each with two innocent ones between.
    for n in [3, 6, 9, 12, 15, 18] {
        assert_eq!(told(&finished, n).map(|(verdict, _)| verdict).as_deref(), Some("held"), "row {n}");
    }
}

#[test]
fn two_documents_with_one_id_are_a_duplicate_or_a_dead_letter() {
    let rows = expect::crowd("own_id_clash=same").with(25, "own_id_clash=same");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!(finished.code(), expect::exit::DEAD_LETTERS);
    assert_eq!(report.dead_letters.len(), 1, "{:?}", report.dead_letters);
    assert!(report.dead_letters[0].reason.contains("another document has this _id"), "{:?}", report.dead_letters);
    assert_eq!((report.dead_letters[0].row, report.documents.refused), (Some(25), 1));
}

#[test]
fn a_rejected_row_takes_its_documents_with_it() {
    let rows = expect::crowd("reject_after_emit");
    let finished = expect::villains(&rows).finish();
    assert_eq!(innocent_documents(&finished), rows.documents());
    assert_eq!(finished.report().rows.rejected, 1);
}

#[test]
fn a_scribbled_recorder_convicts_nobody() {
    for deed in ["scribble_recorder", "scribble_magic", "accuse_nobody", "forge_a_crash"] {
        let rows = expect::crowd(deed);
        let finished = expect::villains(&rows).finish();
        only_the_liar_may_be_convicted(&finished, deed);
    }
}

#[test]
fn an_accusation_convicts_nobody_by_itself_and_is_told() {
    for (deed, accused) in
        [("accuse_the_first_row", 1), ("accuse_an_innocent_row=7", 7), ("accuse_an_innocent_row=35", 35)]
    {
        let rows = expect::crowd(deed);
        let finished = expect::villains(&rows).finish();
        let report = finished.report();
        // The accused runs alone and lives. Only an app that accuses it again gives a row of its own file away.
        for letter in &report.dead_letters {
            assert!([Some(accused), Some(20)].contains(&letter.row), "{deed}: {:?}", report.sentences());
            let accusations = report.deaths.iter().filter(|death| death.row == letter.row).count();
            assert!(accusations >= 2, "{deed}: {:?}", report.sentences());
        }
        assert_ne!(report.outcome, "done", "{deed}: {:?}", report.sentences());
        let stored = innocent_documents(&finished);
        assert!(stored.iter().all(|document| rows.documents().contains(document)), "{deed}: {stored:?}");
        assert!(told(&finished, 20).is_none(), "{deed}: the recorder was not found, so this tests nothing");
    }
}

#[test]
fn a_row_that_the_host_has_stored_cannot_be_accused() {
    // Enough rows before the liar that the first of them have reached the sink.
    let rows = mysimbdp_tests::data::Rows::innocent(5_000).with(4_900, "accuse_the_first_row");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert!(report.dead_letters.is_empty(), "{:?}", report.sentences());
    assert!(report.deaths.iter().all(|death| death.row.is_none()), "{:?}", report.sentences());
    assert_eq!(report.outcome, "failed");
}

/// The host lives, nobody but row 20 is a dead letter, and if rows are missing it says so.
fn only_the_liar_may_be_convicted(finished: &Finished, deed: &str) {
    let rows = expect::crowd(deed);
    let report = finished.report();
    assert!(finished.status.code().is_some());
    assert!(report.dead_letters.iter().all(|letter| letter.row == Some(20)), "{deed}: {:?}", report.sentences());
    let stored = innocent_documents(finished);
    assert!(stored.iter().all(|document| rows.documents().contains(document)), "{deed}: {stored:?}");
    assert!(stored == rows.documents() || report.outcome != "done", "{deed}: rows are missing: {:?}", report.rows);
    assert!(told(finished, 20).is_none(), "{deed}: the recorder was not found, so this tests nothing");
}

/// Runs the app behind the C door on these deeds, with innocent lines between and at the end.
fn lie(deeds: &[&str]) -> (Finished, Vec<u64>) {
    let lines: Vec<&str> = deeds.iter().flat_map(|deed| ["none", *deed]).chain(["none"]).collect();
    let finished = Mysimbdp::run(&artefacts::example("liar"), lines.join("\n") + "\n").finish();
    let innocent = (1..=lines.len() as u64).step_by(2).collect();
    (finished, innocent)
}

fn lines(finished: &Finished) -> Vec<u64> {
    let documents = finished.sink().documents();
    let mut lines: Vec<u64> = documents.iter().filter_map(|it| it.get("line").and_then(Value::as_u64)).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn calls_that_make_no_sense_harm_no_other_row() {
    let (finished, innocent) = lie(&[
        "end_without_row",
        "reject_without_row",
        "next_start_a_thousand_times",
        "progress_max",
        "log_not_utf8",
        "fail_and_go_on",
        "row_never_ended",
        "emit_absent",
        "emit_without_id",
        "emit_with_id_last",
        "reject_not_utf8",
        "reject_absent",
    ]);
    let stored = lines(&finished);
    assert!(innocent.iter().all(|line| stored.contains(line)), "{stored:?}: {:?}", finished.report().sentences());
    assert!(finished.report().deaths.is_empty(), "{:?}", finished.report().sentences());
}

#[test]
fn pointers_to_nowhere_kill_the_worker_alone() {
    for deed in ["row_null", "next_start_null", "emit_null", "emit_endless", "log_null", "call_after_the_end"] {
        let (finished, innocent) = lie(&[deed]);
        let stored = lines(&finished);
        assert!(finished.status.code().is_some(), "{deed}");
        let complete = innocent.iter().all(|line| stored.contains(line));
        assert!(
            complete || finished.report().outcome != "done",
            "{deed}: {stored:?}: {:?}",
            finished.report().sentences()
        );
    }
}

#[test]
fn rows_that_are_not_in_the_file_are_not_counted() {
    for deed in [
        "row_again",
        "row_far_ahead",
        "row_number_max",
        "row_loose_number",
        "row_outside",
        "row_ends_before_it_starts",
        "row_line_max",
        "end_outside",
    ] {
        let (finished, innocent) = lie(&[deed]);
        let report = finished.report();
        assert!(finished.status.code().is_some(), "{deed}");
        assert!(report.rows.read <= 4, "{deed}: {:?}", report.rows);
        let stored = lines(&finished);
        let complete = innocent.iter().all(|line| stored.contains(line));
        assert!(complete || report.outcome != "done", "{deed}: {stored:?}: {:?}", report.sentences());
    }
}

#[test]
fn a_document_without_a_row_is_counted_apart() {
    let (finished, innocent) = lie(&["emit_without_row"]);
    let stored = lines(&finished);
    assert!(innocent.iter().all(|line| stored.contains(line)), "{stored:?}");
    let loose = finished.sink().documents().iter().filter(|it| it.get("loose").is_some()).count();
    assert_eq!(loose, 1);
    assert_eq!(finished.report().rows.read, 3);
}
