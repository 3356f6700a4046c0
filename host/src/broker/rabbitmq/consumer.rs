//! A consumer: deliveries go from the client library straight into a bundle.

use super::links::{Link, Links};
use super::properties::{Arrival, inbound};
use super::topology::{of_queue, short};
use super::trouble::{answered, done, told};
use crate::broker::{Arrived, BrokerError, Bundle, Consumer, Room, StreamKey, Subscription};
use crate::sink::BoxFuture;
use crate::worker::delivery::MESSAGE_HEAD;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use std::sync::Arc;

/// See the module.
pub(super) struct RabbitConsumer {
    key: StreamKey,
    tag: String,
    deliveries: lapin::Consumer,
    /// One that was taken and found no room.
    waiting: Option<Delivery>,
    /// Why it has ended, where that is not told yet.
    over: Option<BrokerError>,
    scratch: Vec<u8>,
    channel: Channel,
    // Dropped last: the channel goes before its connection.
    _link: Arc<Link>,
}

/// Starts a consumer on the present runtime.
pub(super) async fn consume(
    links: &Links,
    vhost: &str,
    queue: &str,
    subscription: Subscription,
) -> Result<RabbitConsumer, BrokerError> {
    let Subscription { queue: spec, tag, prefetch } = subscription;
    let link = links.get(vhost).await?;
    let channel = link.new_channel().await?;
    done(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let deliveries = answered(channel.basic_consume(short(queue)?, short(&tag)?, options, none)).await?;
    let deliveries = deliveries.map_err(|error| of_queue(&error, &spec.key))?;
    Ok(RabbitConsumer { key: spec.key, tag, deliveries, waiting: None, over: None, scratch: Vec::new(), channel, _link: link })
}

impl RabbitConsumer {
    /// The next delivery. Cancel-safe.
    async fn first(&mut self) -> Result<Delivery, BrokerError> {
        if let Some(delivery) = self.waiting.take() {
            return Ok(delivery);
        }
        if let Some(error) = self.over.take() {
            return Err(error);
        }
        let next = self.deliveries.next().await;
        self.taken(next)
    }

    fn taken(&self, next: Option<lapin::Result<Delivery>>) -> Result<Delivery, BrokerError> {
        match next {
            Some(Ok(delivery)) => Ok(delivery),
            Some(Err(error)) => Err(self.ended(&error)),
            // The broker has cancelled it: its queue is gone, or its queue's node.
            None => Err(BrokerError::NoQueue(self.key.clone())),
        }
    }

    fn ended(&self, error: &lapin::Error) -> BrokerError {
        match of_queue(error, &self.key) {
            // Also where the broker has waited too long for an acknowledgement: another consumer may do better.
            BrokerError::Permanent(words) => BrokerError::Transient(words),
            told => told,
        }
    }

    /// Appends a delivery where there is room. Whether there was.
    fn append(&mut self, delivery: &Delivery, room: Room, bundle: &mut Bundle) -> Result<bool, BrokerError> {
        let begin = bundle.payload.len();
        if !bundle.has_room(room, MESSAGE_HEAD + delivery.data.len()) {
            return Ok(false);
        }
        let arrival = Arrival {
            stream: self.key.stream.as_str(),
            consumer_tag: &self.tag,
            channel: self.channel.id(),
            delivery_tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
            exchange: delivery.exchange.as_str(),
            routing_key: delivery.routing_key.as_str(),
        };
        let (scratch, payload) = (&mut self.scratch, &mut bundle.payload);
        inbound(&arrival, &delivery.properties, &delivery.data, scratch, payload)
            .map_err(|error| BrokerError::Permanent(format!("a message cannot be taken: {error}")))?;
        // What its texts take up is known only now.
        if bundle.payload.len() > room.bytes && !bundle.messages.is_empty() {
            bundle.payload.truncate(begin);
            return Ok(false);
        }
        bundle.messages.push(Arrived { range: begin..bundle.payload.len(), tag: delivery.delivery_tag });
        Ok(true)
    }
}

impl Consumer for RabbitConsumer {
    fn next<'a>(&'a mut self, room: Room, bundle: &'a mut Bundle) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let mut delivery = self.first().await?;
            loop {
                if !self.append(&delivery, room, bundle)? {
                    self.waiting = Some(delivery);
                    return Ok(());
                }
                let Some(next) = self.deliveries.next().now_or_never() else { return Ok(()) };
                match self.taken(next) {
                    Ok(next) => delivery = next,
                    Err(error) => {
                        self.over = Some(error);
                        return Ok(());
                    }
                }
            }
        })
    }

    fn acknowledge(&mut self, up_to: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            let acknowledged = self.channel.basic_ack(up_to, BasicAckOptions { multiple: true }).await;
            acknowledged.map_err(|error| match told(&error) {
                BrokerError::Permanent(words) => BrokerError::Transient(words),
                told => told,
            })
        })
    }
}
