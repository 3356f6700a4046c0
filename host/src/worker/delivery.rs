//! Messages to a stream app and what became of them: the payloads of `Deliver` and `Outcomes`. Pure, like
//! [`codec`](super::codec): no decoder allocates for a length it has not checked, none panics.
//!
//! ```text
//!   Deliver  = message*      message = head texts body
//!     head     delivery_tag: u64 | timestamp: u64 | length: u32 | body: u32 | channel: u16 | texts: u16
//!              | present: u8 | delivery_mode: u8 | priority: u8 | redelivered: u8            (32 bytes)
//!     texts    for each bit set in `texts`, lowest first, in the order of `Message::texts`: length: u32 | bytes
//!     body     `body` bytes; `length` counts texts and body together
//!
//!   Outcomes = outcome*      outcome = head bytes
//!     head     nanos: u32 | documents: u32 | bytes: u32 | refused: u16 | fate: u8 | 1 zero byte   (16 bytes)
//!     bytes    `documents` BSON documents one after another (as in `Rows`), or the reason as UTF-8
//! ```
//!
//! One `Deliver` is answered by one `Outcomes` or by several that continue each other (a worker sends one as soon as it
//! holds `FLUSH_BYTES`), with one outcome per message, in the order of the messages. An app that panics ends the answer:
//! its message is the last outcome, with [`OutcomeFate::Panicked`], and a `Done` follows.

use super::codec::CodecError;
use super::protocol::MAX_REASON;

/// Bytes before the texts of each message.
pub const MESSAGE_HEAD: usize = 32;
/// Bytes before the documents or the reason of each outcome.
pub const OUTCOME_HEAD: usize = 16;
/// Texts that a message can carry beside its body.
const TEXTS: usize = 14;

/// A message with the four arguments of a RabbitMQ callback: where it came in, how, its basic properties, its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Number of the channel it came in by.
    pub channel: u16,
    /// Tag of the delivery on its channel.
    pub delivery_tag: u64,
    /// The broker has delivered it before.
    pub redelivered: bool,
    /// Which of the next three are set: bits of the ABI's `property`.
    pub present: u8,
    /// 1 transient, 2 persistent.
    pub delivery_mode: u8,
    /// 0 to 9.
    pub priority: u8,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
    /// Name of the tenant's stream.
    pub stream: Option<&'a [u8]>,
    /// Tag of the consumer that took it.
    pub consumer_tag: Option<&'a [u8]>,
    /// Exchange it was published to.
    pub exchange: Option<&'a [u8]>,
    /// Routing key it was published with.
    pub routing_key: Option<&'a [u8]>,
    /// MIME type of the body.
    pub content_type: Option<&'a [u8]>,
    /// MIME encoding of the body.
    pub content_encoding: Option<&'a [u8]>,
    /// The header table as one BSON document.
    pub headers: Option<&'a [u8]>,
    /// For the application: which request this answers.
    pub correlation_id: Option<&'a [u8]>,
    /// For the application: where an answer goes.
    pub reply_to: Option<&'a [u8]>,
    /// Time to live in milliseconds, as text.
    pub expiration: Option<&'a [u8]>,
    /// The publisher's identity of the message.
    pub message_id: Option<&'a [u8]>,
    /// For the application: the message's type.
    pub kind: Option<&'a [u8]>,
    /// Who published it, as checked by the broker.
    pub user_id: Option<&'a [u8]>,
    /// Which application published it.
    pub app_id: Option<&'a [u8]>,
    /// Its content.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The texts in the order they travel in.
    fn texts(&self) -> [Option<&'a [u8]>; TEXTS] {
        [
            self.stream,
            self.consumer_tag,
            self.exchange,
            self.routing_key,
            self.content_type,
            self.content_encoding,
            self.headers,
            self.correlation_id,
            self.reply_to,
            self.expiration,
            self.message_id,
            self.kind,
            self.user_id,
            self.app_id,
        ]
    }

    /// Bytes that [`encode`](Message::encode) appends.
    pub fn encoded_len(&self) -> usize {
        let texts: usize = self.texts().iter().flatten().map(|text| 4 + text.len()).sum();
        MESSAGE_HEAD + texts + self.body.len()
    }

    /// Appends the message to the payload of a `Deliver`.
    ///
    /// # Errors
    /// A message of 4 GiB or more; nothing is appended then.
    pub fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError> {
        let length = self.encoded_len();
        let rest = u32::try_from(length - MESSAGE_HEAD).map_err(|_| CodecError::HostTooLong(length))?;
        // Both are parts of `rest`, which fits.
        let in_32_bits = |part: usize| u32::try_from(part).unwrap_or(rest);
        let texts = self.texts();
        let mask = texts.iter().enumerate().fold(0u16, |mask, (bit, text)| mask | u16::from(text.is_some()) << bit);

        payload.reserve(length);
        payload.extend_from_slice(&self.delivery_tag.to_le_bytes());
        payload.extend_from_slice(&self.timestamp.to_le_bytes());
        payload.extend_from_slice(&rest.to_le_bytes());
        payload.extend_from_slice(&in_32_bits(self.body.len()).to_le_bytes());
        payload.extend_from_slice(&self.channel.to_le_bytes());
        payload.extend_from_slice(&mask.to_le_bytes());
        payload.extend_from_slice(&[self.present, self.delivery_mode, self.priority, u8::from(self.redelivered)]);
        for text in texts.iter().flatten() {
            payload.extend_from_slice(&in_32_bits(text.len()).to_le_bytes());
            payload.extend_from_slice(text);
        }
        payload.extend_from_slice(self.body);
        Ok(())
    }

    /// Takes one message off the front of `rest`; `None` at its end.
    ///
    /// # Errors
    /// A payload that ends inside a message, or a message whose parts do not fill it.
    pub fn decode(rest: &mut &'a [u8]) -> Result<Option<Message<'a>>, CodecError> {
        if rest.is_empty() {
            return Ok(None);
        }
        let head = take(rest, MESSAGE_HEAD)?;
        let length = u32_at(head, 16);
        let mut parts = take(rest, length)?;
        let mask = u16_at(head, 26);
        if mask >> TEXTS != 0 {
            return Err(CodecError::Padding);
        }
        let mut texts = [None; TEXTS];
        let mut left = mask;
        while left != 0 {
            let length = u32_at(take(&mut parts, 4)?, 0);
            texts[left.trailing_zeros() as usize] = Some(take(&mut parts, length)?);
            left &= left - 1;
        }
        let body = take(&mut parts, u32_at(head, 20))?;
        if !parts.is_empty() {
            return Err(CodecError::Padding);
        }
        let [
            stream,
            consumer_tag,
            exchange,
            routing_key,
            content_type,
            content_encoding,
            headers,
            correlation_id,
            reply_to,
            expiration,
            message_id,
            kind,
            user_id,
            app_id,
        ] = texts;
        Ok(Some(Message {
            channel: u16_at(head, 24),
            delivery_tag: u64_at(head, 0),
            redelivered: head[31] != 0,
            present: head[28],
            delivery_mode: head[29],
            priority: head[30],
            timestamp: u64_at(head, 8),
            stream,
            consumer_tag,
            exchange,
            routing_key,
            content_type,
            content_encoding,
            headers,
            correlation_id,
            reply_to,
            expiration,
            message_id,
            kind,
            user_id,
            app_id,
            body,
        }))
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OutcomeFate {
    /// The app took it; its documents follow (none: it was passed over).
    Taken = 0,
    /// The app rejected it; the reason follows.
    Rejected = 1,
    /// The app failed on it; the reason follows.
    Failed = 2,
    /// The app panicked on it; the reason follows, and the worker ends.
    Panicked = 3,
}

/// What stands before the documents (or the reason) of each outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeHead {
    /// Time spent in the app, in nanoseconds; `u32::MAX` for 4.3 s and more.
    pub nanos: u32,
    /// How many documents follow.
    pub documents: u32,
    /// How many bytes follow.
    pub bytes: u32,
    /// Documents that the worker refused before they came here (not BSON, too large); `u16::MAX` and more alike.
    pub refused: u16,
    /// What became of the message.
    pub fate: OutcomeFate,
}

impl OutcomeHead {
    /// The head as it travels.
    pub fn encode(&self) -> [u8; OUTCOME_HEAD] {
        let mut bytes = [0; OUTCOME_HEAD];
        bytes[..4].copy_from_slice(&self.nanos.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.documents.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.refused.to_le_bytes());
        bytes[14] = self.fate as u8;
        bytes
    }

    /// Takes one outcome and what belongs to it off the front of `rest`; `None` at its end.
    ///
    /// # Errors
    /// A payload that ends inside an outcome, an unknown fate, a reason that is none.
    pub fn decode<'a>(rest: &mut &'a [u8]) -> Result<Option<(OutcomeHead, &'a [u8])>, CodecError> {
        if rest.is_empty() {
            return Ok(None);
        }
        let head = take(rest, OUTCOME_HEAD)?;
        let fate = match head[14] {
            0 => OutcomeFate::Taken,
            1 => OutcomeFate::Rejected,
            2 => OutcomeFate::Failed,
            3 => OutcomeFate::Panicked,
            other => return Err(CodecError::UnknownOutcome(other)),
        };
        let length = u32_at(head, 8);
        let (documents, has_reason) = (u32_at(head, 4), fate != OutcomeFate::Taken);
        if head[15] != 0 || (has_reason && documents != 0) {
            return Err(CodecError::Padding);
        }
        if has_reason && length > MAX_REASON {
            return Err(CodecError::Reason);
        }
        let bytes = take(rest, length)?;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (nanos, refused) = (narrow(u32_at(head, 0)), u16_at(head, 12));
        let head = OutcomeHead { nanos, documents: narrow(documents), bytes: narrow(length), refused, fate };
        Ok(Some((head, bytes)))
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let Some((taken, behind)) = rest.split_at_checked(length) else {
        return Err(CodecError::Short(length - rest.len()));
    };
    *rest = behind;
    Ok(taken)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full() -> Message<'static> {
        Message {
            channel: 3,
            delivery_tag: 1 << 40,
            redelivered: true,
            present: 7,
            delivery_mode: 2,
            priority: 9,
            timestamp: 1_700_000_000,
            stream: Some(b"clicks"),
            consumer_tag: Some(b"ctag"),
            exchange: Some(b""),
            routing_key: Some(b"key"),
            content_type: Some(b"application/json"),
            content_encoding: Some(b"gzip"),
            headers: Some(b"\x05\0\0\0\0"),
            correlation_id: Some(b"c"),
            reply_to: Some(b"r"),
            expiration: Some(b"60000"),
            message_id: Some(b"m-1"),
            kind: Some(b"t"),
            user_id: Some(b"u"),
            app_id: Some(b"a"),
            body: b"{}",
        }
    }

    #[test]
    fn messages_come_back_as_they_went() {
        let messages = [
            full(),
            Message::default(),
            Message { body: b"only a body", ..Message::default() },
            Message { app_id: Some(b"last"), ..Message::default() },
        ];
        let mut payload = Vec::new();
        for message in &messages {
            let before = payload.len();
            message.encode(&mut payload).unwrap();
            assert_eq!(payload.len() - before, message.encoded_len());
        }
        let mut rest = payload.as_slice();
        for message in messages {
            assert_eq!(Message::decode(&mut rest), Ok(Some(message)));
        }
        assert_eq!(Message::decode(&mut rest), Ok(None));
    }

    #[test]
    fn an_absent_text_differs_from_an_empty_one() {
        let mut payload = Vec::new();
        full().encode(&mut payload).unwrap();
        let message = Message::decode(&mut payload.as_slice()).unwrap().unwrap();
        assert_eq!(message.exchange, Some(&b""[..]));
        assert_eq!(Message::default().exchange, None);
    }

    #[test]
    fn a_cut_message_is_told() {
        let mut payload = Vec::new();
        full().encode(&mut payload).unwrap();
        for cut in 1..payload.len() {
            assert!(Message::decode(&mut &payload[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn outcomes_come_back_as_they_went_and_a_cut_one_is_told() {
        let head = OutcomeHead { nanos: 7, documents: 1, bytes: 5, refused: 2, fate: OutcomeFate::Taken };
        let mut payload = head.encode().to_vec();
        payload.extend_from_slice(b"\x05\0\0\0\0");
        let mut rest = payload.as_slice();
        assert_eq!(OutcomeHead::decode(&mut rest), Ok(Some((head, &b"\x05\0\0\0\0"[..]))));
        assert_eq!(OutcomeHead::decode(&mut rest), Ok(None));
        for cut in 1..payload.len() {
            assert!(OutcomeHead::decode(&mut &payload[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_unknown_fate_and_a_rejection_with_documents_are_refused() {
        let head = OutcomeHead { nanos: 0, documents: 0, bytes: 0, refused: 0, fate: OutcomeFate::Rejected };
        let mut bytes = head.encode();
        bytes[14] = 4;
        assert_eq!(OutcomeHead::decode(&mut &bytes[..]), Err(CodecError::UnknownOutcome(4)));
        let bytes = OutcomeHead { documents: 1, ..head }.encode();
        assert_eq!(OutcomeHead::decode(&mut &bytes[..]), Err(CodecError::Padding));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while let Ok(Some(_)) = Message::decode(&mut rest) {}
            let mut rest = bytes.as_slice();
            while let Ok(Some(_)) = OutcomeHead::decode(&mut rest) {}
        }
    }
}
