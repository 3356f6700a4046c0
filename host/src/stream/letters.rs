//! Dead letters of messages: the whole message is kept, since it is nowhere else.

use super::outcomes::Given;
use crate::broker::Envelope;
use crate::sink::{DeadLetter, DocumentBatch};
use crate::worker::delivery::Message;

/// Who writes them for one consumer.
#[derive(Clone, Debug)]
pub(super) struct Clerk {
    /// App and generation.
    pub(super) app: String,
    /// The stream's name.
    pub(super) stream: String,
}

impl Clerk {
    /// The letter of a message (`part` 0) or of one of its documents (from 1, which quote nothing).
    pub(super) fn letter(&self, given: &Given, message: usize, part: u32, reason: String) -> DeadLetter {
        let identity = given.messages[message].identity;
        let (task, row) = identity.letter();
        let dead = given.message(message);
        let raw = if part == 0 { dead.body.to_vec() } else { Vec::new() };
        // One that came out of a broker fits into an envelope; a letter whose envelope is lost is a letter still.
        let envelope = Envelope::of(&Message { body: &[], ..dead });
        let envelope = envelope.map(|envelope| match identity.unnamed {
            Some(number) => envelope.numbered(number).unwrap_or(envelope),
            None => envelope,
        });
        let envelope = envelope.map(|envelope| envelope.bytes().to_vec()).unwrap_or_default();
        let raw_len = dead.body.len() as u64;
        let (app, source) = (self.app.clone(), self.stream.clone());
        DeadLetter { task, row, part, app, source, start: 0, line: 0, reason, raw, raw_len, envelope }
    }

    /// The letters of documents that the sink refused, each with its place in the batch.
    pub(super) fn refused(&self, given: &Given, batch: &DocumentBatch, refused: &[(usize, String)]) -> Vec<DeadLetter> {
        let letter = |(index, reason): &(usize, String)| {
            let message = batch.documents[*index].row;
            let first = batch.documents[..*index].iter().rposition(|document| document.row != message);
            let part = u32::try_from(index - first.map_or(0, |before| before + 1) + 1).unwrap_or(u32::MAX);
            self.letter(given, usize::try_from(message).unwrap_or(0), part, reason.clone())
        };
        refused.iter().map(letter).collect()
    }
}
