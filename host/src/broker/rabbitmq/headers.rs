//! A header table of AMQP as a BSON document, and back. Pure.
//!
//! | AMQP | BSON | and back |
//! |---|---|---|
//! | boolean | boolean | the same |
//! | integers of 8, 16 (both signs) and 32 bits | int32 | 32 bits |
//! | unsigned 32 bits, 64 bits | int64 | 64 bits |
//! | float, double | double | double |
//! | decimal | decimal128 with the same exponent | the same |
//! | long and short string | string | long string |
//! | long string that is not UTF-8 | binary, subtype 0x80 | the same |
//! | byte array | binary, subtype 0 | the same |
//! | timestamp | date | the same |
//! | timestamp beyond what a date holds | binary, subtype 0x81: eight bytes, highest first | the same |
//! | array, table | array, document | the same |
//! | void | null | the same |
//!
//! No value is lost; the width that a number had is. BSON goes to AMQP and back unchanged, and what AMQP has no place for (an
//! object id, a date with milliseconds, …) is refused with its key. A table is sorted by key, as the client keeps it. Only
//! hostile tables lose something: a zero byte in a key becomes `␀`, and what is nested deeper than [`MAX_DEPTH`] becomes null.

use bson::spec::ElementType;
use bson::{RawBsonRef, RawDocument};
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString};

/// Levels that are followed; a document of the platform may have a hundred.
const MAX_DEPTH: usize = 64;
/// Longest key of a table, in bytes.
const MAX_KEY: usize = 255;
/// Subtypes of binaries that stand for what BSON has not.
const NOT_UTF8: u8 = 0x80;
const FAR_TIME: u8 = 0x81;
/// Exponent of a decimal128 whose stored exponent is 0.
const BIAS: u64 = 6176;

/// Appends the table as a document.
pub(super) fn append(table: &FieldTable, out: &mut Vec<u8>) {
    append_table(table, out, 0);
}

fn append_table(table: &FieldTable, out: &mut Vec<u8>, depth: usize) {
    let at = begin(out);
    for (key, value) in table.inner() {
        append_element(key.as_str(), value, out, depth);
    }
    end(out, at);
}

fn append_array(array: &FieldArray, out: &mut Vec<u8>, depth: usize) {
    let at = begin(out);
    for (index, value) in array.as_slice().iter().enumerate() {
        append_element(itoa::Buffer::new().format(index), value, out, depth);
    }
    end(out, at);
}

fn begin(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    at
}

fn end(out: &mut Vec<u8>, at: usize) {
    out.push(0);
    // Headers come in one frame, which is far shorter than 4 GiB.
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn append_element(key: &str, value: &AMQPValue, out: &mut Vec<u8>, depth: usize) {
    let kind = out.len();
    out.push(0);
    if key.contains('\0') {
        out.extend_from_slice(key.replace('\0', "\u{2400}").as_bytes());
    } else {
        out.extend_from_slice(key.as_bytes());
    }
    out.push(0);
    out[kind] = append_value(value, out, depth) as u8;
}

/// Appends a value without its key, and answers its type.
fn append_value(value: &AMQPValue, out: &mut Vec<u8>, depth: usize) -> ElementType {
    match value {
        AMQPValue::Boolean(value) => {
            out.push(u8::from(*value));
            ElementType::Boolean
        }
        AMQPValue::ShortShortInt(value) => append_i32(i32::from(*value), out),
        AMQPValue::ShortShortUInt(value) => append_i32(i32::from(*value), out),
        AMQPValue::ShortInt(value) => append_i32(i32::from(*value), out),
        AMQPValue::ShortUInt(value) => append_i32(i32::from(*value), out),
        AMQPValue::LongInt(value) => append_i32(*value, out),
        AMQPValue::LongUInt(value) => append_i64(i64::from(*value), out),
        AMQPValue::LongLongInt(value) => append_i64(*value, out),
        AMQPValue::Float(value) => append_f64(f64::from(*value), out),
        AMQPValue::Double(value) => append_f64(*value, out),
        AMQPValue::DecimalValue(value) => {
            // Its sign is in it, whatever the type says.
            let (number, sign) = (value.value.cast_signed(), u64::from(value.value.cast_signed() < 0) << 63);
            out.extend_from_slice(&u64::from(number.unsigned_abs()).to_le_bytes());
            out.extend_from_slice(&(sign | ((BIAS - u64::from(value.scale)) << 49)).to_le_bytes());
            ElementType::Decimal128
        }
        AMQPValue::ShortString(value) => append_text(value.as_str(), out),
        AMQPValue::LongString(value) => match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => append_text(text, out),
            Err(_) => append_binary(NOT_UTF8, value.as_bytes(), out),
        },
        AMQPValue::ByteArray(value) => append_binary(0, value.as_slice(), out),
        AMQPValue::Timestamp(value) => match i64::try_from(*value).ok().and_then(|value| value.checked_mul(1000)) {
            Some(millis) => {
                append_i64(millis, out);
                ElementType::DateTime
            }
            None => append_binary(FAR_TIME, &value.to_be_bytes(), out),
        },
        AMQPValue::FieldArray(value) if depth < MAX_DEPTH => {
            append_array(value, out, depth + 1);
            ElementType::Array
        }
        AMQPValue::FieldTable(value) if depth < MAX_DEPTH => {
            append_table(value, out, depth + 1);
            ElementType::EmbeddedDocument
        }
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) | AMQPValue::Void => ElementType::Null,
    }
}

fn append_i32(value: i32, out: &mut Vec<u8>) -> ElementType {
    out.extend_from_slice(&value.to_le_bytes());
    ElementType::Int32
}

fn append_i64(value: i64, out: &mut Vec<u8>) -> ElementType {
    out.extend_from_slice(&value.to_le_bytes());
    ElementType::Int64
}

fn append_f64(value: f64, out: &mut Vec<u8>) -> ElementType {
    out.extend_from_slice(&value.to_le_bytes());
    ElementType::Double
}

fn append_text(text: &str, out: &mut Vec<u8>) -> ElementType {
    append_length(text.len() + 1, out);
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    ElementType::String
}

fn append_binary(subtype: u8, bytes: &[u8], out: &mut Vec<u8>) -> ElementType {
    append_length(bytes.len(), out);
    out.push(subtype);
    out.extend_from_slice(bytes);
    ElementType::Binary
}

fn append_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// The table that a document stands for.
///
/// # Errors
/// It has something that AMQP has no place for, or is no document. The sentence fits after "the message ".
pub(super) fn table(document: &[u8]) -> Result<FieldTable, String> {
    let document =
        RawDocument::from_bytes(document).map_err(|error| format!("has headers that are no BSON: {error}"))?;
    table_of(document, 0)
}

fn table_of(document: &RawDocument, depth: usize) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for element in document {
        let (key, value) = element.map_err(|error| format!("has headers that are no BSON: {error}"))?;
        let key = key.as_str();
        if key.len() > MAX_KEY {
            return Err(format!(
                "has a header whose name has {} bytes, where AMQP allows {MAX_KEY}: {key:.40}…",
                key.len()
            ));
        }
        table.insert(ShortString::from(key), value_of(key, value, depth)?);
    }
    Ok(table)
}

fn value_of(key: &str, value: RawBsonRef<'_>, depth: usize) -> Result<AMQPValue, String> {
    let foreign = |what: &str| format!("has a header {key:?} that is {what}, which AMQP has no place for");
    Ok(match value {
        RawBsonRef::Boolean(value) => AMQPValue::Boolean(value),
        RawBsonRef::Int32(value) => AMQPValue::LongInt(value),
        RawBsonRef::Int64(value) => AMQPValue::LongLongInt(value),
        RawBsonRef::Double(value) => AMQPValue::Double(value),
        RawBsonRef::String(value) => AMQPValue::LongString(LongString::from(value.as_bytes().to_vec())),
        RawBsonRef::Null => AMQPValue::Void,
        RawBsonRef::DateTime(value) => {
            let millis = u64::try_from(value.timestamp_millis()).map_err(|_| foreign("a date before 1970"))?;
            if millis % 1000 != 0 {
                return Err(foreign("a date with a fraction of a second"));
            }
            AMQPValue::Timestamp(millis / 1000)
        }
        RawBsonRef::Decimal128(value) => {
            AMQPValue::DecimalValue(decimal(value.bytes()).ok_or_else(|| foreign("a decimal of more than 32 bits"))?)
        }
        RawBsonRef::Binary(binary) => match u8::from(binary.subtype) {
            0 => AMQPValue::ByteArray(ByteArray::from(binary.bytes.to_vec())),
            NOT_UTF8 => AMQPValue::LongString(LongString::from(binary.bytes.to_vec())),
            FAR_TIME => {
                let seconds = binary.bytes.try_into().map_err(|_| foreign("a time that is none"))?;
                AMQPValue::Timestamp(u64::from_be_bytes(seconds))
            }
            other => return Err(foreign(&format!("a binary of subtype {other}"))),
        },
        RawBsonRef::Array(_) | RawBsonRef::Document(_) if depth >= MAX_DEPTH => {
            return Err(foreign(&format!("nested deeper than {MAX_DEPTH}")));
        }
        RawBsonRef::Array(array) => {
            let mut values = FieldArray::default();
            for value in array {
                let value = value.map_err(|error| format!("has headers that are no BSON: {error}"))?;
                values.push(value_of(key, value, depth + 1)?);
            }
            AMQPValue::FieldArray(values)
        }
        RawBsonRef::Document(document) => AMQPValue::FieldTable(table_of(document, depth + 1)?),
        other => return Err(foreign(&format!("of the BSON type {:?}", other.element_type()))),
    })
}

/// A decimal128 that AMQP can say too.
fn decimal(bytes: [u8; 16]) -> Option<DecimalValue> {
    let bits = u128::from_le_bytes(bytes);
    let (high, number) = (u64::try_from(bits >> 64).ok()?, i64::try_from(bits & u128::from(u64::MAX)).ok()?);
    // Two bits that are set mark what is not finite, or has more digits than fit here.
    if high >> 61 & 3 == 3 || high & ((1 << 49) - 1) != 0 {
        return None;
    }
    let scale = u8::try_from(BIAS.checked_sub(high >> 49 & 0x3fff)?).ok()?;
    let is_negative = high >> 63 == 1;
    if is_negative && number == 0 {
        return None;
    }
    let number = i32::try_from(if is_negative { -number } else { number }).ok()?;
    Some(DecimalValue { scale, value: number.cast_unsigned() })
}
