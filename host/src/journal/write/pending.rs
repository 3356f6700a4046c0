//! Lines of one journal that are not in its file yet, in order, and where some are missing between them. Pure.

use super::super::event::{Event, Happening};
use super::super::line::line_of;
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug)]
enum Entry {
    Line(Arc<str>),
    /// So many were dropped here.
    Lost(u64),
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// Lines for one write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Where each entry ends in it.
    pub(super) ends: Vec<usize>,
}

impl Pending {
    pub(super) fn push(&mut self, line: Arc<str>) {
        self.bytes += line.len();
        self.entries.push_back(Entry::Line(line));
    }

    /// There was no room for one.
    pub(super) fn lose(&mut self) {
        match self.entries.back_mut() {
            Some(Entry::Lost(events)) => *events += 1,
            _ => self.entries.push_back(Entry::Lost(1)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the lines.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Line(line) => Some(line),
            Entry::Lost(_) => None,
        })
    }

    /// The first entries, one at least, as many as fit into `most` bytes.
    pub(super) fn chunk(&self, most: usize, now: Timestamp, tenant: Option<&TenantId>) -> Chunk {
        let mut chunk = Chunk::default();
        for entry in &self.entries {
            let line = match entry {
                Entry::Line(line) => Arc::clone(line),
                Entry::Lost(events) => lost_line(*events, now, tenant),
            };
            if !chunk.ends.is_empty() && chunk.bytes.len() + line.len() > most {
                break;
            }
            chunk.bytes.extend_from_slice(line.as_bytes());
            chunk.ends.push(chunk.bytes.len());
        }
        chunk
    }

    /// So many entries are written.
    pub(super) fn written(&mut self, entries: usize) {
        for entry in self.entries.drain(..entries) {
            if let Entry::Line(line) = entry {
                self.bytes -= line.len();
            }
        }
    }
}

fn lost_line(events: u64, at: Timestamp, tenant: Option<&TenantId>) -> Arc<str> {
    let (noun, verb) = if events == 1 { ("event", "was") } else { ("events", "were") };
    let reason = format!("{events} {noun} {verb} lost: this journal could not be written, and memory for them ran out");
    let event = Event { at, tenant: tenant.cloned(), what: Happening::Lost { events, reason } };
    line_of(&event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::at;
    use super::*;

    fn lines(chunk: &Chunk) -> Vec<String> {
        String::from_utf8(chunk.bytes.clone()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_was_lost_is_told_where_it_is_missing() {
        let mut pending = Pending::default();
        pending.push("a\n".into());
        pending.lose();
        pending.lose();
        pending.push("b\n".into());
        pending.lose();
        assert_eq!(pending.bytes(), 4);
        let told = lines(&pending.chunk(10_000, at(0), None));
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!((told[0].as_str(), told[2].as_str()), ("a", "b"));
        assert!(told[1].contains(r#""event":"lost","events":2,"reason":"2 events were lost: "#), "{told:?}");
        assert!(told[3].contains(r#""reason":"1 event was lost: "#), "{told:?}");
    }

    #[test]
    fn a_chunk_has_one_entry_at_least_and_what_is_written_is_gone() {
        let mut pending = Pending::default();
        for line in ["long line\n", "b\n", "c\n", "d\n"] {
            pending.push(line.into());
        }
        let first = pending.chunk(3, at(0), None);
        assert_eq!(first, Chunk { bytes: b"long line\n".to_vec(), ends: vec![10] });
        pending.written(1);
        let second = pending.chunk(5, at(0), None);
        assert_eq!(second, Chunk { bytes: b"b\nc\n".to_vec(), ends: vec![2, 4] });
        pending.written(2);
        assert_eq!((pending.bytes(), pending.lines().count()), (2, 1));
    }
}
