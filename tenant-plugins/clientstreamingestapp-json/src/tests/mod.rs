//! What the app makes of messages, without a host: see `mysimbdp_plugin_api::testing`.

use super::App;
use mysimbdp_plugin_api::serde_json::{Value, json};
use mysimbdp_plugin_api::testing::bson::{Bson, DateTime, doc};
use mysimbdp_plugin_api::testing::{Message, Outcome, Report, deliver};

fn good() -> Value {
    json!({
        "trip_id": 1,
        "vendor": "CMT",
        "pickup": { "at": "2013-01-01T00:00:07Z", "lon": -73.978165, "lat": 40.757977 },
        "dropoff": { "at": "2013-01-01T00:10:07Z", "lon": -73.989838, "lat": 40.751171 },
        "passengers": 2,
        "distance_km": 5.5,
        "rate_code": 1,
        "store_and_forward": false,
        "payment": "CRD",
        "price": { "currency": "USD", "fare": "12.50", "tip": "2.50", "tolls": "0.00", "total": "15.00" },
        "comment": "two stops, \"one\" wait",
    })
}

/// The good message with something else at a place such as `/price/tip`.
fn with(pointer: &str, value: Value) -> String {
    let mut message = good();
    *message.pointer_mut(pointer).unwrap() = value;
    message.to_string()
}

fn deliver_one(message: Message) -> Report {
    let report = deliver::<App>(&[message]);
    assert_eq!(report.outcome, Outcome::Ok);
    report
}

fn reason(body: impl AsRef<[u8]>) -> String {
    let report = deliver_one(Message::new(body));
    assert!(report.documents.is_empty(), "{report:?}");
    report.rejects[0].reason.clone()
}

#[test]
fn a_message_becomes_a_typed_document() {
    let message = Message::new(good().to_string())
        .routing_key("trips.nyc")
        .message_id("trip-1")
        .timestamp(1_357_000_000)
        .header("schema-version", 1);
    let time = |text| DateTime::parse_rfc3339_str(text).unwrap();
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    assert_eq!(
        deliver_one(message).without_ids(),
        [doc! {
            "trip_id": 1_i64,
            "vendor": "CMT",
            "pickup": {
                "at": time("2013-01-01T00:00:07Z"),
                "point": { "type": "Point", "coordinates": [-73.978165, 40.757977] },
            },
            "dropoff": {
                "at": time("2013-01-01T00:10:07Z"),
                "point": { "type": "Point", "coordinates": [-73.989838, 40.751171] },
            },
            "duration_s": 600_i64,
            "passengers": 2,
            "distance_km": 5.5,
            "speed_kmh": 33.0,
            "rate_code": 1,
            "store_and_forward": false,
            "payment": "card",
            "price": {
                "currency": "USD",
                "fare": decimal("12.50"),
                "tip": decimal("2.50"),
                "tolls": decimal("0.00"),
                "total": decimal("15.00"),
            },
            "comment": "two stops, \"one\" wait",
            "published": {
                "id": "trip-1",
                "at": DateTime::from_millis(1_357_000_000_000),
                "key": "trips.nyc",
            },
        }]
    );
}

#[test]
fn what_is_not_known_becomes_null() {
    let mut message = good();
    message["dropoff"]["at"] = message["pickup"]["at"].clone();
    message.as_object_mut().unwrap().remove("comment");
    let report = deliver_one(Message::new(message.to_string()));
    let document = &report.documents[0];
    assert_eq!((document.get("speed_kmh"), document.get("comment")), (Some(&Bson::Null), Some(&Bson::Null)));
    assert_eq!(document.get_document("published").unwrap(), &doc! { "id": null, "at": null, "key": "" });
    let report = deliver_one(Message::new(with("/comment", json!(""))));
    assert_eq!(report.documents[0].get("comment"), Some(&Bson::Null));
}

#[test]
fn fields_that_are_not_known_are_passed_over_in_any_order() {
    let mut body = good().to_string();
    body.insert_str(1, r#""driver": {"id": [7, null]}, "#);
    body.push('\n');
    assert_eq!(deliver_one(Message::new(body)).documents.len(), 1);
}

#[test]
fn another_version_of_the_schema_is_refused_whatever_the_body() {
    let versioned = |version: Bson| Message::new(good().to_string()).header("schema-version", version);
    for known in [Bson::Int32(1), Bson::Int64(1), Bson::String("1".into())] {
        assert_eq!(deliver_one(versioned(known)).documents.len(), 1);
    }
    for unknown in [Bson::Int32(2), Bson::String("1.1".into()), Bson::Null] {
        let reason = deliver_one(versioned(unknown)).rejects[0].reason.clone();
        assert!(reason.starts_with("header `schema-version` is "), "{reason}");
        assert!(reason.ends_with("this app knows version 1 alone"), "{reason}");
    }
}

#[test]
fn a_field_of_another_type_is_rejected_by_its_name() {
    for (pointer, value) in [
        ("/trip_id", json!("one")),
        ("/trip_id", json!(1.5)),
        ("/vendor", json!(null)),
        ("/pickup", json!("Times Square")),
        ("/pickup/at", json!("the day before yesterday")),
        ("/dropoff/at", json!(1_356_998_407)),
        ("/dropoff/lat", json!("north")),
        ("/passengers", json!(3_000_000_000_u64)),
        ("/distance_km", json!("not far")),
        ("/store_and_forward", json!("N")),
        ("/payment", json!("IOU")),
        ("/price/fare", json!("free of charge")),
        ("/price/fare", json!(12.5)),
        ("/price/tip", json!("-2.50")),
        ("/price/tip", json!("2.5")),
        ("/price/tip", json!("+2.50")),
        ("/price/total", json!("123456.00")),
        ("/comment", json!(["fine"])),
    ] {
        let (field, reason) = (pointer[1..].replace('/', "."), reason(with(pointer, value)));
        assert!(reason.starts_with(&format!("field `{field}`: ")), "{reason}");
    }
    assert!(reason(with("/price/tip", json!("2.5"))).contains("\"2.5\" is no amount"), "the value is told");
}

#[test]
fn every_field_but_the_comment_is_required() {
    let message = good();
    for (name, value) in message.as_object().unwrap() {
        let mut cut = message.clone();
        cut.as_object_mut().unwrap().remove(name);
        if name != "comment" {
            assert!(reason(cut.to_string()).starts_with(&format!("missing field `{name}`")), "{name}");
        }
        for inner in value.as_object().into_iter().flat_map(|inner| inner.keys()) {
            let mut cut = message.clone();
            cut[name].as_object_mut().unwrap().remove(inner);
            let reason = reason(cut.to_string());
            assert!(reason.starts_with(&format!("field `{name}`: missing field `{inner}`")), "{reason}");
        }
    }
}

#[test]
fn values_without_sense_are_rejected_with_their_field() {
    for (pointer, value, expected) in [
        ("/vendor", json!(""), "field `vendor`: is empty"),
        ("/passengers", json!(0), "field `passengers`: 0 is not from 1 to 8"),
        ("/distance_km", json!(-0.5), "field `distance_km`: -0.5 is not from 0 to 1000"),
        ("/rate_code", json!(7), "field `rate_code`: 7 is not from 1 to 6"),
        ("/pickup/lon", json!(-180.5), "field `pickup.lon`: -180.5 is not from -180 to 180"),
        ("/dropoff/lat", json!(91), "field `dropoff.lat`: 91 is not from -90 to 90"),
        (
            "/dropoff/at",
            json!("2012-12-31T23:00:00Z"),
            "field `dropoff.at`: 2012-12-31T23:00:00Z is before the pickup at 2013-01-01T00:00:07Z",
        ),
        (
            "/price/currency",
            json!("usd"),
            "field `price.currency`: \"usd\" is no currency of three capitals, such as \"USD\"",
        ),
        ("/price/total", json!("15.01"), "field `price.total`: 15.01, but fare, tip and tolls are 15.00"),
    ] {
        assert_eq!(reason(with(pointer, value)), expected);
    }
}

#[test]
fn what_is_not_one_json_object_is_rejected_with_its_place() {
    for body in [&b""[..], b"{", b"not JSON", b"\xff\xfe", b"[1]", b"null", b"7"] {
        assert!(reason(body).contains("line 1 column"), "{}", reason(body));
    }
    assert!(reason(good().to_string().repeat(2)).starts_with("trailing characters"));
    let endless = good().to_string().replace("5.5", "1e999");
    assert!(reason(endless).contains("number out of range"));
    let twice = good().to_string().replacen('{', "{\"trip_id\": 2, ", 1);
    assert!(reason(twice).contains("duplicate field `trip_id`"));
    assert!(reason("[".repeat(100_000)).contains("line 1 column"), "and nothing overflows");
}

#[test]
fn a_rejected_message_leaves_the_next_one_alone() {
    let report = deliver::<App>(&[Message::new("{}"), Message::new(good().to_string())]);
    assert_eq!((report.rejects.len(), report.documents.len()), (1, 1));
    assert_eq!(report.documents[0].get_i64("trip_id").unwrap(), 1);
}
