//! What became of messages and has not left the worker yet: the payload of an `Outcomes` frame in the making. Pure.

use super::document;
use crate::worker::delivery::{OUTCOME_HEAD, OutcomeFate, OutcomeHead};
use crate::worker::protocol::{HEADER_LEN, MAX_ROW_BYTES, MAX_ROW_DOCUMENTS, OUTCOMES_FLUSH_BYTES};

/// A buffer that grew above this for one large message is given back after it.
const KEPT_CAPACITY: usize = 2 * OUTCOMES_FLUSH_BYTES;

/// See the module.
#[derive(Debug)]
pub(super) struct Outcomes {
    frame: Vec<u8>,
    at: usize,
    documents: u32,
    refused: u16,
}

impl Outcomes {
    pub(super) fn new() -> Outcomes {
        Outcomes { frame: vec![0; HEADER_LEN], at: HEADER_LEN, documents: 0, refused: 0 }
    }

    /// The app gets the next message.
    #[inline]
    pub(super) fn begin(&mut self) {
        (self.at, self.documents, self.refused) = (self.frame.len(), 0, 0);
        self.frame.extend_from_slice(&[0; OUTCOME_HEAD]);
    }

    /// Takes a document of the message.
    #[inline]
    pub(super) fn emit(&mut self, document: &[u8]) -> Result<(), String> {
        let taken = if self.documents as usize >= MAX_ROW_DOCUMENTS {
            Err(format!("the message has {MAX_ROW_DOCUMENTS} documents already, the most a message can have"))
        } else if self.frame.len() - self.at + document.len() + document::MAX_ADDED > MAX_ROW_BYTES {
            Err(format!("the documents of the message would have more than {MAX_ROW_BYTES} bytes"))
        } else {
            document::append(document, &mut self.frame).map_err(|refusal| refusal.to_string())
        };
        match taken {
            Ok(()) => self.documents += 1,
            Err(_) => self.refused = self.refused.saturating_add(1),
        }
        taken
    }

    /// The app has returned. Unless it took the message, its documents are discarded for the reason.
    #[inline]
    pub(super) fn end(&mut self, fate: OutcomeFate, reason: &str, nanos: u64) {
        if fate != OutcomeFate::Taken {
            self.frame.truncate(self.at + OUTCOME_HEAD);
            self.frame.extend_from_slice(reason.as_bytes());
            (self.documents, self.refused) = (0, 0);
        }
        let bytes = u32::try_from(self.frame.len() - self.at - OUTCOME_HEAD).unwrap_or(u32::MAX);
        let nanos = u32::try_from(nanos).unwrap_or(u32::MAX);
        let head = OutcomeHead { nanos, documents: self.documents, bytes, refused: self.refused, fate };
        self.frame[self.at..self.at + OUTCOME_HEAD].copy_from_slice(&head.encode());
    }

    /// Bytes of finished outcomes.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.frame.len() - HEADER_LEN
    }

    /// The frame, to be sent; then [`sent`](Outcomes::sent).
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.frame
    }

    /// The frame has left.
    pub(super) fn sent(&mut self) {
        self.frame.truncate(HEADER_LEN);
        self.frame.shrink_to(KEPT_CAPACITY);
    }
}
