//! What is known of content that came before, and what is forgotten.

use super::*;

pub(super) async fn known_content_is_found(subject: Subject) {
    let (acme, app) = (tenant("acme"), AppName::parse("app").unwrap());
    subject.enqueue("acme", 2).await;
    let known = async |content: &str| subject.queue.known(&acme, &app, content).await.unwrap().map(|task| task.number);
    assert_eq!(known("content-acme-1").await, Some(2));
    assert_eq!(known("content-other-1").await, None);
    subject.queue.cancel(2).await.unwrap();
    assert_eq!(known("content-acme-1").await, None);
}

pub(super) async fn known_content_is_refused_where_it_comes_in(subject: Subject) {
    let batch = || NewBatch { id: BatchId::new(), refuse_known: true, ..batch_of("acme", 2) };
    let first = batch();
    // All at once: one of them comes in.
    let offered = [first.clone(), batch(), batch(), first.clone()].map(|batch| {
        let queue = Arc::clone(&subject.queue);
        tokio::spawn(async move { queue.enqueue(batch).await })
    });
    let mut came_in = 0;
    for offer in offered {
        match offer.await.unwrap() {
            Ok(numbers) => came_in += u32::from(numbers == [1, 2]),
            Err(QueueError::Known { file: 0, known }) => assert_eq!(known.number, 1),
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..=2).contains(&came_in), "{came_in}");
    let all = subject.queue.tasks(&TaskFilter::default(), 10).await.unwrap();
    assert_eq!(all.len(), 2);
    // A batch with one such file comes in not at all, and its id is free.
    let mut mixed = batch();
    mixed.files[0].0.content = "another".into();
    let refused = subject.queue.enqueue(mixed.clone()).await.unwrap_err();
    assert!(matches!(refused, QueueError::Known { file: 1, .. }), "{refused}");
    assert!(subject.queue.batch(mixed.id).await.unwrap().is_empty());
    mixed.files.truncate(1);
    assert_eq!(subject.queue.enqueue(mixed).await.unwrap().len(), 1);
    // Other apps and tenants, and whoever takes it all the same, are not concerned; a replay does not count.
    let other = NewBatch { refuse_known: true, ..batch_of("other", 1) };
    subject.queue.enqueue(other).await.unwrap();
    assert_eq!(subject.enqueue("acme", 2).await.len(), 2);
    for task in subject.queue.tasks(&TaskFilter::default(), 10).await.unwrap() {
        subject.queue.cancel(task.number).await.unwrap();
    }
    let replay = NewBatch { id: BatchId::new(), origin: Origin::Replay, ..batch() };
    subject.queue.enqueue(replay).await.unwrap();
    subject.queue.enqueue(batch()).await.unwrap();
}

pub(super) async fn what_is_long_over_is_forgotten(subject: Subject) {
    let batch = batch_of("acme", 2);
    subject.queue.enqueue(batch.clone()).await.unwrap();
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Done).await;
    let parked = subject.must_claim().await;
    subject.end(&parked, Ending::Parked("it fails".into())).await;
    let age = Duration::from_secs(60);
    assert!(subject.queue.forget(age, 10).await.unwrap().is_empty());
    subject.time.pass(age);
    let forgotten = subject.queue.forget(age, 10).await.unwrap();
    assert_eq!(forgotten.iter().map(|task| task.number).collect::<Vec<_>>(), [1]);
    assert!(subject.queue.task(1).await.unwrap().is_none());
    assert_eq!(subject.queue.batch(batch.id).await.unwrap(), [2]);
    // What is parked waits for a person, however long; given up, it is over.
    subject.queue.cancel(2).await.unwrap();
    assert!(subject.queue.forget(age, 10).await.unwrap().is_empty());
    subject.time.pass(age);
    assert_eq!(subject.queue.forget(age, 10).await.unwrap().len(), 1);
    assert!(subject.queue.batch(batch.id).await.unwrap().is_empty());
}
