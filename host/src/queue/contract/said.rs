//! What is said of streams.

use super::*;

pub(super) async fn what_was_said_of_a_stream_last_counts(subject: Subject) {
    let (acme, clicks) = (tenant("acme"), StreamName::parse("clicks").unwrap());
    assert_eq!(subject.queue.said().await.unwrap(), []);
    let say = async |stream: &StreamName, state, reason| subject.queue.say(&acme, stream, state, reason).await.unwrap();
    let first = say(&clicks, StreamState::Paused, "a limit: was \"broken\" …").await;
    assert_eq!((first.state, first.since.as_millisecond()), (StreamState::Paused, subject.time.now()));
    assert_eq!(subject.queue.said().await.unwrap(), [(acme.clone(), clicks.clone(), first.clone())]);
    // In the same moment, and by a clock that went back.
    let second = say(&clicks, StreamState::Started, "by hand").await;
    subject.time.0.fetch_sub(5_000, Ordering::SeqCst);
    let third = say(&clicks, StreamState::Deleted, "").await;
    assert!(first.since < second.since && second.since < third.since, "{first:?} {second:?} {third:?}");
    let other = StreamName::parse("other").unwrap();
    let beside = say(&other, StreamState::Stopped, "by hand").await;
    let mut all = subject.queue.said().await.unwrap();
    all.sort_by(|(_, one, _), (_, two, _)| one.cmp(two));
    assert_eq!(all, [(acme.clone(), clicks, third), (acme.clone(), other, beside)]);
}
