//! Exchanges, queues and bindings: made, changed, looked at, taken away.

use super::home::Home;
use super::links::Link;
use super::names::exactly;
use super::settings::QueueKind;
use super::trouble::{NOT_FOUND, PRECONDITION_FAILED, answered, code, done, told};
use crate::broker::{BrokerError, Depth, QueueSpec, StreamKey};
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{ExchangeKind, Queue};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// The first major version whose quorum queues have a delivery limit by themselves.
const LIMITS_DELIVERIES: u32 = 4;
/// Which of several policies of a queue is in force: ours before an operator's general ones.
const PRIORITY: u32 = 100;

/// See [`Broker::declare`](crate::broker::Broker::declare).
pub(super) async fn declare(home: &Home, spec: &QueueSpec) -> Result<(), BrokerError> {
    let tenant = &spec.key.tenant;
    let (exchange, queue) = (home.names.exchange(tenant), home.names.queue(&spec.key));
    let keys = routing_keys(spec)?;
    let link = home.link(tenant).await?;
    declare_exchange(&link, &exchange).await?;
    if let Some(api) = &home.api {
        // Before the queue, so that it has a length from its first message on.
        let definition = json!({ "max-length-bytes": length(spec), "overflow": "reject-publish" });
        let policy =
            json!({ "pattern": exactly(&queue), "definition": definition, "priority": PRIORITY, "apply-to": "queues" });
        api.put(&["policies", &home.names.vhost(tenant), &queue], &policy).await?;
    }
    declare_queue(home, &link, spec, &exchange, &queue).await?;
    let channel = link.channel().await?;
    for key in &keys {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        done(channel.queue_bind(short(&queue)?, short(&exchange)?, short(key)?, options, none)).await?;
    }
    let bound = home.bound.exchange(&queue, keys.clone());
    let bound = match listed(home, spec, &exchange, &queue).await? {
        Some(listed) => listed,
        None => bound,
    };
    for key in bound.difference(&keys) {
        done(channel.queue_unbind(short(&queue)?, short(&exchange)?, short(key)?, FieldTable::default())).await?;
    }
    Ok(())
}

/// Makes a tenant's exchange, where there is none.
pub(super) async fn declare_exchange(link: &Link, exchange: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    done(channel.exchange_declare(short(exchange)?, ExchangeKind::Direct, options, FieldTable::default())).await
}

/// Takes a tenant's exchange away, where there is one.
pub(super) async fn delete_exchange(link: &Link, exchange: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    match answered(channel.exchange_delete(short(exchange)?, ExchangeDeleteOptions::default())).await? {
        Err(error) if code(&error) != Some(NOT_FOUND) => Err(told(&error)),
        _ => Ok(()),
    }
}

async fn declare_queue(
    home: &Home,
    link: &Link,
    spec: &QueueSpec,
    exchange: &str,
    queue: &str,
) -> Result<(), BrokerError> {
    let arguments = arguments(home, link, spec);
    let ask = async || {
        let channel = link.channel().await?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        answered(channel.queue_declare(short(queue)?, options, arguments.clone())).await
    };
    let error = match ask().await? {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if code(&error) != Some(PRECONDITION_FAILED) {
        return Err(told(&error));
    }
    if take_away_if_empty(home, link, spec, exchange, queue).await? {
        return ask().await?.map(drop).map_err(|error| told(&error));
    }
    Err(BrokerError::Permanent(format!(
        "the queue {queue} is there with other settings, which a queue keeps for life, and messages wait in it or somebody \
         consumes it: let the stream {} run empty and stop it everywhere, or delete its queue with what is in it, then start \
         it again ({error})",
        spec.key
    )))
}

fn arguments(home: &Home, link: &Link, spec: &QueueSpec) -> FieldTable {
    let mut arguments = FieldTable::default();
    let mut set = |name: &str, value: AMQPValue| {
        arguments.insert(name.into(), value);
    };
    set("x-queue-type", AMQPValue::LongString(home.queues.as_str().into()));
    if spec.single_active {
        set("x-single-active-consumer", AMQPValue::Boolean(true));
    }
    if home.api.is_none() {
        set("x-max-length-bytes", AMQPValue::LongLongInt(length(spec)));
        set("x-overflow", AMQPValue::LongString("reject-publish".into()));
    }
    if home.queues == QueueKind::Quorum && link.major_version() >= LIMITS_DELIVERIES {
        set("x-delivery-limit", AMQPValue::LongInt(-1));
    }
    arguments
}

fn length(spec: &QueueSpec) -> i64 {
    i64::try_from(spec.max_bytes).unwrap_or(i64::MAX)
}

/// Deletes a queue if that loses nothing. Whether it is gone.
///
/// A classic queue can be deleted on the condition that it is empty and unused. A quorum queue cannot: so that nothing comes in
/// between the look and the deed, its bindings are taken away first, and given back where it is not empty after all.
async fn take_away_if_empty(
    home: &Home,
    link: &Link,
    spec: &QueueSpec,
    exchange: &str,
    queue: &str,
) -> Result<bool, BrokerError> {
    let channel = link.channel().await?;
    let conditions = QueueDeleteOptions { if_unused: true, if_empty: true, ..QueueDeleteOptions::default() };
    if kind(home, spec, queue).await?.as_deref() == Some(QueueKind::Classic.as_str()) {
        return Ok(answered(channel.queue_delete(short(queue)?, conditions)).await?.is_ok());
    }
    let Some(keys) = listed(home, spec, exchange, queue).await? else { return Ok(false) };
    for key in &keys {
        done(channel.queue_unbind(short(queue)?, short(exchange)?, short(key)?, FieldTable::default())).await?;
    }
    let looked = look(link, queue).await?.map_err(|error| told(&error))?;
    if looked.message_count() == 0 && looked.consumer_count() == 0 {
        done(channel.queue_delete(short(queue)?, QueueDeleteOptions::default())).await?;
        return Ok(true);
    }
    for key in &keys {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        done(channel.queue_bind(short(queue)?, short(exchange)?, short(key)?, options, none)).await?;
    }
    Ok(false)
}

/// The kind of a queue that is there, where the management API tells.
async fn kind(home: &Home, spec: &QueueSpec, queue: &str) -> Result<Option<String>, BrokerError> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: Option<String>,
    }
    let Some(api) = &home.api else { return Ok(Some(home.queues.as_str().into())) };
    let told: Option<Kind> = api.get(&["queues", &home.names.vhost(&spec.key.tenant), queue]).await?;
    Ok(told.and_then(|told| told.r#type))
}

/// The keys that a queue is bound by, where the management API tells.
async fn listed(
    home: &Home,
    spec: &QueueSpec,
    exchange: &str,
    queue: &str,
) -> Result<Option<BTreeSet<String>>, BrokerError> {
    #[derive(Deserialize)]
    struct Binding {
        source: String,
        routing_key: String,
    }
    let Some(api) = &home.api else { return Ok(None) };
    let vhost = home.names.vhost(&spec.key.tenant);
    let bindings: Vec<Binding> = api.get(&["queues", &vhost, queue, "bindings"]).await?.unwrap_or_default();
    let ours = bindings.into_iter().filter(|binding| binding.source == exchange);
    Ok(Some(ours.map(|binding| binding.routing_key).collect()))
}

/// See [`Broker::delete`](crate::broker::Broker::delete).
pub(super) async fn delete(home: &Home, key: &StreamKey) -> Result<u64, BrokerError> {
    let queue = home.names.queue(key);
    let link = home.link(&key.tenant).await?;
    let gone = {
        let channel = link.channel().await?;
        match answered(channel.queue_delete(short(&queue)?, QueueDeleteOptions::default())).await? {
            Err(error) if code(&error) == Some(NOT_FOUND) => 0,
            answer => answer.map_err(|error| told(&error))?,
        }
    };
    home.bound.exchange(&queue, BTreeSet::new());
    if let Some(api) = &home.api {
        api.delete(&["policies", &home.names.vhost(&key.tenant), &queue]).await?;
    }
    Ok(gone.into())
}

/// See [`Broker::purge`](crate::broker::Broker::purge).
pub(super) async fn purge(home: &Home, key: &StreamKey) -> Result<u64, BrokerError> {
    let link = home.link(&key.tenant).await?;
    let channel = link.channel().await?;
    let queue = short(&home.names.queue(key))?;
    let gone = answered(channel.queue_purge(queue, QueuePurgeOptions::default())).await?;
    gone.map(u64::from).map_err(|error| of_queue(&error, key))
}

/// See [`Broker::depth`](crate::broker::Broker::depth).
pub(super) async fn depth(home: &Home, key: &StreamKey) -> Result<Depth, BrokerError> {
    #[derive(Default, Deserialize)]
    struct Told {
        #[serde(default)]
        messages_unacknowledged: u64,
        message_bytes: Option<u64>,
        head_message_timestamp: Option<u64>,
    }
    let queue = home.names.queue(key);
    let link = home.link(&key.tenant).await?;
    let looked = look(&link, &queue).await?.map_err(|error| of_queue(&error, key))?;
    let (waiting, consumers) = (u64::from(looked.message_count()), u64::from(looked.consumer_count()));
    let told: Told = match &home.api {
        Some(api) => api.get(&["queues", &home.names.vhost(&key.tenant), &queue]).await?.unwrap_or_default(),
        None => Told::default(),
    };
    let oldest = told.head_message_timestamp.map(|at| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        SystemTime::now().duration_since(at).unwrap_or_default()
    });
    Ok(Depth { waiting, held: told.messages_unacknowledged, bytes: told.message_bytes, oldest, consumers })
}

/// What the broker says of a queue that is there.
async fn look(link: &Link, queue: &str) -> Result<lapin::Result<Queue>, BrokerError> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    answered(channel.queue_declare(short(queue)?, options, FieldTable::default())).await
}

/// An error where a missing queue is known as such.
pub(super) fn of_queue(error: &lapin::Error, key: &StreamKey) -> BrokerError {
    if code(error) == Some(NOT_FOUND) { BrokerError::NoQueue(key.clone()) } else { told(error) }
}

fn routing_keys(spec: &QueueSpec) -> Result<BTreeSet<String>, BrokerError> {
    for key in &spec.routing_keys {
        short(key)?;
    }
    Ok(spec.routing_keys.iter().cloned().collect())
}

/// A short text of AMQP.
pub(super) fn short(text: &str) -> Result<ShortString, BrokerError> {
    let too_long = |_| BrokerError::Permanent(format!("AMQP takes names and keys of 255 bytes at most, not {text:?}"));
    ShortString::try_new(text).map_err(too_long)
}
