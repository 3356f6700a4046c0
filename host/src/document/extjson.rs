//! Relaxed Extended JSON v2, written straight from validated BSON bytes into a buffer.
//!
//! The text is what `Bson::into_relaxed_extjson` of the `bson` crate gives, byte for byte as `serde_json` prints it,
//! with these exceptions, in which it follows the specification more closely or keeps more:
//! - a fraction of a second always has three digits (the crate drops trailing zeros);
//! - a date that is out of reach of the crate's calendar is its number (the crate gives the end of the year 9999);
//! - NaN has no sign;
//! - a key that occurs twice is written twice, and both values stay.

use super::elements::{Elements, NotValidated};
use super::escape::{append_hex, append_quoted};
use super::validate::MAX_DEPTH;
use super::{date, decimal, kind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `document` as one JSON object, in UTF-8 and without any newline.
///
/// Its objects and arrays nest at most three deeper than [`MAX_DEPTH`]: within what JSON parsers allow by default.
///
/// # Errors
/// `document` is not a validated one; `out` is then as it was.
pub fn append(document: &[u8], out: &mut Vec<u8>) -> Result<(), NotValidated> {
    let before = out.len();
    out.reserve(document.len() * 3 / 2);
    let written = Writer { out, form: Form::Relaxed }.document(document, 1);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// How values are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As relaxed Extended JSON.
    Relaxed,
    /// As the text of a key: see [`id_text`](super::id_text).
    Key,
}

pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) form: Form,
}

impl Writer<'_> {
    fn document(&mut self, document: &[u8], level: usize) -> Result<(), NotValidated> {
        let mut elements = Elements::of(document)?;
        self.out.push(b'{');
        let mut first = true;
        while let Some((kind, key)) = elements.next()? {
            if !first {
                self.out.push(b',');
            }
            first = false;
            append_quoted(key, self.out);
            self.out.push(b':');
            self.value(&mut elements, kind, level)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, array: &[u8], level: usize) -> Result<(), NotValidated> {
        let mut elements = Elements::of(array)?;
        self.out.push(b'[');
        let mut first = true;
        while let Some((kind, _)) = elements.next()? {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.value(&mut elements, kind, level)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes the value that comes next, of type `kind`, in a document at `level`.
    pub(super) fn value(&mut self, from: &mut Elements<'_>, kind: u8, level: usize) -> Result<(), NotValidated> {
        match kind {
            kind::STRING => append_quoted(from.string()?, self.out),
            kind::INT32 => self.put(itoa::Buffer::new().format(i32::from_le_bytes(*from.array()?))),
            kind::INT64 => self.put(itoa::Buffer::new().format(i64::from_le_bytes(*from.array()?))),
            kind::DOUBLE => self.double(f64::from_le_bytes(*from.array()?)),
            kind::BOOL => self.put(if *from.array::<1>()? == [0] { "false" } else { "true" }),
            kind::NULL => self.put("null"),
            kind::DATE => self.date(i64::from_le_bytes(*from.array()?)),
            kind::OBJECT_ID => self.object_id(from.array()?),
            kind::DOCUMENT => self.document(from.document()?, deeper(level, 1)?)?,
            kind::ARRAY => self.array(from.document()?, deeper(level, 1)?)?,
            kind::BINARY => {
                let (subtype, bytes) = from.binary()?;
                self.binary(subtype, bytes);
            }
            kind::TIMESTAMP => {
                let increment = from.u32()?;
                self.timestamp(from.u32()?, increment);
            }
            kind::DECIMAL128 => {
                self.put("{\"$numberDecimal\":\"");
                decimal::append(*from.array()?, self.out);
                self.put("\"}");
            }
            kind::REGEX => {
                self.labelled("{\"$regularExpression\":{\"pattern\":", from.text_to_zero()?, ",\"options\":");
                append_quoted(&self.options(from.text_to_zero()?), self.out);
                self.put("}}");
            }
            kind::CODE => self.labelled("{\"$code\":", from.string()?, "}"),
            kind::CODE_WITH_SCOPE => {
                from.u32()?;
                self.labelled("{\"$code\":", from.string()?, ",\"$scope\":");
                self.document(from.document()?, deeper(level, 2)?)?;
                self.put("}");
            }
            kind::DB_POINTER => {
                self.labelled("{\"$dbPointer\":{\"$ref\":", from.string()?, ",\"$id\":");
                self.object_id(from.array()?);
                self.put("}}");
            }
            kind::SYMBOL => self.labelled("{\"$symbol\":", from.string()?, "}"),
            kind::UNDEFINED => self.put("{\"$undefined\":true}"),
            kind::MIN_KEY => self.put("{\"$minKey\":1}"),
            kind::MAX_KEY => self.put("{\"$maxKey\":1}"),
            _ => return Err(NotValidated),
        }
        Ok(())
    }

    fn double(&mut self, number: f64) {
        if self.form == Form::Key
            && let Some(whole) = whole(number)
        {
            self.put(itoa::Buffer::new().format(whole));
        } else if number.is_finite() {
            self.put(zmij::Buffer::new().format_finite(number));
        } else if number.is_nan() {
            self.put("{\"$numberDouble\":\"NaN\"}");
        } else if number > 0.0 {
            self.put("{\"$numberDouble\":\"Infinity\"}");
        } else {
            self.put("{\"$numberDouble\":\"-Infinity\"}");
        }
    }

    fn date(&mut self, millis: i64) {
        self.put("{\"$date\":\"");
        if date::append_iso(millis, self.out) {
            self.put("\"}");
        } else {
            self.out.pop();
            self.put("{\"$numberLong\":\"");
            self.put(itoa::Buffer::new().format(millis));
            self.put("\"}}");
        }
    }

    fn timestamp(&mut self, seconds: u32, increment: u32) {
        self.put("{\"$timestamp\":{\"t\":");
        self.put(itoa::Buffer::new().format(seconds));
        self.put(",\"i\":");
        self.put(itoa::Buffer::new().format(increment));
        self.put("}}");
    }

    fn object_id(&mut self, id: &[u8; 12]) {
        self.put("{\"$oid\":\"");
        append_hex(id, self.out);
        self.put("\"}");
    }

    fn binary(&mut self, subtype: u8, bytes: &[u8]) {
        self.put("{\"$binary\":{\"base64\":\"");
        let start = self.out.len();
        self.out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
        let encoded = STANDARD.encode_slice(bytes, &mut self.out[start..]);
        debug_assert!(encoded.is_ok(), "base64 needs four characters for each three bytes begun");
        self.put("\",\"subType\":\"");
        append_hex(&[subtype], self.out);
        self.put("\"}}");
    }

    /// Options of a regular expression: in alphabetical order, as Extended JSON wants them, but untouched in a key.
    fn options<'a>(&self, options: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        let Ok(text) = std::str::from_utf8(options) else { return options.into() };
        if self.form == Form::Key || text.chars().is_sorted() {
            return options.into();
        }
        let mut sorted: Vec<char> = text.chars().collect();
        sorted.sort_unstable();
        sorted.into_iter().collect::<String>().into_bytes().into()
    }

    fn labelled(&mut self, before: &str, text: &[u8], after: &str) {
        self.put(before);
        append_quoted(text, self.out);
        self.put(after);
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// The whole number that `number` is, where 64 bits hold it.
fn whole(number: f64) -> Option<i64> {
    const LIMIT: f64 = (1_u64 << 63) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "a number that does not survive it is not returned")]
    let whole = number as i64;
    ((-LIMIT..LIMIT).contains(&number) && whole as f64 == number).then_some(whole)
}

/// A validated document is never deeper; one that was not must not exhaust the stack.
fn deeper(level: usize, by: usize) -> Result<usize, NotValidated> {
    if level + by > MAX_DEPTH { Err(NotValidated) } else { Ok(level + by) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Bson, Document, bson, doc};

    fn relaxed(document: Document) -> String {
        let mut out = Vec::new();
        append(&document.to_vec().unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn value(value: impl Into<Bson>) -> String {
        let text = relaxed(doc! { "v": value });
        text[5..text.len() - 1].to_owned()
    }

    #[test]
    fn numbers_are_json_numbers() {
        assert_eq!(value(7), "7");
        assert_eq!(value(i64::MIN), "-9223372036854775808");
        assert_eq!(value(1.0), "1.0");
        assert_eq!(value(-0.0), "-0.0");
        assert_eq!(value(0.1), "0.1");
        assert_eq!(value(1e300), "1e+300");
    }

    #[test]
    fn doubles_that_json_has_no_number_for_are_named() {
        assert_eq!(value(f64::NAN), r#"{"$numberDouble":"NaN"}"#);
        assert_eq!(value(-f64::NAN), r#"{"$numberDouble":"NaN"}"#);
        assert_eq!(value(f64::INFINITY), r#"{"$numberDouble":"Infinity"}"#);
        assert_eq!(value(f64::NEG_INFINITY), r#"{"$numberDouble":"-Infinity"}"#);
    }

    #[test]
    fn a_date_is_iso_8601_between_1970_and_9999_and_milliseconds_otherwise() {
        assert_eq!(value(bson::DateTime::from_millis(1_356_351_330_500)), r#"{"$date":"2012-12-24T12:15:30.500Z"}"#);
        assert_eq!(value(bson::DateTime::from_millis(-1)), r#"{"$date":{"$numberLong":"-1"}}"#);
    }

    #[test]
    fn binary_data_is_base64_with_its_subtype_in_hexadecimal() {
        for length in 0..7_u8 {
            let binary = bson::Binary {
                subtype: bson::spec::BinarySubtype::Uuid,
                bytes: (0..length).map(|byte| byte.wrapping_mul(99)).collect(),
            };
            let expected = Bson::from(binary.clone()).into_relaxed_extjson().to_string();
            assert_eq!(value(binary), expected);
        }
    }

    #[test]
    fn nested_documents_and_arrays_keep_their_order() {
        let text = relaxed(doc! { "z": { "b": [1, { "y": [] }, null], "a": {} }, "a": bson!([[true]]) });
        assert_eq!(text, r#"{"z":{"b":[1,{"y":[]},null],"a":{}},"a":[[true]]}"#);
    }

    #[test]
    fn options_of_a_regular_expression_are_sorted() {
        let regex = bson::Regex { pattern: bson::raw::cstr!("a/\"b").into(), options: bson::raw::cstr!("xim").into() };
        assert_eq!(value(regex), r#"{"$regularExpression":{"pattern":"a/\"b","options":"imx"}}"#);
    }

    #[test]
    fn bytes_that_were_never_validated_leave_the_buffer_as_it_was() {
        let good = doc! { "a": "text", "b": { "c": [1, 2] } }.to_vec().unwrap();
        let mut out = b"before".to_vec();
        for cut in 0..good.len() - 1 {
            let _ = append(&good[..cut], &mut out);
            out.truncate(6);
        }
        let mut bad = good;
        bad[4] = 0x20;
        assert_eq!(append(&bad, &mut out), Err(NotValidated));
        assert_eq!(out, b"before");
    }
}
