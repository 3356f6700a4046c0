//! A stream app in this very process: a message goes in, its documents come out, nothing in between.

use crate::app::App;
use crate::table::{Bare, Taker};
use anyhow::{Context as _, Result, bail};
use mysimbdp_abi::{Bytes, ChannelV1, DeliveryV1, HostV1, MessageV1, PropertiesV1, StreamV1, status};
use std::ffi::c_void;
use std::path::Path;

/// What a message has beside its body, as far as the bare consumer knows it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'m> {
    /// Where it was published to.
    pub routing_key: &'m str,
    /// What the publisher calls it.
    pub message_id: Option<&'m str>,
    /// The broker's number.
    pub delivery_tag: u64,
}

/// An instance of a stream app.
pub struct Direct {
    app: &'static StreamV1,
    instance: *mut c_void,
    table: HostV1,
    // The table points to it.
    bare: Box<Bare<Keep>>,
}

/// The documents of the message that is in work.
#[derive(Default)]
struct Keep(Vec<Vec<u8>>);

impl Taker for Keep {
    fn take(&mut self, document: &[u8]) -> Result<(), String> {
        self.0.push(document.to_vec());
        Ok(())
    }
}

impl Direct {
    /// Loads a stream app and makes an instance of it.
    ///
    /// # Errors
    /// It cannot be loaded, is no stream app, or does not want to be made.
    pub fn load(path: &Path) -> Result<Direct> {
        let app = App::load(path)?.stream()?;
        let mut bare = Box::new(Bare::new(Keep::default()));
        let table = bare.table();
        let mut instance: *mut c_void = std::ptr::null_mut();
        // SAFETY: `app` is the app's own v1 table; the table of the host, what it points to and `instance` outlive the call.
        let created = unsafe { (app.create)(&raw const table, Bytes::ABSENT, &raw mut instance) };
        if created != status::OK {
            bail!("the app could not be created (status {created})");
        }
        Ok(Direct { app, instance, table, bare })
    }

    /// Gives it one message; answers its documents, each with the placeholder of an `_id`.
    ///
    /// # Errors
    /// The app does anything but take the message.
    pub fn on_message(&mut self, told: Told<'_>, body: &[u8]) -> Result<Vec<Vec<u8>>> {
        let text = |text: &str| Bytes::new(text.as_bytes());
        let message = MessageV1 {
            channel: ChannelV1 { stream: text("trips"), consumer_tag: text("bare"), number: 1 },
            delivery: DeliveryV1 {
                delivery_tag: told.delivery_tag,
                redelivered: 0,
                exchange: text(""),
                routing_key: text(told.routing_key),
            },
            properties: PropertiesV1 { message_id: told.message_id.map_or(Bytes::ABSENT, text), ..NO_PROPERTIES },
            body: Bytes::new(body),
        };
        // SAFETY: the instance is the one that `create` made; table, message and all that they point to outlive the call.
        let answer = unsafe { (self.app.on_message)(self.instance, &raw const self.table, &raw const message) };
        if answer != status::OK {
            let why = self.bare.failure.take();
            bail!("the app answers {answer}: {}", why.context("and does not say why")?);
        }
        Ok(std::mem::take(&mut self.bare.taker.0))
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // SAFETY: the instance, which the app's `create` made, is used no more.
        unsafe { (self.app.destroy)(self.instance) };
    }
}

const NO_PROPERTIES: PropertiesV1 = PropertiesV1 {
    present: 0,
    delivery_mode: 0,
    priority: 0,
    timestamp: 0,
    content_type: Bytes::ABSENT,
    content_encoding: Bytes::ABSENT,
    headers: Bytes::ABSENT,
    correlation_id: Bytes::ABSENT,
    reply_to: Bytes::ABSENT,
    expiration: Bytes::ABSENT,
    message_id: Bytes::ABSENT,
    kind: Bytes::ABSENT,
    user_id: Bytes::ABSENT,
    app_id: Bytes::ABSENT,
};
