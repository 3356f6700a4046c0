//! Reads the elements of a validated document one after another, borrowing everything.
//!
//! It neither panics nor reads outside of what it was given, whatever that is; on bytes that were never validated it
//! may end with [`NotValidated`] or yield text that is not UTF-8.

use super::kind;

/// What was to be read had never passed [`validate`](super::validate::validate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a validated document: whoever handed them over must validate them first")]
pub struct NotValidated;

/// The value of an element. Texts are UTF-8; documents and arrays are whole, with length and terminator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Double(f64),
    String(&'a [u8]),
    Document(&'a [u8]),
    Array(&'a [u8]),
    Binary { subtype: u8, bytes: &'a [u8] },
    Undefined,
    ObjectId(&'a [u8; 12]),
    Bool(bool),
    Date(i64),
    Null,
    Regex { pattern: &'a [u8], options: &'a [u8] },
    DbPointer { namespace: &'a [u8], id: &'a [u8; 12] },
    Code(&'a [u8]),
    Symbol(&'a [u8]),
    CodeWithScope { code: &'a [u8], scope: &'a [u8] },
    Int32(i32),
    Timestamp { seconds: u32, increment: u32 },
    Int64(i64),
    Decimal128([u8; 16]),
    MaxKey,
    MinKey,
}

/// The elements of one document, without those of the documents in it.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Starts before the first element of `document`.
    pub(super) fn of(document: &'a [u8]) -> Result<Elements<'a>, NotValidated> {
        let rest = document.get(4..document.len().saturating_sub(1)).ok_or(NotValidated)?;
        Ok(Elements { rest })
    }

    /// The next key and value, or `None` behind the last.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, NotValidated> {
        let Some((kind, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let key = self.text_to_zero()?;
        let value = self.value(*kind)?;
        Ok(Some((key, value)))
    }

    #[inline]
    fn value(&mut self, kind: u8) -> Result<Value<'a>, NotValidated> {
        Ok(match kind {
            kind::DOUBLE => Value::Double(f64::from_le_bytes(*self.array()?)),
            kind::STRING => Value::String(self.string()?),
            kind::DOCUMENT => Value::Document(self.document()?),
            kind::ARRAY => Value::Array(self.document()?),
            kind::BINARY => self.binary()?,
            kind::UNDEFINED => Value::Undefined,
            kind::OBJECT_ID => Value::ObjectId(self.array()?),
            kind::BOOL => Value::Bool(*self.array::<1>()? != [0]),
            kind::DATE => Value::Date(i64::from_le_bytes(*self.array()?)),
            kind::NULL => Value::Null,
            kind::REGEX => Value::Regex { pattern: self.text_to_zero()?, options: self.text_to_zero()? },
            kind::DB_POINTER => Value::DbPointer { namespace: self.string()?, id: self.array()? },
            kind::CODE => Value::Code(self.string()?),
            kind::SYMBOL => Value::Symbol(self.string()?),
            kind::CODE_WITH_SCOPE => {
                self.array::<4>()?;
                Value::CodeWithScope { code: self.string()?, scope: self.document()? }
            }
            kind::INT32 => Value::Int32(i32::from_le_bytes(*self.array()?)),
            kind::TIMESTAMP => Value::Timestamp { increment: self.u32()?, seconds: self.u32()? },
            kind::INT64 => Value::Int64(i64::from_le_bytes(*self.array()?)),
            kind::DECIMAL128 => Value::Decimal128(*self.array()?),
            kind::MAX_KEY => Value::MaxKey,
            kind::MIN_KEY => Value::MinKey,
            _ => return Err(NotValidated),
        })
    }

    fn binary(&mut self) -> Result<Value<'a>, NotValidated> {
        let length = self.u32()?;
        let [subtype] = *self.array()?;
        let bytes = self.take(length)?;
        let bytes = if subtype == kind::BINARY_OLD { bytes.get(4..).ok_or(NotValidated)? } else { bytes };
        Ok(Value::Binary { subtype, bytes })
    }

    fn string(&mut self) -> Result<&'a [u8], NotValidated> {
        let length = self.u32()?;
        let (_, text) = self.take(length)?.split_last().ok_or(NotValidated)?;
        Ok(text)
    }

    fn document(&mut self) -> Result<&'a [u8], NotValidated> {
        let length = u32::from_le_bytes(*self.rest.first_chunk().ok_or(NotValidated)?);
        self.take(length)
    }

    #[inline]
    fn text_to_zero(&mut self) -> Result<&'a [u8], NotValidated> {
        let zero = super::scan::zero(self.rest, 0).ok_or(NotValidated)?.at;
        let text = &self.rest[..zero];
        self.rest = &self.rest[zero + 1..];
        Ok(text)
    }

    fn u32(&mut self) -> Result<u32, NotValidated> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], NotValidated> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(NotValidated)?;
        self.rest = rest;
        Ok(array)
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], NotValidated> {
        let (taken, rest) = self.rest.split_at_checked(length as usize).ok_or(NotValidated)?;
        self.rest = rest;
        Ok(taken)
    }
}
