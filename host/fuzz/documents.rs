//! The document check and the JSON writer, held against the `bson` crate.
//!
//! - What the check accepts, the crate decodes in full; and the platform's own rules hold, as restated here.
//! - What the crate decodes and the rules allow, the check accepts.
//! - What is accepted reads as the JSON that the crate makes of it (but for what `extjson` says it does otherwise).
//! - What is not accepted makes no reader panic.

use super::{generate, mutate};
use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, Document};
use fastrand::Rng;
use mysimbdp::document::{Checked, MAX_DEPTH, extjson, id_text, validate};
use mysimbdp::worker::protocol::MAX_DOCUMENT;
use serde_json::Value;
use std::collections::HashSet;

/// The last millisecond that relaxed Extended JSON writes as a date.
const LAST_OF_9999: i64 = 253_402_300_799_999;

pub(crate) fn generate(rng: &mut Rng) -> Vec<u8> {
    let mut sketch = generate::document(rng);
    if rng.u8(..3) != 0 {
        let other = generate::document(rng).bytes;
        mutate::damage(rng, &mut sketch, &other);
    }
    sketch.bytes
}

pub(crate) fn check(input: &[u8]) -> Result<bool, String> {
    let verdict = validate(input);
    let raw = RawDocument::from_bytes(input);
    let decoded = raw.as_ref().ok().map(|raw| Document::try_from(*raw));
    match (verdict, raw, decoded) {
        (Ok(checked), Ok(raw), Some(Ok(decoded))) => {
            if !rules_hold(raw) {
                return Err("accepted, against the rules".to_owned());
            }
            own_id_is_told(checked, &decoded)?;
            id_reads(input, &decoded)?;
            json_is_that_of_the_crate(input, raw, decoded)?;
            Ok(true)
        }
        (Ok(_), _, _) => Err("accepted, but the bson crate does not decode it".to_owned()),
        (Err(why), Ok(raw), Some(Ok(_))) if rules_hold(raw) => {
            Err(format!("refused ({why}), but the bson crate decodes it and the rules hold"))
        }
        (Err(_), _, _) => {
            let mut out = Vec::new();
            let _ = extjson::append(input, &mut out);
            let _ = id_text(input);
            Ok(false)
        }
    }
}

/// What the platform demands beyond well-formedness, said again with the crate's own reader.
fn rules_hold(document: &RawDocument) -> bool {
    let elements: Vec<_> = document.iter().flatten().collect();
    let Some((first, id)) = elements.first() else { return false };
    let id_is_allowed = match *id {
        RawBsonRef::Array(_) | RawBsonRef::RegularExpression(_) | RawBsonRef::Undefined => false,
        RawBsonRef::Document(id) => !has_dollar_key(id),
        _ => true,
    };
    first.as_str() == "_id"
        && id_is_allowed
        && elements.iter().filter(|(key, _)| key.as_str() == "_id").count() == 1
        && levels(document) <= MAX_DEPTH
        && document.as_bytes().len() <= MAX_DOCUMENT
}

fn levels(document: &RawDocument) -> usize {
    let inner = document.iter().flatten().map(|(_, value)| match inner(value) {
        Some((inner, counts)) => counts + levels(inner) - 1,
        None => 0,
    });
    1 + inner.max().unwrap_or(0)
}

fn has_dollar_key(document: &RawDocument) -> bool {
    document.iter().flatten().any(|(key, value)| {
        let key = key.as_str();
        (key.starts_with('$') && !["$ref", "$id", "$db"].contains(&key))
            || inner(value).is_some_and(|(inner, _)| has_dollar_key(inner))
    })
}

fn has_key_twice(document: &RawDocument) -> bool {
    let mut seen = HashSet::new();
    document
        .iter()
        .flatten()
        .any(|(key, value)| !seen.insert(key.as_str()) || inner(value).is_some_and(|(inner, _)| has_key_twice(inner)))
}

/// The document in a value, and for how many levels it counts.
fn inner(value: RawBsonRef<'_>) -> Option<(&RawDocument, usize)> {
    match value {
        RawBsonRef::Document(inner) => Some((inner, 1)),
        RawBsonRef::Array(inner) => Some((RawDocument::from_bytes(inner.as_bytes()).ok()?, 1)),
        RawBsonRef::JavaScriptCodeWithScope(code) => Some((code.scope, 2)),
        _ => None,
    }
}

fn own_id_is_told(checked: Checked, decoded: &Document) -> Result<(), String> {
    let placeholder = matches!(decoded.get("_id"), Some(Bson::ObjectId(id)) if id.bytes() == [0; 12]);
    if checked.own_id == placeholder { Err(format!("own_id is {}", checked.own_id)) } else { Ok(()) }
}

fn id_reads(input: &[u8], decoded: &Document) -> Result<(), String> {
    let text = id_text(input).map_err(|why| why.to_string())?;
    let reads = match decoded.get("_id") {
        Some(Bson::ObjectId(id)) => text == id.to_hex(),
        Some(Bson::String(id)) => serde_json::to_string(id).is_ok_and(|quoted| quoted == text),
        _ => serde_json::from_str::<Value>(&text).is_ok(),
    };
    if reads { Ok(()) } else { Err(format!("its _id reads as {text}")) }
}

fn json_is_that_of_the_crate(input: &[u8], raw: &RawDocument, decoded: Document) -> Result<(), String> {
    let mut written = Vec::new();
    extjson::append(input, &mut written).map_err(|why| why.to_string())?;
    let written = String::from_utf8(written).map_err(|why| why.to_string())?;
    let mut expected = Bson::Document(decoded);
    align(&mut expected);
    let expected = expected.into_relaxed_extjson().to_string();
    if written == expected {
        return Ok(());
    }
    // Of a key that occurs twice the crate keeps the last value: so does a JSON parser.
    let parsed = serde_json::from_str::<Value>(&written).map_err(|why| format!("{why}: {written}"))?;
    if has_key_twice(raw) && Ok(parsed) == serde_json::from_str(&expected).map_err(drop) {
        return Ok(());
    }
    Err(format!("it reads as\n{written}\ninstead of\n{expected}"))
}

/// Puts in what the crate's JSON lacks: three digits of a second, a NaN without sign, and dates after 9999, of which
/// those that its calendar does not reach read as the last nanosecond of that year.
fn align(value: &mut Bson) {
    match value {
        Bson::Double(number) if number.is_nan() => *number = f64::NAN.copysign(1.0),
        Bson::DateTime(date) if date.timestamp_millis() > LAST_OF_9999 => {
            *value = bson::bson!({ "$date": { "$numberLong": date.timestamp_millis().to_string() } });
        }
        Bson::DateTime(date) if date.timestamp_millis() >= 0 => {
            let text = date.try_to_rfc3339_string().unwrap_or_default();
            if let Some((whole, fraction)) = text.split_once('.') {
                *value = bson::bson!({ "$date": format!("{whole}.{:0<3}Z", fraction.trim_end_matches('Z')) });
            }
        }
        Bson::Array(values) => values.iter_mut().for_each(align),
        Bson::Document(document)
        | Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope { scope: document, .. }) => {
            document.iter_mut().for_each(|(_, value)| align(value));
        }
        _ => {}
    }
}
