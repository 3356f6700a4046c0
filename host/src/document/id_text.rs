//! An `_id` as the text of a key, for a sink whose keys are text.
//!
//! ```text
//!   ObjectId          24 hexadecimal digits: those that the host numbers sort as (task, row, index)
//!   string            the JSON string, with its quotes
//!   whole number      its digits, whether int32, int64 or double
//!   anything else     relaxed Extended JSON
//! ```
//!
//! Two `_id`s that MongoDB holds for different have different texts: no text of one form is one of another, and a
//! document that could be mistaken for a wrapped value (`{"$oid": ..}`) was refused when it was validated. Two that it
//! holds for the same have the same text, also inside of documents, unless one has a Decimal128 where the other has
//! another number.

use super::elements::{Elements, NotValidated};
use super::escape::append_hex;
use super::extjson::{Form, Writer};
use super::kind;

/// The `_id` of `document` as text.
///
/// # Errors
/// `document` is not a validated one.
pub fn id_text(document: &[u8]) -> Result<String, NotValidated> {
    let mut out = Vec::with_capacity(24);
    append(document, &mut out)?;
    String::from_utf8(out).map_err(|_| NotValidated)
}

/// Appends the `_id` of `document` as UTF-8 text.
///
/// # Errors
/// `document` is not a validated one; `out` is then as it was.
pub fn append(document: &[u8], out: &mut Vec<u8>) -> Result<(), NotValidated> {
    let mut elements = Elements::of(document)?;
    let Some((kind, b"_id")) = elements.next()? else { return Err(NotValidated) };
    if kind == kind::OBJECT_ID {
        append_hex(elements.array::<12>()?, out);
        return Ok(());
    }
    let before = out.len();
    let written = Writer { out, form: Form::Key }.value(&mut elements, kind, 1);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::super::validate::validate;
    use super::*;
    use bson::oid::ObjectId;
    use bson::{Bson, doc};

    fn text(id: impl Into<Bson>) -> String {
        let document = doc! { "_id": id, "x": 1 }.to_vec().unwrap();
        assert!(validate(&document).is_ok());
        id_text(&document).unwrap()
    }

    #[test]
    fn each_kind_of_id_has_its_own_form() {
        let oid = ObjectId::from_bytes([0xab; 12]);
        assert_eq!(text(oid), "abababababababababababab");
        assert_eq!(text(oid.to_hex()), "\"abababababababababababab\"");
        assert_eq!(text(5), "5");
        assert_eq!(text("5"), "\"5\"");
        assert_eq!(text(true), "true");
        assert_eq!(text("true"), "\"true\"");
        assert_eq!(text(Bson::Null), "null");
        assert_eq!(text(doc! { "b": 1, "a": [oid] }), r#"{"b":1,"a":[{"$oid":"abababababababababababab"}]}"#);
    }

    #[test]
    fn numbers_that_are_equal_are_one_key_and_others_are_not() {
        assert_eq!(text(5_i64), text(5));
        assert_eq!(text(5.0), text(5));
        assert_eq!(text(-0.0), text(0));
        assert_eq!(text(doc! { "a": 5.0 }), text(doc! { "a": 5 }));
        assert_eq!(text(-9_223_372_036_854_775_808.0), text(i64::MIN));
        assert_ne!(text(9_223_372_036_854_775_808.0), text(i64::MAX));
        assert_ne!(text(5.5), text(5));
    }
}
