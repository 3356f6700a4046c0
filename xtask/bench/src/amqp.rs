//! A connection to RabbitMQ, as somebody makes it who has no platform.

use anyhow::{Context as _, Result, bail};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};

/// Connects on the present runtime.
///
/// # Errors
/// The server is not there, or does not let us in.
pub async fn connect(url: &str) -> Result<Connection> {
    Connection::connect(url, ConnectionProperties::default()).await.with_context(|| format!("cannot connect to {url}"))
}

/// Declares a durable queue of this kind, `classic` or `quorum`.
///
/// # Errors
/// The server refuses it: there is one of this name and another kind, or no such kind.
pub async fn declare(channel: &Channel, queue: &str, kind: &str) -> Result<()> {
    if !["classic", "quorum"].contains(&kind) {
        bail!("a queue is classic or quorum, not {kind:?}");
    }
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
    channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await?;
    Ok(())
}
