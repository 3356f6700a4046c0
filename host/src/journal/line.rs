//! An event as a line, and a line as an event. Pure.
//!
//! A line is at most [`LONGEST_LINE`] bytes, whatever a tenant puts into it: one that would be longer has its texts and
//! lists cut until it is not. A reader takes longer ones too, up to [`LONGEST_READ`], and nothing beyond.

use super::event::{Event, Happening};
use super::filter::{Filter, Marks};
use crate::worker::words::{json_line, short_line};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of the longest line that is written, its end included.
pub(super) const LONGEST_LINE: usize = 64 << 10;
/// Bytes of the longest line that is read.
pub(super) const LONGEST_READ: usize = 1 << 20;

/// Bytes of a text, and members of a list, that a line which is too long keeps; tried one after another.
const CUTS: [(usize, usize); 3] = [(4096, 1024), (512, 256), (64, 64)];

/// The line, with its end.
///
/// # Errors
/// The event cannot be JSON. No event is like that.
pub(super) fn line_of(event: &Event) -> Result<Arc<str>, serde_json::Error> {
    let mut line = finished(&serde_json::to_string(event)?);
    for (text, list) in CUTS {
        if line.len() <= LONGEST_LINE {
            break;
        }
        let mut value = serde_json::to_value(event)?;
        shorten(&mut value, text, list);
        line = finished(&value.to_string());
    }
    Ok(line.into())
}

fn finished(json: &str) -> String {
    let mut line = json_line(json).into_owned();
    line.push('\n');
    line
}

fn shorten(value: &mut Value, text: usize, list: usize) {
    match value {
        Value::String(words) if words.len() > text => *words = short_line(words, text).into_owned(),
        Value::Array(members) => {
            members.truncate(list);
            members.iter_mut().for_each(|member| shorten(member, text, list));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, text, list)),
        _ => {}
    }
}

/// What decides whether a line is wanted; reading only this is several times cheaper than reading all of it.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    pub(super) at: Timestamp,
    #[serde(borrow)]
    event: Cow<'a, str>,
    app: Option<String>,
    stream: Option<String>,
    notification: Option<OfBreach>,
    task: Option<u64>,
    #[serde(default)]
    tasks: Vec<u64>,
}

/// What stands in a breach, and not above it.
#[derive(Debug, Deserialize)]
struct OfBreach {
    stream: Option<String>,
}

/// What a line turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// What was asked for.
    Wanted(Box<Event>),
    /// Sound, but not asked for, or of a kind that only a newer mysimbdp knows.
    Passed,
    /// Not an event: torn by a kill, or written over by somebody.
    Damaged,
}

/// Reads a line, without its end.
pub(super) fn read_line(line: &[u8], filter: &Filter) -> Line {
    let Ok(head) = serde_json::from_slice::<Head>(line) else { return Line::Damaged };
    let Some(kind) = Happening::KINDS.into_iter().find(|kind| *kind == head.event) else { return Line::Passed };
    let stream = head.stream.as_deref().or_else(|| head.notification.as_ref()?.stream.as_deref());
    let marks =
        Marks { at: head.at, kind, app: head.app.as_deref(), stream, tasks: (head.task, head.tasks.as_slice()) };
    if kind == "file_began" || !filter.takes(marks) {
        return Line::Passed;
    }
    serde_json::from_slice(line).map_or(Line::Damaged, Line::Wanted)
}

/// The number that the first line of a file gives it, and when that was.
pub(super) fn number_of(first_line: &[u8]) -> Option<(u64, Timestamp)> {
    match serde_json::from_slice::<Event>(first_line) {
        Ok(Event { at, what: Happening::FileBegan { number }, .. }) => Some((number, at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ended, every_kind, log};
    use super::*;
    use crate::task::BatchId;

    #[test]
    fn every_kind_of_event_is_the_same_after_it_was_written() {
        let events = every_kind();
        let mut kinds: Vec<_> = events.iter().map(|event| event.what.kind()).collect();
        kinds.dedup();
        assert_eq!(kinds, Happening::KINDS, "each kind once, in order");
        for event in events {
            let line = line_of(&event).unwrap();
            let json: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(json["event"], event.what.kind());
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }

    #[test]
    fn every_kind_and_field_is_in_the_description_for_operators() {
        let description = include_str!("../../../docs/journal.md");
        for event in every_kind() {
            let json = serde_json::to_value(&event).unwrap();
            let kind = format!("| `{}` |", event.what.kind());
            assert!(description.contains(&kind), "docs/journal.md has no line {kind}");
            for field in json.as_object().unwrap().keys() {
                assert!(description.contains(&format!("`{field}`")), "docs/journal.md does not say what `{field}` is");
            }
        }
    }

    #[test]
    fn a_terminal_obeys_nothing_of_a_line() {
        let event = log("acme", 1, "\u{1b}[2J\r\nforged\u{9b}31m \u{202e}");
        let line = line_of(&event).unwrap();
        let (text, end) = line.split_at(line.len() - 1);
        assert_eq!(end, "\n");
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text}");
        assert_eq!(read_line(text.as_bytes(), &Filter::default()), Line::Wanted(Box::new(event)));
    }

    #[test]
    fn a_line_has_a_longest_length_and_is_still_an_event() {
        let reason = "\u{7f}".repeat(1 << 16);
        let files = vec!["x".repeat(5000); 200];
        let refused = Happening::BatchRefused { app: "csv".into(), files, reason };
        let tasks = (0..100_000).collect();
        let app = crate::tenant::AppName::parse(&"a".repeat(64)).unwrap();
        let accepted = Happening::BatchAccepted {
            batch: BatchId::new(),
            app,
            origin: crate::task::Origin::Inbox,
            tasks,
            bytes: u64::MAX,
        };
        for what in [refused, accepted] {
            let line = line_of(&Event { what, ..ended("acme", 1, 1) }).unwrap();
            assert!(line.len() <= LONGEST_LINE, "{}", line.len());
            assert!(matches!(read_line(line.trim_end().as_bytes(), &Filter::default()), Line::Wanted(_)));
        }
    }

    #[test]
    fn a_rate_that_is_no_number_does_not_damage_the_line() {
        let mut event = ended("acme", 1, 1);
        let Happening::TaskEnded(entry) = &mut event.what else { unreachable!() };
        entry.rows_per_second = f64::INFINITY;
        let line = line_of(&event).unwrap();
        let Line::Wanted(read) = read_line(line.trim_end().as_bytes(), &Filter::default()) else { panic!("{line}") };
        assert!(matches!(read.what, Happening::TaskEnded(entry) if entry.rows_per_second == 0.0));
    }

    #[test]
    fn what_is_no_event_is_damaged_and_what_a_newer_version_wrote_is_passed_over() {
        let all = Filter::default();
        for line in ["", "{", "[]", "\0\0\0", r#"{"at":"now","event":"deed"}"#, r#"{"event":"deed","sentence":"x"}"#] {
            assert_eq!(read_line(line.as_bytes(), &all), Line::Damaged, "{line}");
        }
        // Its head is sound, its body is not.
        assert_eq!(read_line(br#"{"at":"2026-11-26T12:00:00Z","event":"deed"}"#, &all), Line::Damaged);
        assert_eq!(read_line(br#"{"at":"2026-11-26T12:00:00Z","event":"comet","tail":2}"#, &all), Line::Passed);
    }
}
