//! Collections, task numbers, the read side, and the end of a store.

use super::*;
use crate::sink::contract::letter;

fn key(content_hash: &str) -> TaskKey {
    TaskKey {
        app: "trips".into(),
        generation: "3f9a".into(),
        source: "june.csv".into(),
        content_hash: content_hash.into(),
    }
}

#[tokio::test]
async fn documents_can_be_queried_with_the_json_operators_of_sqlite() {
    let to = Embedded::fresh().await;
    let batch = Batch::default()
        .numbered((1, 1, 0), &doc! { "name": "Ada", "address": { "city": "London" } })
        .own("o'x", &doc! { "name": "Bob" });
    to.sink.write(batch.build()).await.unwrap();
    let sqlite = to.sqlite();
    let one = |sql: &str| sqlite.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("SELECT doc->>'$.address.city' FROM trips WHERE doc->>'$.name' = 'Ada'"), "London");
    assert_eq!(one("SELECT _id FROM trips WHERE doc->>'$.name' = 'Ada'"), "000000000100000000010000");
    assert_eq!(one("SELECT doc FROM trips WHERE _id = '\"o''x\"'"), r#"{"_id":"o'x","name":"Bob"}"#);
    assert_eq!(one("SELECT typeof(_id) || ' ' || typeof(doc) FROM trips"), "text text");
}

#[tokio::test]
async fn collections_of_one_file_are_apart_and_are_listed_without_the_sinks_own_tables() {
    let to = Embedded::fresh().await;
    let other = to.store.collection("orders-2024.eu").await.unwrap();
    to.sink.write(rows(1, 3)).await.unwrap();
    other.write(rows(2, 4)).await.unwrap();
    other.keep(vec![letter(1, 1, 0)]).await.unwrap();

    let reader = to.store.reader().unwrap();
    assert_eq!(reader.collections().unwrap(), ["orders-2024.eu", "trips"]);
    assert_eq!((reader.count("trips").unwrap(), reader.count("orders-2024.eu").unwrap()), (3, 4));
    assert_eq!(reader.count_letters("trips", &LetterFilter::default()).unwrap(), 0);
    let kept = reader.letters("orders-2024.eu", &LetterFilter::default(), 10).unwrap();
    assert_eq!((kept[0].collection.as_str(), &kept[0].letter), ("orders-2024.eu", &letter(1, 1, 0)));
    assert!(kept[0].at.starts_with("20") && kept[0].at.ends_with('Z'), "{}", kept[0].at);
    let found = reader.document("trips", "000000000100000000020000").unwrap().unwrap();
    assert_eq!(found.json, r#"{"_id":{"$oid":"000000000100000000020000"},"row":2}"#);
    assert_eq!(reader.document("trips", "nothing").unwrap(), None);
}

#[tokio::test]
async fn a_collection_that_is_not_there_is_told_with_those_that_are() {
    let to = Embedded::fresh().await;
    let told = to.store.reader().unwrap().count("orders").unwrap_err().to_string();
    let path = to.store.path().display();
    assert_eq!(told, format!("there is no collection orders in the sink file {path}; it has: trips"));
}

#[tokio::test]
async fn a_name_that_differs_in_case_only_or_is_no_name_is_refused() {
    let to = Embedded::fresh().await;
    let told = to.store.collection("Trips").await.unwrap_err().to_string();
    assert_eq!(told, "the collection Trips differs from trips in upper and lower case only: use one of them");
    let told = to.store.collection("_tasks").await.unwrap_err().to_string();
    assert!(told.contains("must begin with a letter or a digit"), "{told}");
    to.store.collection("trips").await.unwrap();
}

#[tokio::test]
async fn the_same_task_has_the_same_number_also_after_opening_again() {
    let to = Embedded::fresh().await;
    assert_eq!(to.store.task_number(key("a")).await.unwrap(), 1);
    assert_eq!(to.store.task_number(key("b")).await.unwrap(), 2);
    assert_eq!(to.store.task_number(key("a")).await.unwrap(), 1);
    let to = to.reopened().await;
    assert_eq!(to.store.task_number(key("b")).await.unwrap(), 2);
    for other in [
        TaskKey { app: "orders".into(), ..key("a") },
        TaskKey { generation: "77".into(), ..key("a") },
        TaskKey { source: "july.csv".into(), ..key("a") },
    ] {
        assert!(to.store.task_number(other).await.unwrap() > 2);
    }
}

#[tokio::test]
async fn a_number_that_was_given_out_is_never_given_to_another_task() {
    let to = Embedded::fresh().await;
    assert_eq!(to.store.task_number(key("a")).await.unwrap(), 1);
    to.sqlite().execute(r#"DELETE FROM "_tasks""#, []).unwrap();
    assert_eq!(to.store.task_number(key("b")).await.unwrap(), 2);
}

#[tokio::test]
async fn numbers_of_tasks_end_with_38_bits_in_a_sentence() {
    let to = Embedded::fresh().await;
    let last = r#"INSERT INTO "_tasks" (number, app, generation, source, content_hash)
        VALUES (137438953471, '', '', '', '')"#;
    to.sqlite().execute(last, []).unwrap();
    let told = to.store.task_number(key("a")).await.unwrap_err();
    assert!(matches!(told, SinkError::Permanent { .. }), "{told:?}");
    assert!(told.to_string().contains("a task number has 37 bits"), "{told}");
}

#[tokio::test]
async fn closing_answers_what_was_asked_leaves_one_file_and_lets_sinks_refuse() {
    let to = Embedded::fresh().await;
    let writes: Vec<_> = (0..20).map(|n| begun(to.sink.write(rows(1 + n * 50, 50)))).collect();
    let path = to.store.path().to_owned();
    to.store.close().unwrap();
    for write in writes {
        assert_eq!(write.await.unwrap().stored, 50);
    }

    let names: Vec<_> = std::fs::read_dir(to.directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["acme.db"]);
    assert_eq!(Reader::open(&path).unwrap().count(COLLECTION).unwrap(), 1000);
    let told = to.sink.write(rows(1, 1)).await.unwrap_err();
    assert!(matches!(told, SinkError::Permanent { .. }) && told.to_string().contains("was closed"), "{told}");
}

#[tokio::test]
async fn dropping_a_store_finishes_what_was_asked() {
    let to = Embedded::fresh().await;
    let write = begun(to.sink.write(rows(1, 5)));
    let path = to.store.path().to_owned();
    drop(to.store);
    assert_eq!(Reader::open(&path).unwrap().count(COLLECTION).unwrap(), 5);
    assert_eq!(write.await.unwrap().stored, 5);
}
