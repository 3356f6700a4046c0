//! The `_id` that the host gives to a document: where it came from, in the twelve bytes of an ObjectId.
//!
//! ```text
//!   of a row:      task: 5 bytes | row: 5 bytes | index: 2 bytes        big-endian, so that bytes sort as (task, row, index)
//!   of a message:  001 | 93 bits of a hash of what the message is and which of its documents this is
//! ```
//!
//! A retry gives the same document the same `_id`, which is what makes it harmless. Tasks count from 1, so that no number
//! is the placeholder of twelve zero bytes; and until there have been 2³² of them, every number begins with a zero byte,
//! while the ObjectIds that drivers make begin with the time in seconds.

use std::fmt;
use std::ops::RangeInclusive;

/// A numbered `_id`. Sorts as (task, row, index).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId([u8; DocumentId::LEN]);

/// Why there is no such `_id`, or none can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A task's number is not one of 1 to [`DocumentId::MAX_TASK`].
    #[error("{0} is not the number of a task: they go from 1 to {max}", max = DocumentId::MAX_TASK)]
    Task(u64),
    /// A row or message has no so many documents.
    #[error("{0} is not the index of a document: they go up to {max}", max = u16::MAX)]
    Index(u32),
    /// A row's number is above [`DocumentId::MAX_ROW`].
    #[error("{0} is not the number of a row: they go up to {max}", max = DocumentId::MAX_ROW)]
    Row(u64),
    /// The document does not begin with the placeholder.
    #[error("a document that does not begin with the placeholder of an _id cannot be numbered")]
    NoPlaceholder,
}

impl DocumentId {
    /// Bytes of an `_id`.
    pub const LEN: usize = 12;
    /// Greatest number of a task. Three bits less than there is room for: the first two are never set in an `_id` of ours, so
    /// that none is an ObjectId that a driver makes (those begin with the time, and the first byte has been 0x40 or more
    /// since 2004), and the third is set in those of messages.
    pub const MAX_TASK: u64 = (1 << 37) - 1;
    /// Greatest number of a row.
    pub const MAX_ROW: u64 = (1 << 40) - 1;
    /// Where the bytes of an `_id` stand in a document that begins with one: behind length, type and key.
    pub const OFFSET: usize = PREFIX.end;

    /// The `_id` of the `index`th document (from 0) of a row of a task.
    ///
    /// # Errors
    /// A number that does not fit its five bytes, or the task 0.
    pub fn new(task: u64, row: u64, index: u16) -> Result<DocumentId, IdError> {
        if task == 0 || task > DocumentId::MAX_TASK {
            return Err(IdError::Task(task));
        }
        if row > DocumentId::MAX_ROW {
            return Err(IdError::Row(row));
        }
        let mut bytes = [0; DocumentId::LEN];
        bytes[..5].copy_from_slice(&task.to_be_bytes()[3..]);
        bytes[5..10].copy_from_slice(&row.to_be_bytes()[3..]);
        bytes[10..].copy_from_slice(&index.to_be_bytes());
        Ok(DocumentId(bytes))
    }

    /// The `_id` of the `index`th document (from 0) of a message, of which `hash` is what makes it this message and no other.
    ///
    /// 93 bits are kept of it: among a billion documents of a collection, two of different messages have the same `_id` with
    /// a probability of 1 in 20 billion.
    pub fn of_message(hash: u128, index: u16) -> DocumentId {
        // The index is spread over all bits before any is dropped: documents of one message differ as messages do.
        let own = hash.wrapping_add(u128::from(index).wrapping_mul(SPREAD.rotate_left(64)));
        let mixed = own.wrapping_mul(SPREAD);
        let mixed = (mixed ^ (mixed >> 64)).wrapping_mul(SPREAD);
        let bytes = mixed.to_be_bytes();
        let mut id = [0; DocumentId::LEN];
        id.copy_from_slice(&bytes[..DocumentId::LEN]);
        id[0] = (id[0] & 0x1f) | MESSAGE_BIT;
        DocumentId(id)
    }

    /// It is a message's, so it tells of no task and no row.
    pub fn is_of_message(self) -> bool {
        self.0[0] & 0xe0 == MESSAGE_BIT
    }

    /// First and last `_id` that documents of a task can have: what is deleted before it is replayed.
    ///
    /// # Errors
    /// No such task.
    pub fn of_task(task: u64) -> Result<RangeInclusive<DocumentId>, IdError> {
        Ok(DocumentId::new(task, 0, 0)?..=DocumentId::new(task, DocumentId::MAX_ROW, u16::MAX)?)
    }

    /// The `_id` of a document that the host has numbered, or `None` where the first element is no ObjectId or is one
    /// that cannot be a number. An app that sets such an `_id` itself is refused, so there are no others.
    pub fn of_document(document: &[u8]) -> Option<DocumentId> {
        (document.get(PREFIX)? == OBJECT_ID_PREFIX).then_some(())?;
        DocumentId::from_bytes(*document.get(DocumentId::OFFSET..)?.first_chunk()?)
    }

    /// The `_id` in these bytes, or `None` where no task and no message has it.
    pub fn from_bytes(bytes: [u8; DocumentId::LEN]) -> Option<DocumentId> {
        let id = DocumentId(bytes);
        (id.is_of_message() || (1..=DocumentId::MAX_TASK).contains(&id.task())).then_some(id)
    }

    /// The `_id` in 24 hexadecimal digits.
    pub fn from_hex(digits: &str) -> Option<DocumentId> {
        let digits: &[u8; 2 * DocumentId::LEN] = digits.as_bytes().try_into().ok()?;
        let mut bytes = [0; DocumentId::LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        DocumentId::from_bytes(bytes)
    }

    /// Writes this `_id` over the placeholder at the beginning of a validated document, and touches nothing else.
    ///
    /// # Errors
    /// No placeholder stands there; nothing is written.
    #[inline]
    pub fn number_in_place(self, document: &mut [u8]) -> Result<(), IdError> {
        let at = DocumentId::OFFSET..DocumentId::OFFSET + DocumentId::LEN;
        if document.get(PREFIX) != Some(&OBJECT_ID_PREFIX) {
            return Err(IdError::NoPlaceholder);
        }
        match document.get_mut(at) {
            Some(placeholder) if placeholder == [0; DocumentId::LEN] => {
                placeholder.copy_from_slice(&self.0);
                Ok(())
            }
            _ => Err(IdError::NoPlaceholder),
        }
    }

    /// The task that the document came from.
    pub fn task(self) -> u64 {
        number(&self.0[..5])
    }

    /// The row of that task.
    pub fn row(self) -> u64 {
        number(&self.0[5..10])
    }

    /// Which document of that row, from 0.
    pub fn index(self) -> u16 {
        u16::from_be_bytes([self.0[10], self.0[11]])
    }

    /// Its bytes, as they stand in the document.
    pub fn bytes(self) -> [u8; DocumentId::LEN] {
        self.0
    }
}

/// Its 24 hexadecimal digits: they sort as the bytes do, and are the key of the embedded sink.
impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_of_message() {
            return write!(f, "DocumentId(message {self})");
        }
        write!(f, "DocumentId(task {}, row {}, index {})", self.task(), self.row(), self.index())
    }
}

/// The first three bits of the `_id` of a message's document.
const MESSAGE_BIT: u8 = 0x20;
/// Spreads a hash over all of its bits. Odd, so that nothing is lost.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// What stands before the bytes of an `_id`: the type ObjectId and the key.
const OBJECT_ID_PREFIX: [u8; 5] = *b"\x07_id\0";
const PREFIX: std::ops::Range<usize> = 4..4 + OBJECT_ID_PREFIX.len();

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use bson::oid::ObjectId;
    use proptest::prelude::*;

    fn placeholder() -> Vec<u8> {
        doc! { "_id": ObjectId::from_bytes([0; 12]), "zero": 0_i64, "text": "after" }.to_vec().unwrap()
    }

    #[test]
    fn a_task_has_a_range_of_ids_that_touches_no_other_task() {
        let range = DocumentId::of_task(7).unwrap();
        assert!(range.contains(&DocumentId::new(7, 0, 0).unwrap()));
        assert!(range.contains(&DocumentId::new(7, DocumentId::MAX_ROW, u16::MAX).unwrap()));
        assert!(!range.contains(&DocumentId::new(6, DocumentId::MAX_ROW, u16::MAX).unwrap()));
        assert!(!range.contains(&DocumentId::new(8, 0, 0).unwrap()));
    }

    #[test]
    fn the_documents_of_messages_have_ids_of_their_own() {
        let ids: Vec<DocumentId> = (0..1_000_u128)
            .flat_map(|hash| [0, 1, u16::MAX].map(|index| DocumentId::of_message(hash, index)))
            .collect();
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), ids.len());
        for id in ids {
            assert!(id.is_of_message() && id.bytes()[0] < 0x40, "{id:?}");
            assert!(id.task() > DocumentId::MAX_TASK, "{id:?} lies among those of a task");
            assert_eq!(DocumentId::from_hex(&id.to_string()), Some(id));
            assert_eq!(id, DocumentId::from_bytes(id.bytes()).unwrap());
        }
        assert!(!DocumentId::new(DocumentId::MAX_TASK, 0, 0).unwrap().is_of_message());
    }

    #[test]
    fn no_number_is_the_placeholder() {
        assert_eq!(DocumentId::new(0, 0, 0), Err(IdError::Task(0)));
        assert_eq!(DocumentId::from_bytes([0; 12]), None);
        assert_eq!(DocumentId::of_document(&placeholder()), None);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert_eq!(DocumentId::new(1 << 37, 0, 0), Err(IdError::Task(1 << 37)));
        assert_eq!(DocumentId::new(1, 1 << 40, 0), Err(IdError::Row(1 << 40)));
    }

    #[test]
    fn an_id_of_the_apps_own_is_never_overwritten() {
        let id = DocumentId::new(1, 2, 3).unwrap();
        for mut document in
            [doc! { "_id": ObjectId::from_bytes([1; 12]) }, doc! { "_id": "own" }, doc! { "a": 1 }, doc! {}]
                .map(|document| document.to_vec().unwrap())
        {
            let before = document.clone();
            assert_eq!(id.number_in_place(&mut document), Err(IdError::NoPlaceholder));
            assert_eq!(document, before);
        }
        let mut cut = placeholder()[..15].to_vec();
        assert_eq!(id.number_in_place(&mut cut), Err(IdError::NoPlaceholder));
    }

    #[test]
    fn hexadecimal_digits_that_are_no_id_are_not_parsed() {
        for digits in ["", "00", "zz0000000100000000020003", "000000000000000000000000", "é00000010000000002000"] {
            assert_eq!(DocumentId::from_hex(digits), None, "{digits}");
        }
    }

    fn parts() -> impl Strategy<Value = (u64, u64, u16)> {
        let edges = |max: u64| prop_oneof![0..3_u64, max - 2..=max, 0..=max];
        (edges(DocumentId::MAX_TASK).prop_map(|task| task.max(1)), edges(DocumentId::MAX_ROW), any::<u16>())
    }

    proptest! {
        #[test]
        fn an_id_says_where_the_document_came_from((task, row, index) in parts()) {
            let id = DocumentId::new(task, row, index).unwrap();
            prop_assert_eq!((id.task(), id.row(), id.index()), (task, row, index));
            prop_assert_eq!(DocumentId::from_hex(&id.to_string()), Some(id));
            prop_assert_eq!(id.to_string(), ObjectId::from_bytes(id.bytes()).to_hex());
        }

        #[test]
        fn bytes_and_digits_sort_as_task_row_and_index(a in parts(), b in parts()) {
            let [one, other] = [a, b].map(|(task, row, index)| DocumentId::new(task, row, index).unwrap());
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one.bytes().cmp(&other.bytes()), a.cmp(&b));
            prop_assert_eq!(one.to_string().cmp(&other.to_string()), a.cmp(&b));
        }

        #[test]
        fn numbering_touches_nothing_but_the_placeholder((task, row, index) in parts()) {
            let id = DocumentId::new(task, row, index).unwrap();
            let (before, mut after) = (placeholder(), placeholder());
            id.number_in_place(&mut after).unwrap();
            prop_assert_eq!(DocumentId::of_document(&after), Some(id));
            let at = DocumentId::OFFSET;
            prop_assert_eq!(&after[at..at + DocumentId::LEN], &id.bytes()[..]);
            prop_assert_eq!(&after[..at], &before[..at]);
            prop_assert_eq!(&after[at + DocumentId::LEN..], &before[at + DocumentId::LEN..]);
            prop_assert_eq!(id.number_in_place(&mut after), Err(IdError::NoPlaceholder));
        }
    }
}
