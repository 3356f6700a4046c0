//! The documents of one row or message, as a worker hands them over: one after another, each checked and numbered in place.

use super::{DocumentId, IdError, validate};
use crate::worker::protocol::MAX_DOCUMENT;
use std::ops::Range;

/// One document of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where it is.
    pub range: Range<usize>,
    /// It came with an `_id` of the app's own.
    pub own_id: bool,
}

/// What is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A document that an app can make without breaking anything: the sentence rejects the row.
    Document(String),
    /// Bytes behind the last document: no honest worker sends them.
    Behind(usize),
}

/// Checks `count` documents that fill `range` of a payload, and writes over the placeholder of each what `number` answers for
/// its index. `take` is given each in turn.
///
/// # Errors
/// See [`Fault`]; what was given to `take` before is void.
pub fn check_row(
    payload: &mut [u8],
    range: Range<usize>,
    count: u32,
    number: impl Fn(u16) -> Result<DocumentId, IdError>,
    mut take: impl FnMut(Placed),
) -> Result<(), Fault> {
    let mut at = range.start;
    for index in 0..count {
        let checked = document_at(&payload[at..range.end]).and_then(|length| {
            let document = &mut payload[at..at + length];
            let own_id = validate(document).map_err(|invalid| invalid.to_string())?.own_id;
            if own_id && DocumentId::of_document(document).is_some() {
                return Err(
                    "its _id is an ObjectId of before 2004, which is how the host numbers documents: take a newer one, or \
                     leave _id out"
                        .into(),
                );
            }
            if !own_id {
                let id = u16::try_from(index).map_err(|_| IdError::Index(index)).and_then(&number);
                id.and_then(|id| id.number_in_place(document)).map_err(|error| error.to_string())?;
            }
            Ok((length, own_id))
        });
        match checked {
            Ok((length, own_id)) => {
                take(Placed { range: at..at + length, own_id });
                at += length;
            }
            Err(why) => {
                return Err(Fault::Document(format!("document {} cannot be stored: {why}", index + 1)));
            }
        }
    }
    if at == range.end { Ok(()) } else { Err(Fault::Behind(range.end - at)) }
}

/// The length of the document that `bytes` begin with.
fn document_at(bytes: &[u8]) -> Result<usize, String> {
    let length = bytes.first_chunk::<4>().map(|word| u32::from_le_bytes(*word) as usize);
    match length {
        Some(length) if length > MAX_DOCUMENT => {
            Err(format!("it has {length} bytes, where a document may have {MAX_DOCUMENT}"))
        }
        Some(length) if (5..=bytes.len()).contains(&length) => Ok(length),
        Some(length) => Err(format!("it says that it has {length} bytes, but {} came", bytes.len())),
        None => Err(format!("only {} bytes came", bytes.len())),
    }
}
