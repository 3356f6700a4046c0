//! What is counted of a stream in a window, and the report that the window closes into. Pure.
//!
//! ```text
//!   each host:    Window, counted as the sink commits ── close ──▶ WindowReport ─▶ journal, people, the monitor
//!   one stream:   reports of all hosts    ── with_host ───▶ one report: its queue is one and the same
//!   one tenant:   reports of all streams  ── with_stream ─▶ one report: each stream has its own queue
//! ```
//!
//! Counts balance, in each report and in whatever is put together of them. Of times, mean and maximum stay exact; a quantile
//! of several reports together is told as the largest of theirs, which it cannot exceed.

use crate::broker::Depth;
use crate::journal::stats::Quantiles;
use crate::quota::bucket::Consumption;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Messages: `messages = ingested + passed_over + rejected`. Documents: `emitted = stored + duplicate + refused`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = StreamCounts)]
pub struct Counts {
    /// Messages that have come to their end.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages with documents.
    pub ingested: u64,
    /// Messages that the app made nothing of.
    pub passed_over: u64,
    /// Messages that became dead letters.
    pub rejected: u64,
    /// Documents that the app emitted.
    pub emitted: u64,
    /// Documents in the sink.
    pub stored: u64,
    /// Documents with an `_id` of the app's own that were there already.
    pub duplicate: u64,
    /// Documents that became dead letters.
    pub refused: u64,
    /// Deaths of workers, and failures of the app that were no rejections.
    pub errors: u64,
    /// Messages without a message id, of which only at-least-once can be said.
    pub unnamed: u64,
    /// Messages that the broker may have delivered before.
    pub redelivered: u64,
    /// CPU seconds of workers that have ended.
    pub cpu_seconds: f64,
    /// Bytes of memory times seconds, of workers that have ended.
    pub memory_byte_seconds: f64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.ingested += other.ingested;
        self.passed_over += other.passed_over;
        self.rejected += other.rejected;
        self.emitted += other.emitted;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.refused += other.refused;
        self.errors += other.errors;
        self.unnamed += other.unnamed;
        self.redelivered += other.redelivered;
        self.cpu_seconds += other.cpu_seconds;
        self.memory_byte_seconds += other.memory_byte_seconds;
    }

    /// Every message and every document is accounted for.
    pub fn balance(&self) -> bool {
        self.messages == self.ingested + self.passed_over + self.rejected
            && self.emitted == self.stored + self.duplicate + self.refused
    }
}

/// A window that is open: what one host counts of one stream.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The counts.
    pub counts: Counts,
    seconds: Quantiles,
}

/// What is known when a window closes and was not counted.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// Seconds since the one before closed.
    pub seconds: f64,
    /// Consumers of this stream on this host.
    pub consumers: u64,
    /// What waits in its queue.
    pub lag: Lag,
    /// What went through its own bucket, where it has limits of its own.
    pub own: Option<Consumption>,
}

impl Window {
    /// A message took so many nanoseconds in the app.
    pub fn took(&mut self, nanos: u32) {
        self.seconds.add(f64::from(nanos) / 1e9);
    }

    /// Adds what was counted elsewhere in the same window.
    pub fn merge(&mut self, other: &Window) {
        self.counts.add(&other.counts);
        self.seconds.merge(&other.seconds);
    }

    /// Closes it.
    pub fn close(self, closing: Closing) -> WindowReport {
        let times = Times {
            count: self.seconds.count(),
            mean: self.seconds.mean(),
            p50: self.seconds.at(0.5),
            p99: self.seconds.at(0.99),
            max: self.seconds.max(),
        };
        let Closing { at, seconds, consumers, lag, own } = closing;
        WindowReport { at, seconds, counts: self.counts, times, lag, consumers, own }
    }
}

/// What was counted in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WindowReport {
    /// When it closed. It stands on a line of the journal beside an `at` of its own.
    #[serde(rename = "closed_at")]
    pub at: Timestamp,
    /// Its length in seconds.
    pub seconds: f64,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// Seconds that messages took in the app.
    pub times: Times,
    /// What waits.
    pub lag: Lag,
    /// Consumers.
    pub consumers: u64,
    /// What went through the stream's own bucket, where it has limits of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Consumption>,
}

/// How long messages took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Times {
    /// How many messages.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What waits in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lag {
    /// Messages that no consumer has yet.
    pub waiting: u64,
    /// Messages that consumers hold and that have not come to their end.
    pub held: u64,
    /// Seconds that the oldest of them has been here, where the broker tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<f64>,
}

impl Lag {
    /// All messages that have not come to their end.
    pub fn messages(&self) -> u64 {
        self.waiting.saturating_add(self.held)
    }

    /// Of two that are told: the more of each of the same queue, or the sum of two queues.
    fn with(self, other: Lag, count: impl Fn(u64, u64) -> u64) -> Lag {
        let oldest = [self.oldest_seconds, other.oldest_seconds].into_iter().flatten().max_by(f64::total_cmp);
        Lag { waiting: count(self.waiting, other.waiting), held: count(self.held, other.held), oldest_seconds: oldest }
    }
}

impl From<&Depth> for Lag {
    fn from(depth: &Depth) -> Lag {
        let oldest_seconds = depth.oldest.map(|oldest| oldest.as_secs_f64());
        Lag { waiting: depth.waiting, held: depth.held, oldest_seconds }
    }
}

impl Times {
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
    fn with(self, other: Times) -> Times {
        let count = self.count + other.count;
        let sum = self.mean * self.count as f64 + other.mean * other.count as f64;
        Times {
            count,
            mean: if count == 0 { 0.0 } else { sum / count as f64 },
            p50: self.p50.max(other.p50),
            p99: self.p99.max(other.p99),
            max: self.max.max(other.max),
        }
    }
}

impl WindowReport {
    /// With what another host counted of the same stream in the same window.
    #[must_use]
    pub fn with_host(self, other: &WindowReport) -> WindowReport {
        let lag = self.lag.with(other.lag, u64::max);
        let own = match (self.own, other.own) {
            (Some(own), Some(other)) => Some(own.with(other)),
            (own, other) => own.or(other),
        };
        WindowReport { own, ..self.beside(other, lag) }
    }

    /// With what was counted of another stream of the same tenant in the same window.
    #[must_use]
    pub fn with_stream(self, other: &WindowReport) -> WindowReport {
        let lag = self.lag.with(other.lag, u64::saturating_add);
        WindowReport { own: None, ..self.beside(other, lag) }
    }

    fn beside(mut self, other: &WindowReport, lag: Lag) -> WindowReport {
        self.counts.add(&other.counts);
        WindowReport {
            at: self.at.max(other.at),
            seconds: self.seconds.max(other.seconds),
            counts: self.counts,
            times: self.times.with(other.times),
            lag,
            consumers: self.consumers + other.consumers,
            own: self.own,
        }
    }

    /// Messages that came to their end, per second.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
    pub fn messages_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.counts.messages as f64 / self.seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(messages: u64) -> Counts {
        let (ingested, rejected) = (messages / 2, messages - messages / 2);
        Counts { messages, ingested, rejected, emitted: ingested, stored: ingested, bytes: 9, ..Counts::default() }
    }

    fn report(nanos: &[u32], lag: Lag) -> WindowReport {
        let mut window = Window { counts: counts(nanos.len() as u64), ..Window::default() };
        nanos.iter().for_each(|nanos| window.took(*nanos));
        window.close(Closing { at: Timestamp::UNIX_EPOCH, seconds: 5.0, consumers: 2, lag, own: None })
    }

    fn lag(waiting: u64, oldest: Option<f64>) -> Lag {
        Lag { waiting, held: 1, oldest_seconds: oldest }
    }

    #[test]
    fn a_window_closes_into_what_was_counted() {
        let nanos: Vec<u32> = (1..=100).map(|number| number * 1_000_000).collect();
        let report = report(&nanos, lag(7, None));
        let exact = Times { count: 100, mean: report.times.mean, p50: 0.05, p99: 0.099, max: 0.1 };
        assert_eq!(report.times, exact);
        assert!((report.times.mean - 0.0505).abs() < 1e-12);
        assert!(report.counts.balance());
        assert_eq!((report.messages_per_second(), report.lag.messages()), (20.0, 8));
    }

    #[test]
    fn hosts_share_a_queue_and_streams_do_not() {
        let (one, other) = (report(&[1], lag(7, Some(2.0))), report(&[3], lag(9, None)));
        let hosts = one.clone().with_host(&other);
        assert_eq!((hosts.lag, hosts.consumers), (lag(9, Some(2.0)), 4));
        let streams = one.with_stream(&other);
        assert_eq!(streams.lag, Lag { waiting: 16, held: 2, oldest_seconds: Some(2.0) });
        assert_eq!((streams.counts.bytes, streams.times.count), (18, 2));
    }

    #[test]
    fn a_report_is_the_same_after_it_was_written_down() {
        let own = Some(Consumption { no_bytes_left: true, ..Consumption::default() });
        let report = WindowReport { own, ..report(&[1, 2, 3], lag(1, Some(0.5))) };
        let written = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<WindowReport>(&written).unwrap(), report);
        assert!(
            written.starts_with(r#"{"closed_at":"1970-01-01T00:00:00Z","seconds":5.0,"messages":3,"bytes":9,"#),
            "{written}"
        );
    }

    proptest! {
        #[test]
        fn what_reports_tell_together_balances_and_bounds_what_a_window_of_all_would_tell(
            one in prop::collection::vec(any::<u32>(), 0..400),
            other in prop::collection::vec(any::<u32>(), 0..400),
        ) {
            let together = report(&one, Lag::default()).with_host(&report(&other, Lag::default()));
            prop_assert!(together.counts.balance());
            let mut window = Window::default();
            for nanos in [&one, &other] {
                let mut part = Window::default();
                nanos.iter().for_each(|nanos| part.took(*nanos));
                window.merge(&part);
            }
            let closing = Closing { at: Timestamp::UNIX_EPOCH, seconds: 5.0, consumers: 0, lag: Lag::default(), own: None };
            let exact = window.close(closing).times;
            prop_assert_eq!((together.times.count, together.times.max), (exact.count, exact.max));
            prop_assert!((together.times.mean - exact.mean).abs() <= 1e-9 * exact.mean.max(1.0));
            // Beyond a few hundred messages each is a hundredth off.
            prop_assert!(together.times.p50 >= exact.p50 * 0.98, "{:?} {exact:?}", together.times);
            prop_assert!(together.times.p99 >= exact.p99 * 0.98, "{:?} {exact:?}", together.times);
        }
    }
}
