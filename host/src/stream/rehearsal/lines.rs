//! Lines of a file as messages, a load at a time.
//!
//! A line is one message, as with `mysimbdp publish`: without its line end, and no message where it is empty. Its id is made of
//! the file's name and its line, so the same file again makes the same documents.

use super::super::identity::{Identities, Identity};
use super::super::outcomes::{Given, Held};
use super::RehearsalError;
use crate::batch::data_file::DataFile;
use crate::broker::{Arrived, Envelope};
use crate::task::Row;
use crate::worker::delivery::Message;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Messages and bytes of a load; the first message is taken however large it is.
const MESSAGES: usize = 1024;
const BYTES: usize = 1 << 20;
/// What messages are said to have come by.
const STREAM: &str = "run";

/// Messages that are given to a worker at once, each with its place in the file.
pub(super) struct Load {
    pub(super) given: Given,
    pub(super) places: Vec<Row>,
}

impl Load {
    /// Those that have not come to their end, without the one of this number.
    pub(super) fn rest(&self, without: Option<u64>) -> Load {
        let left = |index: &usize| Some(self.places[*index].number) != without;
        Load::of(self, (self.given.done..self.places.len()).filter(left))
    }

    /// The one of this number.
    pub(super) fn only(&self, number: u64) -> Load {
        Load::of(self, (0..self.places.len()).filter(|index| self.places[*index].number == number))
    }

    /// Where a message of this number is in the load.
    pub(super) fn index(&self, number: u64) -> Option<usize> {
        self.places.iter().position(|place| place.number == number)
    }

    fn of(load: &Load, indices: impl Iterator<Item = usize>) -> Load {
        let mut made = Making::default();
        for index in indices {
            let bytes = load.given.bytes(index);
            made.add(&bytes, load.given.messages[index].identity, load.places[index]);
        }
        made.finish()
    }
}

#[derive(Default)]
struct Making {
    payload: Vec<u8>,
    messages: Vec<Held>,
    places: Vec<Row>,
}

impl Making {
    fn add(&mut self, bytes: &[u8], identity: Identity, place: Row) {
        let start = self.payload.len();
        self.payload.extend_from_slice(bytes);
        let arrived = Arrived { range: start..self.payload.len(), tag: place.number };
        self.messages.push(Held { arrived, identity });
        self.places.push(place);
    }

    fn finish(self) -> Load {
        let given = Given { payload: self.payload.into(), messages: self.messages.into(), done: 0, refused: None };
        Load { given, places: self.places }
    }
}

/// See the module.
pub(super) struct Lines {
    file: BufReader<File>,
    name: String,
    identities: Identities,
    at: Row,
}

impl Lines {
    /// Those of this file, from its beginning.
    pub(super) fn of(file: &DataFile, identities: Identities) -> Result<Lines, RehearsalError> {
        let descriptor = file.descriptor().map_err(|source| RehearsalError::File(file.name().to_owned(), source))?;
        let file_read = BufReader::with_capacity(256 * 1024, File::from(descriptor));
        Ok(Lines { file: file_read, name: file.name().to_owned(), identities, at: Row::default() })
    }

    /// The next messages; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Load>, RehearsalError> {
        let (mut made, mut line, mut encoded) = (Making::default(), Vec::new(), Vec::new());
        while made.messages.len() < MESSAGES && made.payload.len() < BYTES {
            line.clear();
            let most = u64::try_from(Envelope::MAX_BODY).unwrap_or(u64::MAX).saturating_add(2);
            let read = self.file.by_ref().take(most).read_until(b'\n', &mut line);
            let read = read.map_err(|source| RehearsalError::File(self.name.clone(), source))?;
            if read == 0 {
                break;
            }
            self.at.line += 1;
            (self.at.start, self.at.end) = (self.at.end, self.at.end + read as u64);
            let body = line.strip_suffix(b"\n").unwrap_or(&line);
            let body = body.strip_suffix(b"\r").unwrap_or(body);
            if body.len() > Envelope::MAX_BODY {
                return Err(RehearsalError::TooLong { file: self.name.clone(), line: self.at.line });
            }
            if body.is_empty() {
                continue;
            }
            self.at.number += 1;
            let id = format!("{}:{}", self.name, self.at.line);
            let message = Message {
                stream: Some(STREAM.as_bytes()),
                consumer_tag: Some(STREAM.as_bytes()),
                routing_key: Some(STREAM.as_bytes()),
                content_type: Some(b"application/json"),
                message_id: Some(id.as_bytes()),
                delivery_tag: self.at.number,
                channel: 1,
                body,
                ..Message::default()
            };
            encoded.clear();
            message
                .encode(&mut encoded)
                .map_err(|_| RehearsalError::TooLong { file: self.name.clone(), line: self.at.line })?;
            made.add(&encoded, self.identities.identify(&message, || 0), self.at);
        }
        Ok((!made.messages.is_empty()).then(|| made.finish()))
    }
}
