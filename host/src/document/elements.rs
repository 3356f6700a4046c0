//! Reads the elements of a validated document one after another, borrowing everything.
//!
//! Whoever reads asks for the next key and its type, then for a value of that type: nothing is gathered into a value of
//! any type first, which would cost more than the reading. It neither panics nor reads outside of what it was given,
//! whatever that is; on bytes that were never validated it may end with [`NotValidated`] or yield text that is not UTF-8.

use super::kind::{self, FIXED, VARIABLE};
use super::scan::zero;

/// What was to be read had never passed [`validate`](super::validate::validate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a validated document: whoever handed them over must validate them first")]
pub struct NotValidated;

/// The elements of one document, without those of the documents in it.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Starts before the first element of `document`.
    #[inline]
    pub(super) fn of(document: &'a [u8]) -> Result<Elements<'a>, NotValidated> {
        let rest = document.get(4..document.len().saturating_sub(1)).ok_or(NotValidated)?;
        Ok(Elements { rest })
    }

    /// Type and key of the next element, or `None` behind the last. Its value is to be read before the next.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, NotValidated> {
        let Some((kind, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        Ok(Some((*kind, self.text_to_zero()?)))
    }

    /// A string, code or symbol, without its zero byte.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], NotValidated> {
        let length = self.u32()?;
        let (_, text) = self.take(length)?.split_last().ok_or(NotValidated)?;
        Ok(text)
    }

    /// A document or array, whole.
    #[inline]
    pub(super) fn document(&mut self) -> Result<&'a [u8], NotValidated> {
        let length = u32::from_le_bytes(*self.rest.first_chunk().ok_or(NotValidated)?);
        self.take(length)
    }

    /// Subtype and bytes of binary data.
    pub(super) fn binary(&mut self) -> Result<(u8, &'a [u8]), NotValidated> {
        let length = self.u32()?;
        let [subtype] = *self.array()?;
        let bytes = self.take(length)?;
        let bytes = if subtype == kind::BINARY_OLD { bytes.get(4..).ok_or(NotValidated)? } else { bytes };
        Ok((subtype, bytes))
    }

    /// Text up to a zero byte, without it: a key, or a part of a regular expression.
    #[inline]
    pub(super) fn text_to_zero(&mut self) -> Result<&'a [u8], NotValidated> {
        let zero = zero(self.rest, 0).ok_or(NotValidated)?.at;
        let text = &self.rest[..zero];
        self.rest = &self.rest[zero + 1..];
        Ok(text)
    }

    /// Four bytes as a number.
    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, NotValidated> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    /// A value, or part of one, of `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], NotValidated> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(NotValidated)?;
        self.rest = rest;
        Ok(array)
    }

    /// Passes over a value of type `kind`. Returns the document in it where there is one.
    pub(super) fn inner(&mut self, kind: u8) -> Result<Option<&'a [u8]>, NotValidated> {
        match kind {
            kind::DOCUMENT | kind::ARRAY => return self.document().map(Some),
            kind::CODE_WITH_SCOPE => {
                self.take(4)?;
                self.string()?;
                return self.document().map(Some);
            }
            kind::STRING | kind::CODE | kind::SYMBOL => drop(self.string()?),
            kind::BINARY => drop(self.binary()?),
            kind::BOOL => drop(self.take(1)?),
            kind::REGEX => drop((self.text_to_zero()?, self.text_to_zero()?)),
            kind::DB_POINTER => drop((self.string()?, self.take(12)?)),
            _ => match FIXED[usize::from(kind)] {
                VARIABLE => return Err(NotValidated),
                length => drop(self.take(u32::from(length))?),
            },
        }
        Ok(None)
    }

    #[inline]
    fn take(&mut self, length: u32) -> Result<&'a [u8], NotValidated> {
        let (taken, rest) = self.rest.split_at_checked(length as usize).ok_or(NotValidated)?;
        self.rest = rest;
        Ok(taken)
    }
}
