//! BSON values that Rust has no type for, and a reader of BSON documents.
//!
//! The types here go into a document like any other field:
//!
//! ```
//! use mysimbdp_plugin_api::bson::{DateTime, Decimal128, ObjectId};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! struct Trip {
//!     vehicle: ObjectId,
//!     pickup: DateTime,
//!     fare: Decimal128,
//! }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trip = Trip {
//!     vehicle: "65a1f3c2b4d5e6f708192a3b".parse()?,
//!     pickup: "2024-05-01T08:30:00Z".parse()?,
//!     fare: "12.50".parse()?,
//! };
//! # assert_eq!(trip.pickup.millis(), 1_714_552_200_000);
//! # Ok(()) }
//! ```
//!
//! They also come out of rows: `row.parse::<T>()` reads a [`DateTime`] from RFC 3339, a [`Decimal128`] from digits and an
//! [`ObjectId`] from 24 hexadecimal digits. Values of the `bson` crate are taken as well.

mod binary;
mod date_time;
mod decimal128;
mod object_id;
mod read;

pub use binary::Binary;
pub use date_time::{DateTime, DateTimeError};
pub use decimal128::{Decimal128, Decimal128Error};
pub use object_id::{ObjectId, ObjectIdError};
pub use read::{DocumentRef, Fields, ValueRef};

/// Type bytes of elements.
pub(crate) mod kind {
    pub(crate) const DOUBLE: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const DOCUMENT: u8 = 0x03;
    pub(crate) const ARRAY: u8 = 0x04;
    pub(crate) const BINARY: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const OBJECT_ID: u8 = 0x07;
    pub(crate) const BOOL: u8 = 0x08;
    pub(crate) const DATE_TIME: u8 = 0x09;
    pub(crate) const NULL: u8 = 0x0a;
    pub(crate) const REGEX: u8 = 0x0b;
    pub(crate) const DB_POINTER: u8 = 0x0c;
    pub(crate) const CODE: u8 = 0x0d;
    pub(crate) const SYMBOL: u8 = 0x0e;
    pub(crate) const CODE_WITH_SCOPE: u8 = 0x0f;
    pub(crate) const INT32: u8 = 0x10;
    pub(crate) const TIMESTAMP: u8 = 0x11;
    pub(crate) const INT64: u8 = 0x12;
    pub(crate) const DECIMAL128: u8 = 0x13;
    pub(crate) const MAX_KEY: u8 = 0x7f;
    pub(crate) const MIN_KEY: u8 = 0xff;

    /// For sentences.
    pub(crate) fn name(kind: u8) -> &'static str {
        match kind {
            DOUBLE => "a number",
            INT32 | INT64 => "an integer",
            STRING => "a string",
            DOCUMENT => "a document",
            ARRAY => "an array",
            BINARY => "a binary",
            UNDEFINED => "undefined",
            OBJECT_ID => "an ObjectId",
            BOOL => "a bool",
            DATE_TIME => "a date",
            NULL => "null",
            REGEX => "a regular expression",
            TIMESTAMP => "a timestamp",
            DECIMAL128 => "a decimal128",
            _ => "a value of this type",
        }
    }
}

/// Names of newtypes by which the serializer knows the types of this module.
pub(crate) mod newtype {
    pub(crate) const DATE_TIME: &str = "$mysimbdp::DateTime";
    pub(crate) const OBJECT_ID: &str = "$mysimbdp::ObjectId";
    pub(crate) const DECIMAL128: &str = "$mysimbdp::Decimal128";
    pub(crate) const BINARY: &str = "$mysimbdp::Binary";
    /// Those of the `bson` crate. Should it rename them, its UUIDs become plain binaries, and a test here fails.
    pub(crate) const BSON_UUID: &str = "$__bson_private_uuid";
    pub(crate) const BSON_RAW_DOCUMENT: &str = "$__private__bson_RawDocument";
    pub(crate) const BSON_RAW_ARRAY: &str = "$__private__bson_RawArray";

    #[inline]
    pub(crate) fn is_special(name: &str) -> bool {
        name.starts_with('$')
    }
}

/// Bytes for serde: `&[u8]` alone would be a sequence of numbers.
pub(crate) struct RawBytes<'a>(pub(crate) &'a [u8]);

impl serde::Serialize for RawBytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
