//! The broker on RabbitMQ: shared by any number of hosts, and fed by any client that speaks AMQP 0-9-1.
//!
//! # What is where
//! ```text
//!   virtual host <prefix>.<tenant>                       one for each tenant, made with the management API
//!     exchange   <prefix>.<tenant>        direct, durable
//!        │ routing keys
//!     queue      <prefix>.<tenant>.<stream>   durable, quorum (or classic)
//! ```
//! Without a management API all tenants' things are in the virtual host of the URL and differ by name; [`connect`] says so in
//! a sentence. See [`tenants`] for who may do what.
//!
//! A queue's kind and whether it has a single active consumer are arguments that it keeps for life. So is its length in bytes
//! (`x-max-length-bytes` with `x-overflow: reject-publish`) without a management API; with one that is a policy, which can be
//! changed. A queue that is there with other arguments is made anew where it is empty, nobody consumes it and that can be
//! known without losing a message; else one sentence says what to do. Length counts what waits, not what consumers hold, and
//! a quorum queue refuses a little late: what was under way when it filled up is still taken.
//!
//! Before 4.0 a quorum queue has no delivery limit of its own, so none is set; from 4.0 on it is 20, and is turned off
//! (`x-delivery-limit: -1`): a limit counts lost connections too and would convict innocents. A *policy* of the operator that
//! sets one is obeyed by the broker: [`connect`] looks for such policies where it can, and says so.
//!
//! Keys that a queue is bound to and that are not named any more are let go: all of them where the management API lists them,
//! else those that this process has bound itself.
//!
//! # Durable, and when an answer is lost
//! Messages are published as persistent, with the mandatory flag, and counted as accepted when the broker has confirmed each:
//! a quorum queue has it on the disks of most of its nodes then. What is not routed comes back, what a full queue refuses is
//! confirmed negatively. A message for several queues of which one is full is refused, and is in the others: published
//! again, it doubles there, which its message id makes harmless. A lost connection leaves what was under way unknown.
//!
//! # Connections and threads
//! What is declared, looked at and published goes through connections of the runtime that connected, one for each virtual
//! host. A consumer belongs to the runtime that it is made on, with a channel of its own on a connection that all consumers
//! of a tenant on that runtime share. The client library runs a connection's socket as a task of that runtime.
//!
//! # Healing
//! Nothing is recovered behind anybody's back: a connection that is lost, a broker that restarts and a queue that is deleted
//! end a consumer with an error, and whoever asks next gets a new connection. A peer that is silent is given up after two
//! missed heartbeats.
//!
//! [`connect`]: RabbitBroker::connect

mod consumer;
mod headers;
mod line;
mod management;
mod names;
mod properties;
mod publisher;
mod settings;
mod tenants;
#[cfg(test)]
mod tests;
mod topology;
mod trouble;

pub use settings::{QueueKind, RabbitSettings};
pub use tenants::Credentials;
