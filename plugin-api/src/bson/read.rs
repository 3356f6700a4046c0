//! A reader of BSON documents that borrows what it reads: for message headers, and for the documents that checks and
//! metadata apps are shown.
//!
//! It trusts nothing: where the bytes are not BSON, a document simply ends there.

use super::{DateTime, Decimal128, ObjectId, kind};

/// A BSON document in borrowed bytes.
///
/// ```
/// use mysimbdp_plugin_api::bson::{DocumentRef, ValueRef};
///
/// let bytes = b"\x12\0\0\0\x10retries\0\x03\0\0\0\0";
/// let headers = DocumentRef::new(bytes);
/// assert_eq!(headers.get("retries").and_then(|value| value.as_i64()), Some(3));
/// assert!(headers.iter().all(|(key, value)| key == "retries" && value == ValueRef::Int32(3)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DocumentRef<'a> {
    bytes: &'a [u8],
}

/// A value of a [`DocumentRef`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A double.
    Double(f64),
    /// A string.
    String(&'a str),
    /// A nested document.
    Document(DocumentRef<'a>),
    /// An array: a document whose keys are "0", "1", ….
    Array(DocumentRef<'a>),
    /// Bytes and their subtype.
    Binary {
        /// The subtype.
        subtype: u8,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// An ObjectId.
    ObjectId(ObjectId),
    /// A bool.
    Bool(bool),
    /// A date.
    DateTime(DateTime),
    /// Null, or undefined.
    Null,
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// MongoDB's internal timestamp.
    Timestamp(u64),
    /// An exact decimal number.
    Decimal128(Decimal128),
    /// A value of another type, with its type byte.
    Other(u8),
}

impl<'a> ValueRef<'a> {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            ValueRef::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a 32-bit or 64-bit integer.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            ValueRef::Int32(value) => Some(value.into()),
            ValueRef::Int64(value) => Some(value),
            _ => None,
        }
    }

    /// The value of any number; a 64-bit integer is rounded where it must be.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            ValueRef::Double(value) => Some(value),
            ValueRef::Int32(value) => Some(value.into()),
            ValueRef::Int64(value) => Some(value as f64),
            _ => None,
        }
    }

    /// The value of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            ValueRef::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A nested document.
    pub fn as_document(&self) -> Option<DocumentRef<'a>> {
        match *self {
            ValueRef::Document(document) => Some(document),
            _ => None,
        }
    }
}

impl<'a> DocumentRef<'a> {
    /// A document in `bytes`, which begin with its length.
    pub fn new(bytes: &'a [u8]) -> DocumentRef<'a> {
        DocumentRef { bytes }
    }

    /// The bytes of the document.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The value of the first field of this name.
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        self.iter().find(|&(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value at the end of a path of nested documents and arrays: `document.at("address.lines.0")`.
    pub fn at(&self, path: &str) -> Option<ValueRef<'a>> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let value = self.get(first)?;
        match (rest, value) {
            (None, value) => Some(value),
            (Some(rest), ValueRef::Document(inner) | ValueRef::Array(inner)) => inner.at(rest),
            _ => None,
        }
    }

    /// The fields in their order.
    pub fn iter(&self) -> Fields<'a> {
        let body = match self.bytes.first_chunk::<4>().map(|length| i32::from_le_bytes(*length)) {
            Some(length) => usize::try_from(length).ok().and_then(|length| self.bytes.get(4..length)),
            None => None,
        };
        Fields { rest: body.unwrap_or_default() }
    }
}

impl<'a> IntoIterator for DocumentRef<'a> {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

/// The fields of a [`DocumentRef`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        field
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<(&'a str, ValueRef<'a>)> {
        let kind = self.take(1)?[0];
        if kind == 0 {
            return None;
        }
        let key = self.c_string()?;
        let value = match kind {
            kind::DOUBLE => ValueRef::Double(f64::from_le_bytes(self.array()?)),
            kind::STRING | kind::CODE | kind::SYMBOL => {
                let length = self.length()?;
                let text = self.take(length)?.split_last()?.1;
                let text = std::str::from_utf8(text).ok()?;
                if kind == kind::STRING { ValueRef::String(text) } else { ValueRef::Other(kind) }
            }
            kind::DOCUMENT | kind::ARRAY | kind::CODE_WITH_SCOPE => {
                let length = usize::try_from(i32::from_le_bytes(*self.rest.first_chunk()?)).ok()?;
                let document = DocumentRef::new(self.take(length)?);
                match kind {
                    kind::DOCUMENT => ValueRef::Document(document),
                    kind::ARRAY => ValueRef::Array(document),
                    _ => ValueRef::Other(kind),
                }
            }
            kind::BINARY => {
                let length = self.length()?;
                let subtype = self.take(1)?[0];
                ValueRef::Binary { subtype, bytes: self.take(length)? }
            }
            kind::OBJECT_ID => ValueRef::ObjectId(ObjectId::from_bytes(self.array()?)),
            kind::BOOL => ValueRef::Bool(self.take(1)?[0] != 0),
            kind::DATE_TIME => ValueRef::DateTime(DateTime::from_millis(i64::from_le_bytes(self.array()?))),
            kind::NULL | kind::UNDEFINED => ValueRef::Null,
            kind::INT32 => ValueRef::Int32(i32::from_le_bytes(self.array()?)),
            kind::INT64 => ValueRef::Int64(i64::from_le_bytes(self.array()?)),
            kind::TIMESTAMP => ValueRef::Timestamp(u64::from_le_bytes(self.array()?)),
            kind::DECIMAL128 => ValueRef::Decimal128(Decimal128::from_bytes(self.array()?)),
            kind::REGEX => {
                self.c_string()?;
                self.c_string()?;
                ValueRef::Other(kind)
            }
            kind::DB_POINTER => {
                let length = self.length()?;
                self.take(length.checked_add(12)?)?;
                ValueRef::Other(kind)
            }
            kind::MIN_KEY | kind::MAX_KEY => ValueRef::Other(kind),
            _ => return None,
        };
        Some((key, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.array()?)).ok()
    }

    fn c_string(&mut self) -> Option<&'a str> {
        let end = self.rest.iter().position(|&byte| byte == 0)?;
        let text = std::str::from_utf8(self.take(end)?).ok()?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use proptest::prelude::*;

    #[test]
    fn every_type_is_read_and_what_follows_it_too() {
        let document = doc! {
            "double": 1.5, "string": "text", "document": { "inner": [1, 2] }, "binary": bson::Binary {
                subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![7; 16] },
            "oid": bson::oid::ObjectId::from_bytes([9; 12]), "yes": true, "at": bson::DateTime::from_millis(5),
            "null": null, "regex": bson::Regex { pattern: "a".to_owned().try_into().unwrap(), options: "i".to_owned().try_into().unwrap() }, "code": bson::Bson::JavaScriptCode("x".into()),
            "i32": 3, "i64": 4_i64, "ts": bson::Timestamp { time: 1, increment: 2 },
            "decimal": "1.5".parse::<bson::Decimal128>().unwrap(), "min": bson::Bson::MinKey, "last": 1,
        };
        let bytes = document.to_vec().unwrap();
        let read = DocumentRef::new(&bytes);
        assert_eq!(read.iter().count(), 16);
        assert_eq!(read.at("document.inner.1"), Some(ValueRef::Int32(2)));
        assert_eq!(read.get("binary"), Some(ValueRef::Binary { subtype: 4, bytes: &[7; 16] }));
        assert_eq!(read.get("decimal").map(|it| format!("{it:?}")), Some("Decimal128(Decimal128(1.5))".into()));
        assert_eq!(read.get("last").and_then(|it| it.as_i64()), Some(1));
        assert_eq!(read.get("string").and_then(|it| it.as_str()), Some("text"));
        assert_eq!(read.get("absent"), None);
        assert!(DocumentRef::default().is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_some_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(DocumentRef::new(&bytes).iter().count() <= bytes.len());
        }
    }
}
