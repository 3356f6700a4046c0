//! Which message a message is: what the `_id`s of its documents and the key of its dead letter are made of. Pure.
//!
//! A publisher that gives its messages ids may publish one twice, and a broker may deliver one twice: it is the same message
//! where stream, message id and body are the same, and its documents have the same `_id`s. An id that is used again for
//! another body is another message, so nothing is lost by it. A message without an id is never the same as another, and what
//! is delivered twice is stored twice: but where it has become a dead letter, which knows the number that it was given, it is the
//! same message whenever that letter is replayed.
//!
//! The hash is one that cannot be steered: whoever publishes could otherwise make a message that passes for another.

use crate::broker::{StreamKey, envelope};
use crate::document::DocumentId;
use crate::worker::delivery::Message;
use ring::digest::{Context, SHA256};

/// Tells this use of the hash from every other.
const CONTEXT: &str = "mysimbdp 2026-11-27 identity of a message";

/// Knows the messages of one stream.
#[derive(Clone)]
pub struct Identities(Context);

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    hash: u128,
    /// The number that it was given, where the publisher gave it no id.
    pub unnamed: Option<u128>,
}

impl Identities {
    /// Those of this stream.
    pub fn of(key: &StreamKey) -> Identities {
        let mut hasher = Context::new(&SHA256);
        part(&mut hasher, CONTEXT.as_bytes());
        part(&mut hasher, key.tenant.as_str().as_bytes());
        part(&mut hasher, key.stream.as_str().as_bytes());
        Identities(hasher)
    }

    /// Which message this is; `random` makes one that has no id a message of its own.
    pub fn identify(&self, message: &Message<'_>, random: impl FnOnce() -> u128) -> Identity {
        let Some(id) = message.message_id.filter(|id| !id.is_empty()) else {
            let number = envelope::number_of(message).unwrap_or_else(random);
            // No id has no bytes, so none passes for one of these.
            return Identity { hash: self.hash(&[], &number.to_le_bytes(), message.body), unnamed: Some(number) };
        };
        Identity { hash: self.hash(id, &[], message.body), unnamed: None }
    }

    fn hash(&self, id: &[u8], number: &[u8], body: &[u8]) -> u128 {
        let mut hasher = self.0.clone();
        part(&mut hasher, id);
        hasher.update(number);
        hasher.update(body);
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finish().as_ref()[..16]);
        u128::from_le_bytes(hash)
    }
}

fn part(hasher: &mut Context, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

impl Identity {
    /// The `_id` of one of its documents, by its index.
    pub fn document(&self, index: u16) -> DocumentId {
        DocumentId::of_message(self.hash, index)
    }

    /// Task and row of its dead letters: those of the `_id` that its first document would have.
    pub fn letter(&self) -> (u64, u64) {
        let first = self.document(0);
        (first.task(), first.row())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Envelope;
    use crate::tenant::{StreamName, TenantId};
    use std::collections::BTreeSet;

    fn key(tenant: &str, stream: &str) -> StreamKey {
        StreamKey { tenant: TenantId::parse(tenant).unwrap(), stream: StreamName::parse(stream).unwrap() }
    }

    fn message<'a>(id: Option<&'a str>, body: &'a [u8]) -> Message<'a> {
        Message { message_id: id.map(str::as_bytes), body, ..Message::default() }
    }

    #[test]
    fn a_message_is_known_by_stream_id_and_body() {
        let never = || panic!("it has an id");
        let of = |tenant, stream, id, body| {
            Identities::of(&key(tenant, stream)).identify(&message(Some(id), body), never).letter()
        };
        let first = of("acme", "clicks", "m-1", b"body");
        assert_eq!(of("acme", "clicks", "m-1", b"body"), first);
        let others = [
            of("acme", "clicks", "m-1", b"body2"),
            of("acme", "clicks", "m-2", b"body"),
            of("acme", "clicks", "m-1b", b"ody"),
            of("acme", "click", "m-1", b"body"),
            of("acm", "clicks", "m-1", b"body"),
            first,
        ];
        assert_eq!(others.iter().collect::<BTreeSet<_>>().len(), others.len());
    }

    #[test]
    fn how_it_came_makes_no_difference() {
        let identities = Identities::of(&key("acme", "clicks"));
        let again =
            Message { redelivered: true, delivery_tag: 9, consumer_tag: Some(b"other"), ..message(Some("m"), b"x") };
        assert_eq!(identities.identify(&message(Some("m"), b"x"), || 0), identities.identify(&again, || 1));
    }

    #[test]
    fn a_message_without_an_id_is_one_of_its_own() {
        let identities = Identities::of(&key("acme", "clicks"));
        for id in [None, Some("")] {
            let one = identities.identify(&message(id, b"x"), || 1);
            let other = identities.identify(&message(id, b"x"), || 2);
            assert_eq!((one.unnamed, other.unnamed), (Some(1), Some(2)));
            assert_ne!(one.document(0), other.document(0));
            // Its letter knows the number, and so it is the same message when it is replayed.
            let letter = Envelope::of(&message(id, b"x")).unwrap().numbered(1).unwrap().replayed().unwrap();
            let never = || panic!("it has a number");
            assert_eq!(identities.identify(&letter.message().unwrap(), never), one);
        }
    }

    #[test]
    fn a_number_passes_for_no_id() {
        let identities = Identities::of(&key("acme", "clicks"));
        let named = identities.identify(&message(Some("m"), b"x"), || 0);
        for number in [named.hash, 0, 1] {
            // Whoever copies the header to another message makes another message.
            let [one, other] =
                [b"x", b"y"].map(|body| Envelope::of(&message(None, body)).unwrap().numbered(number).unwrap());
            let of = |envelope: &Envelope| identities.identify(&envelope.message().unwrap(), || 7);
            assert_ne!(of(&one).hash, of(&other).hash);
            let forged = Envelope::of(&message(None, b"x")).unwrap().numbered(number).unwrap();
            assert_ne!(identities.identify(&forged.message().unwrap(), || 7).hash, named.hash);
            // Whoever has an id is known by it alone.
            let both = Envelope::of(&message(Some("m"), b"x")).unwrap().numbered(number).unwrap();
            assert_eq!(identities.identify(&both.message().unwrap(), || 7), named);
        }
    }
}
