//! The example stream apps on the sample data: what `docs/sample-data.md` promises of messages.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;
use serde_json::{Value, json};
use xtask::data::{Options, Size};

#[test]
fn bad_trips_among_the_generated_ones_are_dead_letters_with_their_lines_and_all_others_are_stored() {
    let (data, written) = xtask::json::bytes(&Options { size: Size::Rows(5_000), seed: 7, bad_rows: 8 });
    let finished = Mysimbdp::run(&artefacts::json_app(), data).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"), "{:?}", report.sentences());
    assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (5_000, 4_992, 8));
    let lines: Vec<u64> = report.dead_letters.iter().filter_map(|letter| letter.line).collect();
    assert_eq!(lines, written.bad_lines);
    for (letter, reason) in report.dead_letters.iter().zip([
        "field `price.fare`: \"free of charge\" is no amount",
        "field `distance_km`: invalid type: string \"not far\"",
        "field `pickup.at`: ",
        "EOF while parsing an object at line 1 column ",
    ]) {
        assert!(letter.reason.starts_with(reason), "{}", letter.reason);
    }
    let documents = finished.sink().documents();
    let mut ids: Vec<u64> = documents.iter().filter_map(|trip| trip["trip_id"].as_u64()).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq((1..=5_000).filter(|id| !written.bad_lines.contains(id))));
    let trip = documents.iter().find(|trip| trip["trip_id"] == 9).unwrap();
    assert_eq!(trip["published"], json!({ "id": "data.csv:9", "at": null, "key": "run" }));
    assert!(trip["price"]["total"].get("$numberDecimal").is_some_and(Value::is_string), "{trip}");
}

#[test]
fn the_same_messages_again_into_the_same_sink_double_nothing() {
    let (data, _) = xtask::json::bytes(&Options { size: Size::Rows(300), seed: 1, bad_rows: 0 });
    let first = Mysimbdp::run(&artefacts::json_app(), &data).finish();
    let sink = first.directory().join("sink.db").display().to_string();
    let before = first.sink().documents_with_id();
    let again = Mysimbdp::run(&artefacts::json_app(), &data).option("--sink", &sink).finish();
    assert_eq!((first.code(), again.code()), (exit::DONE, exit::DONE));
    assert_eq!(first.sink().documents_with_id(), before);
    assert_eq!(before.len(), 300);
}

#[test]
fn readings_are_taken_by_the_app_in_c_and_what_is_none_is_told() {
    let data = "attic-1;1700000000;-12.5\n\nroof;now;1\r\nroof;0;1\n";
    let finished = Mysimbdp::run(&artefacts::fixed_app_in_c(), data).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.rows.read, report.rows.ingested), (exit::DEAD_LETTERS, 3, 2));
    let letter = &report.dead_letters[0];
    assert_eq!((letter.row, letter.line, letter.raw.as_str()), (Some(2), Some(3), "roof;now;1"));
    assert!(letter.reason.starts_with("field 2 (seconds): \"now\" is not "), "{}", letter.reason);
}

#[test]
fn an_app_for_files_alone_takes_no_messages() {
    let finished = Mysimbdp::run(&artefacts::csv_app(), "x\n").arg("--messages").finish();
    let reason = finished.report().reason.unwrap_or_default();
    assert_eq!(finished.code(), exit::FAILED);
    assert!(reason.contains("is no stream app (its kinds: batch)"), "{reason}");
}
