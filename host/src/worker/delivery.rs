//! Messages to a stream app and what became of them: the payloads of `Deliver` and `Outcomes`. Pure, like
//! [`codec`](super::codec): no decoder allocates for a length it has not checked, none panics.
//!
//! ```text
//!   Deliver  = message*      message = head texts body
//!     head     delivery_tag: u64 | timestamp: u64 | length: u32 | body: u32 | channel: u16 | texts: u16
//!              | present: u8 | delivery_mode: u8 | priority: u8 | redelivered: u8            (32 bytes)
//!     texts    for each bit set in `texts`, lowest first, in the order of `Message::each_text`: length: u32 | bytes
//!     body     `body` bytes; `length` counts texts and body together
//!
//!   Outcomes = outcome*      outcome = head bytes
//!     head     nanos: u32 | documents: u32 | bytes: u32 | refused: u16 | fate: u8 | 1 zero byte   (16 bytes)
//!     bytes    `documents` BSON documents one after another (as in `Rows`), or the reason as UTF-8
//! ```
//!
//! One `Deliver` is answered by one `Outcomes` or by several that continue each other (a worker sends one as soon as it
//! holds `OUTCOMES_FLUSH_BYTES`, or a tenth of a second after the one before), with one outcome per message, in the order of the
//! messages. An app that panics ends the answer: its message is the last outcome, with [`OutcomeFate::Panicked`], and a
//! `Done` follows.

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
    /// Hands each text that the message has to `each`, in the order they travel in, with its place in that order.
    #[inline]
    fn each_text(&self, mut each: impl FnMut(usize, &'a [u8])) {
        let mut next = 0;
        let mut at_next_place = |text: Option<&'a [u8]>| {
            if let Some(text) = text {
                each(next, text);
            }
            next += 1;
        };
        at_next_place(self.stream);
        at_next_place(self.consumer_tag);
        at_next_place(self.exchange);
        at_next_place(self.routing_key);
        at_next_place(self.content_type);
        at_next_place(self.content_encoding);
        at_next_place(self.headers);
        at_next_place(self.correlation_id);
        at_next_place(self.reply_to);
        at_next_place(self.expiration);
        at_next_place(self.message_id);
        at_next_place(self.kind);
        at_next_place(self.user_id);
        at_next_place(self.app_id);
    }

    /// Appends the message to the payload of a `Deliver`.
    ///
    /// # Errors
    /// A message of 4 GiB or more; nothing is appended then.
    pub fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError> {
        let at = payload.len();
        payload.reserve(MESSAGE_HEAD + self.body.len());
        payload.extend_from_slice(&[0; MESSAGE_HEAD]);
        let mut mask = 0_u16;
        self.each_text(|place, text| {
            mask |= 1 << place;
            // One that does not fit is too long for the whole message, which is seen below.
            payload.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            payload.extend_from_slice(text);
        });
        payload.extend_from_slice(self.body);
        let length = payload.len() - at;
        let Ok(rest) = u32::try_from(length - MESSAGE_HEAD) else {
            payload.truncate(at);
            return Err(CodecError::HostTooLong(length));
        };
        // A part of `rest`, which fits.
        let body = u32::try_from(self.body.len()).unwrap_or(rest);
        let head = &mut payload[at..at + MESSAGE_HEAD];
        head[..8].copy_from_slice(&self.delivery_tag.to_le_bytes());
        head[8..16].copy_from_slice(&self.timestamp.to_le_bytes());
        head[16..20].copy_from_slice(&rest.to_le_bytes());
        head[20..24].copy_from_slice(&body.to_le_bytes());
        head[24..26].copy_from_slice(&self.channel.to_le_bytes());
        head[26..28].copy_from_slice(&mask.to_le_bytes());
        head[28..].copy_from_slice(&[self.present, self.delivery_mode, self.priority, u8::from(self.redelivered)]);
        Ok(())
    }

    /// Takes one message off the front of `rest`; `None` at its end.
    ///
    /// # Errors
    /// As for [`Delivered::take`] and [`Delivered::each_text`].
    pub fn decode(rest: &mut &'a [u8]) -> Result<Option<Message<'a>>, CodecError> {
        let Some(delivered) = Delivered::take(rest)? else { return Ok(None) };
        let mut texts = [None; TEXTS];
        delivered.each_text(|place, text| texts[place] = Some(text))?;
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
            channel: delivered.channel,
            delivery_tag: delivered.delivery_tag,
            redelivered: delivered.redelivered,
            present: delivered.present,
            delivery_mode: delivered.delivery_mode,
            priority: delivered.priority,
            timestamp: delivered.timestamp,
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
            body: delivered.body,
        }))
    }
}

/// Who delivers a message, and as which: what [`readdress`] adds to one that has it not.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// Name of the tenant's stream.
    pub stream: &'a [u8],
    /// Tag of the consumer that took it.
    pub consumer_tag: &'a [u8],
    /// Tag of the delivery on its channel.
    pub delivery_tag: u64,
    /// Number of the channel.
    pub channel: u16,
    /// The broker may have delivered it before.
    pub redelivered: bool,
}

/// Appends the message that `bytes` begins with, which has neither stream nor consumer tag, to a payload with this address.
/// Answers how many of the bytes it takes up.
///
/// # Errors
/// The bytes end inside a message, or it has a stream or a consumer tag already; nothing is appended then.
pub fn readdress(bytes: &[u8], address: &Address<'_>, payload: &mut Vec<u8>) -> Result<usize, CodecError> {
    let Some((head, behind)) = bytes.split_first_chunk::<MESSAGE_HEAD>() else {
        return Err(CodecError::Short(MESSAGE_HEAD - bytes.len()));
    };
    let (length, mask) = (u32_at(head, 16), u16_at(head, 26));
    let Some(parts) = behind.get(..length) else { return Err(CodecError::Short(length - behind.len())) };
    if mask & 0b11 != 0 {
        return Err(CodecError::Padding);
    }
    let texts = [address.stream, address.consumer_tag];
    let all = length + texts.iter().map(|text| 4 + text.len()).sum::<usize>();
    let total = u32::try_from(all).map_err(|_| CodecError::HostTooLong(all))?;
    payload.reserve(MESSAGE_HEAD + all);
    payload.extend_from_slice(&address.delivery_tag.to_le_bytes());
    payload.extend_from_slice(&head[8..16]);
    payload.extend_from_slice(&total.to_le_bytes());
    payload.extend_from_slice(&head[20..24]);
    payload.extend_from_slice(&address.channel.to_le_bytes());
    payload.extend_from_slice(&(mask | 0b11).to_le_bytes());
    payload.extend_from_slice(&head[28..31]);
    payload.push(u8::from(address.redelivered));
    for text in texts {
        // Their sum fits.
        payload.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        payload.extend_from_slice(text);
    }
    payload.extend_from_slice(parts);
    Ok(MESSAGE_HEAD + length)
}

/// Bytes of the body of the message that `bytes` begin with; 0 where that is none.
pub fn body_len(bytes: &[u8]) -> usize {
    bytes.first_chunk::<MESSAGE_HEAD>().map_or(0, |head| u32_at(head, 20))
}

/// A message where it lies in a payload. Most messages carry few texts, so those are walked and not gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// See [`Message::channel`].
    pub channel: u16,
    /// See [`Message::delivery_tag`].
    pub delivery_tag: u64,
    /// See [`Message::redelivered`].
    pub redelivered: bool,
    /// See [`Message::present`].
    pub present: u8,
    /// See [`Message::delivery_mode`].
    pub delivery_mode: u8,
    /// See [`Message::priority`].
    pub priority: u8,
    /// See [`Message::timestamp`].
    pub timestamp: u64,
    /// Which texts it has: a bit for each place in the order they travel in.
    pub mask: u16,
    /// See [`Message::body`].
    pub body: &'a [u8],
    texts: &'a [u8],
}

impl<'a> Delivered<'a> {
    /// Takes one message off the front of `rest`; `None` at its end.
    ///
    /// # Errors
    /// A payload that ends inside a message, a body that is longer than its message, a bit that means no text.
    #[inline]
    pub fn take(rest: &mut &'a [u8]) -> Result<Option<Delivered<'a>>, CodecError> {
        let Some((head, behind)) = rest.split_first_chunk::<MESSAGE_HEAD>() else {
            return if rest.is_empty() { Ok(None) } else { Err(CodecError::Short(MESSAGE_HEAD - rest.len())) };
        };
        *rest = behind;
        let parts = take(rest, u32_at(head, 16))?;
        let (mask, body) = (u16_at(head, 26), u32_at(head, 20));
        if mask >> TEXTS != 0 {
            return Err(CodecError::Padding);
        }
        let Some(texts) = parts.len().checked_sub(body) else { return Err(CodecError::Short(body - parts.len())) };
        let (texts, body) = parts.split_at(texts);
        Ok(Some(Delivered {
            channel: u16_at(head, 24),
            delivery_tag: u64_at(head, 0),
            redelivered: head[31] != 0,
            present: head[28],
            delivery_mode: head[29],
            priority: head[30],
            timestamp: u64_at(head, 8),
            mask,
            body,
            texts,
        }))
    }

    /// Hands each text that the message has to `each`, with its place in the order they travel in.
    ///
    /// # Errors
    /// Texts that do not fill the room before the body.
    #[inline]
    pub fn each_text(&self, mut each: impl FnMut(usize, &'a [u8])) -> Result<(), CodecError> {
        let (mut left, mut texts) = (self.mask, self.texts);
        while left != 0 {
            let length = u32_at(take(&mut texts, 4)?, 0);
            each(left.trailing_zeros() as usize, take(&mut texts, length)?);
            left &= left - 1;
        }
        if texts.is_empty() { Ok(()) } else { Err(CodecError::Padding) }
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
    #[inline]
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
    #[inline]
    pub fn decode<'a>(rest: &mut &'a [u8]) -> Result<Option<(OutcomeHead, &'a [u8])>, CodecError> {
        let Some((head, behind)) = rest.split_first_chunk::<OUTCOME_HEAD>() else {
            return if rest.is_empty() { Ok(None) } else { Err(CodecError::Short(OUTCOME_HEAD - rest.len())) };
        };
        *rest = behind;
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

#[inline]
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
mod tests;
