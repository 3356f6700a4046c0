//! Whether bytes are one BSON document that may be stored: one pass, no allocation, nothing decoded.
//!
//! Whatever passes here is decoded in full by the `bson` crate; the fuzzer holds the two against each other. This check
//! is stricter than the crate in what the platform and MongoDB demand beyond well-formedness:
//! - the first element is `_id`; no other element of the document itself has that name;
//! - `_id` is neither an array, nor a regular expression, nor undefined, and if it is a document, no name in it begins
//!   with `$` (`$ref`, `$id` and `$db` excepted), as MongoDB has it;
//! - at most [`MAX_DEPTH`] levels, [`MAX_DOCUMENT`] bytes.
//!
//! An `_id` that is an ObjectId of twelve zero bytes is the placeholder for the host's number, so no app can have it as
//! an `_id` of its own.
//!
//! ```text
//!   document  length: i32 | element.. | 0          length counts all of it
//!   element   type: u8 | key | 0 | value
//!   string    length: i32 | text | 0               length counts text and zero byte
//!   binary    length: i32 | subtype: u8 | bytes    subtype 2: the bytes begin with a length of their own
//!   code with scope    length: i32 | string | document
//! ```

use super::elements::{Elements, NotValidated};
use super::invalid::Invalid;
use super::kind::{self, FIXED, VARIABLE};
use super::scan::zero;
use crate::worker::protocol::MAX_DOCUMENT;

/// Most levels of documents and arrays, the document itself being the first: what MongoDB allows. A scope counts twice,
/// because it is two objects in Extended JSON.
pub const MAX_DEPTH: usize = 100;

/// What is known of a document that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The app set its `_id`; otherwise a placeholder stands there, and the host is to number it.
    pub own_id: bool,
}

/// Where the first element begins, and its key.
const FIRST_ELEMENT: usize = 4;
const FIRST_KEY: usize = FIRST_ELEMENT + 1;
/// Bytes of a document without elements.
const EMPTY_DOCUMENT: usize = 5;

/// Checks that `document` is exactly one document that may be stored.
///
/// # Errors
/// The first thing found wrong with it.
pub fn validate(document: &[u8]) -> Result<Checked, Invalid> {
    let Some(said) = document.first_chunk::<4>().filter(|_| document.len() >= EMPTY_DOCUMENT) else {
        return Err(Invalid::TooShort(document.len()));
    };
    if document.len() > MAX_DOCUMENT {
        return Err(Invalid::TooLarge(document.len()));
    }
    let said = u32::from_le_bytes(*said);
    if said as usize != document.len() {
        return Err(Invalid::WrongLength { said, has: document.len() });
    }
    let last = document.len() - 1;
    if document[last] != 0 {
        return Err(Invalid::NotTerminated(0));
    }
    let own_id = first_is_id(document)?;
    elements::<true>(document, FIRST_ELEMENT, last, 1)?;
    if document[FIRST_ELEMENT] == kind::DOCUMENT {
        no_dollar_in_id(document)?;
    }
    Ok(Checked { own_id })
}

/// Looks at the first element alone; whether it ends within the document is seen later. True for an `_id` of the app's.
#[inline]
fn first_is_id(document: &[u8]) -> Result<bool, Invalid> {
    let Some((&kind, rest)) = document[FIRST_ELEMENT..].split_first() else { return Err(Invalid::IdNotFirst) };
    let Some(value) = rest.strip_prefix(b"_id\0") else { return Err(Invalid::IdNotFirst) };
    match kind {
        kind::OBJECT_ID => Ok(!value.starts_with(&[0; 12])),
        kind::ARRAY => Err(Invalid::IdType("an array")),
        kind::REGEX => Err(Invalid::IdType("a regular expression")),
        kind::UNDEFINED => Err(Invalid::IdType("undefined")),
        _ => Ok(true),
    }
}

/// Checks the elements from `at` to `last`, where the zero byte stands that ends their document.
fn elements<const TOP: bool>(bytes: &[u8], mut at: usize, last: usize, level: usize) -> Result<(), Invalid> {
    while at < last {
        let element = at;
        let key = element + 1;
        let value = text(bytes, key, last)?;
        if TOP && value - key == 4 && bytes[key..].starts_with(b"_id") && key != FIRST_KEY {
            return Err(Invalid::SecondId(element));
        }
        let kind = bytes[element];
        at = if kind == kind::STRING {
            string(bytes, value, last)?
        } else {
            match FIXED[usize::from(kind)] {
                VARIABLE => variable(bytes, element, value, last, level)?,
                length => value + usize::from(length),
            }
        };
        if at > last {
            return Err(Invalid::PastEnd(value));
        }
    }
    Ok(())
}

/// Checks a value whose length stands in it, or that needs a look into it. Returns the offset behind it.
fn variable(bytes: &[u8], element: usize, at: usize, last: usize, level: usize) -> Result<usize, Invalid> {
    match bytes[element] {
        kind::BOOL => match bytes[at] {
            0 | 1 => Ok(at + 1),
            value => Err(Invalid::Boolean { at, value }),
        },
        kind::DOCUMENT | kind::ARRAY => nested(bytes, at, last, level + 1),
        kind::BINARY => binary(bytes, at, last),
        kind::REGEX => {
            let options = text(bytes, at, last)?;
            text(bytes, options, last)
        }
        kind::DB_POINTER => Ok(string(bytes, at, last)? + 12),
        kind::CODE | kind::SYMBOL => string(bytes, at, last),
        kind::CODE_WITH_SCOPE => code_with_scope(bytes, at, last, level),
        kind => Err(Invalid::UnknownType { at: element, kind }),
    }
}

/// Checks a document or array that must end at or before `last`. Returns the offset behind it.
fn nested(bytes: &[u8], at: usize, last: usize, level: usize) -> Result<usize, Invalid> {
    if level > MAX_DEPTH {
        return Err(Invalid::TooDeep(at));
    }
    let length = length_at(bytes, at, last)?;
    let end = at + length;
    if length < EMPTY_DOCUMENT || end > last {
        return Err(Invalid::PastEnd(at));
    }
    if bytes[end - 1] != 0 {
        return Err(Invalid::NotTerminated(at));
    }
    elements::<false>(bytes, at + 4, end - 1, level)?;
    Ok(end)
}

/// Checks a string. Returns the offset behind it.
#[inline]
fn string(bytes: &[u8], at: usize, last: usize) -> Result<usize, Invalid> {
    let length = length_at(bytes, at, last)?;
    let start = at + 4;
    let end = start + length;
    if length == 0 || end > last {
        return Err(Invalid::PastEnd(at));
    }
    if bytes[end - 1] != 0 {
        return Err(Invalid::OpenString(at));
    }
    if !is_utf8(&bytes[start..end - 1]) {
        return Err(Invalid::StringNotUtf8(at));
    }
    Ok(end)
}

/// Checks text that a zero byte ends: a key, or a part of a regular expression. Returns the offset behind it.
#[inline]
fn text(bytes: &[u8], at: usize, last: usize) -> Result<usize, Invalid> {
    let Some(end) = zero(bytes, at).filter(|end| end.at < last) else { return Err(Invalid::OpenText(at)) };
    if !end.ascii && simdutf8::basic::from_utf8(&bytes[at..end.at]).is_err() {
        return Err(Invalid::KeyNotUtf8(at));
    }
    Ok(end.at + 1)
}

fn binary(bytes: &[u8], at: usize, last: usize) -> Result<usize, Invalid> {
    let length = length_at(bytes, at, last)?;
    let start = at + 4 + 1;
    let end = start + length;
    if end > last {
        return Err(Invalid::PastEnd(at));
    }
    if bytes[start - 1] == kind::BINARY_OLD {
        let inner = bytes[start..end].first_chunk().map(|inner| u32::from_le_bytes(*inner) as usize);
        if inner.is_none_or(|inner| inner != length - 4) {
            return Err(Invalid::OldBinary(at));
        }
    }
    Ok(end)
}

fn code_with_scope(bytes: &[u8], at: usize, last: usize, level: usize) -> Result<usize, Invalid> {
    let end = at + length_at(bytes, at, last)?;
    if end > last {
        return Err(Invalid::PastEnd(at));
    }
    let scope = string(bytes, at + 4, end)?;
    if nested(bytes, scope, end, level + 2)? != end {
        return Err(Invalid::Scope(at));
    }
    Ok(end)
}

/// The length that stands at `at`. Whether what it counts ends before `last` is for the caller to see: a negative one
/// reads as more than two billion, which no document has.
#[inline]
fn length_at(bytes: &[u8], at: usize, last: usize) -> Result<usize, Invalid> {
    match bytes[..last].get(at..).and_then(<[u8]>::first_chunk) {
        Some(length) => Ok(u32::from_le_bytes(*length) as usize),
        None => Err(Invalid::PastEnd(at)),
    }
}

/// Most strings are short and ASCII, for which a vectorised check is not worth its start.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    (text.len() < 64 && text.is_ascii()) || simdutf8::basic::from_utf8(text).is_ok()
}

/// For an `_id` that is a document, of a `document` that is well-formed.
#[cold]
fn no_dollar_in_id(document: &[u8]) -> Result<(), Invalid> {
    match id_has_dollar_key(document) {
        Ok(false) => Ok(()),
        _ => Err(Invalid::IdDollarKey),
    }
}

fn id_has_dollar_key(document: &[u8]) -> Result<bool, NotValidated> {
    let mut elements = Elements::of(document)?;
    let Some((kind, _)) = elements.next()? else { return Ok(false) };
    elements.inner(kind)?.map_or(Ok(false), has_dollar_key)
}

/// Goes no deeper than [`MAX_DEPTH`], because what it reads has passed.
fn has_dollar_key(document: &[u8]) -> Result<bool, NotValidated> {
    let mut elements = Elements::of(document)?;
    while let Some((kind, key)) = elements.next()? {
        if key.first() == Some(&b'$') && !matches!(key, b"$ref" | b"$id" | b"$db") {
            return Ok(true);
        }
        if let Some(inner) = elements.inner(kind)?
            && has_dollar_key(inner)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::oid::ObjectId;
    use bson::{Bson, Document, doc};
    use proptest::prelude::*;

    fn checked(document: Document) -> Result<Checked, Invalid> {
        validate(&document.to_vec().unwrap())
    }

    /// A document whose `_id` is 1, and whose other elements are these bytes.
    fn with(elements: &[u8]) -> Vec<u8> {
        let mut document = vec![0; 4];
        document.extend_from_slice(b"\x10_id\0\x01\0\0\0");
        document.extend_from_slice(elements);
        document.push(0);
        let length = u32::try_from(document.len()).unwrap();
        document[..4].copy_from_slice(&length.to_le_bytes());
        document
    }

    fn problem(elements: &[u8]) -> String {
        validate(&with(elements)).unwrap_err().to_string()
    }

    fn nested(levels: usize, wrap: impl Fn(Document) -> Bson) -> Document {
        let inner = (1..levels).fold(doc! {}, |inner, _| doc! { "d": wrap(inner) });
        let mut document = doc! { "_id": 1 };
        document.extend(inner);
        document
    }

    #[test]
    fn an_id_of_twelve_zero_bytes_is_the_placeholder_and_any_other_the_apps_own() {
        assert_eq!(checked(doc! { "_id": ObjectId::from_bytes([0; 12]) }), Ok(Checked { own_id: false }));
        let mut own = [0; 12];
        own[11] = 1;
        assert_eq!(checked(doc! { "_id": ObjectId::from_bytes(own) }), Ok(Checked { own_id: true }));
        assert_eq!(checked(doc! { "_id": "a", "b": { "_id": 1 } }), Ok(Checked { own_id: true }));
    }

    #[test]
    fn the_first_element_must_be_the_id_and_no_other_may() {
        assert_eq!(checked(doc! {}), Err(Invalid::IdNotFirst));
        assert_eq!(checked(doc! { "a": 1, "_id": 1 }), Err(Invalid::IdNotFirst));
        assert_eq!(checked(doc! { "_idx": 1 }), Err(Invalid::IdNotFirst));
        assert_eq!(problem(b"\x0a_id\0"), "the element at byte 13 is a second _id");
        assert_eq!(checked(doc! { "_id": 1, "_idx": 1, "_i": 1, "id": 1 }), Ok(Checked { own_id: true }));
    }

    #[test]
    fn an_id_of_a_kind_that_mongodb_does_not_take_is_refused() {
        assert_eq!(checked(doc! { "_id": [1] }), Err(Invalid::IdType("an array")));
        assert_eq!(checked(doc! { "_id": Bson::Undefined }), Err(Invalid::IdType("undefined")));
        assert_eq!(checked(doc! { "_id": { "a": [{ "$b": 1 }] } }), Err(Invalid::IdDollarKey));
        assert_eq!(checked(doc! { "_id": { "$oid": "000000000000000000000001" } }), Err(Invalid::IdDollarKey));
        assert!(checked(doc! { "_id": { "$ref": "a", "$id": 1, "$db": "b" }, "$x": 1 }).is_ok());
    }

    #[test]
    fn each_damage_is_told_in_one_sentence_with_its_place() {
        for (elements, sentence) in [
            (&b"\x02s\0\x02\0\0\0\xff\0"[..], "the string at byte 16 is not UTF-8"),
            (b"\x02s\0\x02\0\0\0ab", "the string at byte 16 has no zero byte at its end"),
            (b"\x02s\0\0\0\0\0", "the value at byte 16 does not end within its document"),
            (b"\x02s\0\xff\xff\xff\xff\0", "the value at byte 16 does not end within its document"),
            (b"\x0a\xc3\0", "the key or pattern at byte 14 is not UTF-8"),
            (b"\x0aa", "the key or pattern at byte 14 has no zero byte at its end"),
            (b"\x08b\0\x02", "the boolean at byte 16 is 2, neither 0 nor 1"),
            (b"\x08b\0", "the value at byte 16 does not end within its document"),
            (b"\x20b\0", "the element at byte 13 has the unknown type 0x20"),
            (b"\x12b\0\0\0\0\0\0\0\0", "the value at byte 16 does not end within its document"),
            (b"\x03d\0\x04\0\0\0\0", "the value at byte 16 does not end within its document"),
            (b"\x03d\0\x05\0\0\0\x01", "the document at byte 16 does not end with a zero byte"),
            (b"\x03d\0\x0f\0\0\0\0", "the value at byte 16 does not end within its document"),
            (b"\x05b\0\x04\0\0\0\x02\x01\0\0\0", "the binary data at byte 16 has an inner length that is not its own"),
            (b"\x05b\0\x03\0\0\0\x02\0\0\0", "the binary data at byte 16 has an inner length that is not its own"),
            (b"\x0br\0a\0b", "the key or pattern at byte 18 has no zero byte at its end"),
            (b"\x0cp\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "the value at byte 16 does not end within its document"),
            (
                b"\x0fc\0\x0f\0\0\0\x01\0\0\0\0\x05\0\0\0\0\0",
                "the code with scope at byte 16 has a length that is not that of its parts",
            ),
        ] {
            assert_eq!(problem(elements), sentence, "{elements:x?}");
        }
    }

    #[test]
    fn lengths_that_are_not_those_of_the_document_are_told() {
        let good = with(b"");
        for cut in 0..good.len() {
            assert!(validate(&good[..cut]).is_err(), "cut at {cut}");
        }
        let longer = [&good[..], b"\0"].concat();
        assert_eq!(validate(&longer), Err(Invalid::WrongLength { said: 14, has: 15 }));
        assert_eq!(validate(b""), Err(Invalid::TooShort(0)));
        let mut open = good;
        open[13] = 1;
        assert_eq!(validate(&open), Err(Invalid::NotTerminated(0)));
    }

    #[test]
    fn a_document_larger_than_mongodb_takes_is_refused() {
        let text = "x".repeat(MAX_DOCUMENT - with(b"\x02s\0\x01\0\0\0\0").len());
        assert_eq!(checked(doc! { "_id": 1, "s": &text }), Ok(Checked { own_id: true }));
        assert_eq!(checked(doc! { "_id": 1, "ss": &text }), Err(Invalid::TooLarge(MAX_DOCUMENT + 1)));
    }

    #[test]
    fn a_hundred_levels_are_taken_and_one_more_is_not() {
        assert!(checked(nested(MAX_DEPTH, Bson::Document)).is_ok());
        assert!(matches!(checked(nested(MAX_DEPTH + 1, Bson::Document)), Err(Invalid::TooDeep(_))));
        let array = |inner| Bson::Array(vec![Bson::Document(inner)]);
        assert!(checked(nested(MAX_DEPTH / 2, array)).is_ok());
        assert!(matches!(checked(nested(MAX_DEPTH / 2 + 1, array)), Err(Invalid::TooDeep(_))));
    }

    #[test]
    fn a_document_of_nothing_but_depth_does_not_exhaust_the_stack() {
        let levels = MAX_DOCUMENT / 8;
        let mut elements = Vec::with_capacity(levels * 8);
        for level in (1..levels).rev() {
            elements.extend_from_slice(b"\x03d\0");
            elements.extend_from_slice(&u32::try_from(level * 8 - 3).unwrap().to_le_bytes());
        }
        elements.resize(levels * 8 - 16, 0);
        assert!(validate(&with(&elements)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_in_a_document_are_judged_without_a_panic_and_as_the_bson_crate_does(
            elements in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            let document = with(&elements);
            let decoded = bson::RawDocument::from_bytes(&document).and_then(Document::try_from);
            prop_assert_eq!(validate(&document).is_ok(), decoded.is_ok());
        }
    }
}
