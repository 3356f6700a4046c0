//! Stream apps: one message after another, with the four arguments of a RabbitMQ callback.

use crate::bson::{DateTime, DocumentRef, ValueRef};
use crate::create::Create;
use crate::error::Reject;
use crate::sink::Sink;
use mysimbdp_abi::{Bytes, MessageV1, PropertiesV1, property};

/// A stream app: `clientstreamingestapp`. It is given one message at a time and turns it into documents.
///
/// A message is acknowledged once the sink has stored its documents. An error rejects the message: it becomes a dead
/// letter with the error as its reason, and nothing of it is stored.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Reading { sensor: String, celsius: f64 }
///
/// #[derive(Serialize)]
/// struct Doc<'a> { sensor: String, kelvin: f64, from: Option<&'a str> }
///
/// #[derive(Default)]
/// struct App;
///
/// impl StreamIngest for App {
///     fn on_message(
///         &mut self,
///         _channel: &Channel,
///         method: &Delivery,
///         properties: &Properties,
///         body: &[u8],
///         sink: &mut Sink,
///     ) -> Result<(), Reject> {
///         let reading: Reading = serde_json::from_slice(body)?;
///         if reading.celsius < -273.15 {
///             return Err(reject!("{} °C on {} is colder than anything", reading.celsius, method.routing_key));
///         }
///         sink.emit(&Doc { sensor: reading.sensor, kelvin: reading.celsius + 273.15, from: properties.app_id })?;
///         Ok(())
///     }
/// }
/// ```
pub trait StreamIngest: Create {
    /// Takes one message.
    ///
    /// # Errors
    /// The message is rejected for this reason. Made of an [`AppError`](crate::AppError), the app as such has failed: the
    /// message goes back to its queue and the worker is started anew.
    fn on_message(
        &mut self,
        channel: &Channel<'_>,
        method: &Delivery<'_>,
        properties: &Properties<'_>,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject>;
}

/// Where a message came in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Channel<'a> {
    /// Name of the tenant's stream.
    pub stream: &'a str,
    /// Tag of the consumer that took the message.
    pub consumer_tag: &'a str,
    /// Number of the channel.
    pub number: u16,
}

/// How a message was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delivery<'a> {
    /// Tag of the delivery on its channel.
    pub delivery_tag: u64,
    /// The broker has delivered it before.
    pub redelivered: bool,
    /// Exchange it was published to.
    pub exchange: &'a str,
    /// Routing key it was published with.
    pub routing_key: &'a str,
}

/// The basic properties of a message, as AMQP 0-9-1 has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Properties<'a> {
    /// MIME type of the body.
    pub content_type: Option<&'a str>,
    /// MIME encoding of the body.
    pub content_encoding: Option<&'a str>,
    /// The header table: see [`header`](Self::header).
    pub headers: DocumentRef<'a>,
    /// 1 transient, 2 persistent.
    pub delivery_mode: Option<u8>,
    /// 0 to 9.
    pub priority: Option<u8>,
    /// For the application: which request this answers.
    pub correlation_id: Option<&'a str>,
    /// For the application: where an answer goes.
    pub reply_to: Option<&'a str>,
    /// Time to live in milliseconds, as text.
    pub expiration: Option<&'a str>,
    /// The publisher's identity of the message. With it, a message is stored exactly once.
    pub message_id: Option<&'a str>,
    /// When it was published, to the second.
    pub timestamp: Option<DateTime>,
    /// For the application: the message's type.
    pub kind: Option<&'a str>,
    /// Who published it, as checked by the broker.
    pub user_id: Option<&'a str>,
    /// Which application published it.
    pub app_id: Option<&'a str>,
}

impl<'a> Properties<'a> {
    /// # Safety
    /// Everything that `raw` points to can be read and stays unchanged during `'a`.
    #[inline]
    unsafe fn new(raw: &'a PropertiesV1) -> Properties<'a> {
        let texts = [
            raw.content_type,
            raw.content_encoding,
            raw.headers,
            raw.correlation_id,
            raw.reply_to,
            raw.expiration,
            raw.message_id,
            raw.kind,
            raw.user_id,
            raw.app_id,
        ];
        // Most messages have none, and are many.
        if raw.present == 0 && texts.iter().all(|text| text.ptr.is_null()) {
            return Properties::default();
        }
        // SAFETY: the caller vouches for it.
        unsafe { Properties::some(raw) }
    }

    /// # Safety
    /// As for [`new`](Self::new).
    unsafe fn some(raw: &'a PropertiesV1) -> Properties<'a> {
        // SAFETY: the caller vouches for all bytes of `raw`.
        let bytes = |bytes: Bytes| unsafe { bytes.get::<'a>() };
        let text = |raw: Bytes| bytes(raw).and_then(|text| std::str::from_utf8(text).ok());
        let is_set = |bit: u32| raw.present & bit != 0;
        Properties {
            content_type: text(raw.content_type),
            content_encoding: text(raw.content_encoding),
            headers: DocumentRef::new(bytes(raw.headers).unwrap_or_default()),
            delivery_mode: is_set(property::DELIVERY_MODE).then_some(raw.delivery_mode),
            priority: is_set(property::PRIORITY).then_some(raw.priority),
            correlation_id: text(raw.correlation_id),
            reply_to: text(raw.reply_to),
            expiration: text(raw.expiration),
            message_id: text(raw.message_id),
            timestamp: is_set(property::TIMESTAMP).then(|| seconds(raw.timestamp)),
            kind: text(raw.kind),
            user_id: text(raw.user_id),
            app_id: text(raw.app_id),
        }
    }

    /// The header of this name.
    pub fn header(&self, name: &str) -> Option<ValueRef<'a>> {
        self.headers.get(name)
    }
}

/// What a message consists of, as it crosses the boundary.
pub(crate) struct Message<'a> {
    pub(crate) channel: Channel<'a>,
    pub(crate) method: Delivery<'a>,
    pub(crate) properties: Properties<'a>,
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// # Safety
    /// Everything that `raw` points to can be read and stays unchanged during `'a`.
    #[inline]
    pub(crate) unsafe fn new(raw: &'a MessageV1) -> Message<'a> {
        // SAFETY: the caller vouches for all bytes of `raw`.
        let bytes = |bytes: Bytes| unsafe { bytes.get::<'a>() };
        let text = |raw: Bytes| bytes(raw).and_then(|text| std::str::from_utf8(text).ok());
        let MessageV1 { channel, delivery, properties, body } = raw;
        Message {
            channel: Channel {
                stream: text(channel.stream).unwrap_or_default(),
                consumer_tag: text(channel.consumer_tag).unwrap_or_default(),
                number: channel.number,
            },
            method: Delivery {
                delivery_tag: delivery.delivery_tag,
                redelivered: delivery.redelivered != 0,
                exchange: text(delivery.exchange).unwrap_or_default(),
                routing_key: text(delivery.routing_key).unwrap_or_default(),
            },
            // SAFETY: as above.
            properties: unsafe { Properties::new(properties) },
            body: bytes(*body).unwrap_or_default(),
        }
    }
}

fn seconds(seconds: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
}
