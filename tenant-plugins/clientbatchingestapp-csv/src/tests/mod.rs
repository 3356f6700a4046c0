//! What the app makes of rows, without a host: see `mysimbdp_plugin_api::testing`.

mod twin;

use super::App;
use mysimbdp_plugin_api::testing::bson::{Bson, DateTime, doc};
use mysimbdp_plugin_api::testing::{Outcome, Report, run};

const HEADER: &str = "trip_id,vendor,pickup_at,dropoff_at,passengers,distance_km,pickup_lon,pickup_lat,dropoff_lon,\
                      dropoff_lat,rate_code,store_and_forward,payment,fare,tip,tolls,total,comment\n";

/// Runs the app on a good row in which some fields are replaced.
fn run_row(replaced: &[(&str, &str)]) -> Report {
    let good = "1,CMT,2013-01-01T00:00:07Z,2013-01-01T00:10:07Z,2,5.5,-73.978165,40.757977,-73.989838,40.751171,1,N,CRD,\
                12.50,2.50,0.00,15.00,";
    let names = HEADER.trim_end().split(',');
    let fields = names
        .zip(good.split(','))
        .map(|(name, field)| replaced.iter().find(|(replaced, _)| *replaced == name).map_or(field, |(_, value)| value));
    run::<App>("trips.csv", format!("{HEADER}{}\n", fields.collect::<Vec<_>>().join(",")))
}

fn reason(replaced: &[(&str, &str)]) -> String {
    let report = run_row(replaced);
    assert_eq!(report.outcome, Outcome::Ok);
    assert!(report.documents.is_empty());
    assert_eq!((report.rejects[0].row, report.rejects[0].line), (1, 2));
    report.rejects[0].reason.clone()
}

#[test]
fn a_row_becomes_a_typed_document() {
    let report = run_row(&[("store_and_forward", "Y"), ("comment", "\"two stops, one \"\"wait\"\"\"")]);
    assert_eq!(
        report.without_ids(),
        [doc! {
            "trip_id": 1_i64,
            "vendor": "CMT",
            "pickup_at": DateTime::parse_rfc3339_str("2013-01-01T00:00:07Z").unwrap(),
            "dropoff_at": DateTime::parse_rfc3339_str("2013-01-01T00:10:07Z").unwrap(),
            "duration_s": 600_i64,
            "passengers": 2,
            "distance_km": 5.5,
            "speed_kmh": 33.0,
            "pickup": { "lon": -73.978165, "lat": 40.757977 },
            "dropoff": { "lon": -73.989838, "lat": 40.751171 },
            "rate_code": 1,
            "store_and_forward": true,
            "payment": "CRD",
            "fare": 12.5,
            "tip": 2.5,
            "tolls": 0.0,
            "total": 15.0,
            "comment": "two stops, one \"wait\"",
        }]
    );
}

#[test]
fn what_is_not_known_becomes_null() {
    let report = run_row(&[("dropoff_at", "2013-01-01T00:00:07Z")]);
    assert_eq!(report.documents[0].get("speed_kmh"), Some(&Bson::Null));
    assert_eq!(report.documents[0].get("comment"), Some(&Bson::Null));
    assert_eq!(report.documents[0].get("store_and_forward"), Some(&Bson::Boolean(false)));
}

#[test]
fn rows_without_sense_are_rejected_with_their_values() {
    assert_eq!(
        reason(&[("dropoff_at", "2012-12-31T23:00:00Z")]),
        "dropoff at 2012-12-31T23:00:00Z is before pickup at 2013-01-01T00:00:07Z"
    );
    assert_eq!(reason(&[("fare", "-2.5")]), "fare -2.5 is negative");
    assert_eq!(reason(&[("tip", "NaN")]), "column `tip`: NaN is not a finite number");
}

#[test]
fn fields_of_another_type_are_rejected_by_name() {
    for (column, value) in [
        ("trip_id", "one"),
        ("pickup_at", "the day before yesterday"),
        ("passengers", "3000000000"),
        ("distance_km", "not far"),
        ("store_and_forward", "maybe"),
        ("fare", "free of charge"),
        ("total", ""),
    ] {
        let reason = reason(&[(column, value)]);
        assert!(reason.starts_with(&format!("column `{column}`: ")), "{reason}");
    }
}

#[test]
fn a_file_without_a_column_fails_and_an_empty_one_has_no_rows() {
    let report = run::<App>("trips.csv", "trip_id,vendor\n1,CMT\n");
    assert!(report.outcome.reason().contains("`pickup_at`"), "{:?}", report.outcome);
    assert_eq!(run::<App>("trips.csv", "").outcome, Outcome::Ok);
    assert_eq!(run::<App>("trips.csv", HEADER).rows.read, 0);
}
