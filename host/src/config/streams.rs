//! Reads the streams of a tenant: which app, which sink, which keys, how many consumers, how much at once.
//!
//! A stream's consumers are more than the limit of its tenant only where nobody has said how many it may have: then it has
//! as many as it may. How many streams and consumers a tenant has in all is looked at when a stream is started, not here:
//! what is not started takes nothing.

use super::kind::{Count, Flag, Name, RoutingKeys, Size};
use super::limits;
use super::table::Table;
use super::tenants::no_such;
use crate::tenant::{AppName, AppSettings, Sink, SinkName, Stream, StreamName};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// More consumers have no stream faster: the broker is what they wait for.
const MOST_CONSUMERS: u64 = 256;
/// What travels together fits into one frame to a worker, with much to spare.
const MOST_TOGETHER: u64 = 32 << 20;

/// What a stream is read beside: all that is settled for its tenant already.
pub(super) struct Around<'t> {
    /// The apps that are named.
    pub(super) apps: &'t BTreeMap<AppName, AppSettings>,
    /// What is settled for any other.
    pub(super) unnamed: AppSettings,
    /// The tenant's sinks.
    pub(super) sinks: &'t BTreeMap<SinkName, Sink>,
}

/// Takes the streams off.
pub(super) fn streams(tenant: &mut Table<'_>, around: &Around<'_>) -> BTreeMap<StreamName, Stream> {
    let streams = tenant.tables("streams", "<stream>").into_iter();
    streams.filter_map(|(name, table)| stream(&name, table, around)).collect()
}

fn stream(name: &str, mut table: Table<'_>, around: &Around<'_>) -> Option<(StreamName, Stream)> {
    let id = table.named(StreamName::parse(name).map_err(|error| error.rule()));
    let app = app(&mut table);
    let settings = app.as_ref().and_then(|app| around.apps.get(app)).unwrap_or(&around.unnamed);
    let sink = table.take("sink", &Name::<SinkName>::new());
    if let Some(sink) = sink.as_ref().filter(|sink| !around.sinks.contains_key(*sink)) {
        table.dangles("sink", no_such("sink", sink.as_str(), around.sinks.keys().map(SinkName::as_str)));
    }
    let routing_keys = table.take("routing_keys", &RoutingKeys);
    let ordered = table.take("ordered", &Flag).unwrap_or(false);
    let (consumers_min, consumers_max) = consumers(&mut table, ordered, around.unnamed.limits.consumers);
    let together = Count { of: "whole number", least: 1, most: 10_000, such_as: Stream::BATCH_MESSAGES as u64 };
    let bytes = Size { least: 1 << 10, most: MOST_TOGETHER, such_as: Stream::BATCH_BYTES as u64 };
    let waiting = Size { least: 1 << 10, most: 1 << 40, such_as: Stream::MAX_QUEUE_BYTES };
    let max_queue_bytes = table.take("max_queue_bytes", &waiting).unwrap_or(Stream::MAX_QUEUE_BYTES);
    let batch_messages = table.number("batch_messages", &together).unwrap_or(Stream::BATCH_MESSAGES);
    let batch_bytes = table.number("batch_bytes", &bytes).unwrap_or(Stream::BATCH_BYTES);
    let enabled = table.take("enabled", &Flag).unwrap_or(true);
    let mut own = table.table("limits");
    let limits = settings.limits.with(&limits::read_of_a_part(&mut own, &settings.limits));
    own.finish();
    table.finish();
    let id = id?;
    let stream = Stream {
        app: app?,
        sink: sink.unwrap_or_else(|| settings.sink.clone()),
        routing_keys: routing_keys.unwrap_or_else(|| vec![id.to_string()]),
        consumers_min,
        consumers_max,
        ordered,
        max_queue_bytes,
        batch_messages,
        batch_bytes,
        enabled,
        limits,
    };
    Some((id, stream))
}

/// The app, which must be named. It need not be there yet.
fn app(table: &mut Table<'_>) -> Option<AppName> {
    let app = table.take("app", &Name::<AppName>::new());
    if !table.has("app") {
        table.wrong("app", "not set: name the app that is given its messages, such as \"clientstreamingestapp-json\"");
    }
    app
}

/// Consumers at least and at most.
fn consumers(table: &mut Table<'_>, ordered: bool, allowed: u64) -> (usize, usize) {
    let count = |such_as| Count { of: "whole number", least: 1, most: MOST_CONSUMERS, such_as };
    let min: Option<usize> = table.number("consumers_min", &count(1));
    let max: Option<usize> = table.number("consumers_max", &count(Stream::CONSUMERS_MAX as u64));
    let written = |key, number: Option<usize>| number.map(|number| (key, number));
    let (min, max) = (written("consumers_min", min), written("consumers_max", max));
    for (key, number) in [min, max].into_iter().flatten() {
        if ordered && number > 1 {
            table.dangles(
                key,
                "messages in order are given to one consumer at a time: set it to 1, or ordered to false",
            );
        } else if number as u64 > allowed {
            let sentence = format_args!(
                "the tenant may have {allowed} consumers in all: set less, or consumers in the limits of the tenant"
            );
            table.dangles(key, sentence);
        }
    }
    match (min, max) {
        (Some((key, min)), Some((_, max))) if min > max => {
            table.dangles(key, format_args!("more than consumers_max, which is {max}: set one of them otherwise"));
            (min, min)
        }
        (min, max) => {
            let min = min.map_or(1, |(_, min)| min);
            let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
            let usual = if ordered { 1 } else { Stream::CONSUMERS_MAX.min(allowed) }.max(min);
            (min, max.map_or(usual, |(_, max)| max))
        }
    }
}

/// A stream, as it is written, with what is written of its limits.
pub(super) fn written(stream: &Stream, limits: Map<String, Value>) -> Value {
    let written = json!({
        "app": stream.app,
        "sink": stream.sink,
        "routing_keys": stream.routing_keys,
        "consumers_min": stream.consumers_min,
        "consumers_max": stream.consumers_max,
        "ordered": stream.ordered,
        "max_queue_bytes": crate::size::exact(stream.max_queue_bytes),
        "batch_messages": stream.batch_messages,
        "batch_bytes": crate::size::exact(stream.batch_bytes as u64),
        "enabled": stream.enabled,
    });
    let Value::Object(written) = written else { return written };
    written.into_iter().chain([("limits".to_owned(), limits.into())]).collect::<Map<_, _>>().into()
}
