//! The type byte of a BSON element, and how long the values of each type are.

/// 64-bit binary floating point.
pub(super) const DOUBLE: u8 = 0x01;
/// Length, UTF-8, zero byte.
pub(super) const STRING: u8 = 0x02;
/// A document in the document.
pub(super) const DOCUMENT: u8 = 0x03;
/// A document whose keys mean nothing.
pub(super) const ARRAY: u8 = 0x04;
/// Length, subtype, bytes.
pub(super) const BINARY: u8 = 0x05;
/// Deprecated; no value.
pub(super) const UNDEFINED: u8 = 0x06;
/// Twelve bytes.
pub(super) const OBJECT_ID: u8 = 0x07;
/// One byte, 0 or 1.
pub(super) const BOOL: u8 = 0x08;
/// Milliseconds since 1970-01-01T00:00:00Z, signed.
pub(super) const DATE: u8 = 0x09;
/// No value.
pub(super) const NULL: u8 = 0x0a;
/// Pattern and options, each ended by a zero byte.
pub(super) const REGEX: u8 = 0x0b;
/// Deprecated; a string and twelve bytes.
pub(super) const DB_POINTER: u8 = 0x0c;
/// A string.
pub(super) const CODE: u8 = 0x0d;
/// Deprecated; a string.
pub(super) const SYMBOL: u8 = 0x0e;
/// Length of all, a string, a document.
pub(super) const CODE_WITH_SCOPE: u8 = 0x0f;
/// Four bytes.
pub(super) const INT32: u8 = 0x10;
/// Increment and seconds, four bytes each.
pub(super) const TIMESTAMP: u8 = 0x11;
/// Eight bytes.
pub(super) const INT64: u8 = 0x12;
/// IEEE 754-2008 decimal, binary encoding of the coefficient.
pub(super) const DECIMAL128: u8 = 0x13;
/// No value; greater than every other.
pub(super) const MAX_KEY: u8 = 0x7f;
/// No value; less than every other.
pub(super) const MIN_KEY: u8 = 0xff;

/// The subtype of binary data that has a second length inside.
pub(super) const BINARY_OLD: u8 = 0x02;

/// [`FIXED`] says this of a type whose length stands in the value, that needs a look into it, or that does not exist.
pub(super) const VARIABLE: u8 = u8::MAX;

/// How many bytes a value of each type has, where the type alone tells.
pub(super) static FIXED: [u8; 256] = {
    let mut fixed = [VARIABLE; 256];
    fixed[DOUBLE as usize] = 8;
    fixed[UNDEFINED as usize] = 0;
    fixed[OBJECT_ID as usize] = 12;
    fixed[DATE as usize] = 8;
    fixed[NULL as usize] = 0;
    fixed[INT32 as usize] = 4;
    fixed[TIMESTAMP as usize] = 8;
    fixed[INT64 as usize] = 8;
    fixed[DECIMAL128 as usize] = 16;
    fixed[MAX_KEY as usize] = 0;
    fixed[MIN_KEY as usize] = 0;
    fixed
};
