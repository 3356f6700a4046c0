//! Publishing: many messages under way at a time, each confirmed.

use super::links::Link;
use super::properties::{Way, outbound};
use super::topology::short;
use super::trouble::told;
use crate::broker::{BrokerError, Envelope, Published};
use lapin::options::BasicPublishOptions;
use lapin::{Confirmation, PublisherConfirm};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::timeout;

/// Messages that may be under way at a time.
const WINDOW: usize = 1_000;
/// Bytes of bodies that may be, unless one message alone has more.
const WINDOW_BYTES: usize = 8 << 20;
/// How long the broker may take to confirm one: it may have to wait for its disk, or for memory.
const CONFIRM: Duration = Duration::from_secs(30);

/// What is said of a message that a full queue refuses.
const FULL: &str = "the queue of a stream that takes it is full";

/// A message under way.
struct UnderWay {
    index: usize,
    bytes: usize,
    confirm: PublisherConfirm,
}

/// What became of messages, and of which of them there was no queue.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) published: Published,
    pub(super) without_queue: u64,
}

/// Publishes messages to an exchange, in order, and waits until each is confirmed.
pub(super) async fn publish(
    link: &Link,
    exchange: &str,
    messages: impl Iterator<Item = (Way<'_>, &Envelope)>,
    as_anybody: bool,
) -> Result<Outcome, BrokerError> {
    let channel = link.confirming_channel().await?;
    let exchange = short(exchange)?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut outcome = Outcome::default();
    let mut under_way: VecDeque<UnderWay> = VecDeque::new();
    let mut bytes = 0;
    for (index, (way, envelope)) in messages.enumerate() {
        let message = match envelope.message() {
            Ok(message) => message,
            Err(error) => {
                outcome.published.refused.push((index, format!("the message {error}")));
                continue;
            }
        };
        let out = match outbound(&message, way, as_anybody) {
            Ok(out) => out,
            Err(reason) => {
                outcome.published.refused.push((index, format!("the message {reason}")));
                continue;
            }
        };
        let size = out.body.len();
        while under_way.len() >= WINDOW || (bytes > 0 && bytes + size > WINDOW_BYTES) {
            let Some(first) = under_way.pop_front() else { break };
            bytes -= first.bytes;
            settle(first, &mut outcome).await?;
        }
        let sent = channel.basic_publish(exchange.clone(), out.routing_key, options, out.body, out.properties);
        let confirm = patient(sent).await?;
        bytes += size;
        under_way.push_back(UnderWay { index, bytes: size, confirm });
    }
    for each in under_way {
        settle(each, &mut outcome).await?;
    }
    outcome.published.refused.sort_unstable_by_key(|(index, _)| *index);
    Ok(outcome)
}

async fn settle(under_way: UnderWay, outcome: &mut Outcome) -> Result<(), BrokerError> {
    let published = &mut outcome.published;
    match patient(under_way.confirm).await? {
        Confirmation::Ack(None) => published.accepted += 1,
        Confirmation::Ack(Some(back)) => {
            let reason = format!("no stream takes messages with the routing key {:?}", back.routing_key.as_str());
            published.refused.push((under_way.index, reason));
            outcome.without_queue += 1;
        }
        Confirmation::Nack(_) => published.refused.push((under_way.index, FULL.into())),
        Confirmation::NotRequested => {
            return Err(BrokerError::Permanent("RabbitMQ does not confirm what is published".into()));
        }
    }
    Ok(())
}

async fn patient<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    let silent = |_| {
        BrokerError::Transient(format!(
            "RabbitMQ has not confirmed a message for {} s: it may be out of memory or disk",
            CONFIRM.as_secs()
        ))
    };
    timeout(CONFIRM, answer).await.map_err(silent)?.map_err(|error| match told(&error) {
        // Nothing is known of what is under way, whatever the reason.
        BrokerError::Permanent(words) if !words.contains("ACCESS_REFUSED") => BrokerError::Transient(words),
        told => told,
    })
}
