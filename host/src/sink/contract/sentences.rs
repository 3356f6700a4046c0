//! The sentences of the contract: each is a test that an adapter must pass.

use super::{Batch, Destination, letter};
use crate::sink::{BoxFuture, DeadLetter, LetterFilter, LetterKey, Written};
use bson::oid::ObjectId;
use bson::{Bson, doc};
use serde_json::Value;
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;

fn stored(stored: u64) -> Written {
    Written { stored, ..Written::default() }
}

async fn write<D: Destination>(to: &D, batch: Batch) -> Written {
    let batch = batch.build();
    let documents = batch.documents.len() as u64;
    let written = to.sink().write(batch).await.unwrap();
    assert_eq!(written.stored + written.duplicates + written.refused.len() as u64, documents, "{written:?}");
    written
}

/// The one document with this value in its field `n`.
async fn with_n<D: Destination>(to: &D, n: i64) -> Vec<Value> {
    to.documents().await.into_iter().filter(|document| document["n"] == n).collect()
}

pub(crate) async fn documents_are_stored_as_they_are<D: Destination>() {
    let to = D::fresh().await;
    let document = doc! {
        "name": "Zoë \"Z\"\n\0 🚲", "n": 42_i32, "long": 9_007_199_254_740_993_i64, "fare": 12.5, "paid": true,
        "nothing": Bson::Null, "tags": ["a", 1, { "deep": [] }], "at": bson::DateTime::from_millis(1_718_000_000_123),
        "ref": ObjectId::from_bytes([7; 12]), "": "empty key",
    };
    assert_eq!(write(&to, Batch::default().numbered((1, 2, 3), &document)).await, stored(1));

    let mut expected = doc! { "_id": ObjectId::from_bytes([0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 3]) };
    expected.extend(document);
    assert_eq!(to.documents().await, [Bson::Document(expected).into_relaxed_extjson()]);
}

pub(crate) async fn an_empty_batch_is_no_documents<D: Destination>() {
    let to = D::fresh().await;
    assert_eq!(write(&to, Batch::default()).await, stored(0));
    assert!(to.documents().await.is_empty());
}

pub(crate) async fn bytes_between_the_documents_of_a_batch_are_nothing<D: Destination>() {
    let to = D::fresh().await;
    let batch = Batch::default()
        .noise(b"header")
        .numbered((1, 1, 0), &doc! { "n": 1 })
        .noise(&[0xff; 48])
        .numbered((1, 2, 0), &doc! { "n": 2 })
        .noise(b"end");
    assert_eq!(write(&to, batch).await, stored(2));
    assert_eq!(to.documents().await.len(), 2);
}

pub(crate) async fn a_numbered_batch_written_again_counts_as_stored_and_changes_nothing<D: Destination>() {
    let to = D::fresh().await;
    let batch = || (0..50_u16).fold(Batch::default(), |b, i| b.numbered((9, 7, i), &doc! { "n": i32::from(i) }));
    assert_eq!(write(&to, batch()).await, stored(50));
    assert_eq!(write(&to, batch()).await, stored(50));
    assert_eq!(to.documents().await.len(), 50);
}

pub(crate) async fn a_numbered_id_that_exists_with_another_content_keeps_the_first_and_counts_as_differing<
    D: Destination,
>() {
    let to = D::fresh().await;
    write(&to, Batch::default().numbered((1, 1, 0), &doc! { "n": 1 })).await;
    let again = Batch::default().numbered((1, 1, 0), &doc! { "n": 2 }).numbered((1, 2, 0), &doc! { "n": 3 });
    assert_eq!(write(&to, again).await, Written { stored: 2, differing: 1, ..Written::default() });
    assert_eq!(with_n(&to, 1).await.len(), 1);
    assert_eq!(with_n(&to, 2).await.len(), 0);
    assert_eq!(with_n(&to, 3).await.len(), 1);
}

pub(crate) async fn a_number_twice_in_one_batch_keeps_the_first<D: Destination>() {
    let to = D::fresh().await;
    let batch = Batch::default()
        .numbered((1, 1, 0), &doc! { "n": 1 })
        .numbered((1, 1, 0), &doc! { "n": 2 })
        .numbered((1, 1, 0), &doc! { "n": 1 });
    assert_eq!(write(&to, batch).await, Written { stored: 3, differing: 1, ..Written::default() });
    assert_eq!(to.documents().await.len(), 1);
    assert_eq!(with_n(&to, 1).await.len(), 1);
}

pub(crate) async fn an_own_id_that_exists_with_the_same_document_is_a_duplicate<D: Destination>() {
    let to = D::fresh().await;
    let batch = || Batch::default().own("order-1", &doc! { "n": 1 }).own(7_i64, &doc! { "n": 2 });
    assert_eq!(write(&to, batch()).await, stored(2));
    assert_eq!(write(&to, batch()).await, Written { duplicates: 2, ..Written::default() });
    assert_eq!(to.documents().await.len(), 2);
}

pub(crate) async fn an_own_id_that_exists_with_another_document_is_refused_by_name_and_the_rest_is_stored<
    D: Destination,
>() {
    let to = D::fresh().await;
    write(&to, Batch::default().own("order-1", &doc! { "n": 1 })).await;
    let batch = Batch::default()
        .own("order-0", &doc! { "n": 0 })
        .own("order-1", &doc! { "n": 10 })
        .own("order-2", &doc! { "n": 2 });
    let written = write(&to, batch).await;
    assert_eq!((written.stored, written.duplicates, written.differing), (2, 0, 0));
    let [(1, reason)] = &written.refused[..] else { panic!("{written:?}") };
    assert!(reason.starts_with("another document has this _id") && reason.contains("order-1"), "{reason}");
    assert_eq!(with_n(&to, 1).await.len(), 1);
    assert_eq!(with_n(&to, 10).await.len(), 0);
    assert_eq!(to.documents().await.len(), 3);
}

pub(crate) async fn own_ids_are_compared_within_one_batch_too<D: Destination>() {
    let to = D::fresh().await;
    let batch = Batch::default()
        .own("a", &doc! { "n": 1 })
        .own("a", &doc! { "n": 1 })
        .own("a", &doc! { "n": 2 })
        .own("b", &doc! { "n": 3 });
    let written = write(&to, batch).await;
    assert_eq!((written.stored, written.duplicates), (2, 1));
    assert_eq!(written.refused.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2]);
    assert_eq!(to.documents().await.len(), 2);
}

pub(crate) async fn own_ids_of_different_types_are_different<D: Destination>() {
    let to = D::fresh().await;
    let ids = [
        Bson::from("5"),
        Bson::from(5),
        Bson::from(5.5),
        Bson::from("07070707070707070707070a"),
        Bson::from(ObjectId::from_bytes([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 10])),
        Bson::from(true),
        Bson::from("true"),
        Bson::Null,
        Bson::from(doc! { "a": 1, "b": 2 }),
        Bson::from(doc! { "b": 2, "a": 1 }),
        Bson::DateTime(bson::DateTime::from_millis(5)),
        Bson::from(""),
    ];
    let count = ids.len();
    let batch = ids.into_iter().fold(Batch::default(), |batch, id| batch.own(id, &doc! { "n": 1 }));
    assert_eq!(write(&to, batch).await, stored(count as u64));
    assert_eq!(to.documents().await.len(), count);
}

pub(crate) async fn a_long_own_id_is_stored_and_its_refusal_stays_short<D: Destination>() {
    let to = D::fresh().await;
    let id = "ü".repeat(700);
    assert_eq!(write(&to, Batch::default().own(&*id, &doc! { "n": 1 })).await, stored(1));
    let written = write(&to, Batch::default().own(&*id, &doc! { "n": 2 })).await;
    assert!(written.refused[0].1.len() < 1000, "{}", written.refused[0].1);
    assert!(written.refused[0].1.contains("üü"));
}

pub(crate) async fn a_document_of_fifteen_megabytes_is_stored<D: Destination>() {
    let to = D::fresh().await;
    let text = "x".repeat(15 << 20);
    let batch = Batch::default().numbered((1, 1, 0), &doc! { "text": &*text }).numbered((1, 2, 0), &doc! { "n": 2 });
    assert_eq!(write(&to, batch).await, stored(2));
    assert!(to.documents().await.iter().any(|document| document["text"] == *text));
}

pub(crate) async fn batches_written_at_the_same_time_are_each_stored_once<D: Destination>() {
    let to = D::fresh().await;
    let batch =
        |row: u64| (0..20).fold(Batch::default(), |b, i| b.numbered((1, row, i), &doc! { "n": i32::from(i) })).build();
    // Every second batch is under way twice.
    let writes: Vec<_> = (1..=40_u64).flat_map(|row| [row, row | 1]).map(|row| to.sink().write(batch(row))).collect();
    for written in all(writes).await {
        assert_eq!(written.unwrap(), stored(20));
    }
    assert_eq!(to.documents().await.len(), 41 * 20);
}

pub(crate) async fn counts_add_up_and_the_first_document_stays_whatever_is_written<D: Destination>() {
    let to = D::fresh().await;
    let mut random = fastrand::Rng::with_seed(20);
    let mut model: HashMap<i64, i64> = HashMap::new();
    for _ in 0..60 {
        let mut batch = Batch::default();
        let mut expected = Written::default();
        let mut refused = Vec::new();
        for index in 0..random.usize(0..30) {
            let (id, content) = (random.i64(0..200), random.i64(0..3));
            let document = doc! { "id": id, "content": content };
            let own = id % 2 == 0;
            batch = match own {
                true => batch.own(id, &document),
                false => batch.numbered((1, id.cast_unsigned(), 0), &document),
            };
            let first = *model.entry(id).or_insert(-1);
            match (first, own) {
                (-1, _) => {
                    model.insert(id, content);
                    expected.stored += 1;
                }
                (first, true) if first == content => expected.duplicates += 1,
                (_, true) => refused.push(index),
                (first, false) => {
                    expected.stored += 1;
                    expected.differing += u64::from(first != content);
                }
            }
        }
        let written = write(&to, batch).await;
        assert_eq!(written.refused.iter().map(|(index, _)| *index).collect::<Vec<_>>(), refused);
        assert_eq!(Written { refused: Vec::new(), ..written }, expected);
    }
    let found: HashMap<i64, i64> = to
        .documents()
        .await
        .iter()
        .map(|document| (document["id"].as_i64().unwrap(), document["content"].as_i64().unwrap()))
        .collect();
    assert_eq!(found, model);
}

pub(crate) async fn dead_letters_are_kept_as_they_are<D: Destination>() {
    let to = D::fresh().await;
    let letters = vec![letter(1, 2, 0), letter(1, 2, 1), letter(1, (1 << 40) - 1, 0), letter((1 << 38) - 1, 1, 0)];
    to.sink().keep(letters.clone()).await.unwrap();
    to.sink().keep(Vec::new()).await.unwrap();
    assert_eq!(to.letters().await, letters);
}

pub(crate) async fn the_same_dead_letter_again_replaces_the_one_before<D: Destination>() {
    let to = D::fresh().await;
    to.sink().keep(vec![letter(1, 1, 0), letter(1, 2, 0)]).await.unwrap();
    let newer = DeadLetter { reason: "killed the worker twice".into(), raw: Vec::new(), ..letter(1, 2, 0) };
    to.sink().keep(vec![newer.clone()]).await.unwrap();
    assert_eq!(to.letters().await, [letter(1, 1, 0), newer]);
}

pub(crate) async fn raw_bytes_of_a_dead_letter_are_cut<D: Destination>() {
    let to = D::fresh().await;
    let long = DeadLetter { raw: vec![b'x'; DeadLetter::MAX_RAW + 1], raw_len: 1 << 27, ..letter(1, 1, 0) };
    to.sink().keep(vec![long]).await.unwrap();
    let kept = to.letters().await;
    assert_eq!((kept[0].raw.len(), kept[0].raw_len), (DeadLetter::MAX_RAW, 1 << 27));
    let message = DeadLetter {
        raw: vec![b'x'; DeadLetter::MAX_MESSAGE + 1],
        raw_len: 1 << 27,
        envelope: vec![0; 32],
        ..letter(1, 2, 0)
    };
    to.sink().keep(vec![message]).await.unwrap();
    let kept = to.letters().await;
    assert_eq!((kept[1].raw.len(), kept[1].envelope.len()), (DeadLetter::MAX_MESSAGE, 32));
}

pub(crate) async fn what_was_answered_is_there_when_the_destination_is_opened_again<D: Destination>() {
    let to = D::fresh().await;
    write(&to, Batch::default().numbered((1, 1, 0), &doc! { "n": 1 }).own("a", &doc! { "n": 2 })).await;
    to.sink().keep(vec![letter(1, 2, 0)]).await.unwrap();
    let to = to.reopened().await;
    assert_eq!(to.documents().await.len(), 2);
    assert_eq!(to.letters().await, [letter(1, 2, 0)]);
    let again = Batch::default().numbered((1, 1, 0), &doc! { "n": 1 }).own("a", &doc! { "n": 2 });
    assert_eq!(write(&to, again).await, Written { stored: 1, duplicates: 1, ..Written::default() });
}

/// Drives all of them at once.
async fn all<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

pub(crate) async fn erasing_a_task_takes_its_numbered_documents_and_its_letters_and_nothing_else<D: Destination>() {
    let to = D::fresh().await;
    let document = |n: i32| doc! { "n": n };
    let batch = Batch::default()
        .numbered((1, 9, 0), &document(1))
        .numbered((2, 1, 0), &document(2))
        .numbered((2, u64::from(u32::MAX), u16::MAX), &document(2))
        .numbered((3, 1, 0), &document(3))
        .own("000000000200000000010000", &document(4))
        .own(2, &document(4));
    write(&to, batch).await;
    to.sink().keep(vec![letter(1, 1, 0), letter(2, 1, 0), letter(2, 5, 1)]).await.unwrap();
    assert_eq!(to.sink().erase(2, 100).await.unwrap(), 2);
    assert_eq!(to.letters().await.len(), 3, "letters go last");
    assert_eq!(to.sink().erase(2, 100).await.unwrap(), 0);
    assert_eq!(to.letters().await, [letter(1, 1, 0)]);
    assert!(with_n(&to, 2).await.is_empty());
    assert_eq!(to.documents().await.len(), 4);
}

pub(crate) async fn erasing_goes_on_in_steps_until_nothing_is_left<D: Destination>() {
    let to = D::fresh().await;
    let batch = (1..=10).fold(Batch::default(), |batch, row| batch.numbered((1, row, 0), &doc! { "n": 1 }));
    write(&to, batch).await;
    let mut erased = Vec::new();
    loop {
        let step = to.sink().erase(1, 4).await.unwrap();
        erased.push(step);
        if step == 0 {
            break;
        }
    }
    assert_eq!(erased, [4, 4, 2, 0]);
    assert!(to.documents().await.is_empty());
}

pub(crate) async fn dead_letters_are_listed_by_task_and_app_in_pages<D: Destination>() {
    let to = D::fresh().await;
    let of = |app: &str, letter: DeadLetter| DeadLetter { app: app.to_owned(), ..letter };
    let mine = "mine (generation abc)";
    let letters =
        vec![of(mine, letter(1, 2, 0)), of(mine, letter(1, 2, 1)), of("mine-too (generation def)", letter(2, 1, 0))];
    to.sink().keep(letters).await.unwrap();
    let keys = async |filter: LetterFilter, limit| -> Vec<LetterKey> {
        let page = to.sink().letters(&filter, limit).await.unwrap();
        page.iter().map(|kept| (kept.letter.task, kept.letter.row, kept.letter.part)).collect()
    };
    let all = LetterFilter::default();
    assert_eq!(keys(all.clone(), 2).await, [(1, 2, 0), (1, 2, 1)]);
    assert_eq!(keys(LetterFilter { after: Some((1, 2, 1)), ..all.clone() }, 2).await, [(2, 1, 0)]);
    assert_eq!(keys(LetterFilter { task: Some(2), ..all.clone() }, 9).await, [(2, 1, 0)]);
    assert_eq!(keys(LetterFilter { app: Some("mine".into()), ..all.clone() }, 9).await, [(1, 2, 0), (1, 2, 1)]);
    assert_eq!(keys(LetterFilter { app: Some(mine.into()), ..all.clone() }, 9).await, [(1, 2, 0), (1, 2, 1)]);
    assert_eq!(to.sink().count_letters(&all).await.unwrap(), 3);
    assert_eq!(to.sink().count_letters(&LetterFilter { task: Some(1), ..all }).await.unwrap(), 2);
    // A stream may be called as a file is.
    let clicks = LetterFilter { stream: Some("june.csv".into()), ..LetterFilter::default() };
    assert_eq!(to.sink().count_letters(&clicks).await.unwrap(), 0);
    let message = DeadLetter { envelope: vec![1], ..letter(1 << 37, 1, 0) };
    let other = DeadLetter { source: "clicks".into(), ..message.clone() };
    to.sink().keep(vec![message, DeadLetter { row: 2, ..other }]).await.unwrap();
    assert_eq!(keys(clicks.clone(), 9).await, [(1 << 37, 1, 0)]);
    assert_eq!(to.sink().count_letters(&clicks).await.unwrap(), 1);
}

pub(crate) async fn forgetting_rows_takes_their_letters_and_nothing_else<D: Destination>() {
    let to = D::fresh().await;
    let kept = [letter(1, 1, 0), letter(1, 2, 0), letter(1, 2, 3), letter(1, 3, 0), letter(2, 2, 0)];
    to.sink().keep(kept.to_vec()).await.unwrap();
    assert_eq!(to.sink().forget(1, vec![2, 3, 77]).await.unwrap(), 3);
    assert_eq!(to.letters().await, [letter(1, 1, 0), letter(2, 2, 0)]);
    assert_eq!(to.sink().forget(1, vec![2, 3]).await.unwrap(), 0);
}
