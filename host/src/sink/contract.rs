//! What every sink that stores must do, as one suite that runs over each adapter.
//!
//! An adapter's tests implement [`Destination`] and say `sink_contract!(ItsDestination);`, which makes one test of each
//! sentence in [`sentences`].

pub(super) mod sentences;

use super::{BoxFuture, DeadLetter, DocumentBatch, DocumentRef, DocumentSink};
use crate::document::DocumentId;
use bson::{Bson, Document};
use serde_json::Value;

/// One empty destination, with a way to look behind the sink.
pub(crate) trait Destination: Sized + Send {
    /// A new one that holds nothing.
    fn fresh() -> BoxFuture<'static, Self>;
    /// Its sink.
    fn sink(&self) -> &dyn DocumentSink;
    /// Every document as relaxed Extended JSON, in any order.
    fn documents(&self) -> BoxFuture<'_, Vec<Value>>;
    /// Every dead letter, by task, row and part.
    fn letters(&self) -> BoxFuture<'_, Vec<DeadLetter>>;
    /// Disconnects or closes, and comes back to what is there.
    fn reopened(self) -> BoxFuture<'static, Self>;
}

/// Makes a test of each sentence of the contract.
macro_rules! sink_contract {
    ($destination:ty) => {
        $crate::sink::contract::sink_contract!($destination =>
            documents_are_stored_as_they_are
            an_empty_batch_is_no_documents
            bytes_between_the_documents_of_a_batch_are_nothing
            a_numbered_batch_written_again_counts_as_stored_and_changes_nothing
            a_numbered_id_that_exists_with_another_content_keeps_the_first_and_counts_as_differing
            a_number_twice_in_one_batch_keeps_the_first
            an_own_id_that_exists_with_the_same_document_is_a_duplicate
            an_own_id_that_exists_with_another_document_is_refused_by_name_and_the_rest_is_stored
            own_ids_are_compared_within_one_batch_too
            own_ids_of_different_types_are_different
            a_long_own_id_is_stored_and_its_refusal_stays_short
            a_document_of_fifteen_megabytes_is_stored
            batches_written_at_the_same_time_are_each_stored_once
            counts_add_up_and_the_first_document_stays_whatever_is_written
            dead_letters_are_kept_as_they_are
            the_same_dead_letter_again_replaces_the_one_before
            raw_bytes_of_a_dead_letter_are_cut
            erasing_a_task_takes_its_numbered_documents_and_its_letters_and_nothing_else
            erasing_goes_on_in_steps_until_nothing_is_left
            dead_letters_are_listed_by_task_and_app_in_pages
            forgetting_rows_takes_their_letters_and_nothing_else
            what_was_answered_is_there_when_the_destination_is_opened_again
        );
    };
    ($destination:ty => $($sentence:ident)+) => {
        $(
            #[tokio::test]
            async fn $sentence() {
                $crate::sink::contract::sentences::$sentence::<$destination>().await;
            }
        )+
    };
}
pub(crate) use sink_contract;

/// Puts a batch together.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    documents: Vec<DocumentRef>,
}

impl Batch {
    /// A document that the host has numbered.
    pub(crate) fn numbered(self, id: (u64, u64, u16), document: &Document) -> Batch {
        let number = DocumentId::new(id.0, id.1, id.2).unwrap();
        let mut whole = Document::new();
        whole.insert("_id", bson::oid::ObjectId::from_bytes(number.bytes()));
        whole.extend(document.clone());
        self.add(id.1, false, &whole)
    }

    /// A document whose `_id` the app has set.
    pub(crate) fn own(self, id: impl Into<Bson>, document: &Document) -> Batch {
        let mut whole = Document::new();
        whole.insert("_id", id);
        whole.extend(document.clone());
        let row = self.documents.len() as u64 + 1;
        self.add(row, true, &whole)
    }

    /// Bytes that belong to no document.
    pub(crate) fn noise(mut self, bytes: &[u8]) -> Batch {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn build(self) -> DocumentBatch {
        DocumentBatch { bytes: self.bytes.into(), documents: self.documents }
    }

    fn add(mut self, row: u64, own_id: bool, document: &Document) -> Batch {
        let bytes = document.to_vec().unwrap();
        crate::document::validate(&bytes).unwrap();
        self.documents.push(DocumentRef {
            offset: u32::try_from(self.bytes.len()).unwrap(),
            length: u32::try_from(bytes.len()).unwrap(),
            row,
            own_id,
        });
        self.bytes.extend_from_slice(&bytes);
        self
    }
}

/// A dead letter that differs from others in its key alone.
pub(crate) fn letter(task: u64, row: u64, part: u32) -> DeadLetter {
    DeadLetter {
        task,
        row,
        part,
        app: "trips (generation 3f9a)".into(),
        source: "june.csv".into(),
        start: 1 << 33,
        line: row + 1,
        reason: "fare \"x\" is not a number".into(),
        raw: b"1,\xff\x00,x\n".to_vec(),
        raw_len: 7,
        envelope: Vec::new(),
    }
}
