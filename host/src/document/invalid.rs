//! What can be wrong with bytes that claim to be a document, one sentence each.

use super::validate::MAX_DEPTH;
use crate::worker::protocol::MAX_DOCUMENT;

/// Why bytes are not a document that may be stored. Positions count from the document's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Too few bytes for any document.
    #[error("{0} bytes are too few for a document")]
    TooShort(usize),
    /// More bytes than MongoDB stores.
    #[error("a document of {0} bytes, where {MAX_DOCUMENT} is the most")]
    TooLarge(usize),
    /// The length at its beginning is not its length.
    #[error("the document says that it has {said} bytes, but it has {has}")]
    WrongLength {
        /// What it says.
        said: u32,
        /// What it has.
        has: usize,
    },
    /// The document or array that begins there does not end with a zero byte.
    #[error("the document at byte {0} does not end with a zero byte")]
    NotTerminated(usize),
    /// The value that begins there ends outside of its document.
    #[error("the value at byte {0} does not end within its document")]
    PastEnd(usize),
    /// The type of an element means nothing.
    #[error("the element at byte {at} has the unknown type {kind:#04x}")]
    UnknownType {
        /// Where the element begins.
        at: usize,
        /// Its type.
        kind: u8,
    },
    /// A key, or a part of a regular expression, has no zero byte at its end.
    #[error("the key or pattern at byte {0} has no zero byte at its end")]
    OpenText(usize),
    /// A key, or a part of a regular expression, is not UTF-8.
    #[error("the key or pattern at byte {0} is not UTF-8")]
    KeyNotUtf8(usize),
    /// A string has no zero byte where its length says.
    #[error("the string at byte {0} has no zero byte at its end")]
    OpenString(usize),
    /// A string is not UTF-8.
    #[error("the string at byte {0} is not UTF-8")]
    StringNotUtf8(usize),
    /// A boolean is neither 0 nor 1.
    #[error("the boolean at byte {at} is {value}, neither 0 nor 1")]
    Boolean {
        /// Where it stands.
        at: usize,
        /// What it is.
        value: u8,
    },
    /// Binary data of subtype 2 whose inner length is not that of what follows.
    #[error("the binary data at byte {0} has an inner length that is not its own")]
    OldBinary(usize),
    /// The parts of a code with scope do not add up to its length.
    #[error("the code with scope at byte {0} has a length that is not that of its parts")]
    Scope(usize),
    /// Deeper than [`MAX_DEPTH`].
    #[error("the document at byte {0} nests deeper than {MAX_DEPTH} levels")]
    TooDeep(usize),
    /// The first element is not `_id`.
    #[error("the first element is not _id")]
    IdNotFirst,
    /// A second `_id`.
    #[error("the element at byte {0} is a second _id")]
    SecondId(usize),
    /// An `_id` of a type that none may have.
    #[error("the _id is {0}, which MongoDB does not take as one")]
    IdType(&'static str),
    /// The document that is the `_id` has a key that begins with `$`.
    #[error("the _id holds a key that begins with $, which MongoDB does not take")]
    IdDollarKey,
}
