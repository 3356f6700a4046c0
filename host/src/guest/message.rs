//! The message in work, as the table wants it.
//!
//! There is one, which is filled anew for each message: a broker sends four texts or so of the fourteen that a message can
//! carry, and what was absent and is absent still is not written again.

use crate::worker::codec::CodecError;
use crate::worker::delivery::Delivered;
use mysimbdp_abi::{Bytes, ChannelV1, DeliveryV1, MessageV1, PropertiesV1};

/// See the module.
#[derive(Debug)]
pub(super) struct Message {
    raw: MessageV1,
    /// Which texts it has.
    mask: u16,
}

impl Message {
    /// Without any text.
    pub(super) fn new() -> Message {
        Message { raw: EMPTY, mask: 0 }
    }

    /// Is this one from now on. What it points to lies in the payload that `delivered` was taken from.
    #[inline]
    pub(super) fn fill(&mut self, delivered: &Delivered<'_>) -> Result<(), CodecError> {
        let raw = &mut self.raw;
        let mut gone = self.mask & !delivered.mask;
        while gone != 0 {
            *text(raw, gone.trailing_zeros() as usize) = Bytes::ABSENT;
            gone &= gone - 1;
        }
        self.mask = delivered.mask;
        delivered.each_text(|place, bytes| *text(raw, place) = Bytes::new(bytes))?;
        raw.channel.number = delivered.channel;
        raw.delivery.delivery_tag = delivered.delivery_tag;
        raw.delivery.redelivered = u8::from(delivered.redelivered);
        raw.properties.present = u32::from(delivered.present);
        raw.properties.delivery_mode = delivered.delivery_mode;
        raw.properties.priority = delivered.priority;
        raw.properties.timestamp = delivered.timestamp;
        raw.body = Bytes::new(delivered.body);
        Ok(())
    }

    /// What the app is given.
    #[inline]
    pub(super) fn raw(&self) -> *const MessageV1 {
        &raw const self.raw
    }
}

/// The text at this place in the order in which they travel.
#[inline]
fn text(raw: &mut MessageV1, place: usize) -> &mut Bytes {
    let MessageV1 { channel, delivery, properties, .. } = raw;
    match place {
        0 => &mut channel.stream,
        1 => &mut channel.consumer_tag,
        2 => &mut delivery.exchange,
        3 => &mut delivery.routing_key,
        4 => &mut properties.content_type,
        5 => &mut properties.content_encoding,
        6 => &mut properties.headers,
        7 => &mut properties.correlation_id,
        8 => &mut properties.reply_to,
        9 => &mut properties.expiration,
        10 => &mut properties.message_id,
        11 => &mut properties.kind,
        12 => &mut properties.user_id,
        _ => &mut properties.app_id,
    }
}

const EMPTY: MessageV1 = MessageV1 {
    channel: ChannelV1 { stream: Bytes::ABSENT, consumer_tag: Bytes::ABSENT, number: 0 },
    delivery: DeliveryV1 { delivery_tag: 0, redelivered: 0, exchange: Bytes::ABSENT, routing_key: Bytes::ABSENT },
    properties: PropertiesV1 {
        present: 0,
        delivery_mode: 0,
        priority: 0,
        timestamp: 0,
        content_type: Bytes::ABSENT,
        content_encoding: Bytes::ABSENT,
        headers: Bytes::ABSENT,
        correlation_id: Bytes::ABSENT,
        reply_to: Bytes::ABSENT,
        expiration: Bytes::ABSENT,
        message_id: Bytes::ABSENT,
        kind: Bytes::ABSENT,
        user_id: Bytes::ABSENT,
        app_id: Bytes::ABSENT,
    },
    body: Bytes::ABSENT,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::delivery;

    fn filled(message: &mut Message, from: &delivery::Message<'_>) -> Vec<Option<String>> {
        let mut payload = Vec::new();
        from.encode(&mut payload).unwrap();
        message.fill(&Delivered::take(&mut &payload[..]).unwrap().unwrap()).unwrap();
        let mut raw = message.raw;
        let texts = (0..14).map(|place| *text(&mut raw, place));
        // SAFETY: they point into `payload`.
        texts.map(|text| unsafe { text.get() }.map(|text| String::from_utf8_lossy(text).into_owned())).collect()
    }

    #[test]
    fn each_text_stands_in_its_place_and_leaves_with_its_message() {
        let every = delivery::Message {
            stream: Some(b"0"),
            consumer_tag: Some(b"1"),
            exchange: Some(b"2"),
            routing_key: Some(b"3"),
            content_type: Some(b"4"),
            content_encoding: Some(b"5"),
            headers: Some(b"6"),
            correlation_id: Some(b"7"),
            reply_to: Some(b"8"),
            expiration: Some(b"9"),
            message_id: Some(b"10"),
            kind: Some(b"11"),
            user_id: Some(b"12"),
            app_id: Some(b"13"),
            ..delivery::Message::default()
        };
        let mut message = Message::new();
        let places = (0..14).map(|place| Some(place.to_string())).collect::<Vec<_>>();
        assert_eq!(filled(&mut message, &every), places);
        let some = delivery::Message { exchange: Some(b""), app_id: Some(b"x"), ..delivery::Message::default() };
        let mut expected = vec![None; 14];
        (expected[2], expected[13]) = (Some(String::new()), Some("x".to_owned()));
        assert_eq!(filled(&mut message, &some), expected);
        assert_eq!(filled(&mut message, &delivery::Message::default()), vec![None; 14]);
    }
}
