//! What becomes of the rows of files with one JSON value in each line, and of readers and views.

use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::testing::bson::doc;
use mysimbdp_plugin_api::testing::{Outcome, Report, Run, Start, run};
use std::io::{BufRead, Read, Seek, SeekFrom};

#[derive(Default)]
struct Values;

impl BatchIngest for Values {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.json_lines()?.each(sink, |row, sink| {
            let place = format!("{} {} {} {}", row.record_number(), row.line(), row.offset(), row.len_bytes());
            sink.log(Level::Debug, place);
            Ok(sink.emit(&row.value()?)?)
        })
    }
}

fn places(report: &Report) -> Vec<&str> {
    report.logs.iter().map(|line| line.message.as_str()).collect()
}

#[test]
fn each_line_is_a_row() {
    let report = run::<Values>(
        "x.jsonl",
        "\u{feff}{\"a\":1}\r\n\n  \t\n{\"b\":[true,null,1.5,{\"c\":\"\\u00df\"}]}\n {\"z\":-1}",
    );
    assert_eq!(
        report.without_ids(),
        [doc! { "a": 1_i64 }, doc! { "b": [true, null, 1.5, { "c": "ß" }] }, doc! { "z": -1_i64 }]
    );
    assert_eq!(places(&report), ["1 1 3 9", "2 4 17 37", "3 5 54 9"]);
    assert_eq!((report.position, report.rows.read), (63, 3));
    assert_eq!(run::<Values>("x.jsonl", "").rows.read, 0);
    assert_eq!(run::<Values>("x.jsonl", "\n\n").position, 2);
}

#[test]
fn what_is_not_json_is_rejected_with_its_column() {
    let report = run::<Values>("x.jsonl", b"{\"a\":1}\n{\"a\":}\n[1]\n\"\xff\"\n{\"a\":1}\n{\"a\":1\n");
    let reasons: Vec<_> = report.rejects.iter().map(|reject| (reject.line, reject.reason.as_str())).collect();
    let expected = [
        (2, "not the JSON expected, at column 6: expected value"),
        (3, "an array is not a document; emit a struct or a map"),
        (4, "row is not UTF-8: byte 0xff at column 2"),
        (6, "not the JSON expected, at column 6: EOF while parsing an object"),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(report.rows.ingested, 2);
}

#[test]
fn lines_longer_than_the_buffer_are_whole() {
    let line = |length: usize| format!("{{\"t\":\"{}\"}}\n", "x".repeat(length));
    for length in [131_062, 131_063, 131_064, 131_065, 300_000, 5_000_000] {
        let report = run::<Values>("x.jsonl", line(10) + &line(length) + &line(20));
        let lengths: Vec<_> = report.documents.iter().map(|it| it.get_str("t").unwrap().len()).collect();
        assert_eq!(lengths, [10, length, 20]);
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_is_rejected_and_the_rows_behind_it_go_on() {
    let mut content = b"{\"a\":1}\n".to_vec();
    content.resize(content.len() + 100_000_000, b'7');
    content.extend_from_slice(b"\n{\"a\":2}\n");
    let report = run::<Values>("x.jsonl", &content);
    assert_eq!(report.rows.ingested, 2);
    assert_eq!(report.rejects[0].reason, "row has 100000001 bytes where a row may have 16777216");
    assert_eq!(places(&report)[1], "3 3 100000009 8");
}

#[test]
fn a_retry_goes_straight_to_the_rows_it_is_about() {
    let starts = [Start { number: 3, offset: 16, line: 3 }, Start { number: 1, offset: 0, line: 1 }];
    let report = Run::new("x.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n").include(&starts).app::<Values>();
    assert_eq!(report.without_ids(), [doc! { "a": 3_i64 }, doc! { "a": 1_i64 }]);
    assert_eq!(places(&report), ["3 3 16 8", "1 1 0 8"]);
}

#[test]
fn a_value_that_does_not_fit_a_struct_is_rejected() {
    #[derive(Deserialize, Serialize)]
    struct Trip<'a> {
        id: u8,
        #[serde(borrow)]
        name: &'a str,
    }
    #[derive(Default)]
    struct App;
    impl BatchIngest for App {
        fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
            let mut rows = input.json_lines()?;
            while let Some(row) = rows.next()? {
                match row.parse::<Trip>() {
                    Ok(trip) => sink.emit(&trip)?,
                    Err(why) => sink.reject(why)?,
                }
            }
            Ok(())
        }
    }
    let report = run::<App>("x.jsonl", "{\"id\":1,\"name\":\"x\"}\n{\"id\":300,\"name\":\"x\"}\n");
    let sentence = "not the JSON expected, at column 9: invalid value: integer `300`, expected u8";
    assert_eq!(report.rejects[0].reason, sentence);
    assert_eq!(report.without_ids(), [doc! { "id": 1, "name": "x" }]);
}

#[derive(Default)]
struct Reads;

impl BatchIngest for Reads {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        let view = input.view()?;
        assert_eq!((view.len() as u64, input.name()), (input.size(), "numbers.bin"));
        let mut whole = Vec::new();
        input.reader().read_to_end(&mut whole)?;
        assert!(whole == view);
        let mut reader = input.reader();
        for offset in [0_u64, 131_071, 131_072, 131_073, 5, 400_000] {
            assert_eq!(reader.seek(SeekFrom::Start(offset))?, offset);
            assert_eq!(reader.stream_position()?, offset);
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes)?;
            assert_eq!(bytes, view[offset as usize..][..4], "{offset}");
            assert_eq!(reader.seek(SeekFrom::Current(-2))?, offset + 2);
            reader.read_exact(&mut bytes)?;
            assert_eq!(bytes, view[offset as usize + 2..][..4], "{offset}");
        }
        reader.seek(SeekFrom::End(-3))?;
        assert_eq!(reader.fill_buf()?.len(), 3);
        reader.seek(SeekFrom::End(7))?;
        assert!(reader.fill_buf()?.is_empty());
        assert!(reader.seek(SeekFrom::Current(-1_000_000_000)).is_err());
        sink.emit(&doc! { "bytes": view.len() as i64 })?;
        Ok(())
    }
}

#[test]
fn a_reader_and_a_view_show_the_same_bytes() {
    let content: Vec<u8> = (0_u32..120_000).flat_map(u32::to_le_bytes).collect();
    let report = run::<Reads>("numbers.bin", &content);
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(report.position, 480_000);
    // Emitted with no row open.
    assert_eq!(report.documents[0].get_object_id("_id").unwrap().bytes(), [0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0]);
    assert_eq!(report.rows.read, 0);
}

#[test]
fn an_empty_file_has_an_empty_view() {
    #[derive(Default)]
    struct App;
    impl BatchIngest for App {
        fn ingest(&mut self, input: &mut BatchInput, _: &mut Sink) -> Result<(), AppError> {
            assert!(input.view()?.is_empty());
            assert_eq!(input.reader().read(&mut [0; 8])?, 0);
            Ok(())
        }
    }
    assert_eq!(run::<App>("x", "").outcome, Outcome::Ok);
}

#[test]
fn rows_of_ranges_are_counted_rejected_and_skipped() {
    #[derive(Default)]
    struct App;
    impl BatchIngest for App {
        fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
            let view = input.view()?;
            for (at, word) in (0..).step_by(2).zip(view.chunks(2)) {
                sink.row(at..at + word.len() as u64, |sink| {
                    let [a, b] = <[u8; 2]>::try_from(word)?;
                    if a == b {
                        return Err(reject!("{a} twice"));
                    }
                    Ok(sink.emit(&doc! { "sum": i32::from(a) + i32::from(b) })?)
                })?;
            }
            Ok(())
        }
    }
    let report = Run::new("x.bin", [1, 2, 3, 3, 5, 6, 7]).skip(&[3]).app::<App>();
    assert_eq!(report.without_ids(), [doc! { "sum": 3 }]);
    let reasons: Vec<_> = report.rejects.iter().map(|it| (it.row, it.start, it.end, it.reason.as_str())).collect();
    assert_eq!(reasons, [(2, 2, 4, "3 twice"), (4, 6, 7, "could not convert slice to array")]);
    assert_eq!((report.rows.read, report.rows.passed_over), (4, 1));
    // It never asks where to go on, so it is told row by row, and stopped quietly behind the last one wanted.
    let wanted = [Start { number: 2, offset: 2, line: 0 }];
    let again = Run::new("x.bin", [1, 2, 3, 4, 5, 6, 7]).include(&wanted).app::<App>();
    assert_eq!((again.without_ids(), again.outcome), (vec![doc! { "sum": 7 }], Outcome::Ok));
    assert_eq!((again.rows.read, again.rows.passed_over), (2, 1));
}

#[test]
fn a_row_inside_of_a_row_is_an_error() {
    #[derive(Default)]
    struct App;
    impl BatchIngest for App {
        fn ingest(&mut self, _: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
            sink.row(0..1, |sink| Ok(sink.row(0..1, |_| Ok(()))?))
        }
    }
    let sentence = "a row was begun inside of another; end the first one before";
    assert_eq!(run::<App>("x", "x").outcome, Outcome::Error(sentence.into()));
}
