//! Any `serde::Serialize` straight to BSON bytes, into a buffer that is used again and again.
//!
//! ```text
//!   document  = length: i32 | element* | 0
//!   element   = type: u8 | key bytes | 0 | value
//! ```
//!
//! serde names a key before it knows the value's type, so the type byte is written as 0 and patched by the value. The
//! length of a document is patched at its end. Nothing else is ever moved, except for a document's own `_id`.
//!
//! # `_id`
//! The first element of the top document is its `_id`: a placeholder of twelve zero bytes that the host overwrites, or
//! the app's own, moved to the front. An own `_id` that is `None` or `()` counts as not given.
//!
//! # How Rust becomes BSON
//! | Rust | BSON |
//! |---|---|
//! | `i8 i16 i32 u8 u16` | int32 |
//! | `u32 i64 u64` | int64; a `u64` above `i64::MAX` is refused |
//! | `i128 u128` | int64 where it fits, else decimal128 up to 34 digits, else refused |
//! | `f32 f64` | double |
//! | `str char`, unit variant | string |
//! | `None`, `()` | null |
//! | bytes | binary, subtype 0 |
//! | sequence, tuple | array |
//! | struct, map | document; keys are strings, numbers, `bool`, `char` or unit variants |
//! | other variants | `{ "Variant": value }` |
//! | the types of [`bson`](crate::bson) and of the `bson` crate | date, ObjectId, decimal128, binary, … |
//!
//! This is what the `bson` crate makes of the same value, so what it reads back fits the same struct.

mod buffer;
mod document;
mod element;
mod error;
mod id;
mod key;
mod special;

pub(crate) use buffer::Buffer;
pub(crate) use error::SerError;
pub(crate) use id::ID_PLACEHOLDER;

use crate::bson::kind;
use element::ElementSerializer;
use serde::Serialize;

/// Largest document, as MongoDB has it: 16 MiB.
pub(crate) const MAX_DOCUMENT: usize = 16 * 1024 * 1024;
/// Deepest nesting of documents and arrays, the top document being the first.
pub(crate) const MAX_DEPTH: u32 = 100;

/// Replaces what is in `out` by `value` as one BSON document that begins with its `_id`.
///
/// # Errors
/// `value` is not a struct or map, or holds something that BSON or a sink cannot. `out` is then garbage.
#[inline]
pub(crate) fn to_document<T: Serialize + ?Sized>(value: &T, out: &mut Buffer) -> Result<(), SerError> {
    out.clear();
    let mut writer = Writer { out, depth: 0, type_at: Writer::TOP, own_id: false };
    value.serialize(ElementSerializer::new(&mut writer))?;
    if writer.out.len() > MAX_DOCUMENT {
        return Err(SerError::too_large());
    }
    Ok(())
}

/// The bytes, and where in them the serializer stands.
struct Writer<'a> {
    out: &'a mut Buffer,
    /// Containers that are open.
    depth: u32,
    /// Where the type byte of the element in work stands; [`Writer::TOP`] for the whole document.
    type_at: usize,
    /// The top document has an `_id` of the app's.
    own_id: bool,
}

impl Writer<'_> {
    const TOP: usize = usize::MAX;

    /// Gives the element in work its type.
    #[inline]
    fn set_kind(&mut self, kind: u8) -> Result<(), SerError> {
        match self.out.written_mut().get_mut(self.type_at) {
            Some(byte) => {
                *byte = kind;
                Ok(())
            }
            None => Err(SerError::not_a_document(kind::name(kind))),
        }
    }

    /// Writes a value of fixed size.
    #[inline]
    fn fixed<const N: usize>(&mut self, kind: u8, value: [u8; N]) -> Result<(), SerError> {
        self.set_kind(kind)?;
        self.out.extend_array(value);
        Ok(())
    }

    #[inline]
    fn string(&mut self, text: &str) -> Result<(), SerError> {
        self.set_kind(kind::STRING)?;
        let length = self.length_of(text.len(), 1)?;
        if let Some((head, tail)) = self.out.append(4 + text.len() + 1).split_first_chunk_mut() {
            *head = length.to_le_bytes();
            if let Some((nul, body)) = tail.split_last_mut() {
                *nul = 0;
                buffer::copy(body, text.as_bytes());
            }
        }
        Ok(())
    }

    fn binary(&mut self, subtype: u8, bytes: &[u8]) -> Result<(), SerError> {
        self.set_kind(kind::BINARY)?;
        let length = self.length_of(bytes.len(), 0)?;
        self.out.extend_array(length.to_le_bytes());
        self.out.push(subtype);
        self.out.extend(bytes);
        Ok(())
    }

    /// `len + more` as the length field of a value, where the document may still grow by as much.
    #[inline]
    fn length_of(&self, len: usize, more: i32) -> Result<i32, SerError> {
        if self.out.len().saturating_add(len) >= MAX_DOCUMENT {
            return Err(SerError::too_large());
        }
        i32::try_from(len).map(|length| length + more).map_err(|_| SerError::too_large())
    }

    /// Begins an element named `key`; its value follows.
    #[inline]
    fn key(&mut self, key: &str) -> Result<(), SerError> {
        if buffer::has_nul(key.as_bytes()) {
            return Err(SerError::nul_in_key(key));
        }
        self.type_at = self.out.len();
        if let [kind, name @ .., nul] = self.out.append(key.len() + 2) {
            (*kind, *nul) = (0, 0);
            buffer::copy(name, key.as_bytes());
        }
        Ok(())
    }

    /// Opens a document or an array as the value of the element in work. Returns where it starts.
    #[inline]
    fn open(&mut self, kind: u8) -> Result<usize, SerError> {
        if self.depth == MAX_DEPTH {
            return Err(SerError::too_deep());
        }
        if self.depth == 0 {
            if kind != kind::DOCUMENT {
                return Err(SerError::not_a_document("an array"));
            }
        } else {
            self.set_kind(kind)?;
        }
        let start = self.out.len();
        self.out.extend_array([0; 4]);
        if self.depth == 0 {
            self.out.extend_array(ID_PLACEHOLDER);
        }
        self.depth += 1;
        Ok(start)
    }

    /// Closes what was opened at `start`.
    #[inline]
    fn close(&mut self, start: usize) -> Result<(), SerError> {
        self.out.push(0);
        self.depth -= 1;
        let length = self.out.len() - start;
        if length > MAX_DOCUMENT {
            return Err(SerError::too_large());
        }
        let length = i32::try_from(length).map_err(|_| SerError::too_large())?;
        self.out.written_mut()[start..start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
