//! The example apps on the sample data: what `docs/sample-data.md` promises, from Rust and from C alike.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::exit;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

const HEADER: &str = "trip_id,vendor,pickup_at,dropoff_at,passengers,distance_km,pickup_lon,pickup_lat,dropoff_lon,\
                      dropoff_lat,rate_code,store_and_forward,payment,fare,tip,tolls,total,comment";

/// A row of the sample; the parts that tests spoil.
fn row(id: u64, dropoff: &str, fare: &str) -> String {
    format!(
        "{id},CMT,2013-01-01T00:00:07Z,{dropoff},2,3.72,-73.978165,40.757977,-73.989838,40.751171,1,N,CRD,{fare},2.50,0.00,15.00,\"two stops, one wait\""
    )
}

fn good(id: u64) -> String {
    row(id, "2013-01-01T00:11:25Z", "12.50")
}

/// Seven ways to be a bad row: number, text, and a part of the reason.
fn bad() -> Vec<(u64, String, &'static str)> {
    vec![
        (1, row(1, "2013-01-01T00:11:25Z", "abc"), "column `fare`"),
        (2_000, row(2_000, "2012-12-31T23:00:00Z", "12.50"), "is before pickup at 2013-01-01T00:00:07Z"),
        (2_001, row(2_001, "2013-01-01T00:11:25Z", "-2.5"), "fare -2.5 is negative"),
        (5_000, format!("{},one more", good(5_000)), "row has 19 fields where the header has 18"),
        (7_777, "7777,CMT".into(), "row has 2 fields where the header has 18"),
        (9_999, row(9_999, "yesterday", "12.50"), "column `dropoff_at`"),
        (10_000, row(10_000, "2013-01-01T00:11:25Z", "NaN"), "column `fare`"),
    ]
}

fn apps() -> [PathBuf; 2] {
    [artefacts::csv_app(), artefacts::csv_app_in_c()]
}

#[test]
fn seven_bad_trips_among_ten_thousand_are_seven_dead_letters_with_their_lines() {
    let bad = bad();
    let mut data = format!("{HEADER}\n");
    let mut starts = Vec::new();
    for id in 1..=10_000 {
        starts.push(data.len() as u64);
        match bad.iter().find(|(number, ..)| *number == id) {
            Some((_, text, _)) => writeln!(data, "{text}").unwrap(),
            None => writeln!(data, "{}", good(id)).unwrap(),
        }
    }
    let finished: Vec<Finished> = apps().iter().map(|app| Mysimbdp::run(app, &data).finish()).collect();
    for finished in &finished {
        let report = finished.report();
        assert_eq!(
            (finished.code(), report.outcome.as_str()),
            (exit::DEAD_LETTERS, "done"),
            "{:?}",
            report.sentences()
        );
        assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (10_000, 9_993, 7));
        assert_eq!((report.documents.emitted, report.documents.stored), (9_993, 9_993));
        assert_eq!(report.dead_letters.len(), 7);
        for (letter, (number, text, reason)) in report.dead_letters.iter().zip(&bad) {
            let start = starts[usize::try_from(*number).unwrap() - 1];
            assert_eq!((letter.row, letter.line, letter.start), (Some(*number), Some(number + 1), start));
            assert!(letter.reason.contains(reason), "{}", letter.reason);
            assert!(text.starts_with(&letter.raw), "{}", letter.raw);
        }
    }
    let [rust, c] = [&finished[0], &finished[1]].map(|finished| finished.sink().documents());
    assert_eq!(rust, c, "the app in C makes the same documents");
    let stored: Vec<u64> = rust.iter().filter_map(|trip| trip["trip_id"].as_u64()).collect();
    assert!(stored.iter().copied().eq((1..=10_000).filter(|id| bad.iter().all(|(number, ..)| number != id))));
}

#[test]
fn a_trip_is_stored_as_the_sample_data_says() {
    let finished = Mysimbdp::run(&artefacts::csv_app(), format!("{HEADER}\n{}\n", good(7))).finish();
    let trip = &finished.sink().documents()[0];
    assert_eq!(trip["duration_s"], 678);
    assert_eq!(trip["pickup"], json!({ "lon": -73.978165, "lat": 40.757977 }));
    assert_eq!((&trip["store_and_forward"], &trip["fare"]), (&json!(false), &json!(12.5)));
    assert_eq!(trip["comment"], "two stops, one wait");
    let speed = trip["speed_kmh"].as_f64().unwrap_or_default();
    assert!((speed - 3.72 * 3600.0 / 678.0).abs() < 1e-9, "{speed}");
    assert!(trip["pickup_at"].get("$date").is_some_and(Value::is_string), "{}", trip["pickup_at"]);
}

#[test]
fn a_file_that_lacks_a_column_fails_as_a_whole_and_names_it() {
    for app in apps() {
        let finished = Mysimbdp::run(&app, "trip_id,vendor\n1,CMT\n").finish();
        let reason = finished.report().reason.unwrap_or_default();
        assert_eq!(finished.code(), exit::FAILED, "{reason}");
        assert!(reason.contains("pickup_at") && reason.contains("column"), "{reason}");
        assert!(finished.sink().documents().is_empty());
    }
}
