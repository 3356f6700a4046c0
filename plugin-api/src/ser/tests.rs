//! The serializer against the `bson` crate: the same value must become the same bytes.

use super::*;
use crate::bson::{Binary, DateTime, Decimal128, ObjectId};
use bson::doc;
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;

/// Our bytes, with the `_id` that every document begins with taken off where it is the placeholder.
fn ours<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, String> {
    let mut buffer = Buffer::default();
    buffer.extend(b"leftovers");
    to_document(value, &mut buffer).map_err(|error| error.to_string())?;
    let mut out = buffer.written().to_vec();
    assert_eq!(i32::from_le_bytes(out[..4].try_into().unwrap()) as usize, out.len());
    if out[4..21] == ID_PLACEHOLDER {
        out.drain(4..21);
        let length = i32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&length.to_le_bytes());
    }
    Ok(out)
}

fn document<T: Serialize + ?Sized>(value: &T) -> bson::Document {
    let mut out = Buffer::default();
    to_document(value, &mut out).unwrap();
    bson::Document::from_reader(out.written()).unwrap()
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> String {
    ours(value).unwrap_err()
}

fn agrees<T: Serialize>(value: &T) {
    let theirs = bson::serialize_to_vec(value).unwrap();
    assert_eq!(ours(value).unwrap(), theirs, "{:?}", bson::Document::from_reader(theirs.as_slice()));
}

#[derive(Serialize)]
struct Everything<'a> {
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    yes: bool,
    char: char,
    text: &'a str,
    some: Option<i32>,
    none: Option<i32>,
    unit: (),
    #[serde(with = "serde_bytes")]
    bytes: &'a [u8],
    list: Vec<Option<u8>>,
    tuple: (i32, &'a str, [f64; 2]),
    nested: Nested,
    map: BTreeMap<String, Nested>,
    variants: Vec<Variant>,
    newtype: Newtype,
    unit_struct: UnitStruct,
    empty: [i32; 0],
    uuid_like: std::net::Ipv4Addr,
}

#[derive(Serialize, Clone, Default)]
struct Nested {
    deeper: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
enum Variant {
    Unit,
    Newtype(i32),
    Tuple(i32, String),
    Struct { a: i32, b: Option<bool> },
}

#[derive(Serialize)]
struct Newtype(i64);

#[derive(Serialize)]
struct UnitStruct;

#[test]
fn every_shape_that_serde_knows_becomes_what_the_bson_crate_makes_of_it() {
    let nested = Nested { deeper: BTreeMap::from([("k".into(), vec!["v".into(), String::new()])]) };
    agrees(&Everything {
        i8: -8,
        i16: -16,
        i32: i32::MIN,
        i64: i64::MIN,
        u8: 255,
        u16: 65535,
        u32: u32::MAX,
        u64: i64::MAX as u64,
        f32: 1.5,
        f64: f64::MIN_POSITIVE,
        yes: true,
        char: 'ß',
        text: "grüße\0mit NUL",
        some: Some(1),
        none: None,
        unit: (),
        bytes: b"\0\x01\xff",
        list: (0..12).map(|n| (n % 3 > 0).then_some(n)).collect(),
        tuple: (1, "two", [3.0, f64::NAN]),
        nested: nested.clone(),
        map: BTreeMap::from([
            ("a".into(), nested),
            ("b.c".into(), Nested::default()),
            (String::new(), Nested::default()),
        ]),
        variants: vec![
            Variant::Unit,
            Variant::Newtype(1),
            Variant::Tuple(1, "x".into()),
            Variant::Struct { a: 1, b: None },
        ],
        newtype: Newtype(7),
        unit_struct: UnitStruct,
        empty: [],
        uuid_like: std::net::Ipv4Addr::LOCALHOST,
    });
}

#[test]
fn values_of_the_bson_crate_are_taken_as_what_they_are() {
    let value = doc! {
        "oid": bson::oid::ObjectId::from_bytes([7; 12]), "date": bson::DateTime::from_millis(-5),
        "decimal": "1.50".parse::<bson::Decimal128>().unwrap(), "generic": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2] },
        "uuid": bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: (0..16).collect() },
        "ts": bson::Timestamp { time: 7, increment: 8 }, "deep": [{ "at": bson::DateTime::from_millis(i64::MAX) }], "after": 1,
    };
    agrees(&value);
    #[derive(Serialize)]
    struct Typed {
        id: bson::oid::ObjectId,
        at: bson::DateTime,
        uuid: bson::Uuid,
        last: i32,
    }
    let typed = Typed {
        id: bson::oid::ObjectId::from_bytes([1; 12]),
        at: bson::DateTime::from_millis(0),
        uuid: bson::Uuid::from_bytes([9; 16]),
        last: 1,
    };
    let read = document(&typed);
    assert_eq!(read.get_object_id("id").unwrap(), typed.id);
    assert_eq!(read.get_datetime("at").unwrap(), &typed.at);
    assert_eq!(read.get("uuid"), bson::serialize_to_document(&typed).unwrap().get("uuid"));
    #[derive(Serialize)]
    struct Raw {
        document: bson::RawDocumentBuf,
        array: bson::RawArrayBuf,
        last: i32,
    }
    let array = bson::RawArrayBuf::from_iter([1, 2]);
    let document = bson::RawDocumentBuf::try_from(&doc! { "a": [1] }).unwrap();
    agrees(&Raw { document, array, last: 1 });
    let refused = refusal(&doc! { "a": bson::Bson::MaxKey });
    assert_eq!(
        refused,
        "field `a`: a $maxKey of the `bson` crate has no place in data that is ingested; emit it as another type"
    );
}

#[test]
fn our_own_types_become_theirs() {
    #[derive(Serialize)]
    struct Special {
        at: DateTime,
        id: ObjectId,
        price: Decimal128,
        binary: Binary,
        list: Vec<DateTime>,
        none: Option<DateTime>,
        last: i32,
    }
    let special = Special {
        at: DateTime::from_millis(5),
        id: ObjectId::from_bytes([3; 12]),
        price: "12.50".parse().unwrap(),
        binary: Binary::uuid([4; 16]),
        list: vec![DateTime::from_millis(-1), DateTime::from_millis(1)],
        none: None,
        last: 1,
    };
    let expected = doc! {
        "at": bson::DateTime::from_millis(5), "id": bson::oid::ObjectId::from_bytes([3; 12]),
        "price": "12.50".parse::<bson::Decimal128>().unwrap(),
        "binary": bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![4; 16] },
        "list": [bson::DateTime::from_millis(-1), bson::DateTime::from_millis(1)], "none": null, "last": 1,
    };
    assert_eq!(ours(&special).unwrap(), expected.to_vec().unwrap());
}

#[test]
fn wide_integers_become_int64_or_decimal128() {
    let value = BTreeMap::from([("a", 5_i128), ("b", -9_999_999_999_999_999_999_999_999_999_999_999)]);
    let read = document(&value);
    assert_eq!(read.get_i64("a").unwrap(), 5);
    assert_eq!(read.get("b").map(ToString::to_string), Some("-9999999999999999999999999999999999".to_owned()));
    assert_eq!(
        refusal(&BTreeMap::from([("a", u128::MAX)])),
        format!("field `a`: {} has more digits than the 34 of a decimal128", u128::MAX)
    );
    assert_eq!(
        refusal(&BTreeMap::from([("a", u64::MAX)])),
        "field `a`: 18446744073709551615 is greater than 9223372036854775807, the greatest int64; emit it as a string or a Decimal128"
    );
}

#[test]
fn keys_are_strings_or_what_has_one_spelling_as_a_string() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Key {
        Unit,
    }
    assert_eq!(ours(&BTreeMap::from([(1_u64, 2), (30, 4)])), ours(&doc! { "1": 2, "30": 4 }));
    assert_eq!(ours(&BTreeMap::from([(Key::Unit, 2)])), ours(&doc! { "Unit": 2 }));
    assert_eq!(ours(&BTreeMap::from([(true, 2)])), ours(&doc! { "true": 2 }));
    assert_eq!(ours(&BTreeMap::from([('x', 2)])), ours(&doc! { "x": 2 }));
    let refused = refusal(&BTreeMap::from([((1, 2), 3)]));
    assert_eq!(refused, "a tuple cannot be the key of a document; use a string or a number");
    assert_eq!(
        refusal(&BTreeMap::from([("a\0b", 1)])),
        "the key \"a\\0b\" holds a NUL byte, which BSON has no place for; rename the key"
    );
}

#[test]
fn only_structs_and_maps_are_documents() {
    for refused in [refusal(&1), refusal("text"), refusal(&vec![1]), refusal(&()), refusal(&DateTime::from_millis(0))] {
        assert!(refused.ends_with("is not a document; emit a struct or a map"), "{refused}");
    }
    assert!(refusal(&bson::oid::ObjectId::from_bytes([1; 12])).contains("is not a document"));
    assert_eq!(ours(&Some(doc! { "a": 1 })), ours(&doc! { "a": 1 }));
    assert_eq!(ours(&Variant::Newtype(1)), ours(&doc! { "Newtype": 1 }));
    assert_eq!(ours(&Variant::Tuple(1, "x".into())), ours(&doc! { "Tuple": [1, "x"] }));
}

#[test]
fn a_document_begins_with_its_id() {
    #[derive(Serialize)]
    struct Late<'a, T> {
        a: i32,
        b: &'a str,
        _id: T,
        z: i32,
    }
    fn late<T>(_id: T) -> Late<'static, T> {
        Late { a: 1, b: "x", _id, z: 2 }
    }
    let first = |bytes: &[u8]| bytes[..21][4..].to_vec();
    let mut out = Buffer::default();

    to_document(&doc! { "a": 1 }, &mut out).unwrap();
    assert_eq!(first(out.written()), ID_PLACEHOLDER);

    assert_eq!(ours(&late("mine")), ours(&doc! { "_id": "mine", "a": 1, "b": "x", "z": 2 }));
    let keys: Vec<_> = document(&late("mine")).keys().cloned().collect();
    assert_eq!(keys, ["_id", "a", "b", "z"]);
    let nested = doc! { "b": 1, "_id": { "x": [1] }, "c": { "_id": 5 } };
    assert_eq!(document(&nested), doc! { "_id": { "x": [1] }, "b": 1, "c": { "_id": 5 } });

    to_document(&late(None::<i32>), &mut out).unwrap();
    assert_eq!(first(out.written()), ID_PLACEHOLDER);
    assert_eq!(out.written().windows(4).filter(|four| four == b"_id\0").count(), 1);

    assert_eq!(refusal(&late(vec![1])), "an array cannot be the `_id` of a document");
    assert!(refusal(&late(ObjectId::from_bytes([0; 12]))).contains("stands for the host's own"));
    let twice = Pairs(vec![("_id", 1), ("a", 2), ("_id", 3)]);
    assert_eq!(refusal(&twice), "the document has two fields named `_id`");
}

/// A map with whatever keys, in whatever order.
struct Pairs(Vec<(&'static str, i32)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[test]
fn what_is_too_deep_or_too_large_is_refused() {
    let deep = |levels: usize| (1..levels).fold(serde_json::json!({}), |inner, _| serde_json::json!({ "d": inner }));
    assert!(ours(&deep(100)).is_ok());
    assert!(refusal(&deep(101)).ends_with("nested deeper than 100 levels"));

    let large = |bytes: usize| BTreeMap::from([("t", "x".repeat(bytes))]);
    let refused = "the document is larger than the 16 MiB that a document may have; split it";
    // The length, the `_id`, type, key, length and NUL of the string, and the end.
    let frame = 4 + ID_PLACEHOLDER.len() + 3 + 5 + 1;
    assert!(ours(&large(MAX_DOCUMENT - frame)).is_ok());
    assert!(refusal(&large(MAX_DOCUMENT - frame + 1)).ends_with(refused));
    assert!(refusal(&BTreeMap::from([("t", vec![0.5; 2_000_000])])).ends_with(refused));
    let many: Vec<_> = (0..17).map(|_| "x".repeat(1 << 20)).collect();
    assert!(refusal(&BTreeMap::from([("t", many)])).ends_with(refused));
}

#[test]
fn the_path_of_a_refused_field_is_told() {
    let value = serde_json::json!({ "a": [{ "b": 1 }, { "b": u64::MAX }] });
    assert!(refusal(&value).starts_with("field `a.1.b`: 18446744073709551615 is greater"));
}

#[test]
fn what_displays_itself_is_written_without_a_detour() {
    #[derive(Serialize)]
    struct Dates {
        at: chrono::DateTime<chrono::Utc>,
        day: chrono::NaiveDate,
        last: i32,
    }
    let dates = Dates { at: chrono::DateTime::UNIX_EPOCH, day: chrono::NaiveDate::default(), last: 1 };
    agrees(&dates);
}

fn any_value() -> impl Strategy<Value = bson::Bson> {
    use bson::Bson;
    let leaf = prop_oneof![
        any::<f64>().prop_map(Bson::Double),
        ".*".prop_map(Bson::String),
        any::<bool>().prop_map(Bson::Boolean),
        Just(Bson::Null),
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(bson::oid::ObjectId::from_bytes(bytes))),
        any::<i64>().prop_map(|millis| Bson::DateTime(bson::DateTime::from_millis(millis))),
        any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(bson::Decimal128::from_bytes(bytes))),
        (any::<u8>(), any::<Vec<u8>>()).prop_filter_map("outdated subtype", |(subtype, bytes)| {
            (subtype != 2).then(|| Bson::Binary(bson::Binary { subtype: subtype.into(), bytes }))
        }),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Bson::Array),
            proptest::collection::vec(("[^\0]{0,6}", inner), 0..8)
                .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_becomes_what_the_bson_crate_makes_of_it(
        fields in proptest::collection::vec(("[a-z$.äö]{0,9}", any_value()), 0..10)
    ) {
        let document: bson::Document = fields.into_iter().collect();
        prop_assert_eq!(ours(&document).unwrap(), bson::serialize_to_vec(&document).unwrap());
    }
}
