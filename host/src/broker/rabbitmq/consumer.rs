//! A consumer: deliveries go from the client library straight into a bundle.

use super::links::{Link, Links};
use super::properties::{Arrival, inbound};
use super::topology::{of_queue, short};
use super::trouble::{answered, done};
use crate::broker::{Arrived, BrokerError, Bundle, Consumer, Room, StreamKey, Subscription};
use crate::sink::BoxFuture;
use crate::worker::delivery::MESSAGE_HEAD;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::FieldTable;
use std::sync::Arc;

/// See the module.
pub(super) struct RabbitConsumer {
    key: StreamKey,
    tag: String,
    deliveries: lapin::Consumer,
    /// One that was taken and found no room.
    waiting: Option<Delivery>,
    /// Why it has ended.
    over: Option<Ended>,
    scratch: Vec<u8>,
    channel: Channel,
    // Dropped last: the channel goes before its connection.
    _link: Arc<Link>,
}

/// Why a consumer has ended.
#[derive(Clone)]
enum Ended {
    NoQueue,
    Lost(String),
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
    Ok(RabbitConsumer {
        key: spec.key,
        tag,
        deliveries,
        waiting: None,
        over: None,
        scratch: Vec::new(),
        channel,
        _link: link,
    })
}

impl RabbitConsumer {
    /// The next delivery. Cancel-safe.
    async fn first(&mut self) -> Result<Delivery, BrokerError> {
        if let Some(delivery) = self.waiting.take() {
            return Ok(delivery);
        }
        if let Some(ended) = &self.over {
            return Err(self.told(ended));
        }
        let next = self.deliveries.next().await;
        self.taken(next).map_err(|ended| {
            let error = self.told(&ended);
            self.over = Some(ended);
            error
        })
    }

    fn taken(&self, next: Option<lapin::Result<Delivery>>) -> Result<Delivery, Ended> {
        match next {
            Some(Ok(delivery)) => Ok(delivery),
            Some(Err(error)) => Err(self.ended(&error)),
            // The broker has cancelled it: its queue is gone, or its queue's node.
            None => Err(Ended::NoQueue),
        }
    }

    fn told(&self, ended: &Ended) -> BrokerError {
        match ended {
            Ended::NoQueue => BrokerError::NoQueue(self.key.clone()),
            Ended::Lost(words) => BrokerError::Transient(words.clone()),
        }
    }

    fn ended(&self, error: &lapin::Error) -> Ended {
        match of_queue(error, &self.key) {
            BrokerError::NoQueue(_) => Ended::NoQueue,
            // Also where the broker has waited too long for an acknowledgement: another consumer may do better.
            BrokerError::Permanent(words) | BrokerError::Transient(words) => Ended::Lost(words),
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
                    // Told by the next call, so that nobody takes what has come for lost.
                    Err(ended) => {
                        self.over = Some(ended);
                        return Ok(());
                    }
                }
            }
        })
    }

    fn acknowledge(&mut self, up_to: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            let acknowledged = self.channel.basic_ack(up_to, BasicAckOptions { multiple: true }).await;
            acknowledged.map_err(|error| {
                let ended = self.ended(&error);
                let ended = self.over.get_or_insert(ended).clone();
                self.told(&ended)
            })
        })
    }
}

impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        // Left alone the library would cancel the consumer before it closes the channel, and a quorum queue puts what is on its
        // way to a consumer that is cancelled behind everything else. The first poll sends the frame; nobody needs the answer.
        let _closing = self.channel.close(REPLY_SUCCESS, "dropped".into()).now_or_never();
    }
}
