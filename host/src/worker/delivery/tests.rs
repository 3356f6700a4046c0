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
        message.encode(&mut payload).unwrap();
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
