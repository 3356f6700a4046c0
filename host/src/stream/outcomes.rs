//! What a worker says became of messages: checked against what it was given, documents validated and numbered in place. Pure.
//!
//! What comes in is hostile. More outcomes than messages are a [`Violation`] and end the worker; a document that is not BSON
//! (which an app can cause without breaking anything) rejects its message and nothing else.
//!
//! An app that *fails* (an error that is no rejection) or *panics* at a message ends what is taken: that message and those behind
//! it are still to be done, whatever the worker says of them.

use super::identity::Identity;
use crate::broker::{Arrived, is_replayed};
use crate::document::{self, Fault};
use crate::sink::{DocumentBatch, DocumentRef};
use crate::worker::codec::{self, CodecError};
use crate::worker::delivery::{Message, OutcomeFate, OutcomeHead};
use crate::worker::protocol::MAX_ROW_DOCUMENTS;
use crate::worker::words;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::Arc;

/// A message that was given to a worker.
#[derive(Clone, Debug)]
pub struct Held {
    /// Where it is in the payload.
    pub arrived: Arrived,
    /// Which one it is.
    pub identity: Identity,
}

/// Messages that were given to a worker at once.
#[derive(Clone, Debug)]
pub struct Given {
    /// What the worker was sent.
    pub payload: Bytes,
    /// Each of it.
    pub messages: Arc<[Held]>,
    /// How many have come to their end.
    pub done: usize,
    /// Why no worker is given them, where none is.
    pub refused: Option<String>,
}

impl Given {
    /// The bytes of one of its messages, with head and texts.
    pub fn bytes(&self, message: usize) -> Bytes {
        self.payload.slice(self.messages[message].arrived.range.clone())
    }

    /// One of its messages. One that cannot be read (which no broker makes) is empty.
    pub fn message(&self, message: usize) -> Message<'_> {
        let mut bytes = &self.payload[self.messages[message].arrived.range.clone()];
        Message::decode(&mut bytes).ok().flatten().unwrap_or_default()
    }

    /// All of it has come to its end.
    pub fn is_done(&self) -> bool {
        self.done == self.messages.len()
    }
}

/// What the outcomes of some messages amount to, ready for the sink.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Which messages of what was given; all of them have come to their end.
    pub messages: Range<usize>,
    /// Documents to be stored; the `row` of each is the index of its message in what was given.
    pub batch: DocumentBatch,
    /// Messages that become dead letters: index, and why.
    pub rejected: Vec<(usize, String)>,
    /// Messages that were dead letters, and are none any more: task and row of their letters.
    pub redeemed: Vec<(u64, u64)>,
    /// What it adds to the counts.
    pub tally: Tally,
    /// How the app ended at the message behind the last of these, where it did not come to its end.
    pub broke_off: Option<BrokeOff>,
}

/// Counts of messages and documents, before the sink has seen any. `messages = ingested + passed_over + rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that have come to their end.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages with documents.
    pub ingested: u64,
    /// Messages that the app took and made nothing of.
    pub passed_over: u64,
    /// Messages that become dead letters.
    pub rejected: u64,
    /// Documents that the app emitted.
    pub emitted: u64,
    /// Documents refused before the sink saw them.
    pub refused: u64,
    /// Messages without a message id: at least once is all that can be said of them.
    pub unnamed: u64,
    /// Messages that the broker may have delivered before.
    pub redelivered: u64,
    /// Time in the app of each message, in nanoseconds.
    pub nanos: Vec<u32>,
}

/// An app that did not come to the end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokeOff {
    /// It returned an error that is no rejection.
    Failed(String),
    /// It panicked.
    Panicked(String),
}

/// What no honest worker sends. The sentence fits after "it broke the protocol: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Not outcomes at all.
    #[error("it sent {0}")]
    Codec(#[from] CodecError),
    /// More outcomes than it was given messages.
    #[error("it told of more messages than the {0} it was given")]
    TooMany(usize),
    /// A frame without an outcome, which would only keep the host awake.
    #[error("it sent a frame of outcomes without an outcome")]
    Empty,
    /// More documents than a message may have.
    #[error("it reported {0} documents of one message, where {MAX_ROW_DOCUMENTS} are allowed")]
    Documents(u32),
}

/// Takes one frame of outcomes of what was given.
///
/// # Errors
/// See [`Violation`]: the worker is to be killed. Nothing of the frame may be used.
pub fn take(given: &mut Given, mut payload: BytesMut) -> Result<Delivery, Violation> {
    let first = given.done;
    let mut delivery = Delivery::default();
    let mut next = first;
    let mut at = 0;
    if payload.is_empty() {
        return Err(Violation::Empty);
    }
    while at < payload.len() {
        let mut rest = &payload[at..];
        let Some((head, body)) = OutcomeHead::decode(&mut rest)? else { break };
        let end = payload.len() - rest.len();
        let range = end - body.len()..end;
        at = end;
        let Some(held) = given.messages.get(next) else { return Err(Violation::TooMany(given.messages.len())) };
        let reason = |payload: &[u8]| codec::reason(payload).map(|text| words::one_line(text).into_owned());
        match head.fate {
            OutcomeFate::Failed => delivery.broke_off = Some(BrokeOff::Failed(reason(&payload[range])?)),
            OutcomeFate::Panicked => delivery.broke_off = Some(BrokeOff::Panicked(reason(&payload[range])?)),
            OutcomeFate::Rejected => {
                let why = reason(&payload[range])?;
                delivery.reject(next, why);
                delivery.tally.emitted += u64::from(head.refused);
                delivery.tally.refused += u64::from(head.refused);
            }
            OutcomeFate::Taken => take_documents(&mut delivery, &head, held.identity, next, range, &mut payload)?,
        }
        if delivery.broke_off.is_some() {
            break;
        }
        delivery.tally.nanos.push(head.nanos);
        let message = given.message(next);
        delivery.tally.count(&message, held.identity);
        let is_rejected = delivery.rejected.last().is_some_and(|(rejected, _)| *rejected == next);
        if !is_rejected && is_replayed(&message) {
            delivery.redeemed.push(held.identity.letter());
        }
        next += 1;
    }
    given.done = next;
    delivery.messages = first..next;
    delivery.batch.bytes = payload.freeze();
    Ok(delivery)
}

/// What becomes of messages that no worker is given: dead letters. `None` where a worker is.
pub fn refuse(given: &mut Given) -> Option<Delivery> {
    let reason = given.refused.clone()?;
    let mut delivery = Delivery { messages: given.done..given.messages.len(), ..Delivery::default() };
    for index in delivery.messages.clone() {
        delivery.tally.count(&given.message(index), given.messages[index].identity);
        delivery.reject(index, reason.clone());
    }
    given.done = given.messages.len();
    Some(delivery)
}

fn take_documents(
    delivery: &mut Delivery,
    head: &OutcomeHead,
    identity: Identity,
    message: usize,
    range: Range<usize>,
    payload: &mut BytesMut,
) -> Result<(), Violation> {
    if head.documents as usize > MAX_ROW_DOCUMENTS {
        return Err(Violation::Documents(head.documents));
    }
    let Delivery { batch, tally, .. } = delivery;
    tally.emitted += u64::from(head.refused) + u64::from(head.documents);
    tally.refused += u64::from(head.refused);
    let kept = batch.documents.len();
    let number = |index| Ok(identity.document(index));
    let checked = document::check_row(payload, range, head.documents, number, |document| {
        batch.documents.push(DocumentRef::checked(&document, message as u64));
    });
    match checked {
        Ok(()) if head.documents == 0 => tally.passed_over += 1,
        Ok(()) => tally.ingested += 1,
        Err(Fault::Document(reason)) => {
            batch.documents.truncate(kept);
            tally.refused += u64::from(head.documents);
            delivery.reject(message, reason);
        }
        Err(Fault::Behind(bytes)) => return Err(Violation::Codec(CodecError::Short(bytes))),
    }
    Ok(())
}

impl Tally {
    /// A message has come to its end.
    pub fn count(&mut self, message: &Message<'_>, identity: Identity) {
        self.messages += 1;
        self.bytes += message.body.len() as u64;
        self.redelivered += u64::from(message.redelivered);
        self.unnamed += u64::from(identity.unnamed.is_some());
    }
}

impl Delivery {
    fn reject(&mut self, message: usize, reason: String) {
        self.tally.rejected += 1;
        self.rejected.push((message, reason));
    }
}

#[cfg(test)]
mod tests;
