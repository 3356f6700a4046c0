//! What becomes of the rows of CSV files, ordinary and not.

#![expect(clippy::unwrap_used, reason = "a test")]

use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::testing::bson::doc;
use mysimbdp_plugin_api::testing::{Outcome, Report, Run, Start, run};
use mysimbdp_plugin_api::{CsvRows, ParseError};

/// Emits every row with inferred types, behind where it stands.
#[derive(Default)]
struct Infer;

#[derive(Serialize)]
struct Placed<'r> {
    number: u64,
    line: u64,
    offset: u64,
    length: u64,
    row: mysimbdp_plugin_api::Inferred<'r>,
}

fn place(row: &CsvRow<'_>, sink: &mut Sink) -> Result<(), Reject> {
    let (number, line, offset, length) = (row.record_number(), row.line(), row.offset(), row.len_bytes());
    Ok(sink.emit(&Placed { number, line, offset, length, row: row.infer() })?)
}

impl BatchIngest for Infer {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.csv()?.each(sink, place)
    }
}

/// The same in the other way of taking rows.
#[derive(Default)]
struct InferLending;

impl BatchIngest for InferLending {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        let mut rows = input.csv()?;
        while let Some(row) = rows.next()? {
            if let Err(why) = place(&row, sink) {
                sink.reject(why)?;
            }
        }
        Ok(())
    }
}

/// Runs the file both ways, which must not differ, and holds the counts against each other.
fn ingest(content: impl AsRef<[u8]>) -> Report {
    let by_closure = run::<Infer>("file.csv", &content);
    let by_loop = run::<InferLending>("file.csv", &content);
    assert_eq!(format!("{by_closure:?}"), format!("{by_loop:?}"));
    let rows = by_closure.rows;
    assert_eq!(rows.read, rows.ingested + rows.passed_over + rows.rejected, "{rows:?}");
    by_closure
}

fn rows(report: &Report) -> Vec<testing_bson::Document> {
    report.documents.iter().map(|document| document.get_document("row").unwrap().clone()).collect()
}

fn places(report: &Report) -> Vec<(i64, i64, i64, i64)> {
    let number = |document: &testing_bson::Document, key: &str| document.get_i64(key).unwrap();
    let place = |it| (number(it, "number"), number(it, "line"), number(it, "offset"), number(it, "length"));
    report.documents.iter().map(place).collect()
}

fn reasons(report: &Report) -> Vec<(u64, u64, &str)> {
    report.rejects.iter().map(|reject| (reject.row, reject.line, reject.reason.as_str())).collect()
}

use mysimbdp_plugin_api::testing::bson as testing_bson;

#[test]
fn an_ordinary_file_becomes_documents() {
    let report = ingest("id,name,fare\n1,Ada,2.5\n2,Bob,\n");
    assert_eq!(
        rows(&report),
        [doc! { "id": 1_i64, "name": "Ada", "fare": 2.5 }, doc! { "id": 2_i64, "name": "Bob", "fare": null }]
    );
    assert_eq!(places(&report), [(1, 2, 13, 10), (2, 3, 23, 7)]);
    assert_eq!(report.position, 30);
    assert!(report.outcome.is_ok());
}

#[test]
fn a_file_without_rows_has_none_and_is_read_to_its_end() {
    for content in ["", "\n\n", "a,b", "a,b\n", "a,b\r\n\r\n", "\u{feff}", "\u{feff}a,b\n"] {
        let report = ingest(content);
        assert_eq!((report.rows.read, report.outcome.is_ok()), (0, true), "{content:?}");
        assert_eq!(report.position, content.len() as u64, "{content:?}");
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_column() {
    let report = ingest("\u{feff}a,b\n1,2\n");
    assert_eq!(rows(&report), [doc! { "a": 1_i64, "b": 2_i64 }]);
    assert_eq!(places(&report), [(1, 2, 7, 4)]);
    let utf16 = ingest(b"\xff\xfea\0,\0");
    assert_eq!(utf16.outcome, Outcome::Error("the file is UTF-16; convert it to UTF-8 first".into()));
}

#[test]
fn any_end_of_line_ends_a_row_and_belongs_to_it() {
    assert_eq!(places(&ingest("a\r\n1\r\n2\r\n3")), [(1, 2, 3, 3), (2, 3, 6, 3), (3, 4, 9, 1)]);
    assert_eq!(places(&ingest("a\n1\n2")), [(1, 2, 2, 2), (2, 3, 4, 1)]);
    assert_eq!(rows(&ingest("a\r1\r2\r")), [doc! { "a": 1_i64 }, doc! { "a": 2_i64 }]);
}

#[test]
fn blank_lines_are_no_rows_and_what_follows_them_stands_behind_them() {
    let report = ingest("\n\na,b\n\n\r\n1,2\n\n\n3,4\n\n\n");
    assert_eq!(places(&report), [(1, 6, 9, 4), (2, 9, 15, 4)]);
    assert_eq!(report.position, 21);
}

#[test]
fn quotes_and_newlines_in_fields_are_understood_and_lines_still_counted() {
    let report = ingest("a,b\n\"x\ny\",\"say \"\"hi\"\"\"\n\"p,q\r\nr\",2\n3,4\n");
    let expected = [
        doc! { "a": "x\ny", "b": "say \"hi\"" },
        doc! { "a": "p,q\r\nr", "b": 2_i64 },
        doc! { "a": 3_i64, "b": 4_i64 },
    ];
    assert_eq!(rows(&report), expected);
    assert_eq!(places(&report), [(1, 2, 4, 19), (2, 4, 23, 11), (3, 6, 34, 4)]);
}

#[test]
fn a_ragged_row_is_rejected_and_the_next_one_is_not() {
    let report = ingest("a,b,c\n1,2\n1,2,3\n1,2,3,4\nonly\n5,6,7\n");
    let expected = [
        (1, 2, "row has 2 fields where the header has 3"),
        (3, 4, "row has 4 fields where the header has 3"),
        (4, 5, "row has 1 field where the header has 3"),
    ];
    assert_eq!(reasons(&report), expected);
    assert_eq!(report.rows.ingested, 2);
    assert_eq!((report.rejects[0].start, report.rejects[0].end), (6, 10));
}

#[test]
fn what_is_not_utf8_is_rejected_and_the_next_row_is_not() {
    let report = ingest(b"name,city\nM\xfcller,Ulm\nMay,K\xc3\xb6ln\nA\xc3,\xb6\n");
    let expected = [
        (1, 2, "column `name`: is not UTF-8: byte 0xfc after \"M\""),
        (3, 4, "column `name`: is not UTF-8: byte 0xc3 after \"A\""),
    ];
    assert_eq!(reasons(&report), expected);
    assert_eq!(rows(&report), [doc! { "name": "May", "city": "Köln" }]);
    let header = ingest(b"n\xfc\n1\n");
    let sentence = "the header is not UTF-8 in column 1; convert the file to UTF-8";
    assert_eq!(header.outcome, Outcome::Error(sentence.into()));
}

#[test]
fn nul_bytes_are_data() {
    assert_eq!(rows(&ingest("a,b\nx\0y,\0\n")), [doc! { "a": "x\0y", "b": "\0" }]);
}

#[test]
fn ten_thousand_columns_are_fine() {
    let line = |value: &dyn Fn(usize) -> String| (0..10_000).map(value).collect::<Vec<_>>().join(",") + "\n";
    let content = line(&|at| format!("c{at}")) + &line(&|at| at.to_string());
    let report = ingest(content);
    assert_eq!(rows(&report)[0].get_i64("c9999").unwrap(), 9999);
    assert_eq!(rows(&report)[0].len(), 10_000);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_rejected_and_the_rows_behind_it_go_on() {
    let mut content = b"a,b\n1,2\n".to_vec();
    content.resize(content.len() + 100_000_000, b'x');
    content.extend_from_slice(b",y\n3,4\n");
    let report = run::<Infer>("large.csv", &content);
    assert_eq!(places(&report), [(1, 2, 4, 4), (3, 4, 100_000_011, 4)]);
    let sentence = "row has 100000003 bytes where a row may have 16777216; a quote that is never closed may have swallowed the lines behind it";
    assert_eq!(reasons(&report), [(2, 3, sentence)]);
}

#[test]
fn a_row_of_commas_is_rejected_and_the_rows_behind_it_go_on() {
    let content = format!("a\n{}\n1\n", ",".repeat(3_000_000));
    let report = ingest(content);
    assert_eq!(reasons(&report), [(1, 2, "row has more than a million fields")]);
    assert_eq!(report.rows.ingested, 1);
}

#[test]
fn a_column_that_is_named_twice_fails_the_run() {
    let report = ingest("id,fare,id\n1,2,3\n");
    let sentence = "the header names the column \"id\" twice, at positions 1 and 3; rename one of them";
    assert_eq!(report.outcome, Outcome::Error(sentence.into()));
    assert_eq!(report.rows.read, 0);
}

/// An app that is a function of the rows.
macro_rules! app {
    ($name:ident, $rows:ident, $sink:ident, $body:expr) => {
        #[derive(Default)]
        struct $name;

        impl BatchIngest for $name {
            fn ingest(&mut self, input: &mut BatchInput, $sink: &mut Sink) -> Result<(), AppError> {
                let $rows: CsvRows<'_> = input.csv()?;
                $body
            }
        }
    };
}

#[test]
fn a_required_column_that_is_missing_fails_the_run_and_tells_what_there_is() {
    app!(App, rows, sink, rows.require_columns(&["id", "fare", "tip"]).each(sink, place));
    let report = run::<App>("x.csv", "id,price\n1,2\n");
    let sentence = "the file lacks the columns `fare`, `tip`; it has `id`, `price`";
    assert_eq!(report.outcome, Outcome::Error(sentence.into()));
    assert!(run::<App>("x.csv", "tip,fare,id\n1,2,3\n").outcome.is_ok());
    assert!(run::<App>("x.csv", "").outcome.is_ok());
}

#[test]
fn delimiters_and_quotes_can_be_chosen() {
    app!(Tabs, rows, sink, rows.delimiter(b'\t').quote(None).each(sink, place));
    assert_eq!(rows(&run::<Tabs>("x.tsv", "a\tb\n\"1\t2,3\n")), [doc! { "a": "\"1", "b": "2,3" }]);
    app!(Clash, rows, sink, rows.delimiter(b'"').each(sink, place));
    assert!(run::<Clash>("x.csv", "a\n1\n").outcome.reason().contains("cannot be told apart"));
}

#[test]
fn a_file_without_a_header_is_read_by_position() {
    #[derive(Deserialize, Serialize)]
    struct Trip {
        id: u32,
        fare: f64,
    }
    app!(App, rows, sink, rows.has_headers(false).each(sink, |row, sink| Ok(sink.emit(&row.parse::<Trip>()?)?)));
    let report = run::<App>("x.csv", "\n1,2.5\n2\n3,x\n4,5\n");
    assert_eq!(report.without_ids(), [doc! { "id": 1_i64, "fare": 2.5 }, doc! { "id": 4_i64, "fare": 5.0 }]);
    let expected = [(2, 3, "row has 1 field where the first row has 2"), (3, 4, "column `2`: \"x\" is not a number")];
    assert_eq!(reasons(&report), expected);

    app!(Inferring, rows, sink, rows.has_headers(false).each(sink, place));
    assert_eq!(rows(&run::<Inferring>("x.csv", "7,x")), [doc! { "column_1": 7_i64, "column_2": "x" }]);
}

#[test]
fn a_field_that_does_not_fit_is_told_with_its_column() {
    #[derive(Deserialize, Serialize)]
    struct Trip {
        id: u8,
        fare: f64,
        paid: bool,
        class: Option<char>,
        #[serde(default)]
        at: Option<DateTime>,
    }
    app!(App, rows, sink, rows.each(sink, |row, sink| Ok(sink.emit(&row.parse::<Trip>()?)?)));
    let content =
        "class,id,fare,paid\nA,1,2,true\nA,300,2,true\nA,,2,true\nA,1,a lot,true\nA,1,2,yes\nAB,1,2,true\n,2,3,FALSE\n";
    let report = run::<App>("x.csv", content);
    let expected = [
        (2, 3, "column `id`: \"300\" is not a whole number from 0 to 255"),
        (3, 4, "column `id`: is empty where a whole number is expected"),
        (4, 5, "column `fare`: \"a lot\" is not a number"),
        (5, 6, "column `paid`: \"yes\" is not true or false"),
        (6, 7, "column `class`: \"AB\" is not a single character"),
    ];
    assert_eq!(reasons(&report), expected);
    assert_eq!(report.rows.ingested, 2);
    let lacking = run::<App>("x.csv", "id,fare\n1,2\n");
    assert_eq!(reasons(&lacking), [(1, 2, "missing field `paid`")]);
}

/// The same rows, read by a struct in which reading by position would go wrong unless it were noticed.
#[test]
fn aliases_unknown_columns_and_handwritten_visitors_are_read_as_they_mean() {
    #[derive(Deserialize, Serialize, Debug, PartialEq)]
    struct Aliased {
        #[serde(alias = "id")]
        number: u32,
        fare: u32,
    }
    #[derive(Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        fare: u32,
    }
    #[derive(Deserialize, Serialize)]
    struct Flat {
        #[serde(flatten)]
        all: std::collections::BTreeMap<String, u32>,
    }
    type Tuple = (u32, u32, String);
    fn each<T: Serialize + serde::de::DeserializeOwned>(row: &CsvRow<'_>, sink: &mut Sink) -> Result<(), Reject> {
        Ok(sink.emit(&doc! { "it": testing_bson::serialize_to_bson(&row.parse::<T>()?)? })?)
    }
    app!(ByAlias, rows, sink, rows.each(sink, each::<Aliased>));
    app!(ByStrict, rows, sink, rows.each(sink, each::<Strict>));
    app!(ByFlat, rows, sink, rows.each(sink, each::<Flat>));
    app!(ByTuple, rows, sink, rows.each(sink, each::<Tuple>));

    let aliased = run::<ByAlias>("x.csv", "id,fare\n1,2\n3,4\n5,6\n");
    assert_eq!(aliased.documents[2].get_document("it").unwrap(), &doc! { "number": 5_i64, "fare": 6_i64 });
    // All three names are there, so the struct looks as if it could be read by position: it must not be.
    let both = run::<ByAlias>("x.csv", "number,id,fare\n1,9,2\n3,9,4\n");
    assert_eq!(reasons(&both), [(1, 2, "duplicate field `number`"), (2, 3, "duplicate field `number`")]);
    let strict = run::<ByStrict>("x.csv", "fare,tip\n1,2\n3,4\n");
    assert_eq!(strict.rows.rejected, 2);
    assert!(strict.rejects[1].reason.starts_with("unknown field `tip`"), "{strict:?}");
    let flat = run::<ByFlat>("x.csv", "fare,tip\n1,2\n3,4\n");
    assert_eq!(flat.documents[1].get_document("it").unwrap(), &doc! { "fare": 3_i64, "tip": 4_i64 });
    let tuple = run::<ByTuple>("x.csv", "a,b,c\n1,2,x\n");
    assert_eq!(tuple.documents[0].get_array("it").unwrap().len(), 3);
}

#[test]
fn fields_can_be_borrowed_and_looked_at_one_by_one() {
    #[derive(Deserialize, Serialize)]
    struct Borrowed<'a> {
        name: &'a str,
        #[serde(rename = "Kind of day")]
        kind: Kind,
        note: Option<&'a str>,
    }
    #[derive(Deserialize, Serialize)]
    enum Kind {
        Weekday,
        Sunday,
    }
    app!(App, rows, sink, {
        let mut rows = rows;
        assert_eq!(rows.headers()?, ["Kind of day", "name", "note"]);
        rows.each(sink, |row, sink| {
            assert_eq!((row.get("name"), row.get("absent"), row.field(9)), (row.field(1), None, None));
            assert_eq!(row.iter().count(), row.len());
            let borrowed: Borrowed = row.parse()?;
            Ok(sink.emit(&borrowed)?)
        })
    });
    let report = run::<App>("x.csv", "Kind of day,name,note\nSunday,Ada,\nWeekday,Bob,x\nMoonday,Eve,\n");
    let expected = [
        doc! { "name": "Ada", "Kind of day": "Sunday", "note": null },
        doc! { "name": "Bob", "Kind of day": "Weekday", "note": "x" },
    ];
    assert_eq!(report.without_ids(), expected);
    assert!(report.rejects[0].reason.starts_with("column `Kind of day`: unknown variant `Moonday`"), "{report:?}");
}

#[test]
fn skipped_rows_are_passed_over_and_still_counted() {
    let report = Run::new("x.csv", "a\n1\n2\n3\n4\n").skip(&[2, 3]).app::<Infer>();
    assert_eq!(places(&report), [(1, 2, 2, 2), (4, 5, 8, 2)]);
    assert_eq!((report.rows.read, report.rows.passed_over), (4, 2));
}

#[test]
fn a_retry_goes_straight_to_the_rows_it_is_about() {
    let content = "a,b\n1,2\n\"x\ny\",3\n\n5,6\n7,8\n";
    let starts = [Start { number: 4, offset: 21, line: 7 }, Start { number: 2, offset: 8, line: 3 }];
    let report = Run::new("x.csv", content).include(&starts).app::<InferLending>();
    assert_eq!(places(&report), [(4, 7, 21, 4), (2, 3, 8, 8)]);
    let expected = [doc! { "a": 7_i64, "b": 8_i64 }, doc! { "a": "x\ny", "b": 3_i64 }];
    assert_eq!(rows(&report), expected);
    assert!(report.outcome.is_ok());
}

#[test]
fn a_rejected_row_leaves_no_documents() {
    app!(
        App,
        rows,
        sink,
        rows.each(sink, |row, sink| {
            sink.emit(&row.infer())?;
            sink.emit(&row.infer())?;
            if row.get("a") == Some("2") {
                return Err(reject!("two is too many"));
            }
            Ok(())
        })
    );
    let report = run::<App>("x.csv", "a\n1\n2\n3\n");
    assert_eq!(report.documents.len(), 4);
    assert_eq!(reasons(&report), [(2, 3, "two is too many")]);
    let row_of_last = report.documents[3].get_object_id("_id").unwrap().bytes();
    assert_eq!(row_of_last, [0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 1]);
}

#[test]
fn a_document_that_is_refused_rejects_its_row() {
    app!(
        App,
        rows,
        sink,
        rows.each(sink, |row, sink| {
            let count: usize = row.get("bytes").unwrap_or_default().parse()?;
            Ok(sink.emit(&doc! { "text": "x".repeat(count) })?)
        })
    );
    let report = run::<App>("x.csv", "bytes\n10\n20000000\n20\nmany\n");
    assert_eq!(report.rows.ingested, 2);
    let sentence = "field `text`: the document is larger than the 16 MiB that a document may have; split it";
    assert_eq!(reasons(&report), [(2, 3, sentence), (4, 5, "invalid digit found in string")]);
}

#[test]
fn an_app_error_in_a_row_ends_the_run() {
    app!(
        App,
        rows,
        sink,
        rows.each(sink, |row, sink| {
            sink.emit(&row.infer())?;
            if row.record_number() == 2 {
                Err(AppError::new("the rates are out of date"))?;
            }
            Ok(())
        })
    );
    let report = run::<App>("x.csv", "a\n1\n2\n3\n");
    assert_eq!(report.outcome, Outcome::Error("the rates are out of date".into()));
    assert_eq!(report.documents.len(), 1);
}

#[test]
fn a_parse_error_tells_its_column() {
    #[derive(Deserialize)]
    struct Trip {
        #[expect(dead_code, reason = "only parsed")]
        fare: f64,
    }
    app!(App, rows, sink, {
        let mut rows = rows;
        while let Some(row) = rows.next()? {
            let why: ParseError = row.parse::<Trip>().err().unwrap();
            sink.log(Level::Warn, format_args!("{}", why.column().unwrap()));
            sink.reject(why)?;
        }
        Ok(())
    });
    assert_eq!(run::<App>("x.csv", "id,fare\n1,x\n").logs[0].message, "fare");
}
