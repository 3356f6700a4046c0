use super::super::window::{Closing, Lag, Window};
use super::*;
use crate::quota::bucket::{Amount, Bucket};
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

fn name(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn report(waiting: u64, consumers: u64, own: Option<Consumption>) -> WindowReport {
    let lag = Lag { waiting, ..Lag::default() };
    Window::default().close(Closing { at: Timestamp::UNIX_EPOCH, seconds: 5.0, consumers, lag, own })
}

fn through(messages: u64, bytes: u64) -> Consumption {
    Consumption { taken: Amount { messages, bytes }, ..Consumption::default() }
}

/// What is told of a tenant with one stream for each report, in which so much went through and so much is stored.
fn told(limits: &Limits, consumption: Consumption, reports: &[WindowReport], stored_bytes: u64) -> Vec<Notification> {
    let tenant = "acme".parse().unwrap();
    let names: Vec<StreamName> = (0..reports.len()).map(|number| name(&format!("s{number}"))).collect();
    let streams: Vec<WatchedStream<'_>> =
        names.iter().zip(reports).map(|(name, report)| WatchedStream { name, limits, report }).collect();
    compare(&Watched { tenant: &tenant, limits, seconds: 5.0, consumption, streams: &streams, stored_bytes })
}

fn sentences(notifications: &[Notification]) -> Vec<String> {
    notifications.iter().map(ToString::to_string).collect()
}

#[test]
fn a_breach_is_a_window_that_ends_with_nothing_left_and_messages_waiting() {
    let limits = Limits::default();
    let spent = Consumption { no_messages_left: true, ..through(500, 40) };
    let waiting = [report(1_200, 1, None), report(0, 1, None)];
    let notifications = told(&limits, spent, &waiting, 0);
    assert_eq!(
        sentences(&notifications),
        [
            "the streams of tenant acme consumed 500 messages in a window of 5 s, and 1,200 messages wait, where 500 are \
             allowed (messages_per_window): publish less, or raise the limit"
        ]
    );
    assert_eq!((notifications[0].limit, notifications[0].policy), (Limit::Messages, OnBreach::Throttle));
    assert_eq!(told(&limits, spent, &[report(0, 1, None)], 0), [], "whoever wants no more breaks nothing");
    assert_eq!(told(&limits, through(499, 40), &waiting, 0), [], "what waits may be a slow app");

    let bytes = Consumption { no_bytes_left: true, ..through(3, 400_000_000) };
    let notifications = told(&limits, bytes, &[report(1, 1, None)], 0);
    assert_eq!(
        sentences(&notifications),
        ["the streams of tenant acme consumed 400,000,000 bytes in a window of 5 s, and 1 message waits, where \
             400,000,000 are allowed (bytes_per_window): publish less, or raise the limit"]
    );
}

#[test]
fn hosts_that_let_more_through_together_than_the_limit_are_told_of() {
    let together = through(300, 0).with(through(201, 0));
    let notifications = told(&Limits::default(), together, &[report(0, 2, None)], 0);
    assert_eq!((notifications.len(), notifications[0].measured, notifications[0].allowed), (1, 501, 500));
    assert!(!notifications[0].to_string().contains("wait,"), "{}", notifications[0]);
}

#[test]
fn a_window_that_closes_late_may_hold_what_came_back_meanwhile() {
    assert_eq!([0.0, 4.9, 5.0, 5.01, 5.1, 10.0, 10.1].map(|seconds| windows(seconds, 5)), [1, 1, 1, 1, 2, 2, 3]);
}

#[test]
fn a_stream_with_limits_of_its_own_is_held_against_them_besides() {
    let tenants = Limits::default();
    let limits = Limits { messages_per_window: 10, ..Limits::default() };
    let own = Consumption { no_messages_left: true, ..through(10, 1) };
    let (report, tenant, stream) = (report(5, 1, Some(own)), "acme".parse().unwrap(), name("clicks"));
    let streams = [WatchedStream { name: &stream, limits: &limits, report: &report }];
    let consumption = through(10, 1);
    let watched =
        Watched { tenant: &tenant, limits: &tenants, seconds: 5.0, consumption, streams: &streams, stored_bytes: 0 };
    assert_eq!(
        sentences(&compare(&watched)),
        [
            "stream clicks of tenant acme consumed 10 messages in a window of 5 s, and 5 messages wait, where 10 are allowed \
             (messages_per_window): publish less, or raise the limit"
        ]
    );
}

#[test]
fn consumers_streams_and_storage_above_their_limits_are_told_of() {
    let limits =
        Limits { consumers: 3, streams: 1, storage_bytes: 1_000, on_breach: OnBreach::Pause, ..Limits::default() };
    let notifications = told(&limits, Consumption::default(), &[report(0, 2, None), report(0, 2, None)], 1_001);
    assert_eq!(
        sentences(&notifications),
        [
            "the streams of tenant acme are 2 that are started, where 1 is allowed (streams): stop one of them, or raise the \
             limit",
            "the streams of tenant acme have 4 consumers, where 3 are allowed (consumers): give its streams fewer \
             consumers, or raise the limit",
            "tenant acme keeps 1,001 bytes, where 1,000 are allowed (storage_bytes): remove something, or raise the limit",
        ]
    );
    assert!(notifications.iter().all(|notification| notification.policy == OnBreach::Pause));
    let all = Limits { consumers: 4, streams: 2, storage_bytes: 1_001, ..limits };
    assert_eq!(told(&all, Consumption::default(), &[report(0, 2, None), report(0, 2, None)], 1_001), []);
}

#[test]
fn a_notification_is_written_with_the_words_of_the_configuration() {
    let limits = Limits { on_breach: OnBreach::Delete, ..Limits::default() };
    let spent = Consumption { no_messages_left: true, ..through(500, 40) };
    let notification = told(&limits, spent, &[report(2, 1, None)], 0).remove(0);
    let written = serde_json::to_string(&notification).unwrap();
    assert_eq!(
        written,
        r#"{"tenant":"acme","limit":"messages_per_window","measured":500,"allowed":500,"waiting":2,"window_seconds":5,"suggestion":"publish less, or raise the limit","policy":"delete"}"#
    );
    assert_eq!(serde_json::from_str::<Notification>(&written).unwrap(), notification);
    for limit in [Limit::Messages, Limit::Bytes, Limit::Consumers, Limit::Streams, Limit::Storage] {
        assert_eq!(serde_json::to_value(limit).unwrap(), limit.name());
    }
}

proptest! {
    #[test]
    fn a_tenant_that_publishes_no_more_than_its_limit_breaks_nothing(
        arrivals in prop::collection::vec(0_u64..=50, 1..40),
    ) {
        let limits = Limits { messages_per_window: 50, ..Limits::default() };
        // Each window a little late, as a bucket is.
        let window = Duration::from_millis(5_019);
        let mut bucket = Bucket::new(Amount { messages: 50, bytes: u64::MAX }, limits.window());
        for (number, messages) in (0_u32..).zip(arrivals) {
            bucket.take(window * number, Amount { messages, bytes: 1 });
            let consumption = bucket.close(window * (number + 1) - Duration::from_millis(1));
            prop_assert_eq!(told(&limits, consumption, &[report(0, 1, None)], 0), vec![]);
        }
    }
}
