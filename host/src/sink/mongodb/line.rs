//! The line of a collection: batches that wait while others are under way, and then go out together.
//!
//! ```text
//!   push ──▶ waiting ──▶ a sender takes all that fits a command ──▶ stores it ──▶ answers each ──▶ takes again
//!                                                                                           none left: it ends
//! ```
//! A sender is a task on the driver's runtime; there are up to [`Settings::commands_at_once`](super::Settings) of them, and none while
//! nothing waits. The first batch finds none and is sent alone; the more there are, the more go out together.
//!
//! A sender that is dropped with its runtime drops the answers too, which those who wait for them hear.

use super::trouble::Trouble;
use crate::sink::{DocumentBatch, Written};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A batch that waits, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: DocumentBatch,
    /// Given back when it is answered.
    pub(super) room: OwnedSemaphorePermit,
    pub(super) answer: oneshot::Sender<Result<Written, Trouble>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    most_bytes: usize,
    most_documents: usize,
    most_senders: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    senders: usize,
}

/// A place among the senders. Dropping it gives it back, so that one that panics does not keep it.
#[derive(Debug)]
pub(super) struct Place {
    line: Arc<Line>,
    held: bool,
}

impl Line {
    pub(super) fn new(most_bytes: usize, most_documents: usize, most_senders: usize) -> Line {
        Line { most_bytes, most_documents, most_senders, state: Mutex::default() }
    }

    /// Puts a batch at the end. Gives a place where another sender is to be started.
    pub(super) fn push(self: &Arc<Self>, waiting: Waiting) -> Option<Place> {
        let mut state = self.lock();
        state.waiting.push_back(waiting);
        let held = state.senders < self.most_senders;
        state.senders += usize::from(held);
        held.then(|| Place { line: Arc::clone(self), held })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What goes out together next, at least one batch; or none, and the place is given back.
    pub(super) fn next(&mut self) -> Option<Vec<Waiting>> {
        let line = &self.line;
        let mut state = line.lock();
        let (mut bytes, mut documents) = (0, 0);
        let fits = |waiting: &&Waiting| {
            bytes += size(&waiting.batch);
            documents += waiting.batch.documents.len();
            bytes <= line.most_bytes && documents <= line.most_documents
        };
        let together = state.waiting.iter().take_while(fits).count().max(1).min(state.waiting.len());
        if together == 0 {
            // Given back under the same lock, so that whoever comes next finds it free.
            state.senders -= usize::from(std::mem::replace(&mut self.held, false));
            return None;
        }
        Some(state.waiting.drain(..together).collect())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        // A sender that did not come to its end: what waits would wait for the next batch, so it is let go to try again.
        let mut state = self.line.lock();
        state.senders -= 1;
        if state.senders == 0 {
            let left = std::mem::take(&mut state.waiting);
            drop(state);
            drop(left);
        }
    }
}

/// Bytes of a batch's documents alone; its buffer may hold more.
pub(super) fn size(batch: &DocumentBatch) -> usize {
    batch.documents.iter().map(|document| document.length as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::contract::Batch;
    use bson::doc;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    type Answer = oneshot::Receiver<Result<Written, Trouble>>;

    fn line(most_bytes: usize, most_documents: usize) -> Arc<Line> {
        Arc::new(Line::new(most_bytes, most_documents, 1))
    }

    fn push(line: &Arc<Line>, documents: u64) -> (Option<Place>, Answer) {
        let batch = (0..documents).fold(Batch::default(), |batch, row| batch.numbered((1, row, 0), &doc! {}));
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (answer, answered) = oneshot::channel();
        (line.push(Waiting { batch: batch.build(), room, answer }), answered)
    }

    #[test]
    fn the_first_is_sent_alone_and_what_waits_meanwhile_goes_out_together() {
        let line = line(1 << 20, 10);
        let mut place = push(&line, 1).0.expect("nobody sends yet");
        assert_eq!(place.next().unwrap().len(), 1);
        for documents in [4, 5, 2] {
            assert!(push(&line, documents).0.is_none(), "one sends, and more may not");
        }
        assert_eq!(place.next().unwrap().len(), 2, "the third would be too many documents");
        assert_eq!(place.next().unwrap().len(), 1);
        assert!(place.next().is_none());
        assert!(push(&line, 1).0.is_some(), "the place was given back");
    }

    #[test]
    fn a_batch_that_is_too_large_for_a_command_goes_alone() {
        let line = line(10, 1);
        let mut place = push(&line, 5).0.unwrap();
        push(&line, 5);
        assert_eq!(place.next().unwrap().len(), 1);
    }

    #[test]
    fn who_waits_for_a_sender_that_is_gone_hears_of_it() {
        let line = line(1 << 20, 10);
        let (place, first) = push(&line, 1);
        let (_, second) = push(&line, 1);
        drop(place);
        for mut answer in [first, second] {
            assert_eq!(answer.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        }
        assert!(push(&line, 1).0.is_some(), "its place is free");
    }
}
