//! An event of the journal as a line for people: when, whose, which kind, and what.

use crate::journal::{Event, Happening, TaskEntry};
use crate::stream::window::{Counts, WindowReport};
use crate::worker::words::one_line;
use serde_json::{Map, Value};

/// What is longer than anybody reads in a line, in items of a list.
const MANY: usize = 5;
/// Fields that are a sentence by themselves.
const SENTENCES: [&str; 3] = ["sentence", "message", "reason"];

/// `2026-11-26T12:00:00.123Z acme stream_changed clicks stopped: somebody asked for it`. The platform's own have `-` for a tenant.
pub(super) fn line(event: &Event) -> String {
    let tenant = event.tenant.as_ref().map_or("-", |tenant| tenant.as_str());
    let what = match &event.what {
        Happening::TaskEnded(entry) => task(entry),
        Happening::StreamWindow { stream, report } => format!("{stream}: {}", window(report)),
        // The sentence says all of it.
        Happening::StreamBreach { sentence, .. } => sentence.clone(),
        Happening::Request { by, method, path, status, what, .. } => {
            let what = what.as_ref().map_or(String::new(), |what| format!(": {what}"));
            format!("{method} {path} by {by}: {status}{what}")
        }
        other => fields(other),
    };
    one_line(&format!("{:.3} {tenant} {} {what}", event.at, event.what.kind())).into_owned()
}

fn task(entry: &TaskEntry) -> String {
    let TaskEntry { task, app, file, state, new_rows, new_documents, new_dead_letters, slot_seconds, reason, .. } =
        entry;
    let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!(
        "task {task} ({app} on {file}) is {}; {new_rows} rows, {new_documents} documents, {new_dead_letters} dead letters in \
         {slot_seconds:.3} s{reason}",
        state.name()
    )
}

fn window(report: &WindowReport) -> String {
    let WindowReport { counts, lag, consumers, seconds, .. } = report;
    let Counts { messages, stored, rejected, refused, .. } = counts;
    format!(
        "{messages} messages, {stored} documents, {} dead letters in {seconds:.1} s; {} wait, {consumers} consumers",
        rejected + refused,
        lag.waiting
    )
}

/// The fields of any other: what is short as it is, then what is a sentence.
fn fields(what: &Happening) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(what) else { return String::new() };
    fields.shift_remove("event");
    let sentence = SENTENCES.iter().find_map(|name| match fields.shift_remove(*name) {
        Some(Value::String(sentence)) => Some(sentence),
        _ => None,
    });
    let short = short(&fields);
    match (short.is_empty(), sentence) {
        (_, None) => short,
        (true, Some(sentence)) => sentence,
        (false, Some(sentence)) => format!("{short}: {sentence}"),
    }
}

fn short(fields: &Map<String, Value>) -> String {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let field = |(name, value): (&String, &Value)| match value {
        Value::Array(items) => {
            let more = if items.len() > MANY { format!(" and {} more", items.len() - MANY) } else { String::new() };
            let items: Vec<String> = items.iter().take(MANY).filter_map(one).collect();
            (!items.is_empty()).then(|| format!("{name}={}{more}", items.join(",")))
        }
        value => one(value).map(|value| format!("{name}={value}")),
    };
    fields.iter().filter_map(field).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::fixtures::entry;
    use crate::task::TaskState;
    use crate::tenant::{StreamName, TenantId};

    fn told(tenant: Option<&str>, what: Happening) -> String {
        let tenant = tenant.map(|tenant| TenantId::parse(tenant).unwrap());
        line(&Event { at: "2026-11-26T12:00:00.1239Z".parse().unwrap(), tenant, what })
    }

    #[test]
    fn a_line_tells_when_whose_and_what_and_a_terminal_obeys_none_of_it() {
        assert_eq!(
            told(None, Happening::Started { version: "0.1.0".into(), recovered: 2 }),
            "2026-11-26T12:00:00.123Z - started version=0.1.0 recovered=2"
        );
        let stream = StreamName::parse("clicks").unwrap();
        assert_eq!(
            told(
                Some("acme"),
                Happening::StreamChanged { stream, state: "stopped".into(), reason: "a\u{1b}[2J\nb".into() }
            ),
            "2026-11-26T12:00:00.123Z acme stream_changed stream=clicks state=stopped: a\\u{1b}[2J\\nb"
        );
        let files = (0..7).map(|number| format!("{number}.csv")).collect();
        let refused = Happening::BatchRefused { app: "trips".into(), files, reason: "too many".into() };
        assert_eq!(
            told(Some("acme"), refused),
            "2026-11-26T12:00:00.123Z acme batch_refused app=trips files=0.csv,1.csv,2.csv,3.csv,4.csv and 2 more: too many"
        );
    }

    #[test]
    fn the_end_of_a_task_is_told_with_what_came_of_it() {
        let ended = TaskEntry { state: TaskState::Parked, reason: Some("too slow".into()), ..entry(17, 1) };
        let told = told(Some("acme"), Happening::TaskEnded(ended));
        assert!(told.contains(" acme task_ended task 17 (") && told.contains(") is parked; "), "{told}");
        assert!(told.ends_with(" s: too slow"), "{told}");
    }
}
