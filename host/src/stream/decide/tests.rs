use super::*;
use proptest::prelude::*;
use std::slice::from_ref;

fn notification(limit: Limit, policy: OnBreach) -> Notification {
    Notification {
        tenant: "acme".parse().unwrap(),
        stream: None,
        limit,
        measured: 9,
        allowed: 4,
        waiting: 0,
        window_seconds: 5,
        suggestion: "mend it".to_owned(),
        policy,
    }
}

/// `(consumers, at least, waiting, consumed)` of streams `a`, `b`, …
fn decided(notifications: &[Notification], streams: &[(usize, usize, u64, u64)]) -> Vec<(String, Action)> {
    let names: Vec<StreamName> =
        ('a'..).take(streams.len()).map(|letter| letter.to_string().parse().unwrap()).collect();
    let standing = |(stream, (consumers, consumers_min, waiting, messages)): (_, &(usize, usize, u64, u64))| Standing {
        stream,
        consumers: *consumers,
        consumers_min: *consumers_min,
        waiting: *waiting,
        messages: *messages,
    };
    let started: Vec<Standing<'_>> = names.iter().zip(streams).map(standing).collect();
    let decisions = decide_all(notifications, &started).into_iter();
    decisions
        .map(|decision| (decision.stream.map_or("-".to_owned(), |name| name.to_string()), decision.action))
        .collect()
}

fn of(streams: &[(&str, Action)]) -> Vec<(String, Action)> {
    streams.iter().map(|(stream, action)| ((*stream).to_owned(), *action)).collect()
}

const THREE: [(usize, usize, u64, u64); 3] = [(2, 1, 0, 7), (3, 1, 5, 9), (1, 1, 0, 0)];

#[test]
fn throttling_is_told_and_needs_nothing_else() {
    let throttled = notification(Limit::Messages, OnBreach::Throttle);
    assert_eq!(decided(from_ref(&throttled), &THREE), of(&[("-", Action::Tell)]));
    let reason = decide(&throttled, &[])[0].reason.clone();
    assert_eq!(
        reason,
        "the streams of tenant acme consumed 9 messages in a window of 5 s, where 4 are allowed (messages_per_window): mend \
         it. it is held to that"
    );
}

#[test]
fn pausing_and_deleting_concern_those_that_want_more() {
    for (policy, action) in [(OnBreach::Pause, Action::Pause), (OnBreach::Delete, Action::Delete)] {
        let broken = notification(Limit::Bytes, policy);
        assert_eq!(decided(from_ref(&broken), &THREE), of(&[("b", action)]));
        let nobody_waits = [(2, 1, 0, 7), (3, 1, 0, 9), (1, 1, 0, 0)];
        assert_eq!(decided(from_ref(&broken), &nobody_waits), of(&[("a", action), ("b", action)]));
        let named = Notification { stream: Some("c".parse().unwrap()), ..broken.clone() };
        assert_eq!(decided(&[named], &THREE), of(&[("c", action)]));
        assert_eq!(decided(&[broken], &[]), of(&[("-", Action::Tell)]), "it stopped meanwhile");
    }
}

#[test]
fn where_storage_is_full_nothing_goes_on_whatever_the_policy() {
    let decided = |policy| decided(&[notification(Limit::Storage, policy)], &THREE[..2]);
    assert_eq!(decided(OnBreach::Throttle), of(&[("a", Action::Pause), ("b", Action::Pause)]));
    assert_eq!(decided(OnBreach::Pause), of(&[("a", Action::Pause), ("b", Action::Pause)]));
    assert_eq!(decided(OnBreach::Delete), of(&[("a", Action::Delete), ("b", Action::Delete)]));
}

#[test]
fn consumers_are_taken_from_whoever_has_most_under_every_policy() {
    for policy in [OnBreach::Throttle, OnBreach::Pause, OnBreach::Delete] {
        let broken = notification(Limit::Consumers, policy);
        assert_eq!(decided(from_ref(&broken), &[(5, 1, 0, 0), (3, 1, 0, 0), (1, 1, 0, 0)]).len(), 2);
        let (a, b) = (("a", Action::Consumers(1)), ("b", Action::Consumers(2)));
        assert_eq!(decided(from_ref(&broken), &[(5, 1, 0, 0), (3, 2, 0, 0), (1, 1, 0, 0)]), of(&[a, b]));
        assert_eq!(decided(from_ref(&broken), &[(5, 5, 0, 0)]), of(&[("-", Action::Tell)]), "each has its least");
        assert_eq!(decided(&[notification(Limit::Streams, policy)], &THREE), of(&[("-", Action::Tell)]));
    }
}

#[test]
fn of_several_actions_on_a_stream_the_one_that_leaves_least_is_taken() {
    let all = [
        notification(Limit::Consumers, OnBreach::Delete),
        notification(Limit::Messages, OnBreach::Pause),
        notification(Limit::Bytes, OnBreach::Delete),
        notification(Limit::Messages, OnBreach::Throttle),
    ];
    let told = of(&[("a", Action::Consumers(2)), ("b", Action::Delete), ("-", Action::Tell)]);
    assert_eq!(decided(&all, &[(3, 1, 0, 1), (3, 1, 1, 1)]), told);
}

proptest! {
    #[test]
    fn consumers_come_down_to_the_limit_or_to_their_least(
        streams in prop::collection::vec((1_usize..20, 1_usize..4), 1..8),
        allowed in 1_u64..40,
    ) {
        let streams: Vec<_> = streams.into_iter().map(|(more, min)| (min + more, min, 0, 0)).collect();
        let broken = Notification { allowed, ..notification(Limit::Consumers, OnBreach::Throttle) };
        let mut left: Vec<usize> = streams.iter().map(|stream| stream.0).collect();
        for (name, action) in decided(&[broken], &streams) {
            let Action::Consumers(consumers) = action else { continue };
            let index = usize::from(name.as_bytes()[0] - b'a');
            prop_assert!(consumers >= streams[index].1 && consumers < streams[index].0);
            left[index] = consumers;
        }
        let (sum, least): (usize, usize) = (left.iter().sum(), streams.iter().map(|stream| stream.1).sum());
        prop_assert!(sum as u64 <= allowed || sum == least, "{left:?} for {allowed}");
    }
}
