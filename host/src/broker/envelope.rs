//! A message on its own: texts, properties and body in the bytes of [`delivery`](crate::worker::delivery), as a broker keeps
//! it. Pure.
//!
//! What only a delivery has (channel, delivery tag, stream, consumer tag, whether it came before) is not in it; a consumer adds
//! that when it hands the message on ([`readdress`](crate::worker::delivery::readdress)), which moves the bytes as they are.

use crate::worker::codec::CodecError;
use crate::worker::delivery::{MESSAGE_HEAD, Message};
use bson::raw::{CStr, cstr};
use bson::{RawBsonRef, RawDocument, RawDocumentBuf};
use bytes::Bytes;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope(Bytes);

/// What cannot be a message. Each sentence fits after "the message ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Its body is too large.
    #[error("has {0} bytes, where {max} are allowed: split it", max = Envelope::MAX_BODY)]
    Body(usize),
    /// Its properties are too large.
    #[error("has {0} bytes of properties and headers, where {max} are allowed", max = Envelope::MAX_TEXTS)]
    Texts(usize),
    /// Not the bytes of a message.
    #[error("cannot be read: {0}")]
    Codec(#[from] CodecError),
}

/// The header of a message that is tried again after it was a dead letter. Its value is the number by which this host knows a
/// message without an id, in hexadecimal digits; of others it is only there.
const REPLAYED: &CStr = cstr!("x-mysimbdp-replayed");

/// Whether a message is tried again after it was a dead letter.
pub fn is_replayed(message: &Message<'_>) -> bool {
    let headers = message.headers.and_then(|headers| RawDocument::from_bytes(headers).ok());
    headers.is_some_and(|headers| headers.get(REPLAYED.as_str()).is_ok_and(|value| value.is_some()))
}

/// The number by which a message without an id is known, where it was a dead letter.
pub fn number_of(message: &Message<'_>) -> Option<u128> {
    let headers = RawDocument::from_bytes(message.headers?).ok()?;
    u128::from_str_radix(headers.get_str(REPLAYED.as_str()).ok()?, 16).ok()
}

impl Envelope {
    /// Largest body: 16 MiB, as a document.
    pub const MAX_BODY: usize = 16 * 1024 * 1024;
    /// Most bytes of everything else: an AMQP header frame holds less than this on every broker.
    pub const MAX_TEXTS: usize = 128 * 1024;

    /// Puts a message in. What only a delivery has is left out.
    ///
    /// # Errors
    /// It is too large.
    pub fn of(message: &Message<'_>) -> Result<Envelope, EnvelopeError> {
        let message =
            Message { channel: 0, delivery_tag: 0, redelivered: false, stream: None, consumer_tag: None, ..*message };
        if message.body.len() > Envelope::MAX_BODY {
            return Err(EnvelopeError::Body(message.body.len()));
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes)?;
        let texts = bytes.len() - MESSAGE_HEAD - message.body.len();
        if texts > Envelope::MAX_TEXTS {
            return Err(EnvelopeError::Texts(texts));
        }
        Ok(Envelope(bytes.into()))
    }

    /// The same message, with a header that says that it is tried again after it was a dead letter.
    ///
    /// # Errors
    /// It is too large with it.
    pub fn replayed(&self) -> Result<Envelope, EnvelopeError> {
        self.marked(true)
    }

    /// The same message with the number by which it is known, as a dead letter keeps it.
    ///
    /// # Errors
    /// It is too large with it.
    pub fn numbered(&self, number: u128) -> Result<Envelope, EnvelopeError> {
        self.marked(format!("{number:032x}").as_str())
    }

    /// One that is marked already stays as it is.
    fn marked<'v>(&self, value: impl Into<RawBsonRef<'v>>) -> Result<Envelope, EnvelopeError> {
        let message = self.message()?;
        if is_replayed(&message) {
            return Ok(self.clone());
        }
        let headers = message.headers.and_then(|headers| RawDocument::from_bytes(headers).ok());
        let mut headers = headers.map_or_else(RawDocumentBuf::new, RawDocument::to_owned);
        headers.append(REPLAYED, value.into());
        Envelope::of(&Message { headers: Some(headers.as_bytes()), ..message })
    }

    /// Takes over the bytes of an envelope, which [`bytes`](Envelope::bytes) gave.
    ///
    /// # Errors
    /// They are none.
    pub fn from_bytes(bytes: Bytes) -> Result<Envelope, EnvelopeError> {
        let envelope = Envelope(bytes);
        envelope.message()?;
        Ok(envelope)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// What is in it.
    ///
    /// # Errors
    /// None that was made by [`of`](Envelope::of).
    pub fn message(&self) -> Result<Message<'_>, EnvelopeError> {
        let mut rest = &self.0[..];
        let message = Message::decode(&mut rest)?.ok_or(CodecError::Short(MESSAGE_HEAD))?;
        if rest.is_empty() { Ok(message) } else { Err(EnvelopeError::Codec(CodecError::Padding)) }
    }

    /// Bytes of its body.
    pub fn body_len(&self) -> usize {
        self.message().map_or(0, |message| message.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::delivery::{Address, readdress};

    fn message() -> Message<'static> {
        Message {
            delivery_tag: 7,
            redelivered: true,
            channel: 3,
            stream: Some(b"old"),
            consumer_tag: Some(b"old-1"),
            exchange: Some(b"acme"),
            routing_key: Some(b"clicks"),
            message_id: Some(b"m-1"),
            headers: Some(&[5, 0, 0, 0, 0]),
            present: 1,
            delivery_mode: 2,
            body: b"body",
            ..Message::default()
        }
    }

    #[test]
    fn what_only_a_delivery_has_is_left_out_and_added_again() {
        let envelope = Envelope::of(&message()).unwrap();
        let bare =
            Message { delivery_tag: 0, redelivered: false, channel: 0, stream: None, consumer_tag: None, ..message() };
        assert_eq!(envelope.message().unwrap(), bare);
        assert_eq!(envelope.body_len(), 4);
        let address =
            Address { stream: b"clicks", consumer_tag: b"c-1", delivery_tag: 9, channel: 1, redelivered: true };
        let mut payload = vec![1, 2, 3];
        let mut two = envelope.bytes().to_vec();
        two.extend_from_slice(envelope.bytes());
        assert_eq!(readdress(&two, &address, &mut payload), Ok(envelope.bytes().len()));
        let mut rest = &payload[3..];
        let delivered = Message::decode(&mut rest).unwrap().unwrap();
        let (stream, consumer_tag) = (Some(&b"clicks"[..]), Some(&b"c-1"[..]));
        let there = Message { stream, consumer_tag, delivery_tag: 9, channel: 1, redelivered: true, ..message() };
        assert_eq!((delivered, rest), (there, &[][..]));
        // One that has an address already is not an envelope.
        assert_eq!(readdress(&payload[3..], &address, &mut Vec::new()), Err(CodecError::Padding));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let envelope = Envelope::of(&message()).unwrap();
        let bytes = envelope.bytes();
        assert_eq!(Envelope::from_bytes(bytes.clone()), Ok(envelope.clone()));
        for length in 0..bytes.len() {
            assert!(Envelope::from_bytes(bytes.slice(..length)).is_err(), "{length} bytes");
        }
        let twice: Bytes = [&bytes[..], &bytes[..]].concat().into();
        assert!(Envelope::from_bytes(twice).is_err());
        let address = Address { stream: b"s", consumer_tag: b"c", delivery_tag: 1, channel: 1, redelivered: false };
        let mut payload = Vec::new();
        assert!(readdress(&bytes[..bytes.len() - 1], &address, &mut payload).is_err());
        assert!(payload.is_empty());
    }

    #[test]
    fn a_message_that_is_replayed_says_so_once_and_is_otherwise_the_same() {
        let headers = bson::rawdoc! { "schema": 3 };
        let first = Envelope::of(&Message { headers: Some(headers.as_bytes()), ..message() }).unwrap();
        assert!(!is_replayed(&first.message().unwrap()));
        let again = first.replayed().unwrap();
        let expected = bson::rawdoc! { "schema": 3, "x-mysimbdp-replayed": true };
        assert!(is_replayed(&again.message().unwrap()));
        assert_eq!(again.message().unwrap().headers, Some(expected.as_bytes()));
        assert_eq!(again.message().unwrap().body, first.message().unwrap().body);
        assert_eq!(again.replayed().unwrap(), again);
    }

    #[test]
    fn what_is_too_large_is_refused_with_its_size() {
        let body = vec![0; Envelope::MAX_BODY + 1];
        let large = Message { body: &body, ..Message::default() };
        assert_eq!(Envelope::of(&large), Err(EnvelopeError::Body(body.len())));
        assert!(Envelope::of(&Message { body: &body[1..], ..large }).is_ok());
        let texts = Message { headers: Some(&body[..Envelope::MAX_TEXTS]), ..Message::default() };
        assert_eq!(Envelope::of(&texts), Err(EnvelopeError::Texts(Envelope::MAX_TEXTS + 4)));
    }
}
