//! The other kinds of apps: messages, checks and metadata.

use super::report::{Outcome, Rejected, Report};
use super::{confine, host::TestHost, must, temporary};
use crate::export::entry;
use crate::{Check, Metadata, StreamIngest};
use bson::{Bson, Document};
use core::ffi::c_void;
use mysimbdp_abi::{
    Bytes, ChannelV1, CreateV1, DeliveryV1, HostV1, InputV1, MessageV1, PropertiesV1, property, status,
};
use std::os::fd::AsRawFd;

/// A message for [`deliver`] and [`check_message`].
///
/// ```
/// use mysimbdp_plugin_api::testing::Message;
///
/// let message = Message::new(r#"{"celsius": 20}"#).routing_key("attic").header("retries", 2).message_id("m-1");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Message {
    body: Vec<u8>,
    routing_key: String,
    redelivered: bool,
    headers: Document,
    content_type: Option<String>,
    message_id: Option<String>,
    timestamp: Option<u64>,
}

impl Message {
    /// A message with this body.
    pub fn new(body: impl AsRef<[u8]>) -> Message {
        Message { body: body.as_ref().to_vec(), ..Message::default() }
    }

    /// The key it was published with.
    #[must_use]
    pub fn routing_key(mut self, key: &str) -> Message {
        self.routing_key = key.to_owned();
        self
    }

    /// It has been delivered before.
    #[must_use]
    pub fn redelivered(mut self) -> Message {
        self.redelivered = true;
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Bson>) -> Message {
        self.headers.insert(name, value);
        self
    }

    /// MIME type of the body.
    #[must_use]
    pub fn content_type(mut self, mime: &str) -> Message {
        self.content_type = Some(mime.to_owned());
        self
    }

    /// The publisher's identity of the message.
    #[must_use]
    pub fn message_id(mut self, id: &str) -> Message {
        self.message_id = Some(id.to_owned());
        self
    }

    /// When it was published, in seconds since 1970.
    #[must_use]
    pub fn timestamp(mut self, seconds: u64) -> Message {
        self.timestamp = Some(seconds);
        self
    }

    /// Calls `with` with the message as it crosses the boundary.
    fn with<R>(&self, tag: u64, with: impl FnOnce(&MessageV1) -> R) -> R {
        let text = |text: &str| Bytes::new(text.as_bytes());
        let optional = |value: &Option<String>| value.as_deref().map_or(Bytes::ABSENT, text);
        let headers = self.headers.to_vec().unwrap_or_default();
        with(&MessageV1 {
            channel: ChannelV1 { stream: text("test"), consumer_tag: text("consumer-1"), number: 1 },
            delivery: DeliveryV1 {
                delivery_tag: tag,
                redelivered: u8::from(self.redelivered),
                exchange: text(""),
                routing_key: text(&self.routing_key),
            },
            properties: PropertiesV1 {
                present: if self.timestamp.is_some() { property::TIMESTAMP } else { 0 },
                delivery_mode: 0,
                priority: 0,
                timestamp: self.timestamp.unwrap_or_default(),
                content_type: optional(&self.content_type),
                content_encoding: Bytes::ABSENT,
                headers: Bytes::new(&headers),
                correlation_id: Bytes::ABSENT,
                reply_to: Bytes::ABSENT,
                expiration: Bytes::ABSENT,
                message_id: optional(&self.message_id),
                kind: Bytes::ABSENT,
                user_id: Bytes::ABSENT,
                app_id: Bytes::ABSENT,
            },
            body: Bytes::new(&self.body),
        })
    }
}

/// Delivers messages to a stream app, one after another to the same instance.
///
/// In the report, a message is a row: the first has number 1, and a rejected one stands among the rejects. An error of
/// the app as such, or a panic, ends the delivery.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
/// use mysimbdp_plugin_api::testing::{self, Message};
///
/// #[derive(Default)]
/// struct App;
///
/// impl StreamIngest for App {
///     fn on_message(
///         &mut self,
///         _: &Channel,
///         method: &Delivery,
///         _: &Properties,
///         body: &[u8],
///         sink: &mut Sink,
///     ) -> Result<(), Reject> {
///         let value: f64 = std::str::from_utf8(body)?.parse()?;
///         Ok(sink.emit(&std::collections::BTreeMap::from([(method.routing_key, value)]))?)
///     }
/// }
///
/// let report = testing::deliver::<App>(&[Message::new("20.5").routing_key("attic"), Message::new("warm")]);
/// assert_eq!(report.documents[0].get_f64("attic").unwrap(), 20.5);
/// assert_eq!(report.rejects[0].reason, "invalid float literal");
/// ```
///
/// # Panics
/// Where the test itself cannot go on: no thread.
pub fn deliver<A: StreamIngest>(messages: &[Message]) -> Report {
    let table = entry::stream::<A>();
    on_a_host(|host| {
        let outcome = host.instance(table.create, table.destroy, |host, instance| {
            let mut outcome = Outcome::Ok;
            for (number, message) in (1..).zip(messages) {
                host.message_begin(number);
                let answer = host.with_table(|table_of_host| {
                    // SAFETY: instance, table and message live until the call returns.
                    message.with(number, |message| unsafe { (table.on_message)(instance, table_of_host, message) })
                });
                outcome = host.message_end(answer);
                if !outcome.is_ok() {
                    break;
                }
            }
            outcome
        });
        host.report(outcome)
    })
}

/// Asks a check whether this document may be stored: the reason why not, or the error.
///
/// # Errors
/// It may not, or the check failed.
///
/// # Panics
/// Where the test itself cannot go on: no thread.
pub fn check_document<A: Check>(document: &Document) -> Result<(), String> {
    let bytes = document.to_vec().unwrap_or_default();
    ask::<A>(|host, instance| match entry::check::<A>().document {
        // SAFETY: instance, table and document live until the call returns.
        Some(question) => unsafe { question(instance, host, Bytes::new(&bytes)) },
        None => status::OK,
    })
}

/// Asks a check whether this message may be ingested: the reason why not, or the error.
///
/// # Errors
/// It may not, or the check failed.
///
/// # Panics
/// Where the test itself cannot go on: no thread.
pub fn check_message<A: Check>(message: &Message) -> Result<(), String> {
    ask::<A>(|host, instance| match entry::check::<A>().message {
        // SAFETY: instance, table and message live until the call returns.
        Some(question) => message.with(1, |message| unsafe { question(instance, host, message) }),
        None => status::OK,
    })
}

/// Asks a check whether a file of this name and content may be ingested: the reason why not, or the error.
///
/// # Errors
/// It may not, or the check failed.
///
/// # Panics
/// Where the test itself cannot go on: no temporary file, no thread.
pub fn check_file<A: Check>(name: &str, content: impl AsRef<[u8]>) -> Result<(), String> {
    let content = content.as_ref();
    let file = must(temporary(content), "make a temporary file");
    let (name, size, fd) = (Bytes::new(name.as_bytes()), content.len() as u64, file.as_raw_fd());
    ask::<A>(|host, instance| match entry::check::<A>().input {
        // SAFETY: instance, table, input and file live until the call returns.
        Some(question) => unsafe { question(instance, host, &InputV1 { name, size, fd }) },
        None => status::OK,
    })
}

/// Has a metadata app observe these documents, and finish.
///
/// # Panics
/// Where the test itself cannot go on: no thread.
pub fn describe<A: Metadata>(subject: &str, size: u64, documents: &[Document]) -> Report {
    let table = entry::metadata::<A>();
    on_a_host(|host| {
        let outcome = host.instance(table.create, table.destroy, |host, instance| {
            let subject = Bytes::new(subject.as_bytes());
            // SAFETY: instance, table and subject live until the call returns.
            let mut answer = host.with_table(|host| unsafe { (table.begin)(instance, host, subject, size) });
            for document in documents {
                let (status::OK, Some(observe)) = (answer, table.observe) else { break };
                let bytes = document.to_vec().unwrap_or_default();
                // SAFETY: instance, table and document live until the call returns.
                answer = host.with_table(|host| unsafe { observe(instance, host, Bytes::new(&bytes)) });
            }
            if answer == status::OK {
                // SAFETY: instance and table live until the call returns.
                answer = host.with_table(|host| unsafe { (table.finish)(instance, host) });
            }
            Outcome::of(answer, host.take_failure())
        });
        host.report(outcome)
    })
}

fn on_a_host(work: impl FnOnce(&mut TestHost<'_>) -> Report + Send) -> Report {
    confine::on_a_lone_thread(|| work(&mut TestHost::new(&[], None)))
}

/// The instance of an app, which is not tied to the thread of the test that asked for it.
fn ask<A: Check>(question: impl FnOnce(&HostV1, *mut c_void) -> i32 + Send) -> Result<(), String> {
    let table = entry::check::<A>();
    let report = on_a_host(|host| {
        let outcome = host.instance(table.create, table.destroy, |host, instance| {
            host.message_begin(1);
            let answer = host.with_table(|host| question(host, instance));
            host.message_end(answer)
        });
        host.report(outcome)
    });
    match (report.outcome, report.rejects.into_iter().next()) {
        (Outcome::Ok, None) => Ok(()),
        (Outcome::Ok, Some(Rejected { reason, .. })) | (Outcome::Error(reason) | Outcome::Panic(reason), _) => {
            Err(reason)
        }
    }
}

impl TestHost<'_> {
    /// Makes an instance, works with it, and ends it. After a panic, it is not touched any more.
    fn instance(
        &mut self,
        create: CreateV1,
        destroy: unsafe extern "C" fn(*mut c_void),
        work: impl FnOnce(&mut Self, *mut c_void) -> Outcome,
    ) -> Outcome {
        let mut instance = core::ptr::null_mut();
        // SAFETY: the table and the place for the instance live until the call returns.
        let created = self.with_table(|host| unsafe { create(host, Bytes::ABSENT, &raw mut instance) });
        if created != status::OK {
            return Outcome::of(created, self.take_failure());
        }
        let outcome = work(self, instance);
        if !matches!(outcome, Outcome::Panic(_)) {
            // SAFETY: `create` made the instance, and nothing uses it after this.
            unsafe { destroy(instance) };
        }
        outcome
    }
}
