//! The limits in a table: of a profile, a tenant or an app. The keys are the same everywhere, and so are their bounds.

use super::kind::{Choice, Count, Extensions, Percent, Size};
use super::table::Table;
use crate::size;
use crate::tenant::{Limits, OnBreach, Overrides, UNLIMITED};
use serde_json::{Map, Value, json};

/// A year: longer than anything that is waited for, and far from what a clock cannot count.
const MOST_SECONDS: u64 = 31_536_000;
/// A small worker starts with 1 MiB; the rest is for its app.
const LEAST_MEMORY: u64 = 4 << 20;
/// Of a larger message, a worker's documents would not fit into what it may send back.
const LARGEST_MESSAGE: u64 = 32 << 20;

const ON_BREACH: [(&str, OnBreach); 3] =
    [("throttle", OnBreach::Throttle), ("pause", OnBreach::Pause), ("delete", OnBreach::Delete)];

/// Limits of streams that only make sense for a tenant as a whole.
const OF_THE_TENANT: [&str; 4] = ["streams", "consumers", "window_seconds", "on_breach"];

/// Takes the limits off that stand in `table`, which are laid over `base`.
pub(super) fn read(table: &mut Table<'_>, base: &Limits) -> Overrides {
    let normal = Limits::default();
    let count = |least, such_as| Count { of: "whole number", least, most: UNLIMITED, such_as };
    let bounded = |least, most, such_as| Count { of: "whole number", least, most, such_as };
    let seconds = |such_as| Count { of: "number of seconds", least: 1, most: MOST_SECONDS, such_as };
    let size = |such_as| Size { least: 1, most: UNLIMITED, such_as };
    let memory = Size { least: LEAST_MEMORY, most: 1 << 40, such_as: normal.memory_bytes };
    let mut overrides = Overrides {
        files_per_batch: table.take("files_per_batch", &bounded(1, 100_000, normal.files_per_batch)),
        file_bytes: table.take("file_bytes", &size(normal.file_bytes)),
        batch_bytes: table.take("batch_bytes", &size(normal.batch_bytes)),
        formats: table.take("formats", &Extensions),
        waiting_tasks: table.take("waiting_tasks", &count(1, normal.waiting_tasks)),
        concurrent_tasks: table.take("concurrent_tasks", &bounded(1, 1_024, normal.concurrent_tasks)),
        storage_bytes: table.take("storage_bytes", &size(normal.storage_bytes)),
        rows_per_task: table.take("rows_per_task", &count(1, normal.rows_per_task)),
        documents_per_task: table.take("documents_per_task", &count(1, normal.documents_per_task)),
        cpu_seconds: table.take("cpu_seconds", &seconds(normal.cpu_seconds)),
        memory_bytes: table.take("memory_bytes", &memory),
        wall_seconds: table.take("wall_seconds", &seconds(normal.wall_seconds)),
        stall_seconds: table.take("stall_seconds", &seconds(normal.stall_seconds)),
        dead_letters: table.take("dead_letters", &count(0, normal.dead_letters)),
        dead_letter_percent: table.take("dead_letter_percent", &Percent),
        killing_rows: table.number("killing_rows", &bounded(0, 1_000_000, normal.killing_rows.into())),
        attempts: table.number("attempts", &bounded(1, 1_000, normal.attempts.into())),
        streams: table.take("streams", &count(0, normal.streams)),
        consumers: table.take("consumers", &count(1, normal.consumers)),
        messages_per_window: table.take("messages_per_window", &count(1, normal.messages_per_window)),
        bytes_per_window: table.take("bytes_per_window", &size(normal.bytes_per_window)),
        window_seconds: table.take("window_seconds", &Count { most: 3_600, ..seconds(normal.window_seconds) }),
        message_bytes: table.take("message_bytes", &Size { most: LARGEST_MESSAGE, ..size(normal.message_bytes) }),
        on_breach: table.take("on_breach", &Choice(&ON_BREACH)),
    };
    if let Some(batch) = overrides.batch_bytes
        && overrides.file_bytes.is_none()
        && base.file_bytes > batch
    {
        // No file of a batch is larger than the batch.
        overrides.file_bytes = Some(batch);
    }
    let batch_bytes = overrides.batch_bytes.unwrap_or(base.batch_bytes);
    if overrides.file_bytes.is_some_and(|bytes| bytes > batch_bytes) {
        let mend = match overrides.batch_bytes {
            None => "set batch_bytes, too",
            Some(_) => "raise batch_bytes, or lower this",
        };
        let batch_bytes = size::exact(batch_bytes);
        table.dangles(
            "file_bytes",
            format_args!("a batch may have {batch_bytes}, so no such file would be taken: {mend}"),
        );
    }
    overrides
}

/// Takes the limits off of an app or a stream, which are laid over `base`: as [`read`], without those that count what a
/// tenant has in all.
pub(super) fn read_of_a_part(table: &mut Table<'_>, base: &Limits) -> Overrides {
    let overrides = read(table, base);
    for key in OF_THE_TENANT {
        if table.has(key) {
            table.wrong(key, "holds for all streams of a tenant together: set it in the limits of the tenant");
        }
    }
    overrides
}

/// All limits, as they are written.
pub(super) fn written(limits: &Limits) -> Map<String, Value> {
    overrides_written(&limits.all())
}

/// What differs in `limits` from `base`, as it is written.
pub(super) fn difference_written(limits: &Limits, base: &Limits) -> Map<String, Value> {
    overrides_written(&limits.beside(base))
}

fn overrides_written(overrides: &Overrides) -> Map<String, Value> {
    let count = |number: Option<u64>| number.map(count);
    let bytes = |number: Option<u64>| number.map(bytes);
    let o = overrides;
    let written: [(&str, Option<Value>); 24] = [
        ("files_per_batch", count(o.files_per_batch)),
        ("file_bytes", bytes(o.file_bytes)),
        ("batch_bytes", bytes(o.batch_bytes)),
        ("formats", o.formats.as_ref().map(|formats| json!(formats))),
        ("waiting_tasks", count(o.waiting_tasks)),
        ("concurrent_tasks", count(o.concurrent_tasks)),
        ("storage_bytes", bytes(o.storage_bytes)),
        ("rows_per_task", count(o.rows_per_task)),
        ("documents_per_task", count(o.documents_per_task)),
        ("cpu_seconds", count(o.cpu_seconds)),
        ("memory_bytes", bytes(o.memory_bytes)),
        ("wall_seconds", count(o.wall_seconds)),
        ("stall_seconds", count(o.stall_seconds)),
        ("dead_letters", count(o.dead_letters)),
        ("dead_letter_percent", o.dead_letter_percent.map(|percent| json!(percent))),
        ("killing_rows", o.killing_rows.map(|rows| json!(rows))),
        ("attempts", o.attempts.map(|attempts| json!(attempts))),
        ("streams", count(o.streams)),
        ("consumers", count(o.consumers)),
        ("messages_per_window", count(o.messages_per_window)),
        ("bytes_per_window", bytes(o.bytes_per_window)),
        ("window_seconds", count(o.window_seconds)),
        ("message_bytes", bytes(o.message_bytes)),
        ("on_breach", o.on_breach.map(|policy| json!(policy.word()))),
    ];
    written.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn count(number: u64) -> Value {
    if number == UNLIMITED { json!("unlimited") } else { json!(number) }
}

fn bytes(number: u64) -> Value {
    if number == UNLIMITED { json!("unlimited") } else { json!(size::exact(number)) }
}
