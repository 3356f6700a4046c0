//! Every kind of CSV file: what becomes documents, what becomes dead letters, and that nothing is missing in silence.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::{self, exit};
use mysimbdp_tests::report::DeadLetter;
use serde_json::{Value, json};

fn run(data: impl AsRef<[u8]>) -> Finished {
    Mysimbdp::run(&artefacts::rows(), data).finish()
}

/// `row line start fields` of each document.
fn documents(finished: &Finished) -> Vec<(u64, u64, u64, Value)> {
    let number = |document: &Value, key: &str| document[key].as_u64().unwrap_or(u64::MAX);
    let place = |it: &Value| (number(it, "row"), number(it, "line"), number(it, "start"), it["fields"].clone());
    finished.sink().documents().iter().map(place).collect()
}

/// Everything was ingested: these fields.
fn all_are(data: impl AsRef<[u8]>, fields: &[Value]) {
    let finished = run(data);
    let report = finished.report();
    assert_eq!(finished.code(), exit::DONE, "{:?}", report.sentences());
    let stored: Vec<Value> = documents(&finished).into_iter().map(|(_, _, _, fields)| fields).collect();
    assert_eq!(stored, fields);
    assert_eq!(report.rows.ingested, fields.len() as u64);
}

/// One row is a dead letter, all others are documents.
fn one_dead_letter(data: impl AsRef<[u8]>, documents: usize) -> DeadLetter {
    let finished = run(data);
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"), "{:?}", report.sentences());
    assert_eq!(finished.sink().documents().len(), documents);
    assert_eq!((report.rows.ingested, report.rows.rejected), (documents as u64, 1));
    assert_eq!(finished.sink().dead_letters().len(), 1);
    let letter = report.dead_letters[0].clone();
    expect::is_one_clean_sentence(&letter.reason);
    letter
}

/// The run fails as a whole, with this in its reason, and stores nothing.
fn fails_with(data: impl AsRef<[u8]>, words: &str) {
    let finished = run(data);
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"));
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains(words) && reason.contains("rows"), "{reason}");
    expect::is_one_clean_sentence(&reason);
    assert!(finished.sink().documents().is_empty());
}

#[test]
fn an_empty_file_is_done_with_no_rows() {
    all_are("", &[]);
}

#[test]
fn a_file_of_blank_lines_is_done_with_no_rows() {
    all_are("\n\n\r\n\n", &[]);
}

#[test]
fn a_header_alone_is_done_with_no_rows() {
    all_are("a,b\n", &[]);
    all_are("a,b", &[]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_column() {
    all_are("\u{feff}a,b\n1,2\n", &[json!({ "a": 1, "b": 2 })]);
}

#[test]
fn any_end_of_line_will_do() {
    for end in ["\n", "\r\n", "\r"] {
        all_are(format!("a,b{end}1,x{end}2,y{end}"), &[json!({ "a": 1, "b": "x" }), json!({ "a": 2, "b": "y" })]);
    }
}

#[test]
fn the_last_line_needs_no_end() {
    all_are("a,b\n1,x\n2,y", &[json!({ "a": 1, "b": "x" }), json!({ "a": 2, "b": "y" })]);
}

#[test]
fn quotes_commas_and_newlines_stay_inside_their_field() {
    let data = "a,b\n\"x, \"\"y\"\"\",\"one\ntwo\r\nthree\"\nlast,1\n";
    let finished = run(data);
    let last = data.find("last").unwrap() as u64;
    let expected = vec![
        (1, 2, 4, json!({ "a": "x, \"y\"", "b": "one\ntwo\r\nthree" })),
        (2, 5, last, json!({ "a": "last", "b": 1 })),
    ];
    assert_eq!(documents(&finished), expected);
}

#[test]
fn blank_lines_count_as_lines_and_not_as_rows() {
    let finished = run("a\n\n1\n\n\n2\n\n");
    assert_eq!(documents(&finished), [(1, 3, 3, json!({ "a": 1 })), (2, 6, 7, json!({ "a": 2 }))]);
    assert_eq!(finished.code(), exit::DONE);
}

#[test]
fn a_ragged_row_is_a_dead_letter_with_both_widths() {
    let letter = one_dead_letter("a,b\n1,2\n3\n4,5\n", 2);
    assert_eq!((letter.row, letter.line, letter.start, letter.raw.as_str()), (Some(2), Some(3), 8, "3"));
    assert!(letter.reason.contains("1 field") && letter.reason.contains('2'), "{}", letter.reason);
    let letter = one_dead_letter("a,b\n1,2,3\n4,5\n", 1);
    assert!(letter.reason.contains("3 fields") && letter.reason.contains('2'), "{}", letter.reason);
}

#[test]
fn a_row_that_is_not_utf8_is_a_dead_letter_that_names_the_column() {
    let letter = one_dead_letter(b"a,name\n1,Zo\xeb\n2,Zoe\n", 1);
    assert_eq!((letter.row, letter.line), (Some(1), Some(2)));
    assert!(letter.reason.contains("name") && letter.reason.contains("UTF-8"), "{}", letter.reason);
}

#[test]
fn a_header_that_is_not_utf8_fails_the_run() {
    fails_with(b"a,n\xe4me\n1,2\n", "UTF-8");
}

#[test]
fn utf16_fails_the_run() {
    fails_with(b"\xff\xfea\0,\0b\0\n\0", "UTF-16");
}

#[test]
fn two_columns_of_one_name_fail_the_run() {
    fails_with("a,b,a\n1,2,3\n", "twice");
}

#[test]
fn nul_bytes_are_data() {
    all_are("a,b\nx\0y,\0\n", &[json!({ "a": "x\0y", "b": "\0" })]);
}

#[test]
fn a_file_without_a_header_can_be_read_as_one() {
    let command = Mysimbdp::run(&artefacts::rows(), "1;x\n2;y\n");
    let finished = command.option("--config", r#"{"has_headers": false, "delimiter": ";"}"#).finish();
    assert_eq!(finished.code(), exit::DONE);
    let fields: Vec<Value> = documents(&finished).into_iter().map(|(_, _, _, fields)| fields).collect();
    assert_eq!(fields, [json!({ "column_1": 1, "column_2": "x" }), json!({ "column_1": 2, "column_2": "y" })]);
}

#[test]
fn a_header_that_is_missing_costs_the_first_row_and_no_other() {
    // Nobody can know that the first line is data; what it says becomes the names of columns.
    all_are("1,x\n2,y\n", &[json!({ "1": 2, "x": "y" })]);
}

#[test]
fn ten_thousand_columns_are_as_good_as_three() {
    let line = |prefix: &str| (1..=10_000).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>().join(",");
    let finished = run(format!("{}\n{}\n{}\n", line("c"), line(""), line("x")));
    assert_eq!(finished.code(), exit::DONE);
    let stored = documents(&finished);
    assert_eq!((stored.len(), stored[0].3["c10000"].as_u64()), (2, Some(10_000)));
    assert_eq!(stored[1].3.as_object().map(serde_json::Map::len), Some(10_000));
}

#[test]
fn a_line_of_100_mb_is_one_dead_letter_and_nobody_holds_it_in_memory() {
    let mut data = Vec::with_capacity((100 << 20) + 64);
    data.extend_from_slice(b"a,b\n1,x\n2,");
    data.resize(data.len() + (100 << 20), b'x');
    data.extend_from_slice(b"\n3,y\n");
    let command = Mysimbdp::run(&artefacts::rows(), &data).option("--memory", "128M").option("--stall-seconds", "30");
    drop(data);
    let finished = command.finish();
    let report = finished.report();
    assert_eq!(finished.code(), exit::DEAD_LETTERS, "{:?}", report.sentences());
    assert!(report.deaths.is_empty(), "{:?}", report.deaths);
    let letter = &report.dead_letters[0];
    assert_eq!((letter.row, letter.line), (Some(2), Some(3)));
    assert!(letter.reason.contains("104857"), "{}", letter.reason);
    assert!(letter.raw.len() < 1 << 20, "{} raw bytes were told", letter.raw.len());
    assert!(finished.peak_memory < 100 << 20, "the host took {} MB", finished.peak_memory >> 20);
    let rows: Vec<u64> = documents(&finished).iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, [1, 3]);
}

#[test]
fn a_quote_that_is_never_closed_loses_no_row_in_silence() {
    let finished = run("a,b\n1,x\n2,\"open\n3,y\n4,z\n");
    let report = finished.report();
    // The rest of the file is one field, as every reader of CSV sees it.
    assert_eq!(documents(&finished).len(), 2);
    assert_eq!(report.rows.read, 2);
    assert_eq!(finished.code(), exit::DONE);
}

#[test]
fn seven_bad_rows_among_ten_thousand_are_seven_dead_letters_with_their_lines() {
    let bad = [1_u64, 10, 5_000, 5_001, 7_500, 9_999, 10_000];
    let mut data = String::from("n,name\n");
    let mut starts = Vec::new();
    for n in 1..=10_000_u64 {
        starts.push(data.len() as u64);
        data.push_str(&if bad.contains(&n) { format!("{n},too,many,fields\n") } else { format!("{n},name {n}\n") });
    }
    let finished = run(data);
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::DEAD_LETTERS, "done"));
    assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (10_000, 9_993, 7));
    assert_eq!((report.documents.emitted, report.documents.stored), (9_993, 9_993));
    for (letter, n) in report.dead_letters.iter().zip(bad) {
        let start = starts[usize::try_from(n).unwrap() - 1];
        assert_eq!((letter.row, letter.line, letter.start), (Some(n), Some(n + 1), start));
        assert_eq!(letter.raw, format!("{n},too,many,fields"));
    }
    let stored = documents(&finished);
    let expected = (1..=10_000).filter(|n| !bad.contains(n));
    assert!(stored.iter().map(|(row, ..)| *row).eq(expected));
    assert_eq!(stored[100].3, json!({ "n": stored[100].0, "name": format!("name {}", stored[100].0) }));
    assert_eq!(finished.sink().dead_letters().len(), 7);
}
