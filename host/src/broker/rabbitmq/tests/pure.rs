//! What is decided without a broker: headers, properties, and what is mended before the library sees it.

use super::super::guard::Guard;
use super::super::properties::{Arrival, Way, inbound, outbound};
use super::super::{headers, properties};
use crate::worker::delivery::Message;
use bson::{Bson, DateTime, Document, doc};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};
use proptest::prelude::*;

fn document(table: &FieldTable) -> Document {
    let mut bytes = Vec::new();
    headers::append(table, &mut bytes);
    Document::from_reader(&bytes[..]).unwrap()
}

fn binary(subtype: u8, bytes: &[u8]) -> Bson {
    Bson::Binary(bson::Binary { subtype: subtype.into(), bytes: bytes.to_vec() })
}

#[test]
fn every_type_of_amqp_has_its_type_of_bson() {
    let inner = FieldTable::from(std::collections::BTreeMap::from([("k".into(), AMQPValue::Void)]));
    let decimal = |scale, value: i32| AMQPValue::DecimalValue(DecimalValue { scale, value: value.cast_unsigned() });
    let number = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let cases: Vec<(AMQPValue, Bson)> = vec![
        (AMQPValue::Boolean(true), true.into()),
        (AMQPValue::ShortShortInt(-3), (-3_i32).into()),
        (AMQPValue::ShortShortUInt(200), 200_i32.into()),
        (AMQPValue::ShortInt(-300), (-300_i32).into()),
        (AMQPValue::ShortUInt(60_000), 60_000_i32.into()),
        (AMQPValue::LongInt(i32::MIN), i32::MIN.into()),
        (AMQPValue::LongUInt(u32::MAX), i64::from(u32::MAX).into()),
        (AMQPValue::LongLongInt(i64::MIN), i64::MIN.into()),
        (AMQPValue::Float(0.5), 0.5_f64.into()),
        (AMQPValue::Double(0.1), 0.1_f64.into()),
        (decimal(2, 1250), number("12.50")),
        (decimal(0, -7), number("-7")),
        (decimal(255, i32::MIN), number("-2147483648E-255")),
        (AMQPValue::ShortString("s".into()), "s".into()),
        (AMQPValue::LongString("ä".into()), "ä".into()),
        (AMQPValue::LongString(vec![255].into()), binary(0x80, &[255])),
        (AMQPValue::ByteArray(vec![1, 2].into()), binary(0, &[1, 2])),
        (AMQPValue::Timestamp(1_700_000_000), DateTime::from_millis(1_700_000_000_000).into()),
        (AMQPValue::Timestamp(u64::MAX), binary(0x81, &[255; 8])),
        (
            AMQPValue::FieldArray(vec![AMQPValue::Void, AMQPValue::Boolean(false)].into()),
            Bson::Array(vec![Bson::Null, false.into()]),
        ),
        (AMQPValue::FieldTable(inner), doc! { "k": Bson::Null }.into()),
        (AMQPValue::Void, Bson::Null),
    ];
    for (amqp, bson) in cases {
        let table = FieldTable::from(std::collections::BTreeMap::from([("h".into(), amqp)]));
        let there = document(&table);
        assert_eq!(there, doc! { "h": bson });
        // And back, and there again: the document is the same.
        let mut bytes = Vec::new();
        headers::append(&table, &mut bytes);
        assert_eq!(document(&headers::table(&bytes).unwrap()), there);
    }
}

#[test]
fn what_amqp_has_no_place_for_is_refused_with_its_name() {
    let refused = |value: Bson| headers::table(&bson::serialize_to_vec(&doc! { "odd": value }).unwrap()).unwrap_err();
    for value in [
        Bson::ObjectId(bson::oid::ObjectId::from_bytes([0; 12])),
        DateTime::from_millis(1).into(),
        DateTime::from_millis(-1000).into(),
        Bson::MaxKey,
        binary(4, &[]),
        binary(0x81, &[1]),
        Bson::Decimal128("1E3".parse().unwrap()),
        Bson::Decimal128("NaN".parse().unwrap()),
        Bson::Decimal128("2147483648".parse().unwrap()),
    ] {
        let told = refused(value.clone());
        assert!(told.contains("\"odd\"") && told.contains("no place for"), "{value}: {told}");
    }
    let long = headers::table(&bson::serialize_to_vec(&doc! { "k".repeat(256): 1 }).unwrap()).unwrap_err();
    assert!(long.contains("256 bytes"), "{long}");
    assert!(headers::table(b"\x05\0\0\0").is_err());
    let mut deep = Bson::Null;
    for _ in 0..70 {
        deep = Bson::Array(vec![deep]);
    }
    assert!(refused(deep).contains("nested deeper"));
}

#[test]
fn a_table_that_nests_too_deep_and_a_key_with_a_zero_byte_are_still_bson() {
    let mut deep = AMQPValue::Void;
    for _ in 0..200 {
        deep = AMQPValue::FieldArray(FieldArray::from(vec![deep]));
    }
    let table = FieldTable::from(std::collections::BTreeMap::from([("a\0b".into(), deep)]));
    assert_eq!(document(&table).keys().collect::<Vec<_>>(), ["a\u{2400}b"]);
}

fn round<'a>(message: &Message<'a>, way: Way<'_>, exchange: &str, bytes: &'a mut Vec<u8>) -> Message<'a> {
    let out = outbound(message, way, true).unwrap();
    let arrival = Arrival {
        stream: "s",
        consumer_tag: "c",
        channel: 1,
        delivery_tag: 9,
        redelivered: false,
        exchange,
        routing_key: out.routing_key.as_str(),
    };
    inbound(&arrival, &out.properties, out.body, &mut Vec::new(), bytes).unwrap();
    Message::decode(&mut &bytes[..]).unwrap().unwrap()
}

#[test]
fn what_is_put_back_keeps_its_exchange_its_key_and_its_headers() {
    for headers in [None, Some(doc! {}), Some(doc! { "a": 1 }), Some(doc! { "BCC": ["x"], "CC": ["other"], "a": 1 })] {
        let headers = headers.map(|headers| bson::serialize_to_vec(&headers).unwrap());
        let message = Message {
            exchange: Some(b"mysimbdp.acme"),
            routing_key: Some(b"click"),
            headers: headers.as_deref(),
            present: 7,
            delivery_mode: 2,
            priority: 3,
            timestamp: 5,
            message_id: Some(b"m"),
            user_id: Some(b"u"),
            body: b"{}",
            ..Message::default()
        };
        let out = outbound(&message, Way::Queue("mysimbdp.acme.clicks"), true).unwrap();
        assert_eq!(out.routing_key.as_str(), "mysimbdp.acme.clicks");
        let table = out.properties.headers().as_ref().unwrap();
        assert!(!table.contains_key("CC") && !table.contains_key("BCC"), "they would send it elsewhere too");
        let expected = Message { channel: 1, delivery_tag: 9, stream: Some(b"s"), consumer_tag: Some(b"c"), ..message };
        let mut bytes = Vec::new();
        assert_eq!(round(&message, Way::Queue("mysimbdp.acme.clicks"), "", &mut bytes), expected);
        let mut bytes = Vec::new();
        assert_eq!(round(&message, Way::Exchange("click"), "mysimbdp.acme", &mut bytes), expected);
        // A client may pretend that a message was put back; by a tenant's exchange that is not believed.
        let mut bytes = Vec::new();
        let forged = round(&message, Way::Queue("q"), "mysimbdp.acme", &mut bytes);
        assert_eq!((forged.exchange, forged.routing_key), (Some(&b"mysimbdp.acme"[..]), Some(&b"q"[..])));
    }
}

#[test]
fn what_amqp_or_the_broker_would_not_take_is_refused_and_not_sent() {
    let refused = |message: Message<'_>| outbound(&message, Way::Exchange("k"), true).err().unwrap();
    let long = [b'x'; 256];
    assert!(refused(Message { message_id: Some(&long), ..Message::default() }).contains("message id of 256 bytes"));
    assert!(refused(Message { kind: Some(b"\xff"), ..Message::default() }).contains("not UTF-8"));
    for expiration in [&b"soon"[..], b"-1", b"+1", b"", b"99999999999"] {
        assert!(refused(Message { expiration: Some(expiration), ..Message::default() }).contains("milliseconds"));
    }
    let user = Message { user_id: Some(b"somebody"), ..Message::default() };
    let out = outbound(&user, Way::Exchange("k"), false).unwrap();
    assert!(out.properties.user_id().is_none() && out.properties.delivery_mode() == &Some(2));
    assert!(properties::outbound(&user, Way::Exchange(&"k".repeat(256)), false).is_err());
}

#[test]
fn what_a_quorum_queue_adds_to_a_message_that_comes_again_is_taken_away() {
    let table = |pairs: &[(&str, i64)]| {
        let pairs = pairs.iter().map(|(key, value)| ((*key).into(), AMQPValue::LongLongInt(*value)));
        FieldTable::from(pairs.collect::<std::collections::BTreeMap<_, _>>())
    };
    let headers_of = |table: FieldTable| {
        let arrival = Arrival {
            stream: "s",
            consumer_tag: "c",
            channel: 1,
            delivery_tag: 1,
            redelivered: true,
            exchange: "e",
            routing_key: "k",
        };
        let (properties, mut bytes) = (BasicProperties::default().with_headers(table), Vec::new());
        inbound(&arrival, &properties, b"", &mut Vec::new(), &mut bytes).unwrap();
        let message = Message::decode(&mut &bytes[..]).unwrap().unwrap();
        message.headers.map(|headers| Document::from_reader(headers).unwrap())
    };
    assert_eq!(headers_of(table(&[("x-delivery-count", 3)])), None);
    assert_eq!(headers_of(table(&[("a", 1), ("x-delivery-count", 3)])), Some(doc! { "a": 1_i64 }));
}

/// A frame of this type.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 1], &size[..], payload, &[0xce]].concat()
}

/// The header of a message with this message id and these headers.
fn header(id: &[u8], table: &[u8]) -> Vec<u8> {
    let table_length = u32::try_from(table.len()).unwrap().to_be_bytes();
    let id_length = [u8::try_from(id.len()).unwrap()];
    let head = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &(1_u16 << 13 | 1 << 7).to_be_bytes()].concat();
    frame(2, &[&head, &table_length[..], table, &id_length, id].concat())
}

fn start() -> Vec<u8> {
    frame(1, b"\0\x0a\0\x0a\0\x09\0\0\0\x14\x07versionS\0\0\0\x063.10.8")
}

/// Arrays in each other, so many levels.
fn nested(levels: usize) -> Vec<u8> {
    let mut value = b"V".to_vec();
    for _ in 0..levels {
        value = [b"A", &u32::try_from(value.len()).unwrap().to_be_bytes()[..], &value].concat();
    }
    [b"\x01h", &value[..]].concat()
}

/// Looks at bytes that come in pieces of these sizes.
fn looked(mut bytes: &[u8], mut sizes: impl Iterator<Item = usize>) -> (Vec<u8>, Option<String>) {
    let (mut guard, mut out, mut unfinished) = (Guard::default(), Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, bytes.len()));
        bytes = rest;
        unfinished.extend_from_slice(piece);
        let good = guard.look(&mut unfinished);
        out.extend(unfinished.drain(..good));
    }
    assert!(unfinished.is_empty());
    (out, guard.version().map(str::to_owned))
}

#[test]
fn only_what_would_hurt_is_mended_and_the_version_is_noted() {
    let good = [start(), header(b"m-\xc3\xa4", &nested(64)), frame(3, &[255; 100]), frame(8, b"")].concat();
    assert_eq!(looked(&good, std::iter::empty()), (good.clone(), Some("3.10.8".into())));
    let bad = [start(), header(b"m\xff\xc3", b"\x02k\xfeS\0\0\0\x01\xff")].concat();
    let mended = [start(), header(b"m??", b"\x02k?S\0\0\0\x01\xff")].concat();
    assert_eq!(looked(&bad, std::iter::empty()).0, mended, "a long text may be anything");
    let deep = [start(), header(b"", &nested(10_000))].concat();
    let (mended, _) = looked(&deep, std::iter::empty());
    let changed: Vec<_> = deep.iter().zip(&mended).filter(|(one, other)| one != other).collect();
    assert_eq!(changed, [(&b'A', &b'x')]);
}

proptest! {
    #[test]
    fn in_whatever_pieces_frames_come_they_are_mended_alike(
        sizes in proptest::collection::vec(1_usize..40, 0..200),
        id in proptest::collection::vec(any::<u8>(), 0..20),
        levels in 0_usize..100,
    ) {
        let all = [start(), header(&id, &nested(levels)), frame(3, &id), header(b"\xff", b""), frame(2, &id)].concat();
        prop_assert_eq!(looked(&all, sizes.into_iter()), looked(&all, std::iter::empty()));
    }

    #[test]
    fn any_bytes_go_through_without_a_panic_and_keep_their_length(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let all = [start(), header(b"", &bytes), frame(2, &bytes)].concat();
        prop_assert_eq!(looked(&all, std::iter::empty()).0.len(), all.len());
        let mut guard = Guard::default();
        let mut bytes = bytes;
        prop_assert!(guard.look(&mut bytes) <= bytes.len());
        let _refused_or_not = headers::table(&bytes);
    }
}
