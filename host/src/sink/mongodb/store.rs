//! Storing what goes out together: commands, what became of each document, and whose batch it was.

use super::blame::{self, Blame};
use super::command::{portion, sendable};
use super::line::Waiting;
use super::reply::{Reply, WriteError};
use super::sink::Collection;
use super::trouble::Trouble;
use crate::sink::{DocumentBatch, Written};
use std::collections::VecDeque;
use std::ops::Range;

/// A document that is to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) own_id: bool,
}

/// What became of a document that was not simply stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was there already, under our number.
    Found,
    /// Another was there under our number.
    Differing,
    /// It was there already, under the app's own `_id`.
    Duplicate,
    /// It cannot be stored, in one sentence.
    Refused(String),
}

impl Collection {
    /// Stores these batches and tells each who waits what became of his.
    pub(super) async fn store(&self, together: Vec<Waiting>) {
        let documents: Vec<Document<'_>> = together.iter().flat_map(|waiting| documents(&waiting.batch)).collect();
        let stored = self.store_documents(&documents).await;
        drop(documents);
        let mut begin = 0;
        for Waiting { batch, room, answer } in together {
            let end = begin + batch.documents.len();
            drop(room);
            // Who does not wait any more has no need to know.
            let _ = answer.send(match &stored {
                Ok(fates) => Ok(written(fates, begin..end)),
                Err(trouble) => Err(trouble.clone()),
            });
            begin = end;
        }
    }

    /// What became of those that were not simply stored, with their places, sorted.
    async fn store_documents(&self, documents: &[Document<'_>]) -> Result<Vec<(usize, Fate)>, Trouble> {
        let lengths: Vec<usize> = documents.iter().map(|document| document.bytes.len()).collect();
        let (ranges, too_long) = sendable(&lengths);
        let refuse = |index: usize| (index, Fate::Refused(too_long_words(lengths[index])));
        let mut fates: Vec<_> = too_long.into_iter().map(refuse).collect();
        let mut ranges = VecDeque::from(ranges);
        while let Some(mut range) = ranges.pop_front() {
            let first = portion(lengths[range.clone()].iter().copied(), self.most_bytes, self.most_documents);
            if first < range.len() {
                ranges.push_front(range.start + first..range.end);
                range.end = range.start + first;
            }
            match self.insert(&documents[range.clone()]).await {
                Ok(errors) => self.settle(documents, range.start, errors, &mut fates).await?,
                Err(trouble) if trouble.blame != Blame::Document => return Err(trouble),
                Err(trouble) if range.len() == 1 => fates.push((range.start, Fate::Refused(trouble.words))),
                // Something in it; whatever of it was stored is found again.
                Err(_) => {
                    let middle = range.start + range.len() / 2;
                    ranges.push_front(middle..range.end);
                    ranges.push_front(range.start..middle);
                }
            }
        }
        fates.sort_unstable_by_key(|(index, _)| *index);
        Ok(fates)
    }

    /// Sends one command; gives what the server says of single documents.
    async fn insert(&self, documents: &[Document<'_>]) -> Result<Vec<WriteError>, Trouble> {
        let command = self.head.insert(documents.iter().map(|document| document.bytes));
        let command = command.map_err(|words| Trouble { blame: Blame::Document, words })?;
        let reply = Reply::of(&self.run(command).await?).durable()?;
        let named = reply.errors.iter().all(|error| error.index < documents.len());
        if !named || reply.n + reply.errors.len() as u64 != documents.len() as u64 {
            let (n, errors) = (reply.n, reply.errors.len());
            let sent = documents.len();
            return Err(Trouble::passing(format!(
                "MongoDB's answer does not add up: of {sent} documents it stored {n} and refused {errors}"
            )));
        }
        Ok(reply.errors)
    }

    /// Decides what became of the documents that the server named. `begin` is the place of the command's first.
    async fn settle(
        &self,
        documents: &[Document<'_>],
        begin: usize,
        errors: Vec<WriteError>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<(), Trouble> {
        let mut taken = Vec::new();
        for mut error in errors {
            error.index += begin;
            if blame::DUPLICATE_KEY.contains(&error.code) {
                taken.push(error);
                continue;
            }
            match blame::of_document(error.code) {
                Blame::Document => fates.push((error.index, Fate::Refused(error.words))),
                blame => return Err(Trouble { blame, words: error.words }),
            }
        }
        self.compare(documents, taken, fates).await
    }
}

fn documents(batch: &DocumentBatch) -> impl Iterator<Item = Document<'_>> {
    batch.documents.iter().map(|of| Document { bytes: batch.document(of), own_id: of.own_id })
}

/// What a batch is answered whose documents have these places.
fn written(fates: &[(usize, Fate)], places: Range<usize>) -> Written {
    let first = fates.partition_point(|(index, _)| *index < places.start);
    let of_batch = fates[first..].iter().take_while(|(index, _)| *index < places.end);
    let mut written = Written::default();
    for (index, fate) in of_batch {
        match fate {
            Fate::Found => {}
            Fate::Differing => written.differing += 1,
            Fate::Duplicate => written.duplicates += 1,
            Fate::Refused(reason) => written.refused.push((index - places.start, reason.clone())),
        }
    }
    written.stored = places.len() as u64 - written.duplicates - written.refused.len() as u64;
    written
}

fn too_long_words(length: usize) -> String {
    let most = crate::worker::protocol::MAX_DOCUMENT;
    format!("the document has {length} bytes, but MongoDB stores none of more than {most}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_batch_is_told_of_its_own_documents_by_their_places_in_it() {
        let refused = || Fate::Refused("no".into());
        let fates = [(0, Fate::Found), (2, Fate::Duplicate), (3, refused()), (5, Fate::Differing), (7, refused())];
        assert_eq!(written(&fates, 0..3), Written { stored: 2, duplicates: 1, ..Written::default() });
        let second = Written { stored: 2, refused: vec![(0, "no".into())], differing: 1, ..Written::default() };
        assert_eq!(written(&fates, 3..6), second);
        assert_eq!(written(&fates, 6..8), Written { stored: 1, refused: vec![(1, "no".into())], ..Written::default() });
        assert_eq!(written(&fates, 8..9), Written { stored: 1, ..Written::default() });
    }
}
