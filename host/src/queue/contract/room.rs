//! How many tasks there are, and how many there may be.

use super::*;

pub(super) async fn the_states_of_a_batch_are_counted(subject: Subject) {
    let batch = batch_of("acme", 4);
    assert!(subject.queue.states(batch.id).await.unwrap().is_empty(), "of a batch that is not there none");
    subject.queue.enqueue(batch.clone()).await.unwrap();
    subject.enqueue("acme", 2).await;
    subject.share("acme", 1, 4).await;
    let done = subject.must_claim().await;
    subject.end(&done, Ending::Done).await;
    let parked = subject.must_claim().await;
    subject.end(&parked, Ending::Parked("it fails".into())).await;
    subject.must_claim().await;
    let states = subject.queue.states(batch.id).await.unwrap();
    let expected = [TaskState::Waiting, TaskState::Running, TaskState::Done, TaskState::Parked].map(|state| (state, 1));
    assert_eq!(states, States::from(expected));
}

pub(super) async fn no_tenant_gets_beyond_its_room(subject: Subject) {
    let batch = || NewBatch { id: BatchId::new(), room: 5, ..batch_of("acme", 2) };
    // All at once: as many come in as there is room for.
    let offered = [(); 6].map(|()| {
        let (queue, batch) = (Arc::clone(&subject.queue), batch());
        tokio::spawn(async move { queue.enqueue(batch).await })
    });
    let mut came_in = 0;
    for offer in offered {
        match offer.await.unwrap() {
            Ok(numbers) => came_in += numbers.len(),
            Err(QueueError::Full(load)) => assert_eq!((load.waiting, load.running), (4, 0)),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(came_in, 4);
    // What runs counts, what is over does not, and others have their own room.
    let claim = subject.must_claim().await;
    assert!(matches!(subject.queue.enqueue(batch()).await, Err(QueueError::Full(load)) if load.running == 1));
    subject.end(&claim, Ending::Done).await;
    let refused = batch();
    subject.queue.enqueue(NewBatch { room: 2, ..batch_of("other", 2) }).await.unwrap();
    subject.queue.enqueue(refused.clone()).await.unwrap();
    // A batch that is there is there, however full it is.
    assert_eq!(subject.queue.enqueue(refused).await.unwrap().len(), 2);
}
