//! Relaxed Extended JSON v2, written straight from validated BSON bytes into a buffer.
//!
//! The text is what `Bson::into_relaxed_extjson` of the `bson` crate gives, byte for byte as `serde_json` prints it,
//! with these exceptions, in which it follows the specification more closely or keeps more:
//! - a fraction of a second always has three digits (the crate drops trailing zeros);
//! - a date that is out of reach of the crate's calendar is its number (the crate gives the end of the year 9999);
//! - NaN has no sign;
//! - a key that occurs twice is written twice, and both values stay.

use super::elements::{Elements, NotValidated, Value};
use super::escape::{append_hex, append_quoted};
use super::validate::MAX_DEPTH;
use super::{date, decimal};
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
        while let Some((key, value)) = elements.next()? {
            if !first {
                self.out.push(b',');
            }
            first = false;
            append_quoted(key, self.out);
            self.out.push(b':');
            self.value(value, level)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, array: &[u8], level: usize) -> Result<(), NotValidated> {
        let mut elements = Elements::of(array)?;
        self.out.push(b'[');
        let mut first = true;
        while let Some((_, value)) = elements.next()? {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.value(value, level)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes a value that stands in a document at `level`.
    #[inline]
    pub(super) fn value(&mut self, value: Value<'_>, level: usize) -> Result<(), NotValidated> {
        match value {
            Value::String(text) => append_quoted(text, self.out),
            Value::Int32(number) => self.put(itoa::Buffer::new().format(number)),
            Value::Int64(number) => self.put(itoa::Buffer::new().format(number)),
            Value::Double(number) => self.double(number),
            Value::Bool(true) => self.put("true"),
            Value::Bool(false) => self.put("false"),
            Value::Null => self.put("null"),
            Value::Date(millis) => self.date(millis),
            Value::ObjectId(id) => self.object_id(id),
            Value::Document(document) => self.document(document, deeper(level, 1)?)?,
            Value::Array(array) => self.array(array, deeper(level, 1)?)?,
            Value::Binary { subtype, bytes } => self.binary(subtype, bytes),
            Value::Timestamp { seconds, increment } => self.timestamp(seconds, increment),
            Value::Decimal128(bytes) => {
                self.put("{\"$numberDecimal\":\"");
                decimal::append(bytes, self.out);
                self.put("\"}");
            }
            Value::Regex { pattern, options } => {
                self.labelled("{\"$regularExpression\":{\"pattern\":", pattern, ",\"options\":");
                append_quoted(&self.options(options), self.out);
                self.put("}}");
            }
            Value::Code(code) => self.labelled("{\"$code\":", code, "}"),
            Value::CodeWithScope { code, scope } => {
                self.labelled("{\"$code\":", code, ",\"$scope\":");
                self.document(scope, deeper(level, 2)?)?;
                self.put("}");
            }
            Value::DbPointer { namespace, id } => {
                self.labelled("{\"$dbPointer\":{\"$ref\":", namespace, ",\"$id\":");
                self.object_id(id);
                self.put("}}");
            }
            Value::Symbol(symbol) => self.labelled("{\"$symbol\":", symbol, "}"),
            Value::Undefined => self.put("{\"$undefined\":true}"),
            Value::MinKey => self.put("{\"$minKey\":1}"),
            Value::MaxKey => self.put("{\"$maxKey\":1}"),
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
    let is_whole = number.trunc() == number && (-LIMIT..LIMIT).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the limits of 64 bits")]
    is_whole.then_some(number as i64)
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
