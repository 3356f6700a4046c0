//! Messages: one instance of the app, made with the first of them, takes one after another.
//!
//! Each call is timed with one reading of the clock: where one message ends, the next begins. What the worker does in
//! between (some tens of nanoseconds) is counted with the app; time in a blocked write is not.
//!
//! The recorder names a message by its place in the delivery (`number`, from 1) and the delivery's tag (`line`).

use super::batch::{create, flush_standard_output};
use super::host_table::HostTable;
use crate::worker::codec::CodecError;
use crate::worker::delivery::{Message, OutcomeFate};
use crate::worker::protocol::{Done, Ending, FLUSH_BYTES, GuestKind};
use crate::worker::recorder::State;
use core::ffi::c_void;
use mysimbdp_abi::{Bytes, ChannelV1, DeliveryV1, MessageV1, PluginV1, PropertiesV1, StreamV1, status};
use std::time::Instant;

/// The app's instance, once there is one.
#[derive(Debug, Default)]
pub(super) struct Stream {
    instance: Option<*mut c_void>,
}

impl Stream {
    /// Hands a delivery to the app and tells the host what became of it. `Ok(false)` where the app panicked and the
    /// process has to end.
    pub(super) fn deliver(
        &mut self,
        plugin: &PluginV1,
        host: &mut HostTable,
        config: Option<&str>,
        tag: u32,
        payload: &[u8],
    ) -> Result<bool, CodecError> {
        host.context().recorder.set_state(State::InApp);
        let no_stream = || Ending::Error { reason: "the app is no stream app: its table has no `stream`".to_owned() };
        let made = plugin.stream.ok_or_else(no_stream).and_then(|app| Ok((app, self.instance(app, host, config)?)));
        let (app, instance) = match made {
            Ok(made) => made,
            Err(ending) => return Ok(no_instance(ending, host)),
        };
        host.context().begin_messages();
        let going_on = messages(app, instance, host, tag, payload);
        host.context().end_messages();
        flush_standard_output();
        going_on
    }

    fn instance(&mut self, app: &StreamV1, host: &mut HostTable, config: Option<&str>) -> Result<*mut c_void, Ending> {
        if let Some(instance) = self.instance {
            return Ok(instance);
        }
        let instance = create(app.create, host, config)?;
        Ok(*self.instance.insert(instance))
    }

    /// The host has closed its end: the instance ends too.
    pub(super) fn end(self, plugin: &PluginV1) {
        if let (Some(app), Some(instance)) = (plugin.stream, self.instance) {
            // SAFETY: the entry was checked not to be null, and the instance, which its `create` made, is used no more.
            unsafe { (app.destroy)(instance) };
        }
    }
}

/// The whole delivery fails for one reason.
fn no_instance(ending: Ending, host: &mut HostTable) -> bool {
    let panicked = matches!(ending, Ending::Panic { .. });
    host.context().send(GuestKind::Done, &Done { ending, app_nanos: 0, position: 0 });
    !panicked
}

fn messages(
    app: &StreamV1,
    instance: *mut c_void,
    host: &mut HostTable,
    tag: u32,
    mut payload: &[u8],
) -> Result<bool, CodecError> {
    let mut count = 0;
    let mut before = Instant::now();
    while let Some(message) = Message::decode(&mut payload)? {
        count += 1;
        let message = message_v1(&message);
        let context = host.context();
        context.recorder.begin(count, 0, 0, u64::from(tag), count);
        context.outcomes().begin();
        // SAFETY: the entry was checked not to be null, the instance is what its `create` made, and table, message and
        // all that it points to live until it returns.
        let answer = unsafe { (app.on_message)(instance, host.table(), &raw const message) };
        let now = Instant::now();
        let context = host.context();
        let reason = context.take_failure();
        let (fate, default) = match answer {
            status::OK => (OutcomeFate::Taken, ""),
            status::REJECT => (OutcomeFate::Rejected, "rejected without a reason"),
            status::PANIC => (OutcomeFate::Panicked, "the app panicked and did not say where"),
            _ => (OutcomeFate::Failed, "the app failed and did not say why"),
        };
        let reason = reason.as_deref().unwrap_or(default);
        let outcomes = context.outcomes();
        outcomes.end(fate, reason, (now - before).as_nanos());
        before = now;
        if fate == OutcomeFate::Panicked {
            let ending = Ending::Panic { reason: reason.to_owned() };
            context.send_outcomes();
            context.send(GuestKind::Done, &Done { ending, app_nanos: 0, position: 0 });
            return Ok(false);
        }
        if outcomes.pending() >= FLUSH_BYTES {
            context.send_outcomes();
            before = Instant::now();
        }
    }
    Ok(true)
}

#[inline]
fn message_v1(message: &Message<'_>) -> MessageV1 {
    let text = |text: Option<&[u8]>| text.map_or(Bytes::ABSENT, Bytes::new);
    MessageV1 {
        channel: ChannelV1 {
            stream: text(message.stream),
            consumer_tag: text(message.consumer_tag),
            number: message.channel,
        },
        delivery: DeliveryV1 {
            delivery_tag: message.delivery_tag,
            redelivered: u8::from(message.redelivered),
            exchange: text(message.exchange),
            routing_key: text(message.routing_key),
        },
        properties: PropertiesV1 {
            present: u32::from(message.present),
            delivery_mode: message.delivery_mode,
            priority: message.priority,
            timestamp: message.timestamp,
            content_type: text(message.content_type),
            content_encoding: text(message.content_encoding),
            headers: text(message.headers),
            correlation_id: text(message.correlation_id),
            reply_to: text(message.reply_to),
            expiration: text(message.expiration),
            message_id: text(message.message_id),
            kind: text(message.kind),
            user_id: text(message.user_id),
            app_id: text(message.app_id),
        },
        body: Bytes::new(message.body),
    }
}
