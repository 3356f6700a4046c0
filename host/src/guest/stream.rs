//! Messages: one instance of the app, made with the first of them, takes one after another.
//!
//! Each call is timed with one reading of the processor's counter: where one message ends, the next begins. What the
//! worker does in between (some tens of nanoseconds) is counted with the app; time in a blocked write is not.
//!
//! The recorder names a message by its place in the delivery (`number`, from 1) and the delivery's tag (`line`).

use super::batch::{create, flush_standard_output};
use super::clock::Ticks;
use super::context::FLUSH_AFTER;
use super::host_table::HostTable;
use super::message::Message;
use crate::worker::codec::CodecError;
use crate::worker::delivery::{Delivered, OutcomeFate};
use crate::worker::protocol::{Done, Ending, GuestKind, OUTCOMES_FLUSH_BYTES};
use crate::worker::recorder::State;
use core::ffi::c_void;
use mysimbdp_abi::{PluginV1, StreamV1, status};

/// The app's instance, once there is one.
#[derive(Debug)]
pub(super) struct Stream {
    instance: Option<*mut c_void>,
    ticks: Ticks,
    message: Message,
}

impl Stream {
    /// Of an app that is given no message yet.
    pub(super) fn new(ticks: Ticks) -> Stream {
        Stream { instance: None, ticks, message: Message::new() }
    }

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
        self.ticks.adjust();
        let going_on = self.messages(app, instance, host, tag, payload);
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

    fn messages(
        &mut self,
        app: &StreamV1,
        instance: *mut c_void,
        host: &mut HostTable,
        tag: u32,
        mut payload: &[u8],
    ) -> Result<bool, CodecError> {
        let mut count = 0;
        let mut before = self.ticks.now();
        let patience = self.ticks.steps(FLUSH_AFTER);
        let mut sent_at = before;
        while let Some(delivered) = Delivered::take(&mut payload)? {
            count += 1;
            self.message.fill(&delivered)?;
            let context = host.context();
            context.recorder.begin(count, 0, 0, u64::from(tag), count);
            context.outcomes().begin();
            // SAFETY: the entry was checked not to be null, the instance is what its `create` made, and table, message and
            // all that it points to live until it returns.
            let answer = unsafe { (app.on_message)(instance, host.table(), self.message.raw()) };
            let now = self.ticks.now();
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
            outcomes.end(fate, reason, self.ticks.nanos(now.saturating_sub(before)));
            before = now;
            if fate == OutcomeFate::Panicked {
                let ending = Ending::Panic { reason: reason.to_owned() };
                context.send_outcomes();
                context.send(GuestKind::Done, &Done { ending, app_nanos: 0, position: 0 });
                return Ok(false);
            }
            if outcomes.pending() >= OUTCOMES_FLUSH_BYTES || now.saturating_sub(sent_at) >= patience {
                context.send_outcomes();
                before = self.ticks.now();
                sent_at = before;
            }
        }
        Ok(true)
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
