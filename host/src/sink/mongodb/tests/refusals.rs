//! Documents that the server does not take, and what it says of them.

use super::*;
use crate::sink::DocumentRef;
use crate::worker::protocol::MAX_DOCUMENT;

async fn fresh() -> MongoDestination {
    MongoDestination::fresh().await
}

fn of_one(document: &Document, row: u64) -> DocumentBatch {
    let bytes = document.to_vec().unwrap();
    let length = u32::try_from(bytes.len()).unwrap();
    DocumentBatch { bytes: bytes.into(), documents: vec![DocumentRef { offset: 0, length, row, own_id: true }] }
}

#[tokio::test]
async fn a_document_over_16_mib_is_refused_before_it_is_sent_and_its_neighbours_are_stored() {
    let to = fresh().await;
    let around = doc! { "_id": "long", "text": "" }.to_vec().unwrap().len();
    let long = doc! { "_id": "long", "text": "x".repeat(MAX_DOCUMENT) }.to_vec().unwrap();
    let mut batch = DocumentBatch::default();
    let mut bytes = Vec::new();
    for (row, document) in
        [doc! { "_id": 1 }.to_vec().unwrap(), long, doc! { "_id": 2 }.to_vec().unwrap()].iter().enumerate()
    {
        let (offset, length) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(document.len()).unwrap());
        batch.documents.push(DocumentRef { offset, length, row: row as u64, own_id: true });
        bytes.extend_from_slice(document);
    }
    batch.bytes = bytes.into();
    let written = to.sink.write(batch).await.unwrap();
    let reason =
        format!("the document has {} bytes, but MongoDB stores none of more than 16777216", MAX_DOCUMENT + around);
    assert_eq!(written, Written { stored: 2, refused: vec![(1, reason)], ..Written::default() });
    assert_eq!(to.bson().await.len(), 2);
}

#[tokio::test]
async fn a_document_of_exactly_16_mib_is_stored() {
    let to = fresh().await;
    let around = doc! { "_id": 1, "text": "" }.to_vec().unwrap().len();
    let longest = doc! { "_id": 1, "text": "x".repeat(MAX_DOCUMENT - around) };
    assert_eq!(longest.to_vec().unwrap().len(), MAX_DOCUMENT);
    assert_eq!(to.sink.write(of_one(&longest, 1)).await.unwrap(), stored(1));
    let again = to.sink.write(of_one(&longest, 1)).await.unwrap();
    assert_eq!(again, Written { duplicates: 1, ..Written::default() });
}

#[tokio::test]
async fn a_unique_index_of_the_operators_refuses_in_the_servers_words_and_retries_change_nothing() {
    let to = fresh().await;
    let index = doc! { "key": { "email": 1 }, "name": "email_once", "unique": true };
    to.run(doc! { "createIndexes": COLLECTION, "indexes": [index] }).await;
    let batch = || {
        let mail = |name: &str| doc! { "email": name };
        let numbered = Batch::default().numbered((1, 1, 0), &mail("a")).numbered((1, 2, 0), &mail("a"));
        numbered.numbered((1, 3, 0), &mail("b")).own("mine", &mail("b")).build()
    };
    let first = to.sink.write(batch()).await.unwrap();
    assert_eq!((first.stored, first.duplicates, first.differing), (2, 0, 0));
    assert_eq!(first.refused.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
    for (_, reason) in &first.refused {
        assert!(reason.contains("email") && reason.contains("11000"), "{reason}");
    }
    assert_eq!(to.sink.write(batch()).await.unwrap(), first);
    assert_eq!(to.bson().await.len(), 2);
}

#[tokio::test]
async fn a_document_that_does_not_pass_the_operators_validation_is_refused_with_the_servers_words() {
    let to = fresh().await;
    to.run(doc! { "collMod": COLLECTION, "validator": { "n": { "$type": "int" } } }).await;
    let batch = Batch::default().numbered((1, 1, 0), &doc! { "n": 1 }).numbered((1, 2, 0), &doc! { "n": "one" });
    let written = to.sink.write(batch.build()).await.unwrap();
    let [(1, reason)] = &written.refused[..] else { panic!("{written:?}") };
    assert!(reason.contains("validation") && reason.contains("121"), "{reason}");
    assert_eq!(written.stored, 1);
}

#[tokio::test]
async fn an_empty_timestamp_that_the_server_fills_in_does_not_make_a_retry_differ() {
    let to = fresh().await;
    let empty = Bson::Timestamp(bson::Timestamp { time: 0, increment: 0 });
    let batch = || {
        Batch::default()
            .numbered((1, 1, 0), &doc! { "at": empty.clone() })
            .own(7, &doc! { "at": empty.clone() })
            .build()
    };
    assert_eq!(to.sink.write(batch()).await.unwrap(), stored(2));
    let again = to.sink.write(batch()).await.unwrap();
    assert_eq!(again, Written { stored: 1, duplicates: 1, ..Written::default() });
}

#[tokio::test]
async fn numbers_that_mongodb_takes_for_the_same_are_one_id() {
    let to = fresh().await;
    to.sink.write(Batch::default().own(7_i64, &doc! { "n": 1 }).build()).await.unwrap();
    let decimal: bson::Decimal128 = "7".parse().unwrap();
    let batch = Batch::default().own(7.0, &doc! { "n": 1 }).own(decimal, &doc! { "n": 1 });
    let written = to.sink.write(batch.build()).await.unwrap();
    assert_eq!(written.refused.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1]);
    assert!(written.refused.iter().all(|(_, reason)| reason.starts_with("another document has this _id: ")));
}

#[tokio::test]
async fn a_collection_that_cannot_be_is_refused() {
    let to = fresh().await;
    for name in ["_dead_letters", "system.views", "a$b", ""] {
        let error = to.sinks.open(&to.tenant, name).await.err().unwrap();
        assert!(matches!(error, SinkError::Permanent { .. }), "{error}");
        assert!(error.to_string().contains("cannot be the name of a collection"), "{error}");
    }
}
