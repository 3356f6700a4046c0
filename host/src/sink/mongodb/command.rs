//! The `insert` command as raw bytes, and how many documents go into one. Pure.
//!
//! ```text
//!   { insert: <collection>, ordered: false, writeConcern: { w, j, wtimeout }, documents: [ … ] }
//!                                                                            "0": bytes, "1": bytes, …
//! ```
//! The documents come last: their bytes are copied behind a head that is the same for every command of a collection.

use super::settings::Acknowledged;
use super::{Settings, SettingsError};
use crate::worker::protocol::MAX_DOCUMENT;
use bson::{RawDocumentBuf, rawdoc};
use std::ops::Range;

/// Most bytes of documents in a command: MongoDB takes 16 MiB and 16 KiB for all of it. The latter are for the head, what the
/// driver adds, and the keys of the array.
pub(super) const MAX_COMMAND_BYTES: usize = 16 << 20;
/// Most documents in a command, as MongoDB has it.
pub(super) const MAX_COMMAND_DOCUMENTS: usize = 100_000;
/// Most bytes that the array costs for a document: its type, its key of up to five digits, the zero byte behind it.
const PER_DOCUMENT: usize = 7;

/// Everything of a collection's `insert` command but its documents.
#[derive(Clone, Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
}

/// The write concern of every command that changes something.
pub(super) fn write_concern(settings: &Settings) -> Result<RawDocumentBuf, SettingsError> {
    let within = i64::try_from(settings.acknowledged_within.as_millis()).unwrap_or(i64::MAX);
    let mut concern = match settings.acknowledged {
        Acknowledged::Majority => rawdoc! { "w": "majority" },
        Acknowledged::Members(members) => {
            let members = i32::try_from(members);
            rawdoc! { "w": members.map_err(|_| SettingsError("there are no so many members to acknowledge".into()))? }
        }
    };
    concern.append(bson::raw::cstr!("j"), settings.journal);
    concern.append(bson::raw::cstr!("wtimeout"), within);
    Ok(concern)
}

impl Head {
    pub(super) fn of(collection: &str, concern: &RawDocumentBuf) -> Head {
        let mut bytes =
            rawdoc! { "insert": collection, "ordered": false, "writeConcern": concern.clone() }.into_bytes();
        // Its end, behind which more is to come.
        bytes.pop();
        bytes.push(0x04);
        bytes.extend_from_slice(b"documents\0");
        Head { bytes }
    }

    /// The command that inserts these documents.
    ///
    /// # Errors
    /// They have more bytes than a BSON document may; [`portion`] gives no so many.
    pub(super) fn insert<'d>(
        &self,
        documents: impl ExactSizeIterator<Item = &'d [u8]> + Clone,
    ) -> Result<RawDocumentBuf, String> {
        let content: usize = documents.clone().map(<[u8]>::len).sum();
        let mut bytes = Vec::with_capacity(self.bytes.len() + content + documents.len() * PER_DOCUMENT + 64);
        bytes.extend_from_slice(&self.bytes);
        let array = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        let mut digits = itoa::Buffer::new();
        for (index, document) in documents.enumerate() {
            bytes.push(0x03);
            bytes.extend_from_slice(digits.format(index).as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(document);
        }
        bytes.push(0);
        set_length(&mut bytes, array)?;
        bytes.push(0);
        set_length(&mut bytes, 0)?;
        RawDocumentBuf::from_bytes(bytes).map_err(|error| error.to_string())
    }
}

/// Writes the length of what begins at `at` and ends with the last byte.
fn set_length(bytes: &mut [u8], at: usize) -> Result<(), String> {
    let length = i32::try_from(bytes.len() - at).map_err(|_| "the command is too long for BSON".to_owned())?;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// How many documents, from the first of these lengths on, go into one command: at least one.
pub(super) fn portion(lengths: impl Iterator<Item = usize>, most_bytes: usize, most_documents: usize) -> usize {
    let mut bytes = 0;
    let fits = |length: usize| {
        bytes += length + PER_DOCUMENT;
        bytes <= most_bytes
    };
    lengths.take(most_documents.min(MAX_COMMAND_DOCUMENTS)).map(fits).take_while(|fits| *fits).count().max(1)
}

/// The documents that can be sent, as ranges without those that MongoDB could not store whatever happens.
pub(super) fn sendable(lengths: &[usize]) -> (Vec<Range<usize>>, Vec<usize>) {
    let (mut ranges, mut too_long) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for (index, length) in lengths.iter().enumerate() {
        if *length > MAX_DOCUMENT {
            ranges.push(begin..index);
            too_long.push(index);
            begin = index + 1;
        }
    }
    ranges.push(begin..lengths.len());
    ranges.retain(|range| !range.is_empty());
    (ranges, too_long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Document, doc};

    #[test]
    fn the_command_is_what_the_driver_would_have_made_of_it() {
        let documents = [doc! { "_id": 1, "text": "a" }, doc! { "_id": 2 }, doc! { "_id": 3, "deep": { "b": [1] } }];
        let bytes = documents.clone().map(|document| document.to_vec().unwrap());
        let concern = write_concern(&Settings::new("mongodb://localhost")).unwrap();
        let command = Head::of("trips", &concern).insert(bytes.iter().map(Vec::as_slice)).unwrap();
        let expected = doc! {
            "insert": "trips", "ordered": false,
            "writeConcern": { "w": "majority", "j": true, "wtimeout": 30_000_i64 },
            "documents": documents.to_vec(),
        };
        assert_eq!(Document::try_from(&command).unwrap(), expected);
        assert_eq!(command.as_bytes(), expected.to_vec().unwrap());
    }

    #[test]
    fn a_longest_document_fits_into_a_command_with_what_is_around_it() {
        let document = vec![0; MAX_DOCUMENT];
        let concern = write_concern(&Settings::new("mongodb://localhost")).unwrap();
        let command = Head::of(&"c".repeat(120), &concern).insert([document.as_slice()].into_iter()).unwrap();
        // Half of the 16 KiB are left for what the driver adds: session, cluster time, database.
        assert!(command.as_bytes().len() < MAX_COMMAND_BYTES + (8 << 10));
    }

    #[test]
    fn a_command_is_filled_up_to_its_bounds_and_has_at_least_one_document() {
        assert_eq!(portion([10, 10, 10].into_iter(), 1000, 1000), 3);
        assert_eq!(portion([10, 10, 10].into_iter(), 2 * (10 + PER_DOCUMENT), 1000), 2);
        assert_eq!(portion([10, 10, 10].into_iter(), 2 * (10 + PER_DOCUMENT) - 1, 1000), 1);
        assert_eq!(portion([10, 10, 10].into_iter(), 1000, 2), 2);
        assert_eq!(portion([5000, 10].into_iter(), 1000, 2), 1);
    }

    #[test]
    fn documents_over_16_mib_are_left_out() {
        let long = MAX_DOCUMENT + 1;
        let all: Range<usize> = 0..3;
        assert_eq!(sendable(&[5, MAX_DOCUMENT, 5]), (vec![all], vec![]));
        assert_eq!(sendable(&[long, 5, long, long, 5]), (vec![1..2, 4..5], vec![0, 2, 3]));
        assert_eq!(sendable(&[long]), (vec![], vec![0]));
    }
}
