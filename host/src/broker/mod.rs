//! The broker of messages: the port that streams name, and what crosses it.
//!
//! ```text
//!   publish ─▶ the tenant's exchange ─ routing key ─▶ queue of each stream that is bound to it ─▶ consumers
//!                                                        │                                          │
//!                                                        ◀── not acknowledged: given back ──────────┤
//!                                                     gone ◀── acknowledged ────────────────────────┘
//! ```
//!
//! - One *exchange* for each tenant, one *queue* for each of its streams, bound by routing keys: a message that fits the keys
//!   of several streams goes to each of them. A message that fits none is not accepted, and whoever publishes is told so.
//! - *Accepted is durable.* [`Broker::publish`] answers when every queue has the message on disk. A queue that is full
//!   accepts nothing and loses nothing.
//! - *At least once, in order.* A message stays in its queue until it is acknowledged. What a consumer holds and has not
//!   acknowledged goes back, to where it was, when the consumer is dropped, its connection is lost or its host dies.
//! - *An acknowledgement need not be durable when it is made.* One that is lost brings messages again, and their documents
//!   have the `_id` that they had before.
//! - A broker never judges a message: dead letters are the business of whoever consumes.
//!
//! A message travels as an [`Envelope`], in the bytes that a worker is sent (see [`delivery`](crate::worker::delivery)), so that
//! nothing is taken apart on its way.

#[cfg(test)]
mod contract;
mod credentials;
pub mod embedded;
pub mod envelope;
pub mod rabbitmq;

pub use credentials::Credentials;
pub use envelope::{Envelope, EnvelopeError, is_replayed};

use crate::quota::bucket::Amount;
use crate::sink::BoxFuture;
use crate::tenant::{StreamName, TenantId};
use crate::worker::delivery::body_len;
use std::ops::Range;
use std::time::Duration;

/// A stream of a tenant: what its queue is called after.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub stream: StreamName,
}

impl std::fmt::Display for StreamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.stream)
    }
}

/// Written as `tenant/stream`.
impl std::str::FromStr for StreamKey {
    type Err = String;

    fn from_str(text: &str) -> Result<StreamKey, String> {
        let (tenant, stream) = text
            .split_once('/')
            .ok_or_else(|| format!("{text:?} names no stream: write tenant/stream, such as acme/clicks"))?;
        let tenant = TenantId::parse(tenant).map_err(|error| error.to_string())?;
        let stream = StreamName::parse(stream).map_err(|error| error.to_string())?;
        Ok(StreamKey { tenant, stream })
    }
}

/// The queue that a stream needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// The stream it belongs to.
    pub key: StreamKey,
    /// Routing keys that it is bound to: exactly these, compared byte by byte. At least one.
    pub routing_keys: Vec<String>,
    /// Bytes of bodies that may wait in it; what would take it above that is not accepted.
    pub max_bytes: u64,
    /// Only one consumer at a time is given messages, on all hosts together; another takes over when it goes.
    pub single_active: bool,
}

/// A consumer that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The queue, which is declared.
    pub queue: QueueSpec,
    /// The consumer's tag: kept per tenant and stream, unlike any other on this queue.
    pub tag: String,
    /// Messages that it may hold and not have acknowledged. At least 1.
    pub prefetch: u16,
}

/// A message to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The key that decides which queues it goes to.
    pub routing_key: String,
    /// What is published.
    pub envelope: Envelope,
}

/// What became of messages that were to be published: each that is not named here is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Accepted by every queue that it fits, and durable.
    pub accepted: u64,
    /// Not accepted, each with its index and one sentence: no queue is bound to its key, or one is full.
    pub refused: Vec<(usize, String)>,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait for a consumer.
    pub waiting: u64,
    /// Messages that consumers hold.
    pub held: u64,
    /// Bytes of bodies of both together; `None` where the broker does not tell.
    pub bytes: Option<u64>,
    /// How long the oldest of them has been here; `None` where there is none or the broker does not tell.
    pub oldest: Option<Duration>,
    /// Consumers on all hosts.
    pub consumers: u64,
}

/// How much is taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Messages; at least 1.
    pub messages: usize,
    /// Bytes; the first message is taken however large it is.
    pub bytes: usize,
}

impl Room {
    /// No more than is allowed: at least one message, however large it is.
    #[must_use]
    pub fn within(self, allowed: Amount) -> Room {
        let cut = |number: usize, most: u64| number.min(usize::try_from(most).unwrap_or(usize::MAX));
        Room { messages: cut(self.messages, allowed.messages).max(1), bytes: cut(self.bytes, allowed.bytes) }
    }
}

/// Messages as a worker is sent them, and what is to be known of each.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The payload of a `Deliver`: the messages one after another, with stream, consumer tag and delivery tag in each.
    pub payload: Vec<u8>,
    /// In the order they came.
    pub messages: Vec<Arrived>,
}

/// A message of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where it is in the payload.
    pub range: Range<usize>,
    /// Under which tag it is acknowledged. Rises from message to message of a consumer.
    pub tag: u64,
}

impl Bundle {
    /// Takes everything out, and keeps the room.
    pub fn clear(&mut self) {
        self.payload.clear();
        self.messages.clear();
    }

    /// Bytes of the bodies in it.
    pub fn body_bytes(&self) -> u64 {
        let body = |arrived: &Arrived| body_len(&self.payload[arrived.range.clone()]) as u64;
        self.messages.iter().map(body).sum()
    }

    /// Whether `another` message of so many bytes still has room.
    pub fn has_room(&self, room: Room, another: usize) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < room.messages && self.payload.len().saturating_add(another) <= room.bytes)
    }
}

/// Why the broker could not do it.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Trying again later may help.
    #[error("the broker cannot answer just now: {0}")]
    Transient(String),
    /// Trying again cannot help.
    #[error("the broker cannot do it: {0}")]
    Permanent(String),
    /// There is no such queue: it was not declared, or somebody has deleted it. Declaring it again heals that.
    #[error("the broker has no queue for the stream {0}")]
    NoQueue(StreamKey),
}

/// A broker of messages. See the module.
pub trait Broker: Send + Sync {
    /// Makes the tenant's exchange, the stream's queue and its bindings, or makes them what they should be. Keys that a queue
    /// was bound to before and that are not named any more are let go. Messages stay.
    fn declare<'a>(&'a self, queue: &'a QueueSpec) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Deletes a stream's queue and what waits in it. Answers how many messages went. None where there is no such queue.
    fn delete<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>>;

    /// Throws away what waits in a queue and is not held by a consumer. Answers how many messages went.
    fn purge<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>>;

    /// How full a queue is.
    fn depth<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Depth, BrokerError>>;

    /// Publishes messages to a tenant's exchange, in order.
    ///
    /// # Errors
    /// Nothing is known of any of them; publishing them again may double some, which their message ids make harmless.
    fn publish<'a>(
        &'a self,
        tenant: &'a TenantId,
        messages: Vec<Outgoing>,
    ) -> BoxFuture<'a, Result<Published, BrokerError>>;

    /// Puts a message into the queue of one stream, whatever its keys are: for one that failed and is to be tried again.
    /// Refused like any other where the queue is full.
    fn put_back<'a>(&'a self, key: &'a StreamKey, message: Envelope) -> BoxFuture<'a, Result<Published, BrokerError>>;

    /// Takes away everything that a tenant has here: its queues with what is in them, its exchange, and where it has them its
    /// virtual host and its user. Its consumers end and its clients are cut off; other tenants notice nothing. `streams` are
    /// those that are known: a broker that cannot list queues takes away the queues of these. None of it need be there, and a
    /// tenant of that name that is declared later begins with nothing.
    ///
    /// # Errors
    /// Some of it may be left: ask again.
    fn forget_tenant<'a>(
        &'a self,
        tenant: &'a TenantId,
        streams: &'a [StreamName],
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// What a client of its own needs to publish for a tenant; with `rotate` its password is another one from now on. `None`
    /// where there are no such clients: messages come through this host alone.
    fn credentials<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _rotate: bool,
    ) -> BoxFuture<'a, Result<Option<Credentials>, BrokerError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether hosts that share a queue of tasks share this broker, too: then what waits for a stream waits for all of them.
    fn is_common(&self) -> bool {
        false
    }

    /// Whether it answers. One that is this host's own does.
    fn answers(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Starts a consumer, which belongs to the runtime that this is awaited on.
    fn consume(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>>;
}

/// One consumer of one queue. Dropped, it gives back what it has not acknowledged.
pub trait Consumer: Send {
    /// Waits for a message, then takes what has come besides as far as there is room, without waiting. Appends to the bundle.
    /// Cancel-safe: what was not appended comes with the next call.
    ///
    /// # Errors
    /// This consumer has ended (its connection is lost, its queue is gone): start another. What it held has been given back.
    fn next<'a>(&'a mut self, room: Room, bundle: &'a mut Bundle) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Acknowledges everything that was taken up to this tag and including it.
    ///
    /// # Errors
    /// As for [`next`](Consumer::next).
    fn acknowledge(&mut self, up_to: u64) -> BoxFuture<'_, Result<(), BrokerError>>;
}
