use super::*;
use crate::broker::StreamKey;
use crate::document::DocumentId;
use crate::stream::identity::Identities;
use bson::oid::ObjectId;
use bson::{Document, doc};

/// What a worker was given: these bodies, with message ids `m-0`, `m-1`, …
fn given(bodies: &[&str]) -> Given {
    let key = StreamKey { tenant: "acme".parse().unwrap(), stream: "clicks".parse().unwrap() };
    let identities = Identities::of(&key);
    let mut payload = Vec::new();
    let mut messages = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let id = format!("m-{index}");
        let message = Message { message_id: Some(id.as_bytes()), body: body.as_bytes(), ..Message::default() };
        let start = payload.len();
        message.encode(&mut payload).unwrap();
        let arrived = Arrived { range: start..payload.len(), tag: index as u64 + 1 };
        messages.push(Held { arrived, identity: identities.identify(&message, || 0) });
    }
    Given { payload: payload.into(), messages: messages.into(), done: 0, refused: None }
}

#[derive(Default)]
struct Frame(Vec<u8>);

impl Frame {
    fn taken(self, documents: &[Document]) -> Frame {
        let bytes: Vec<u8> = documents.iter().flat_map(|document| document.to_vec().unwrap()).collect();
        self.outcome(OutcomeFate::Taken, u32::try_from(documents.len()).unwrap(), &bytes)
    }

    fn told(self, fate: OutcomeFate, reason: &str) -> Frame {
        self.outcome(fate, 0, reason.as_bytes())
    }

    fn outcome(mut self, fate: OutcomeFate, documents: u32, bytes: &[u8]) -> Frame {
        let length = u32::try_from(bytes.len()).unwrap();
        let head = OutcomeHead { nanos: 5, documents, bytes: length, refused: 0, fate };
        self.0.extend_from_slice(&head.encode());
        self.0.extend_from_slice(bytes);
        self
    }

    fn payload(self) -> BytesMut {
        BytesMut::from(&self.0[..])
    }
}

fn numbered(n: i64) -> Document {
    doc! { "_id": ObjectId::from_bytes([0; 12]), "n": n }
}

fn ids(delivery: &Delivery) -> Vec<DocumentId> {
    let batch = &delivery.batch;
    batch.documents.iter().map(|document| DocumentId::of_document(batch.document(document)).unwrap()).collect()
}

#[test]
fn documents_are_numbered_by_their_message_and_every_message_is_accounted_for() {
    let mut given = given(&["a", "b", "c", "dd"]);
    let frame = Frame::default()
        .taken(&[numbered(1), numbered(2)])
        .taken(&[])
        .told(OutcomeFate::Rejected, "no\nthanks")
        .taken(&[numbered(3)]);
    let delivery = take(&mut given, frame.payload()).unwrap();
    assert!(given.is_done());
    assert_eq!((delivery.messages.clone(), &delivery.broke_off), (0..4, &None));
    let expected =
        [(0, 0), (0, 1), (3, 0)].map(|(message, index): (usize, u16)| given.messages[message].identity.document(index));
    assert_eq!(ids(&delivery), expected);
    assert_eq!(delivery.batch.documents.iter().map(|document| document.row).collect::<Vec<_>>(), [0, 0, 3]);
    assert_eq!(delivery.rejected, [(2, "no\\nthanks".to_owned())]);
    let Tally { messages, bytes, ingested, passed_over, rejected, emitted, refused, unnamed, nanos, .. } =
        delivery.tally;
    assert_eq!((messages, bytes, ingested, passed_over, rejected), (4, 5, 2, 1, 1));
    assert_eq!((emitted, refused, unnamed, nanos.len()), (3, 0, 0, 4));
}

#[test]
fn outcomes_that_come_in_several_frames_go_on_where_the_last_ended() {
    let mut given = given(&["a", "b", "c"]);
    let first = take(&mut given, Frame::default().taken(&[numbered(1)]).payload()).unwrap();
    let rest = take(&mut given, Frame::default().taken(&[numbered(2)]).taken(&[numbered(3)]).payload()).unwrap();
    assert_eq!((first.messages, rest.messages.clone()), (0..1, 1..3));
    assert_eq!(ids(&rest), [1, 2].map(|message| given.messages[message].identity.document(0)));
    let more = take(&mut given, Frame::default().taken(&[]).payload());
    assert_eq!(more.unwrap_err(), Violation::TooMany(3));
}

#[test]
fn nothing_behind_a_message_that_the_app_did_not_finish_is_taken() {
    for (fate, how) in [
        (OutcomeFate::Failed, BrokeOff::Failed("down".into())),
        (OutcomeFate::Panicked, BrokeOff::Panicked("down".into())),
    ] {
        let mut given = given(&["a", "b", "c"]);
        let frame = Frame::default().taken(&[numbered(1)]).told(fate, "down").taken(&[numbered(3)]);
        let delivery = take(&mut given, frame.payload()).unwrap();
        assert_eq!((given.done, delivery.messages, delivery.broke_off), (1, 0..1, Some(how)));
        assert_eq!((delivery.batch.documents.len(), delivery.tally.messages), (1, 1));
    }
}

#[test]
fn a_document_that_is_none_rejects_its_message_and_no_other() {
    let own = doc! { "_id": ObjectId::from_bytes([0x20; 12]) };
    let mut broken = numbered(2).to_vec().unwrap();
    broken[4] = 99;
    let mut given = given(&["a", "b", "c", "d"]);
    let frame = Frame::default()
        .taken(&[numbered(1), own])
        .outcome(OutcomeFate::Taken, 1, &broken)
        .taken(&[doc! { "_id": "own" }])
        .taken(&[numbered(4)]);
    let delivery = take(&mut given, frame.payload()).unwrap();
    assert_eq!(delivery.rejected.iter().map(|(message, _)| *message).collect::<Vec<_>>(), [0, 1]);
    assert!(delivery.rejected[0].1.starts_with("document 2 cannot be stored: its _id is"), "{:?}", delivery.rejected);
    let Tally { messages, ingested, rejected, emitted, refused, .. } = delivery.tally;
    assert_eq!((messages, ingested, rejected, emitted, refused), (4, 2, 2, 5, 3));
    assert_eq!(delivery.batch.documents.iter().map(|d| (d.row, d.own_id)).collect::<Vec<_>>(), [(2, true), (3, false)]);
}

#[test]
fn what_no_honest_worker_sends_is_a_violation() {
    assert_eq!(take(&mut given(&["a"]), BytesMut::new()).unwrap_err(), Violation::Empty);
    let two = Frame::default().taken(&[]).taken(&[]).payload();
    assert_eq!(take(&mut given(&["a"]), two).unwrap_err(), Violation::TooMany(1));
    let many = Frame::default().outcome(OutcomeFate::Taken, 1 << 17, &[]).payload();
    assert_eq!(take(&mut given(&["a"]), many).unwrap_err(), Violation::Documents(1 << 17));
    let behind = [numbered(1).to_vec().unwrap(), vec![0; 3]].concat();
    let behind = Frame::default().outcome(OutcomeFate::Taken, 1, &behind).payload();
    assert_eq!(take(&mut given(&["a"]), behind).unwrap_err(), Violation::Codec(CodecError::Short(3)));
    let whole = Frame::default().taken(&[numbered(1)]).payload();
    for length in 1..whole.len() {
        let cut = BytesMut::from(&whole[..length]);
        assert!(take(&mut given(&["a"]), cut).is_err(), "{length} bytes");
    }
}
