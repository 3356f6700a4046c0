//! Taxi trips as JSON lines: each line is a message for `tenant-plugins/clientstreamingestapp-json`.
//!
//! ```text
//!   {"trip_id":1,"vendor":"CMT","pickup":{"at":"2013-01-01T00:00:07Z","lon":-73.978165,"lat":40.757977},
//!    "dropoff":{…},"passengers":2,"distance_km":3.72,"rate_code":1,"store_and_forward":false,"payment":"CRD",
//!    "price":{"currency":"USD","fare":"12.50","tip":"2.50","tolls":"0.00","total":"15.00"},"comment":"two stops"}
//! ```
//!
//! A line has about 380 bytes; 4.3 MB are some eleven thousand messages. The trips are those that [`data`](crate::data)
//! makes of the same seed. There is no header, so message `n` is on line `n`. About one comment in twelve has escapes.
//!
//! Bad messages are spread evenly and take turns in being bad: a fare that is no amount, a distance that is no number, a
//! time that is no time, a message that ends too early. All of them are rejected, none kills.

use crate::data::{Options, Shape, Trip, Written, digits, fixed, timestamp, write_in};
use std::io::{self, Write};

const JSON_LINES: Shape = Shape { header: None, longest: 512, average: AVERAGE, row };
const AVERAGE: u64 = 377;

/// Writes trips to `out`, one JSON object on each line.
///
/// # Errors
/// Those of `out`.
pub fn write(options: &Options, out: &mut dyn Write) -> io::Result<Written> {
    write_in(&JSON_LINES, options, out)
}

/// The messages as bytes, for tests.
pub fn bytes(options: &Options) -> (Vec<u8>, Written) {
    let mut out = Vec::new();
    // A Vec takes every write, so the other arm is never reached; an empty answer would fail the caller's test.
    let written = write(options, &mut out).unwrap_or_default();
    (out, written)
}

fn row(id: u64, trip: &Trip, bad: Option<u64>, out: &mut Vec<u8>) {
    let turn = bad.map(|turn| turn % 4);
    text("{\"trip_id\":", out);
    digits(id, out);
    quoted("vendor", trip.vendor(), out);
    end("pickup", trip.pickup, (trip.pickup_lon, trip.pickup_lat), turn == Some(2), out);
    end("dropoff", trip.dropoff, (trip.dropoff_lon, trip.dropoff_lat), false, out);
    key("passengers", out);
    digits(trip.passengers, out);
    key("distance_km", out);
    match turn {
        Some(1) => text("\"not far\"", out),
        _ => fixed(trip.distance, 2, out),
    }
    if turn == Some(3) {
        out.push(b'\n');
        return;
    }
    key("rate_code", out);
    digits(trip.rate_code(), out);
    key("store_and_forward", out);
    text(if trip.store_and_forward() { "true" } else { "false" }, out);
    quoted("payment", trip.payment(), out);
    text(",\"price\":{\"currency\":\"USD\"", out);
    match turn {
        Some(0) => quoted("fare", "free of charge", out),
        _ => amount("fare", trip.fare, out),
    }
    amount("tip", trip.tip, out);
    amount("tolls", trip.tolls, out);
    amount("total", trip.fare + trip.tip + trip.tolls, out);
    out.push(b'}');
    comment(trip.comment(), out);
    text("}\n", out);
}

/// One end of the trip: when and where. Longitudes are west, and stored without their sign.
fn end(name: &str, at: u64, (lon, lat): (u64, u64), without_time: bool, out: &mut Vec<u8>) {
    key(name, out);
    text("{\"at\":\"", out);
    if without_time {
        text("the day before yesterday", out);
    } else {
        timestamp(at, out);
    }
    text("\",\"lon\":-", out);
    fixed(lon, 6, out);
    key("lat", out);
    fixed(lat, 6, out);
    out.push(b'}');
}

/// The comment as it is meant, out of the field of a CSV; none where it is empty.
fn comment(field: &str, out: &mut Vec<u8>) {
    if field.is_empty() {
        return;
    }
    let plain = field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field);
    key("comment", out);
    out.push(b'"');
    let mut parts = plain.split("\"\"");
    text(parts.next().unwrap_or_default(), out);
    for part in parts {
        text("\\\"", out);
        text(part, out);
    }
    out.push(b'"');
}

fn amount(name: &str, hundredths: u64, out: &mut Vec<u8>) {
    key(name, out);
    out.push(b'"');
    fixed(hundredths, 2, out);
    out.push(b'"');
}

fn quoted(name: &str, value: &str, out: &mut Vec<u8>) {
    key(name, out);
    out.push(b'"');
    text(value, out);
    out.push(b'"');
}

fn key(name: &str, out: &mut Vec<u8>) {
    text(",\"", out);
    text(name, out);
    text("\":", out);
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{self, Size};
    use serde_json::Value;

    fn rows(rows: u64, seed: u64, bad_rows: u64) -> (String, Written) {
        let (bytes, written) = bytes(&Options { size: Size::Rows(rows), seed, bad_rows });
        (String::from_utf8(bytes).unwrap(), written)
    }

    #[test]
    fn the_same_options_give_the_same_bytes_and_another_seed_others() {
        assert_eq!(rows(500, 1, 3), rows(500, 1, 3));
        assert_ne!(rows(500, 1, 0).0, rows(500, 2, 0).0);
    }

    #[test]
    fn a_size_in_bytes_is_met_to_within_one_message_and_lengths_are_as_told() {
        let options = Options { size: Size::Bytes(4_300_000), seed: 3, bad_rows: 20 };
        let (out, written) = bytes(&options);
        assert_eq!((out.len() as u64, written.bad_lines.len()), (written.bytes, 20));
        assert!((4_300_000 - JSON_LINES.longest..=4_300_000).contains(&out.len()), "{}", out.len());
        assert!((AVERAGE - 3..=AVERAGE + 3).contains(&(written.bytes / written.rows)), "{written:?}");
        assert!(out.split(|&byte| byte == b'\n').all(|line| line.len() < JSON_LINES.longest));
    }

    #[test]
    fn bad_messages_stand_on_the_lines_that_were_told_and_the_others_are_whole() {
        let (text, written) = rows(10_000, 5, 7);
        let is_bad = |line: &str| {
            serde_json::from_str::<Value>(line).map_or(true, |message| {
                message["pickup"]["at"] == "the day before yesterday"
                    || message["price"]["fare"] == "free of charge"
                    || !message["distance_km"].is_f64()
            })
        };
        let found: Vec<u64> = (1..).zip(text.lines()).filter(|(_, line)| is_bad(line)).map(|(at, _)| at).collect();
        assert_eq!((found.len(), &found), (7, &written.bad_lines));
    }

    #[test]
    fn the_trips_are_those_of_the_csv() {
        let (json, _) = rows(1_000, 9, 0);
        let (csv, _) = data::bytes(&Options { size: Size::Rows(1_000), seed: 9, bad_rows: 0 });
        let csv = String::from_utf8(csv).unwrap();
        for (message, row) in json.lines().zip(csv.lines().skip(1)) {
            let message: Value = serde_json::from_str(message).unwrap();
            let fields: Vec<&str> = row.split(',').collect();
            let text = |pointer: &str| match message.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            let number = |pointer: &str| text(pointer).parse::<f64>().unwrap();
            for (at, pointer) in [
                (0, "/trip_id"),
                (1, "/vendor"),
                (2, "/pickup/at"),
                (3, "/dropoff/at"),
                (4, "/passengers"),
                (12, "/payment"),
            ] {
                assert_eq!(text(pointer), fields[at], "{row}");
            }
            for (at, pointer) in [(6, "/pickup/lon"), (9, "/dropoff/lat"), (13, "/price/fare"), (16, "/price/total")] {
                assert!((number(pointer) - fields[at].parse::<f64>().unwrap()).abs() < 1e-9, "{row}");
            }
            let comment = fields[17..].join(",");
            let comment = comment.trim_matches('"').replace("\"\"", "\"");
            assert_eq!(text("/comment").trim_matches('"'), comment.trim_matches('"'), "{row}");
        }
        assert!(json.contains(r#""comment":"said \"keep the rest\", twice""#));
    }
}
