//! A message as AMQP has it and as the platform has it. Pure.
//!
//! Properties go over one by one, headers as [`headers`](super::headers) says. What is special:
//!
//! - A message is always published as persistent: what was accepted is durable.
//! - The broker lets nobody publish under another's user id. Unless our user may (its tag is `impersonator`), the user id of a
//!   message that goes through us is left out.
//! - `CC` and `BCC` among the headers would send a message to more queues than its key does. They travel aside:
//!
//! ```text
//!   headers  { …, "x-mysimbdp": { "exchange": …, "key": …, "headers": { "CC": […], "BCC": […] } } }
//! ```
//!
//! - So do exchange and key of a message that is put back, since it goes to its queue by the queue's name. They are believed
//!   only where the message came by the default exchange, which no tenant may write to.
//! - A quorum queue adds `x-delivery-count` to what it delivers again; it is taken away, so that a message is the same each time.

use super::headers;
use crate::worker::codec::CodecError;
use crate::worker::delivery::Message;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use std::collections::BTreeMap;

/// Bits of [`Message::present`].
const DELIVERY_MODE: u8 = 1;
const PRIORITY: u8 = 2;
const TIMESTAMP: u8 = 4;
/// Longest text of a property, in bytes.
const MAX_TEXT: usize = 255;
/// The header in which things travel aside, and its parts.
const ASIDE: &str = "x-mysimbdp";
const EXCHANGE: &str = "exchange";
const KEY: &str = "key";
const HEADERS: &str = "headers";
/// Headers that mean something to the broker.
const ROUTING: [&str; 2] = ["CC", "BCC"];
/// Headers that a queue adds to what it delivers again.
const ADDED: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// A message as it is published.
pub(super) struct Outbound<'a> {
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: &'a [u8],
}

/// How a message is on its way out.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// To the tenant's exchange, with this key.
    Exchange(&'a str),
    /// To this queue, by its name.
    Queue(&'a str),
}

/// A message as AMQP has it. `as_anybody`: our user may publish under another's user id.
///
/// # Errors
/// AMQP has no place for something in it. The sentence fits after "the message ".
pub(super) fn outbound<'a>(message: &Message<'a>, way: Way<'_>, as_anybody: bool) -> Result<Outbound<'a>, String> {
    let text = |what: &str, bytes: Option<&[u8]>| bytes.map(|bytes| short(what, bytes)).transpose();
    if let Some(expiration) = message.expiration
        && !std::str::from_utf8(expiration)
            .is_ok_and(|text| text.parse::<u32>().is_ok_and(|number| number.to_string() == text))
    {
        return Err("has an expiration that is not a number of milliseconds".into());
    }
    let mut headers = message.headers.map(headers::table).transpose()?;
    let mut aside = FieldTable::default();
    let mut routing = FieldTable::default();
    if let Some(table) = headers.take_if(|table| ROUTING.iter().any(|key| table.contains_key(key))) {
        let (apart, kept) = parted(&table, &ROUTING);
        (routing, headers) = (apart, Some(kept));
    }
    let routing_key = match way {
        Way::Exchange(key) => key,
        Way::Queue(queue) => {
            for (name, value) in [(EXCHANGE, message.exchange), (KEY, message.routing_key)] {
                if let Some(value) = value {
                    aside.insert(name.into(), AMQPValue::LongString(LongString::from(value.to_vec())));
                }
            }
            queue
        }
    };
    let is_aside = !aside.inner().is_empty() || !routing.inner().is_empty();
    if is_aside && headers.is_some() {
        // Also where it is empty: it tells a table without headers from none.
        aside.insert(HEADERS.into(), AMQPValue::FieldTable(routing));
    }
    if is_aside {
        headers.get_or_insert_default().insert(ASIDE.into(), AMQPValue::FieldTable(aside));
    }
    let mut properties = BasicProperties::default().with_delivery_mode(2);
    if let Some(headers) = headers {
        properties = properties.with_headers(headers);
    }
    if message.present & PRIORITY != 0 {
        properties = properties.with_priority(message.priority);
    }
    if message.present & TIMESTAMP != 0 {
        properties = properties.with_timestamp(message.timestamp);
    }
    if let Some(text) = text("content type", message.content_type)? {
        properties = properties.with_content_type(text);
    }
    if let Some(text) = text("content encoding", message.content_encoding)? {
        properties = properties.with_content_encoding(text);
    }
    if let Some(text) = text("correlation id", message.correlation_id)? {
        properties = properties.with_correlation_id(text);
    }
    if let Some(text) = text("reply address", message.reply_to)? {
        properties = properties.with_reply_to(text);
    }
    if let Some(text) = text("expiration", message.expiration)? {
        properties = properties.with_expiration(text);
    }
    if let Some(text) = text("message id", message.message_id)? {
        properties = properties.with_message_id(text);
    }
    if let Some(text) = text("type", message.kind)? {
        properties = properties.with_type(text);
    }
    if let Some(text) = text("user id", message.user_id.filter(|_| as_anybody))? {
        properties = properties.with_user_id(text);
    }
    if let Some(text) = text("app id", message.app_id)? {
        properties = properties.with_app_id(text);
    }
    Ok(Outbound { routing_key: short("routing key", routing_key.as_bytes())?, properties, body: message.body })
}

fn short(what: &str, bytes: &[u8]) -> Result<ShortString, String> {
    if bytes.len() > MAX_TEXT {
        return Err(format!("has a {what} of {} bytes, where AMQP allows {MAX_TEXT}", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| format!("has a {what} that is not UTF-8"))?;
    ShortString::try_new(text).map_err(|error| format!("has a {what} that will not do: {error}"))
}

/// Where a message came in, and by which exchange and key.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) stream: &'a str,
    pub(super) consumer_tag: &'a str,
    pub(super) channel: u16,
    pub(super) delivery_tag: u64,
    pub(super) redelivered: bool,
    pub(super) exchange: &'a str,
    pub(super) routing_key: &'a str,
}

/// Appends a message that came in to the payload of a `Deliver`. `scratch` is room to work in.
///
/// # Errors
/// It has 4 GiB or more.
pub(super) fn inbound(
    arrival: &Arrival<'_>,
    properties: &BasicProperties,
    body: &[u8],
    scratch: &mut Vec<u8>,
    payload: &mut Vec<u8>,
) -> Result<(), CodecError> {
    scratch.clear();
    let aside = match properties.headers() {
        None => None,
        Some(table) if !is_special(table) => {
            headers::append(table, scratch);
            None
        }
        Some(table) => {
            let (table, aside) = restored(table);
            if let Some(table) = table {
                headers::append(&table, scratch);
            }
            aside
        }
    };
    // Whoever can write to the default exchange is one of us.
    let aside = aside.filter(|_| arrival.exchange.is_empty());
    let part = |name: &str| match aside.as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.as_bytes()),
        _ => None,
    };
    let (exchange, routing_key) = match &aside {
        Some(_) => (part(EXCHANGE), part(KEY)),
        None => (Some(arrival.exchange.as_bytes()), Some(arrival.routing_key.as_bytes())),
    };
    let (delivery_mode, priority, timestamp) =
        (*properties.delivery_mode(), *properties.priority(), *properties.timestamp());
    let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
    let message = Message {
        channel: arrival.channel,
        delivery_tag: arrival.delivery_tag,
        redelivered: arrival.redelivered,
        present: bit(delivery_mode.is_some(), DELIVERY_MODE)
            | bit(priority.is_some(), PRIORITY)
            | bit(timestamp.is_some(), TIMESTAMP),
        delivery_mode: delivery_mode.unwrap_or_default(),
        priority: priority.unwrap_or_default(),
        timestamp: timestamp.unwrap_or_default(),
        stream: Some(arrival.stream.as_bytes()),
        consumer_tag: Some(arrival.consumer_tag.as_bytes()),
        exchange,
        routing_key,
        content_type: bytes(properties.content_type()),
        content_encoding: bytes(properties.content_encoding()),
        headers: (!scratch.is_empty()).then_some(scratch.as_slice()),
        correlation_id: bytes(properties.correlation_id()),
        reply_to: bytes(properties.reply_to()),
        expiration: bytes(properties.expiration()),
        message_id: bytes(properties.message_id()),
        kind: bytes(properties.kind()),
        user_id: bytes(properties.user_id()),
        app_id: bytes(properties.app_id()),
        body,
    };
    message.encode(payload)
}

fn bytes(text: &Option<ShortString>) -> Option<&[u8]> {
    text.as_ref().map(|text| text.as_str().as_bytes())
}

/// Whether there is more in a table than its publisher put there.
fn is_special(table: &FieldTable) -> bool {
    let inner = table.inner();
    inner.contains_key(ASIDE) || ADDED.iter().any(|key| inner.contains_key(*key))
}

/// The table as its publisher made it, if it made one, and what travelled aside.
fn restored(table: &FieldTable) -> (Option<FieldTable>, Option<FieldTable>) {
    let (_added, mut table) = parted(table, &ADDED);
    let mut aside = None;
    if let Some(AMQPValue::FieldTable(there)) = table.inner().get(ASIDE) {
        aside = Some(there.clone());
        (_, table) = parted(&table, &[ASIDE]);
    }
    let mut is_made = !table.inner().is_empty();
    if let Some(AMQPValue::FieldTable(routing)) = aside.as_ref().and_then(|aside| aside.inner().get(HEADERS)) {
        is_made = true;
        for (key, value) in routing {
            table.insert(key.clone(), value.clone());
        }
    }
    (is_made.then_some(table), aside)
}

/// What is under these keys, and all the rest.
fn parted(table: &FieldTable, keys: &[&str]) -> (FieldTable, FieldTable) {
    let (apart, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = table
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .partition(|(key, _)| keys.contains(&key.as_str()));
    (apart.into(), rest.into())
}
