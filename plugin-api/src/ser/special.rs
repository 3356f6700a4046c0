//! Values that serde has no word for: dates, ObjectIds, decimals, binaries with a subtype.
//!
//! Those of this crate come as newtypes with a name that no one else uses ([`newtype`](crate::bson::newtype)); those of
//! the `bson` crate come as structs named like the keys of Extended JSON (`$oid`, `$date`, …). Either is first written
//! as the plain value that serde sees, then read back and rewritten in place as what it stands for.

use super::element::ElementSerializer;
use super::{SerError, Writer};
use crate::bson::{Binary, DateTime, DocumentRef, ObjectId, ValueRef, kind, newtype as name};
use serde::Serialize;

/// Writes a newtype of this crate's.
pub(super) fn newtype<T: Serialize + ?Sized>(writer: &mut Writer<'_>, named: &str, value: &T) -> Result<(), SerError> {
    let type_at = writer.type_at;
    if type_at == Writer::TOP {
        return value.serialize(ElementSerializer::new(writer));
    }
    let value_at = writer.out.len();
    value.serialize(ElementSerializer::new(writer))?;
    writer.type_at = type_at;
    let length = writer.out.len().saturating_sub(value_at + 5);
    match (named, writer.out.written()[type_at]) {
        (name::DATE_TIME, kind::INT64) => writer.set_kind(kind::DATE_TIME),
        (name::OBJECT_ID, kind::BINARY) if length == 12 => unwrap_binary(writer, value_at, kind::OBJECT_ID),
        (name::DECIMAL128, kind::BINARY) if length == 16 => unwrap_binary(writer, value_at, kind::DECIMAL128),
        (name::BINARY, kind::BINARY) if length > 0 => {
            // The first of the bytes is the subtype.
            let length = i32::try_from(length - 1).map_err(|_| SerError::too_large())?;
            writer.out.remove(value_at + 4, 1);
            writer.out.written_mut()[value_at..value_at + 4].copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
        (name::BSON_UUID, kind::BINARY) if length == 16 => {
            writer.out.written_mut()[value_at + 4] = Binary::UUID;
            Ok(())
        }
        (name::BSON_RAW_DOCUMENT, kind::BINARY) => unwrap_binary(writer, value_at, kind::DOCUMENT),
        (name::BSON_RAW_ARRAY, kind::BINARY) => unwrap_binary(writer, value_at, kind::ARRAY),
        // A newtype of somebody else's whose name begins with a dollar.
        _ => Ok(()),
    }
}

/// Keeps of a binary only its bytes, as a value of this kind.
fn unwrap_binary(writer: &mut Writer<'_>, value_at: usize, kind: u8) -> Result<(), SerError> {
    writer.out.remove(value_at, 5);
    writer.set_kind(kind)
}

/// A struct of the `bson` crate that stands for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    ObjectId,
    DateTime,
    Decimal128,
    Binary,
    Timestamp,
    /// Known to the `bson` crate, but of no use in data that is ingested.
    Unsupported(&'static str),
}

impl Special {
    #[inline]
    pub(super) fn named(name: &'static str) -> Option<Special> {
        if !name.starts_with('$') {
            return None;
        }
        Some(match name {
            "$oid" => Special::ObjectId,
            "$date" => Special::DateTime,
            "$numberDecimal" => Special::Decimal128,
            "$binary" => Special::Binary,
            "$timestamp" => Special::Timestamp,
            "$code" | "$codeWithScope" | "$symbol" | "$undefined" | "$regularExpression" | "$dbPointer" | "$minKey"
            | "$maxKey" => Special::Unsupported(name),
            _ => return None,
        })
    }

    /// Replaces the document at `start` by the value it stands for.
    pub(super) fn rewrite(self, writer: &mut Writer<'_>, type_at: usize, start: usize) -> Result<(), SerError> {
        let (kind, value) =
            self.read(DocumentRef::new(&writer.out.written()[start..])).ok_or_else(|| self.refusal())?;
        writer.out.truncate(start);
        writer.out.extend(&value);
        writer.type_at = type_at;
        writer.set_kind(kind)
    }

    #[cold]
    fn refusal(self) -> SerError {
        match self {
            Special::Unsupported(name) => SerError::new(format_args!(
                "a {name} of the `bson` crate has no place in data that is ingested; emit it as another type"
            )),
            _ => SerError::new(format_args!("this is not a {self:?} as the `bson` crate writes it")),
        }
    }

    fn read(self, document: DocumentRef<'_>) -> Option<(u8, Vec<u8>)> {
        match self {
            Special::ObjectId => {
                let ValueRef::String(hex) = document.get("$oid")? else { return None };
                Some((kind::OBJECT_ID, hex.parse::<ObjectId>().ok()?.bytes().to_vec()))
            }
            Special::DateTime => {
                let millis = match document.get("$date")? {
                    ValueRef::Int64(millis) => millis,
                    ValueRef::String(text) => text.parse::<DateTime>().ok()?.millis(),
                    ValueRef::Document(body) => match body.get("$numberLong")? {
                        ValueRef::String(digits) => digits.parse().ok()?,
                        _ => return None,
                    },
                    _ => return None,
                };
                Some((kind::DATE_TIME, millis.to_le_bytes().to_vec()))
            }
            Special::Decimal128 => {
                let ValueRef::Binary { bytes, .. } = document.get("$numberDecimalBytes")? else { return None };
                (bytes.len() == 16).then(|| (kind::DECIMAL128, bytes.to_vec()))
            }
            Special::Binary => {
                let ValueRef::Document(body) = document.get("$binary")? else { return None };
                let (subtype, bytes) = match body.get("bytes") {
                    Some(ValueRef::Binary { bytes, .. }) => (body.get("subType")?.as_i64()?, bytes.to_vec()),
                    _ => {
                        let ValueRef::String(text) = body.get("base64")? else { return None };
                        let ValueRef::String(subtype) = body.get("subType")? else { return None };
                        (i64::from_str_radix(subtype, 16).ok()?, base64(text)?)
                    }
                };
                let mut value = i32::try_from(bytes.len()).ok()?.to_le_bytes().to_vec();
                value.push(u8::try_from(subtype).ok()?);
                value.extend_from_slice(&bytes);
                Some((kind::BINARY, value))
            }
            Special::Timestamp => {
                let ValueRef::Document(body) = document.get("$timestamp")? else { return None };
                let seconds = u32::try_from(body.get("t")?.as_i64()?).ok()?;
                let increment = u32::try_from(body.get("i")?.as_i64()?).ok()?;
                Some((kind::TIMESTAMP, [increment.to_le_bytes(), seconds.to_le_bytes()].concat()))
            }
            Special::Unsupported(_) => None,
        }
    }
}

/// Decodes standard base64, which the `bson` crate uses for binaries with a subtype.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
