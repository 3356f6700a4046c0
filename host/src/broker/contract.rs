//! What every broker must do, as one suite that runs over each home.
//!
//! A home's tests implement [`Home`] and say `broker_contract!(ItsHome);`, which makes one test of each sentence in
//! [`sentences`]. A sentence relies on nothing that RabbitMQ does not promise: what a broker counts may be late, so it is
//! waited for; how many bytes are too many may be known only afterwards; that nothing more comes is shown by a message that
//! is published later and comes next.

pub(super) mod sentences;

use super::{Broker, Bundle, Consumer, Depth, Envelope, Outgoing, QueueSpec, Room, StreamKey, Subscription};
use crate::sink::BoxFuture;
use crate::tenant::{StreamName, TenantId};
use crate::worker::delivery::Message;
use std::future::Future;
use std::time::Duration;

/// A broker without queues.
pub(crate) trait Home: Sized + Send {
    /// A new one.
    fn fresh() -> BoxFuture<'static, Self>;
    /// Its broker.
    fn broker(&self) -> &dyn Broker;
    /// Disconnects or closes, and comes back to what is there.
    fn reopened(self) -> BoxFuture<'static, Self>;
}

/// Makes a test of each sentence of the contract.
macro_rules! broker_contract {
    ($home:ty) => {
        $crate::broker::contract::broker_contract!($home =>
            messages_come_in_the_order_they_were_published_in
            a_message_is_addressed_to_its_consumer
            every_property_and_header_is_kept
            a_message_without_properties_and_with_an_empty_body_is_kept
            a_body_of_a_megabyte_of_any_bytes_is_kept
            publishing_nothing_is_done_at_once
            a_message_goes_to_each_queue_that_its_key_fits
            keys_are_compared_byte_by_byte
            a_message_that_fits_no_queue_is_refused_and_the_others_are_accepted
            tenants_have_exchanges_of_their_own
            a_consumer_that_waits_is_given_what_is_published
            what_was_not_given_to_a_call_that_was_dropped_comes_with_the_next
            no_more_is_taken_than_there_is_room_for
            no_more_is_held_than_the_prefetch
            what_is_acknowledged_does_not_come_again
            an_acknowledgement_takes_everything_up_to_its_tag_and_nothing_else
            what_a_dropped_consumer_held_comes_again_in_its_order_and_is_told_to
            several_consumers_share_a_queue_and_each_message_comes_once
            of_the_consumers_of_a_single_active_queue_another_is_given_messages_when_the_first_goes
            messages_of_many_publishers_come_once_and_those_of_each_in_order
            a_queue_that_is_declared_again_keeps_its_messages
            keys_that_are_not_named_any_more_are_let_go
            a_full_queue_refuses_and_loses_nothing
            purging_throws_away_what_waits_and_nothing_that_is_held
            deleting_a_queue_throws_away_what_waits
            a_consumer_of_a_deleted_queue_ends_and_hears_why
            a_queue_that_was_deleted_is_made_anew_and_is_empty
            what_is_put_back_goes_into_one_queue_whatever_its_keys_are
            depth_tells_what_waits_and_who_consumes
            a_tenant_that_is_forgotten_loses_everything_and_others_nothing
            a_tenant_that_was_forgotten_begins_anew_with_nothing
            what_was_accepted_is_there_when_the_broker_is_opened_again
        );
    };
    ($home:ty => $($sentence:ident)+) => {
        $(
            #[tokio::test]
            async fn $sentence() {
                $crate::broker::contract::patience($crate::broker::contract::sentences::$sentence::<$home>()).await;
            }
        )+
    };
}
pub(crate) use broker_contract;

/// Bytes that are room enough for whatever a sentence publishes.
const WIDE: Room = Room { messages: 10_000, bytes: 64 * 1024 * 1024 };

/// Ends a test that would wait for ever.
pub(crate) async fn patience<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("this waits for ever")
}

/// Asks until the answer is this one.
async fn until<T: PartialEq + std::fmt::Debug, F: Future<Output = T>>(wanted: T, ask: impl Fn() -> F) {
    for _ in 0..6_000 {
        if ask().await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask().await, wanted);
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn key(tenant_name: &str, stream: &str) -> StreamKey {
    StreamKey { tenant: tenant(tenant_name), stream: StreamName::parse(stream).unwrap() }
}

/// A queue of the tenant acme that is bound to these keys.
pub(crate) fn queue(stream: &str, routing_keys: &[&str]) -> QueueSpec {
    QueueSpec {
        key: key("acme", stream),
        routing_keys: routing_keys.iter().map(|key| (*key).to_owned()).collect(),
        max_bytes: 64 * 1024 * 1024,
        single_active: false,
    }
}

pub(crate) fn subscription(queue: &QueueSpec, tag: &str, prefetch: u16) -> Subscription {
    Subscription { queue: queue.clone(), tag: tag.into(), prefetch }
}

/// A message with this id and body.
pub(crate) fn outgoing(routing_key: &str, id: &str, body: &[u8]) -> Outgoing {
    let message = Message {
        exchange: Some(b"acme"),
        routing_key: Some(routing_key.as_bytes()),
        message_id: Some(id.as_bytes()),
        present: 1,
        delivery_mode: 2,
        body,
        ..Message::default()
    };
    Outgoing { routing_key: routing_key.into(), envelope: Envelope::of(&message).unwrap() }
}

/// Messages whose ids are these numbers.
pub(crate) fn numbered(routing_key: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<Outgoing> {
    numbers
        .into_iter()
        .map(|number| outgoing(routing_key, &number.to_string(), format!("body {number}").as_bytes()))
        .collect()
}

/// Publishes to the tenant acme what must be accepted.
pub(crate) async fn publish(broker: &dyn Broker, messages: Vec<Outgoing>) {
    let count = messages.len() as u64;
    let published = broker.publish(&tenant("acme"), messages).await.unwrap();
    assert_eq!((published.accepted, published.refused), (count, vec![]));
}

/// A message that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
    pub(crate) redelivered: bool,
    pub(crate) tag: u64,
}

/// Takes a bundle apart, and checks what is true of any.
pub(crate) fn unpacked(bundle: &Bundle) -> Vec<Got> {
    let mut end = 0;
    let got = |arrived: &super::Arrived| {
        assert_eq!(arrived.range.start, end, "messages follow each other");
        end = arrived.range.end;
        let mut bytes = &bundle.payload[arrived.range.clone()];
        let message = Message::decode(&mut bytes).unwrap().unwrap();
        assert!(bytes.is_empty());
        assert_eq!(message.delivery_tag, arrived.tag);
        Got {
            id: String::from_utf8_lossy(message.message_id.unwrap_or_default()).into_owned(),
            body: message.body.to_vec(),
            redelivered: message.redelivered,
            tag: arrived.tag,
        }
    };
    let all: Vec<Got> = bundle.messages.iter().map(got).collect();
    assert_eq!(end, bundle.payload.len());
    assert!(all.is_sorted_by(|one, next| one.tag < next.tag), "tags rise");
    all
}

/// Takes so many messages, however many calls it needs.
pub(crate) async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Got> {
    let mut bundle = Bundle::default();
    while bundle.messages.len() < count {
        consumer.next(Room { messages: count, ..WIDE }, &mut bundle).await.unwrap();
    }
    unpacked(&bundle)
}

pub(crate) fn ids(got: &[Got]) -> Vec<&str> {
    got.iter().map(|got| got.id.as_str()).collect()
}

/// Waits until so many messages wait in a queue.
async fn until_waiting(broker: &dyn Broker, queue: &QueueSpec, count: u64) {
    until(count, || async { depth(broker, queue).await.waiting }).await;
}

async fn depth(broker: &dyn Broker, queue: &QueueSpec) -> Depth {
    broker.depth(&queue.key).await.unwrap()
}
