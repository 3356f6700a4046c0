//! Chunks: messages of one queue that were published together, one after another, as they are kept in a row of the file. Pure.

use crate::broker::Envelope;
use crate::worker::codec::CodecError;
use crate::worker::delivery::Delivered;
use bytes::Bytes;
use std::ops::Range;

/// Messages above which a further one begins another chunk.
const MOST_MESSAGES: usize = 1024;
/// Bytes above which a further message begins another chunk. One that is larger is alone in its own.
const MOST_BYTES: usize = 256 * 1024;

/// Where a message ends, and how many bytes the bodies up to its own have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    end: u32,
    bodies: u32,
}

/// Messages that have no numbers yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    data: Bytes,
    places: Vec<Place>,
}

impl Messages {
    /// Reads the messages of a row.
    ///
    /// # Errors
    /// The bytes are no messages.
    pub(super) fn read(data: Bytes) -> Result<Messages, CodecError> {
        let (mut rest, mut places, mut bodies) = (&data[..], Vec::new(), 0_usize);
        while let Some(message) = Delivered::take(&mut rest)? {
            message.each_text(|_, _| ())?;
            bodies += message.body.len();
            places.push(Place { end: narrow(data.len() - rest.len()), bodies: narrow(bodies) });
        }
        Ok(Messages { data, places })
    }

    pub(super) fn data(&self) -> &Bytes {
        &self.data
    }

    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// Bytes of all bodies.
    pub(super) fn bodies(&self) -> u64 {
        self.places.last().map_or(0, |place| u64::from(place.bodies))
    }

    /// Where a message is in the data.
    pub(super) fn range(&self, index: usize) -> Range<usize> {
        self.before(index).end as usize..self.places[index].end as usize
    }

    /// Bytes of a message's body.
    pub(super) fn body(&self, index: usize) -> u32 {
        self.places[index].bodies - self.before(index).bodies
    }

    fn before(&self, index: usize) -> Place {
        index.checked_sub(1).map_or(Place::default(), |before| self.places[before])
    }
}

/// No chunk has 4 GiB: a message has at most 17 MiB, and only a chunk of one message is that large.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Packs messages into chunks, in their order.
#[derive(Debug, Default)]
pub(super) struct Packer {
    full: Vec<Messages>,
    data: Vec<u8>,
    places: Vec<Place>,
    bodies: usize,
}

impl Packer {
    pub(super) fn add(&mut self, envelope: &Envelope) {
        let bytes = envelope.bytes();
        if !self.places.is_empty() && (self.places.len() >= MOST_MESSAGES || self.data.len() + bytes.len() > MOST_BYTES)
        {
            self.cut();
        }
        self.data.extend_from_slice(bytes);
        self.bodies += envelope.body_len();
        self.places.push(Place { end: narrow(self.data.len()), bodies: narrow(self.bodies) });
    }

    pub(super) fn finish(mut self) -> Vec<Messages> {
        self.cut();
        self.full
    }

    fn cut(&mut self) {
        if !self.places.is_empty() {
            let data = std::mem::take(&mut self.data).into();
            self.full.push(Messages { data, places: std::mem::take(&mut self.places) });
            self.bodies = 0;
        }
    }
}

/// A chunk as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Number of its first message.
    pub(super) first: u64,
    /// When it was published, in milliseconds on the broker's clock.
    pub(super) at: i64,
    pub(super) messages: Messages,
}

impl Chunk {
    /// Numbers of its messages.
    pub(super) fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.messages.count() as u64
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.messages.data.len() + self.messages.places.len() * size_of::<Place>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::delivery::Message;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_packed_is_read_as_it_was(
            sizes in proptest::collection::vec(prop_oneof![9 => 0_usize..300, 1 => 100_000_usize..300_000], 0..60),
            tiny in 0_usize..3000,
        ) {
            let envelope = |size: usize| {
                let body = vec![b'x'; size];
                Envelope::of(&Message { message_id: Some(b"id"), body: &body, ..Message::default() }).unwrap()
            };
            let envelopes: Vec<Envelope> =
                sizes.iter().copied().chain(std::iter::repeat_n(1, tiny)).map(envelope).collect();
            let mut packer = Packer::default();
            envelopes.iter().for_each(|envelope| packer.add(envelope));
            let packed = packer.finish();
            let mut all = Vec::new();
            for messages in &packed {
                prop_assert!(messages.count() == 1 || messages.data().len() <= MOST_BYTES);
                prop_assert!((1..=MOST_MESSAGES).contains(&messages.count()));
                prop_assert_eq!(&Messages::read(messages.data().clone()), &Ok(messages.clone()));
                let mut bodies = 0;
                for index in 0..messages.count() {
                    all.push(messages.data().slice(messages.range(index)));
                    bodies += u64::from(messages.body(index));
                }
                prop_assert_eq!(messages.bodies(), bodies);
            }
            prop_assert_eq!(all, envelopes.iter().map(|envelope| envelope.bytes().clone()).collect::<Vec<_>>());
        }
    }
}
