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
//! of a tenant on that runtime share. The client library reads and writes each connection in a thread of its own, which the
//! runtime's reactor wakes: a message passes from the reactor to that thread and from there to its consumer.
//!
//! # Healing
//! Nothing is recovered behind anybody's back: a connection that is lost, a broker that restarts and a queue that is deleted
//! end a consumer with an error, and whoever asks next gets a new connection. A peer that is silent is given up after two
//! missed heartbeats.
//!
//! [`connect`]: RabbitBroker::connect

mod consumer;
mod guard;
mod headers;
mod home;
mod line;
mod links;
mod management;
mod names;
mod properties;
mod publisher;
mod settings;
mod socket;
mod tenants;
#[cfg(test)]
mod tests;
mod topology;
mod trouble;

pub use settings::{QueueKind, RabbitSettings};

use super::{
    Broker, BrokerError, Consumer, Credentials, Depth, Envelope, Outgoing, Published, QueueSpec, StreamKey,
    Subscription,
};
use crate::sink::BoxFuture;
use crate::tenant::{StreamName, TenantId};
use home::Home;
use properties::Way;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A connected broker.
pub struct RabbitBroker {
    home: Arc<Home>,
    runtime: Handle,
}

impl RabbitBroker {
    /// Connects, and answers what is not as it should be with the server, in sentences for the operator.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the user, or is not who it should be; or the settings will not do.
    pub async fn connect(settings: &RabbitSettings) -> Result<(RabbitBroker, Vec<String>), BrokerError> {
        let (home, warnings) = Home::connect(settings).await?;
        Ok((RabbitBroker { home: Arc::new(home), runtime: Handle::current() }, warnings))
    }

    /// What a client needs to publish for a tenant. With a management API the tenant's user is made where there is none, and
    /// gets a password then, or another one when it is to be rotated.
    ///
    /// # Errors
    /// As for whatever else asks the broker.
    async fn credentials_of(&self, tenant: &TenantId, rotate: bool) -> Result<Credentials, BrokerError> {
        let tenant = tenant.clone();
        self.at_home(async move |home| {
            let link = home.link(&tenant).await?;
            let exchange = home.names.exchange(&tenant);
            topology::declare_exchange(&link, &exchange).await?;
            let (user, password, note) = match &home.api {
                Some(api) => {
                    let (password, note) = tenants::user(api, &home.names, &tenant, rotate).await?;
                    (Some(home.names.user(&tenant)), password, note)
                }
                None => (None, None, tenants::SHARED),
            };
            let (vhost, line) = (home.names.vhost(&tenant), home.links.line());
            let (url, ca) = (line.url_of(&vhost), home.ca.clone());
            Ok(Credentials { url, vhost, exchange, user, password, ca, note: note.to_owned() })
        })
        .await
    }

    /// Does something on the runtime that connected, to its end, whoever waits for it.
    async fn at_home<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<Home>) -> F) -> Result<T, BrokerError>
    where
        F: Future<Output = Result<T, BrokerError>> + Send + 'static,
    {
        match self.runtime.spawn(work(Arc::clone(&self.home))).await {
            Ok(answer) => answer,
            Err(gone) => Err(BrokerError::Transient(format!("the host is shutting down: {gone}"))),
        }
    }
}

impl Broker for RabbitBroker {
    fn is_common(&self) -> bool {
        true
    }

    fn answers(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(self.at_home(async move |home| home.answers().await))
    }

    fn credentials<'a>(
        &'a self,
        tenant: &'a TenantId,
        rotate: bool,
    ) -> BoxFuture<'a, Result<Option<Credentials>, BrokerError>> {
        Box::pin(async move { self.credentials_of(tenant, rotate).await.map(Some) })
    }

    fn declare<'a>(&'a self, queue: &'a QueueSpec) -> BoxFuture<'a, Result<(), BrokerError>> {
        let queue = queue.clone();
        Box::pin(self.at_home(async move |home| topology::declare(&home, &queue).await))
    }

    fn delete<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>> {
        let key = key.clone();
        Box::pin(self.at_home(async move |home| topology::delete(&home, &key).await))
    }

    fn purge<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>> {
        let key = key.clone();
        Box::pin(self.at_home(async move |home| topology::purge(&home, &key).await))
    }

    fn depth<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Depth, BrokerError>> {
        let key = key.clone();
        Box::pin(self.at_home(async move |home| topology::depth(&home, &key).await))
    }

    fn publish<'a>(
        &'a self,
        tenant: &'a TenantId,
        messages: Vec<Outgoing>,
    ) -> BoxFuture<'a, Result<Published, BrokerError>> {
        let tenant = tenant.clone();
        Box::pin(self.at_home(async move |home| {
            let link = home.link(&tenant).await?;
            let ways = messages.iter().map(|message| (Way::Exchange(&message.routing_key), &message.envelope));
            let exchange = home.names.exchange(&tenant);
            Ok(publisher::publish(&link, &exchange, ways, home.as_anybody).await?.published)
        }))
    }

    fn put_back<'a>(&'a self, key: &'a StreamKey, message: Envelope) -> BoxFuture<'a, Result<Published, BrokerError>> {
        let key = key.clone();
        Box::pin(self.at_home(async move |home| {
            let link = home.link(&key.tenant).await?;
            let queue = home.names.queue(&key);
            let one = std::iter::once((Way::Queue(&queue), &message));
            let outcome = publisher::publish(&link, "", one, home.as_anybody).await?;
            if outcome.without_queue > 0 { Err(BrokerError::NoQueue(key)) } else { Ok(outcome.published) }
        }))
    }

    fn forget_tenant<'a>(
        &'a self,
        tenant: &'a TenantId,
        streams: &'a [StreamName],
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        let (tenant, streams) = (tenant.clone(), streams.to_vec());
        Box::pin(self.at_home(async move |home| home.forget(&tenant, &streams).await))
    }

    fn consume(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let key = subscription.queue.key.clone();
            let (vhost, queue) = (self.home.names.vhost(&key.tenant), self.home.names.queue(&key));
            let made = consumer::consume(&self.home.links, &vhost, &queue, subscription).await;
            Ok(Box::new(self.home.forgetting(&key.tenant, made)?) as Box<dyn Consumer>)
        })
    }
}
