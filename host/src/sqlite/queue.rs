//! The way to the writer thread: a queue that is bounded in bytes, and the answers that come back.
//!
//! [`Queue::room`] is where back-pressure is felt: it waits, first come first served, until the requests in flight
//! (queued, or in the transaction that is being written) leave room. A request larger than the whole queue waits until
//! it is alone. A request whose asker has gone is done all the same; writing it again does no harm.

use super::trouble::Trouble;
use rusqlite::Connection;
use std::sync::{Arc, mpsc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What even the smallest request takes up, so that the number of requests is bounded too.
const SMALLEST_REQUEST: usize = 1024;

/// Something that is done inside the writer's transaction.
pub(crate) trait Job: Send + 'static {
    /// What the asker learns, once it is committed.
    type Outcome: Send + 'static;

    /// Does it. After a rollback it may be called again.
    fn perform(&self, connection: &Connection) -> rusqlite::Result<Self::Outcome>;

    /// About how many bytes it adds to the transaction.
    fn bytes(&self) -> usize;

    /// What was performed last is committed: called in the writer's thread, in the order of the jobs, before the asker is
    /// told, and whether or not there is one any more. Must be quick.
    fn committed(&self, _outcome: &mut Self::Outcome) {}
}

/// A job with the one who waits for it; what the writer sees of it.
pub(super) trait Request: Send {
    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn bytes(&self) -> usize;
    /// Tells the asker that what was performed last is committed, or why not.
    fn answer(self: Box<Self>, committed: Result<(), Trouble>);
}

/// What goes to the writer.
pub(super) enum Message {
    Request(Queued),
    /// Finish what came before this, then stop.
    Close,
}

/// A request and the room that it takes up until it is answered.
pub(super) struct Queued {
    pub(super) request: Box<dyn Request>,
    room: Room,
}

impl Queued {
    /// Gives back its room and tells the asker; in this order, so that the asker finds the room.
    pub(super) fn answer(self, committed: Result<(), Trouble>) {
        drop(self.room);
        self.request.answer(committed);
    }
}

/// Room in the queue, given back when dropped.
pub(crate) struct Room(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// The askers' end.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    messages: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    capacity: u32,
}

impl Queue {
    pub(super) fn new(bytes: usize) -> (Queue, mpsc::Receiver<Message>) {
        let (messages, writers_end) = mpsc::channel();
        let capacity = u32::try_from(bytes.max(SMALLEST_REQUEST)).unwrap_or(u32::MAX);
        (Queue { messages, room: Arc::new(Semaphore::new(capacity as usize)), capacity }, writers_end)
    }

    /// Waits until there is room for a request of so many bytes.
    pub(super) async fn room(&self, bytes: usize) -> Result<Room, Trouble> {
        let bytes = u32::try_from(bytes.max(SMALLEST_REQUEST)).unwrap_or(u32::MAX).min(self.capacity);
        let permit = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        permit.map(Room).map_err(|_closed| Trouble::stopped())
    }

    /// Has a job done and committed.
    pub(super) async fn ask<J: Job>(&self, room: Room, job: J) -> Result<J::Outcome, Trouble> {
        let (answer, answered) = oneshot::channel();
        let request = Box::new(Asked { job, outcome: None, answer });
        self.messages.send(Message::Request(Queued { request, room })).map_err(|_gone| Trouble::stopped())?;
        answered.await.unwrap_or_else(|_gone| Err(Trouble::stopped()))
    }

    /// No more requests; those that were sent are still done.
    pub(super) fn close(&self) {
        self.room.close();
        // The writer may have gone already, which is what is wanted.
        let _gone = self.messages.send(Message::Close);
    }
}

struct Asked<J: Job> {
    job: J,
    outcome: Option<J::Outcome>,
    answer: oneshot::Sender<Result<J::Outcome, Trouble>>,
}

impl<J: Job> Request for Asked<J> {
    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.outcome = None;
        self.outcome = Some(self.job.perform(connection)?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.job.bytes()
    }

    fn answer(self: Box<Self>, committed: Result<(), Trouble>) {
        let Asked { job, mut outcome, answer } = *self;
        if let (Ok(()), Some(outcome)) = (&committed, &mut outcome) {
            job.committed(outcome);
        }
        let told = committed.and_then(|()| outcome.ok_or_else(Trouble::stopped));
        // Whoever asked may have gone meanwhile.
        let _gone = answer.send(told);
    }
}
