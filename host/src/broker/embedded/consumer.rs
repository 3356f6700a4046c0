//! One consumer: takes messages out of its queue's state, hands them on, and settles or gives back what it holds.
//!
//! It waits without a timer: for *news*, which wakes one consumer of a queue after another until nothing is left, or for its
//! *turn*, where it would be given nothing now (another is the single active one, or it holds all that it may).

use super::queue::Queue;
use super::reader::Ask;
use super::runs::Runs;
use super::settler::Signal;
use super::shared::Shared;
use super::state::{State, Taken, Wanted};
use crate::broker::{Arrived, BrokerError, Bundle, Consumer, Room, Subscription};
use crate::sink::BoxFuture;
use crate::worker::delivery::{Address, readdress};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

/// What delivering adds to a message, beside the texts themselves.
const TEXT_HEADS: usize = 8;

pub(super) struct EmbeddedConsumer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    /// Its number among all consumers.
    number: u64,
    tag: String,
    prefetch: usize,
    held: VecDeque<Held>,
    /// Delivery tag of the next message.
    next_tag: u64,
}

/// A message that was taken and not acknowledged.
#[derive(Clone, Copy)]
struct Held {
    number: u64,
    /// Bytes of its body.
    body: u32,
}

/// What a consumer that was given nothing waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    News,
    Turn,
}

impl EmbeddedConsumer {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        number: u64,
        subscription: &Subscription,
    ) -> EmbeddedConsumer {
        queue.lock().consumers.push_back(number);
        let prefetch = usize::from(subscription.prefetch.max(1));
        let tag = subscription.tag.clone();
        EmbeddedConsumer { shared, queue, number, tag, prefetch, held: VecDeque::new(), next_tag: 1 }
    }

    async fn wait_and_take(&mut self, room: Room, bundle: &mut Bundle) -> Result<(), BrokerError> {
        let queue = Arc::clone(&self.queue);
        loop {
            let Some(wait) = self.take(room, bundle)? else { return Ok(()) };
            let mut woken = pin!(match wait {
                Wait::News => queue.news.notified(),
                Wait::Turn => queue.turn.notified(),
            });
            // Once more: something may have come before it was known that somebody waits.
            woken.as_mut().enable();
            match self.take(room, bundle)? {
                None => return Ok(()),
                Some(still) if still == wait => woken.await,
                // It is another's, if it was woken by news.
                Some(_) => queue.news.notify_one(),
            }
        }
    }

    /// Takes what there is and fits. Says what to wait for where that is nothing.
    fn take(&mut self, room: Room, bundle: &mut Bundle) -> Result<Option<Wait>, BrokerError> {
        let mut state = self.queue.lock();
        check(&self.shared, &self.queue, &state)?;
        if let Some(trouble) = state.take_trouble() {
            return Err(self.shared.told(trouble));
        }
        let free = self.prefetch - self.held.len();
        if free == 0 || (state.spec.single_active && state.consumers.front() != Some(&self.number)) {
            return Ok(Some(Wait::Turn));
        }
        let wanted = Wanted {
            messages: room.messages.saturating_sub(bundle.messages.len()).min(free),
            bytes: room.bytes.saturating_sub(bundle.payload.len()),
            address: TEXT_HEADS + self.queue.key.stream.as_str().len() + self.tag.len(),
            at_least_one: bundle.messages.is_empty(),
        };
        let taken = state.take(wanted);
        let more = state.waiting() > 0;
        drop(state);
        if let Some(from) = taken.load {
            self.shared.read(Ask::Chunks(Arc::clone(&self.queue), from));
        }
        if more && !taken.pieces.is_empty() {
            self.queue.news.notify_one();
        }
        let nothing = taken.pieces.is_empty() && !taken.full;
        self.hand_on(&taken, bundle)?;
        Ok(nothing.then_some(Wait::News))
    }

    fn hand_on(&mut self, taken: &Taken, bundle: &mut Bundle) -> Result<(), BrokerError> {
        // All of them first: they are held, whatever happens now.
        for piece in &taken.pieces {
            let messages = &piece.chunk.messages;
            self.held.extend(
                piece
                    .places
                    .clone()
                    .map(|place| Held { number: piece.chunk.first + place as u64, body: messages.body(place) }),
            );
        }
        for piece in &taken.pieces {
            let messages = &piece.chunk.messages;
            for place in piece.places.clone() {
                let tag = self.next_tag;
                self.next_tag += 1;
                let address = Address {
                    stream: self.queue.key.stream.as_str().as_bytes(),
                    consumer_tag: self.tag.as_bytes(),
                    delivery_tag: tag,
                    channel: 1,
                    redelivered: piece.redelivered,
                };
                let at = bundle.payload.len();
                readdress(&messages.data()[messages.range(place)], &address, &mut bundle.payload).map_err(|why| {
                    let number = piece.chunk.first + place as u64;
                    BrokerError::Permanent(format!("message {number} of the queue {}: {why}", self.queue.key))
                })?;
                bundle.messages.push(Arrived { range: at..bundle.payload.len(), tag });
            }
        }
        Ok(())
    }

    fn settle(&mut self, up_to: u64) -> Result<(), BrokerError> {
        let lowest = self.next_tag - self.held.len() as u64;
        let count = usize::try_from(up_to.saturating_add(1).saturating_sub(lowest)).unwrap_or(usize::MAX);
        let mut state = self.queue.lock();
        check(&self.shared, &self.queue, &state)?;
        let (numbers, bodies) = gathered(self.held.drain(..count.min(self.held.len())));
        let written = !state.is_touched();
        state.settle(&numbers, bodies);
        drop(state);
        if written && !numbers.is_empty() {
            self.shared.settled(&self.queue);
        }
        Ok(())
    }
}

impl Consumer for EmbeddedConsumer {
    fn next<'a>(&'a mut self, room: Room, bundle: &'a mut Bundle) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(self.wait_and_take(room, bundle))
    }

    fn acknowledge(&mut self, up_to: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        let settled = self.settle(up_to);
        Box::pin(std::future::ready(settled))
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        let (numbers, bodies) = gathered(self.held.drain(..));
        let mut state = self.queue.lock();
        if !state.gone {
            state.give_back(&numbers, bodies);
        }
        state.consumers.retain(|number| *number != self.number);
        if state.consumers.is_empty() {
            state.forget_chunks();
        }
        drop(state);
        self.queue.turn.notify_waiters();
        self.queue.news.notify_one();
        self.shared.signal(Signal::Now);
    }
}

fn check(shared: &Shared, queue: &Queue, state: &State) -> Result<(), BrokerError> {
    if state.gone {
        return Err(BrokerError::NoQueue(queue.key.clone()));
    }
    shared.check_open()
}

fn gathered(held: impl Iterator<Item = Held>) -> (Runs, u64) {
    let (mut numbers, mut bodies) = (Runs::default(), 0);
    let mut run = 0..0;
    for held in held {
        if held.number == run.end {
            run.end += 1;
        } else {
            numbers.insert(run);
            run = held.number..held.number + 1;
        }
        bodies += u64::from(held.body);
    }
    numbers.insert(run);
    (numbers, bodies)
}
