//! Binary values with a subtype.

use super::{RawBytes, newtype};
use serde::{Serialize, Serializer};
use std::fmt;

/// Bytes with a BSON subtype. (Bytes of subtype 0 need no such wrapper: `serde_bytes` does it too.)
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Binary {
    /// The subtype, then the bytes: as the serializer wants them.
    raw: Vec<u8>,
}

impl Binary {
    /// Subtype of plain bytes.
    pub const GENERIC: u8 = 0;
    /// Subtype of a UUID in network byte order.
    pub const UUID: u8 = 4;
    /// The first of the subtypes that are free for users.
    pub const USER_DEFINED: u8 = 128;

    /// Bytes of this subtype. Subtype 2, the outdated form of plain bytes, becomes subtype 0.
    pub fn new(subtype: u8, bytes: &[u8]) -> Binary {
        let subtype = if subtype == 2 { Binary::GENERIC } else { subtype };
        let mut raw = Vec::with_capacity(bytes.len() + 1);
        raw.push(subtype);
        raw.extend_from_slice(bytes);
        Binary { raw }
    }

    /// A UUID, given as its sixteen bytes.
    pub fn uuid(uuid: [u8; 16]) -> Binary {
        Binary::new(Binary::UUID, &uuid)
    }

    /// The subtype.
    pub fn subtype(&self) -> u8 {
        self.raw[0]
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.raw[1..]
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binary").field("subtype", &self.subtype()).field("bytes", &self.bytes()).finish()
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(newtype::BINARY, &RawBytes(&self.raw))
    }
}
