//! Rows of arbitrary files against the `csv` crate: the same fields, and places that are right.

use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::testing::{Report, Run, Start};
use proptest::prelude::*;

/// Emits the fields of each row, and where it stands. The file has no header, so that every row is looked at.
#[derive(Default)]
struct Fields;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Row {
    number: u64,
    line: u64,
    offset: u64,
    length: u64,
    fields: Vec<String>,
}

impl BatchIngest for Fields {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.csv()?.has_headers(false).each(sink, |row, sink| {
            let (number, line, offset, length) = (row.record_number(), row.line(), row.offset(), row.len_bytes());
            Ok(sink.emit(&Row { number, line, offset, length, fields: row.iter().map(str::to_owned).collect() })?)
        })
    }
}

fn rows(report: &Report) -> Vec<Row> {
    let read = |document: &_| mysimbdp_plugin_api::testing::bson::deserialize_from_document(Clone::clone(document));
    report.documents.iter().map(|document| read(document).expect("a row")).collect()
}

/// What the `csv` crate makes of the text: the rows that have as many fields as the first.
fn expected(text: &str) -> Vec<(u64, Vec<String>)> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let all: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("valid text")).collect();
    let width = all.first().map_or(0, csv::StringRecord::len);
    let numbered = (1..).zip(&all).filter(|(_, record)| record.len() == width);
    numbered.map(|(number, record)| (number, record.iter().map(str::to_owned).collect())).collect()
}

fn check(text: &str) {
    let report = Run::new("any.csv", text).app::<Fields>();
    assert!(report.outcome.is_ok(), "{report:?}");
    assert_eq!(report.position, text.len() as u64);
    let rows = rows(&report);
    let found: Vec<_> = rows.iter().map(|row| (row.number, row.fields.clone())).collect();
    assert_eq!(found, expected(text), "{text:?}");
    for row in &rows {
        let (start, end) = (row.offset as usize, (row.offset + row.length) as usize);
        // The bytes of the row alone are the row again, and its line is one more than the ends of lines before it.
        assert_eq!(expected(&text[start..end])[0].1, row.fields, "{text:?} {row:?}");
        assert_eq!(row.line, 1 + text[..start].matches('\n').count() as u64, "{text:?} {row:?}");
    }
    if rows.is_empty() {
        return;
    }
    // Each of them can be gone to, in any order.
    let starts: Vec<_> = rows.iter().rev().collect();
    let starts: Vec<_> =
        starts.iter().map(|row| Start { number: row.number, offset: row.offset, line: row.line }).collect();
    let again = Run::new("any.csv", text).include(&starts).app::<Fields>();
    let mut again = self::rows(&again);
    again.reverse();
    assert_eq!(again, rows, "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_are_those_of_the_csv_crate(text in "[ab,\"\n\r]{0,60}|([a-z0-9]{0,12},[a-zß ]{0,9},(\"[a-z,\n\"]{0,9}\")?\r?\n){0,12}") {
        check(&text);
    }
}

#[test]
fn rows_that_reach_from_one_buffer_into_the_next_are_whole() {
    for padding in (0..49).step_by(7) {
        let row = "some text,\"quoted, text\",12.5,\"with \"\"quotes\"\"\"\r\n";
        check(&("x".repeat(padding) + ",,,\n" + &row.repeat(3000)));
    }
}
