//! The way to the thread that writes: bounded in bytes, and whoever finds it full waits.
//!
//! Room is asked for before a line is sent and given back when the line is in its files, or in the memory that stands in
//! for them. Waiting for room is asynchronous and needs no runtime, so it is the same wait for a slot's runtime, the main
//! one, or (through [`wait`]) for a thread that has none.

use super::error::JournalError;
use super::event::Event;
use super::place::Scope;
use super::write::Subscription;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What even the shortest line takes up, so that their number is bounded too.
const SMALLEST: usize = 512;

/// What goes to the writer.
pub(super) enum Message {
    Recorded(Recorded),
    /// Answer when everything before this is in its files, and synced.
    Flush(oneshot::Sender<Result<(), JournalError>>),
    /// From here on somebody follows.
    Follow(Scope, oneshot::Sender<Result<Subscription, JournalError>>),
    /// Finish what came before this, then stop.
    Close,
}

/// An event, its line, and the room that it takes up.
pub(super) struct Recorded {
    pub(super) event: Arc<Event>,
    pub(super) line: Arc<str>,
    _room: OwnedSemaphorePermit,
}

/// The senders' end.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    messages: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    capacity: u32,
}

impl Queue {
    pub(super) fn new(bytes: usize) -> (Queue, mpsc::Receiver<Message>) {
        let (messages, writers_end) = mpsc::channel();
        let capacity = u32::try_from(bytes.max(SMALLEST)).unwrap_or(u32::MAX);
        (Queue { messages, room: Arc::new(Semaphore::new(capacity as usize)), capacity }, writers_end)
    }

    /// Waits for room, then sends. Dropped while it waits, it has sent nothing.
    pub(super) async fn record(&self, event: Event, line: Arc<str>) -> Result<(), JournalError> {
        let bytes = u32::try_from(line.len().max(SMALLEST)).unwrap_or(u32::MAX).min(self.capacity);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_closed| JournalError::Closed)?;
        self.send(Message::Recorded(Recorded { event: Arc::new(event), line, _room: room }))
    }

    /// Sends what needs no room.
    pub(super) fn send(&self, message: Message) -> Result<(), JournalError> {
        self.messages.send(message).map_err(|_gone| JournalError::Closed)
    }

    /// Nothing more is taken; what was sent is still written.
    pub(super) fn close(&self) {
        self.room.close();
        // The writer may have gone already, which is what is wanted.
        let _gone = self.messages.send(Message::Close);
    }
}

/// Blocks the calling thread until the future is done. Unlike a runtime's own, it may be called anywhere.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::deed;
    use super::*;

    fn line() -> Arc<str> {
        "x".repeat(SMALLEST).into()
    }

    #[tokio::test]
    async fn who_finds_it_full_waits_and_loses_nothing() {
        let (queue, messages) = Queue::new(2 * SMALLEST);
        for number in 0..2 {
            queue.record(deed("acme", number), line()).await.unwrap();
        }
        let mut third = polled(queue.record(deed("acme", 2), line()));
        assert!(third.is_pending(), "there is no room");
        drop(messages.recv().unwrap());
        assert!(third.is_ready());
        assert_eq!(messages.try_iter().count(), 2);
    }

    /// Polls by hand what has to be seen waiting.
    struct Polled<F>(std::pin::Pin<Box<F>>);

    fn polled<F: Future>(future: F) -> Polled<F> {
        Polled(Box::pin(future))
    }

    impl<F: Future> Polled<F> {
        fn is_ready(&mut self) -> bool {
            self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        }

        fn is_pending(&mut self) -> bool {
            !self.is_ready()
        }
    }

    #[tokio::test]
    async fn a_thread_without_a_runtime_and_one_inside_of_a_runtime_can_both_wait() {
        let (queue, messages) = Queue::new(SMALLEST);
        let writer = thread::spawn(move || messages.iter().take(100).count());
        // This is the thread of a runtime, which tokio's own blocking forms would refuse.
        for number in 0..50 {
            wait(queue.record(deed("acme", number), line())).unwrap();
        }
        let other = thread::spawn(move || (50..100).for_each(|n| wait(queue.record(deed("acme", n), line())).unwrap()));
        other.join().unwrap();
        assert_eq!(writer.join().unwrap(), 100);
    }

    #[tokio::test]
    async fn after_the_end_nothing_is_taken() {
        let (queue, _messages) = Queue::new(SMALLEST);
        queue.close();
        assert!(matches!(queue.record(deed("acme", 1), line()).await, Err(JournalError::Closed)));
    }
}
