//! Puts a document where the host expects it: valid on the outside, its `_id` first. Pure.
//!
//! Documents of the Rust serializer come right already (the fast path: a look at ten bytes and a copy). A C app may put
//! its `_id` anywhere or leave it out: then the top level is walked once, the `_id` moved to the front, or a placeholder
//! (an ObjectId of twelve zero bytes, which the host overwrites with a number) put there.
//!
//! Nothing deeper is looked at: the host validates every byte anyway, since it cannot believe a worker.

use crate::worker::protocol::MAX_DOCUMENT;

/// Bytes of an `_id` element that the host is to number: type, name, twelve zero bytes.
const PLACEHOLDER: &[u8; 17] = b"\x07_id\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Most bytes by which a document can grow here.
pub(super) const MAX_ADDED: usize = PLACEHOLDER.len();
/// Bytes before the first element.
const LENGTH: usize = 4;

/// Why a document is not taken. The sentence is what the app gets as `last_error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the document is not BSON: {0}")]
    NotBson(&'static str),
    #[error("the document has {0} bytes with its `_id`, where {MAX_DOCUMENT} (16 MiB) is the most")]
    TooLarge(usize),
    #[error("an `_id` may not be {0}; any other type will do")]
    Id(&'static str),
}

/// Appends `document` to `to`, with its `_id` first.
pub(super) fn append(document: &[u8], to: &mut Vec<u8>) -> Result<(), Refusal> {
    let Some((length, rest)) = document.split_first_chunk::<LENGTH>() else {
        return Err(Refusal::NotBson("it is shorter than its length field"));
    };
    if u32::from_le_bytes(*length) as usize != document.len() {
        return Err(Refusal::NotBson("its length field differs from the length it was handed over with"));
    }
    if rest.last() != Some(&0) {
        return Err(Refusal::NotBson("it does not end with a zero byte"));
    }
    if rest.get(1..5) == Some(b"_id\0") {
        check(document.len(), rest[0])?;
        to.extend_from_slice(document);
        return Ok(());
    }
    append_normalised(document, to)
}

#[cold]
fn append_normalised(document: &[u8], to: &mut Vec<u8>) -> Result<(), Refusal> {
    let (id, others) = match find_id(document)? {
        Some(range) => (&document[range.clone()], [&document[LENGTH..range.start], &document[range.end..]]),
        None => (&PLACEHOLDER[..], [&document[LENGTH..], &[]]),
    };
    let length = LENGTH + id.len() + others[0].len() + others[1].len();
    check(length, id[0])?;
    // Checked against 16 MiB above.
    let field = u32::try_from(length).unwrap_or(u32::MAX);
    to.reserve(length);
    to.extend_from_slice(&field.to_le_bytes());
    to.extend_from_slice(id);
    others.iter().for_each(|part| to.extend_from_slice(part));
    Ok(())
}

fn check(length: usize, id_type: u8) -> Result<(), Refusal> {
    if length > MAX_DOCUMENT {
        return Err(Refusal::TooLarge(length));
    }
    match id_type {
        0x04 => Err(Refusal::Id("an array")),
        0x06 => Err(Refusal::Id("undefined")),
        0x0b => Err(Refusal::Id("a regular expression")),
        _ => Ok(()),
    }
}

/// Where the element `_id` of the top level stands.
fn find_id(document: &[u8]) -> Result<Option<std::ops::Range<usize>>, Refusal> {
    let last = document.len() - 1;
    let mut at = LENGTH;
    while at < last {
        let name_end = text_end(&document[..last], at + 1)?;
        let end = name_end + value_len(document[at], &document[name_end..last])?;
        if end > last {
            return Err(Refusal::NotBson("an element ends outside of it"));
        }
        if &document[at + 1..name_end] == b"_id\0" {
            return Ok(Some(at..end));
        }
        at = end;
    }
    Ok(None)
}

/// Just past the zero byte that ends the text at `at`.
fn text_end(document: &[u8], at: usize) -> Result<usize, Refusal> {
    let zero = document[at..].iter().position(|byte| *byte == 0);
    zero.map(|length| at + length + 1).ok_or(Refusal::NotBson("a name does not end"))
}

/// Length of a value by its type: the whole of BSON 1.1.
fn value_len(kind: u8, value: &[u8]) -> Result<usize, Refusal> {
    let prefix = || -> Result<usize, Refusal> {
        let prefix = value.first_chunk::<4>().ok_or(Refusal::NotBson("an element ends outside of it"))?;
        Ok(u32::from_le_bytes(*prefix) as usize)
    };
    Ok(match kind {
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x08 => 1,
        0x10 => 4,
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x07 => 12,
        0x13 => 16,
        0x03 | 0x04 | 0x0f => prefix()?.max(LENGTH + 1),
        0x02 | 0x0d | 0x0e => prefix()? + 4,
        0x05 => prefix()? + 5,
        0x0c => prefix()? + 16,
        0x0b => {
            let options = text_end(value, 0)?;
            text_end(value, options)?
        }
        _ => return Err(Refusal::NotBson("an element has an unknown type")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{doc, oid::ObjectId};
    use proptest::prelude::*;

    fn bytes(document: &bson::Document) -> Vec<u8> {
        document.to_vec().unwrap()
    }

    fn appended(document: &[u8]) -> Result<bson::Document, Refusal> {
        let mut to = b"before".to_vec();
        append(document, &mut to)?;
        Ok(bson::Document::from_reader(&to[6..]).unwrap())
    }

    #[test]
    fn an_id_that_stands_first_is_left_where_it_is() {
        let document = doc! { "_id": 7, "a": 1 };
        assert_eq!(appended(&bytes(&document)), Ok(document));
    }

    #[test]
    fn an_id_that_stands_elsewhere_is_moved_to_the_front() {
        let document = doc! { "a": 1, "b": { "_id": 2 }, "_id": "x", "c": [1, 2] };
        assert_eq!(appended(&bytes(&document)), Ok(doc! { "_id": "x", "a": 1, "b": { "_id": 2 }, "c": [1, 2] }));
    }

    #[test]
    fn a_document_without_an_id_gets_the_placeholder() {
        let placeholder = ObjectId::from_bytes([0; 12]);
        assert_eq!(appended(&bytes(&doc! { "a": 1 })), Ok(doc! { "_id": placeholder, "a": 1 }));
        assert_eq!(appended(&bytes(&doc! {})), Ok(doc! { "_id": placeholder }));
    }

    #[test]
    fn every_type_of_bson_is_walked_over() {
        use bson::{Binary, Bson, DbPointer, Decimal128, JavaScriptCodeWithScope, Regex, Timestamp};
        let pattern = "a+".to_owned().try_into().unwrap();
        let options = "i".to_owned().try_into().unwrap();
        let mut document = doc! {
            "double": 1.5, "string": "s", "document": {}, "array": [1],
            "binary": Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] },
            "undefined": Bson::Undefined, "oid": ObjectId::from_bytes([1; 12]), "bool": true,
            "date": bson::DateTime::from_millis(1), "null": Bson::Null,
            "regex": Regex { pattern, options },
            "code": Bson::JavaScriptCode("c".into()), "symbol": Bson::Symbol("s".into()),
            "scope": JavaScriptCodeWithScope { code: "c".into(), scope: doc! {} },
            "i32": 1i32, "ts": Timestamp { time: 1, increment: 2 }, "i64": 1i64,
            "decimal": Decimal128::from_bytes([0; 16]), "min": Bson::MinKey, "max": Bson::MaxKey,
        };
        document.insert("_id", 9);
        let moved = appended(&bytes(&document)).unwrap();
        assert_eq!(moved.keys().next().map(String::as_str), Some("_id"));
        assert_eq!(moved.len(), document.len());
        let _: Option<DbPointer> = None;
    }

    #[test]
    fn what_is_not_bson_is_refused_and_nothing_is_appended() {
        let good = bytes(&doc! { "a": "text" });
        let mut long = good.clone();
        long.push(0);
        let mut endless = good.clone();
        let last = endless.len() - 1;
        endless[last] = 1;
        let mut unknown = good.clone();
        unknown[4] = 0x20;
        let mut outside = good.clone();
        outside[7..11].copy_from_slice(&100u32.to_le_bytes());
        for bad in [&b""[..], b"\x05\0\0", &long, &endless, &unknown, &outside] {
            let mut to = Vec::new();
            assert!(matches!(append(bad, &mut to), Err(Refusal::NotBson(_))), "{bad:?}");
            assert!(to.is_empty());
        }
    }

    #[test]
    fn an_array_a_regular_expression_and_undefined_are_no_ids() {
        assert_eq!(appended(&bytes(&doc! { "_id": [1] })), Err(Refusal::Id("an array")));
        assert_eq!(appended(&bytes(&doc! { "a": 1, "_id": bson::Bson::Undefined })), Err(Refusal::Id("undefined")));
    }

    #[test]
    fn the_largest_document_is_taken_with_its_id_and_one_byte_more_is_not() {
        let overhead = bytes(&doc! { "_id": ObjectId::from_bytes([0; 12]), "s": "" }).len();
        let text = "x".repeat(MAX_DOCUMENT - overhead);
        let largest = bytes(&doc! { "s": &text });
        let mut to = Vec::new();
        assert_eq!(append(&largest, &mut to), Ok(()));
        assert_eq!(to.len(), MAX_DOCUMENT);
        let larger = bytes(&doc! { "s": text + "x" });
        assert_eq!(append(&larger, &mut to), Err(Refusal::TooLarge(MAX_DOCUMENT + 1)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(mut body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let length = u32::try_from(body.len() + 5).unwrap();
            body.splice(0..0, length.to_le_bytes());
            body.push(0);
            let _ = append(&body, &mut Vec::new());
        }
    }
}
