//! Holds what was counted of a tenant's streams against its limits, and says what is wrong. Pure. What is done about it is the
//! manager's business ([`decide`](super::decide)).
//!
//! - *Messages and bytes per window* are held back by a [`Bucket`](crate::quota::bucket::Bucket) on each host, whatever the
//!   policy. So what is consumed tells little; a breach is a window that *ends with nothing left and messages waiting*:
//!   whoever publishes wants more than the limit. Where hosts together let more through than the limit (each has its share,
//!   but they may come and go), that is a breach as well.
//! - What was consumed is what went through the bucket, not what was committed: a sink that was down for a window and commits
//!   two of them in the next makes nobody guilty. A debt counts when it is paid.
//! - A tenant's limits are held against all its streams on all hosts together; a stream that has less than its tenant is
//!   held against its own besides.
//! - *Consumers, started streams and storage* are looked at before anything is started; they are above their limit only
//!   where that was lowered, or where storage has grown since.

use super::window::WindowReport;
use crate::quota::bucket::Consumption;
use crate::quota::grouped;
use crate::tenant::{Limits, OnBreach, StreamName, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A limit of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Limit {
    /// Messages in a window.
    #[serde(rename = "messages_per_window")]
    Messages,
    /// Bytes of their bodies in a window.
    #[serde(rename = "bytes_per_window")]
    Bytes,
    /// Consumers of all streams.
    #[serde(rename = "consumers")]
    Consumers,
    /// Streams that are started.
    #[serde(rename = "streams")]
    Streams,
    /// Bytes that are kept.
    #[serde(rename = "storage_bytes")]
    Storage,
}

impl Limit {
    /// Its name, as in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Messages => "messages_per_window",
            Limit::Bytes => "bytes_per_window",
            Limit::Consumers => "consumers",
            Limit::Streams => "streams",
            Limit::Storage => "storage_bytes",
        }
    }
}

/// Says who broke which limit. Its text is one sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notification {
    /// Whose.
    pub tenant: TenantId,
    /// Which of its streams; `None`: all of them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamName>,
    /// Which limit.
    pub limit: Limit,
    /// What was measured.
    pub measured: u64,
    /// What is allowed.
    pub allowed: u64,
    /// Messages that waited when the window closed.
    pub waiting: u64,
    /// Length of the window in seconds.
    pub window_seconds: u64,
    /// What would mend it.
    pub suggestion: String,
    /// What the tenant's limits say shall happen.
    pub policy: OnBreach,
}

/// What is held against a tenant's limits when a window has closed.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its limits.
    pub limits: &'a Limits,
    /// Seconds that the window was open.
    pub seconds: f64,
    /// What went through the tenant's buckets, on all hosts together.
    pub consumption: Consumption,
    /// Its streams that are started.
    pub streams: &'a [WatchedStream<'a>],
    /// Bytes that it keeps.
    pub stored_bytes: u64,
}

/// A stream, on all hosts together.
#[derive(Clone, Copy, Debug)]
pub struct WatchedStream<'a> {
    /// Its name.
    pub name: &'a StreamName,
    /// Its limits.
    pub limits: &'a Limits,
    /// What was counted.
    pub report: &'a WindowReport,
}

/// Everything that is broken, the tenant's own limits first.
pub fn compare(watched: &Watched<'_>) -> Vec<Notification> {
    let Watched { tenant, limits, consumption, streams, stored_bytes, .. } = *watched;
    let waiting = streams.iter().fold(0, |sum: u64, stream| sum.saturating_add(stream.report.lag.waiting));
    let told = |stream: Option<&StreamName>, waiting, limit: Limit, measured, allowed| Notification {
        tenant: tenant.clone(),
        stream: stream.cloned(),
        limit,
        measured,
        allowed,
        waiting,
        window_seconds: limits.window_seconds,
        suggestion: suggestion(limit).to_owned(),
        policy: limits.on_breach,
    };
    let rates = |limits: &Limits, through: Consumption, waiting| {
        let windows = windows(watched.seconds, limits.window_seconds);
        let messages = (Limit::Messages, limits.messages_per_window, through.taken.messages, through.no_messages_left);
        let bytes = (Limit::Bytes, limits.bytes_per_window, through.taken.bytes, through.no_bytes_left);
        let broken = move |(_, allowed, taken, none_left): &(Limit, u64, u64, bool)| {
            *taken > allowed.saturating_mul(windows) || (*none_left && waiting > 0)
        };
        [messages, bytes].into_iter().filter(broken)
    };
    let mut all = Vec::new();
    for (limit, allowed, measured, _) in rates(limits, consumption, waiting) {
        all.push(told(None, waiting, limit, measured, allowed));
    }
    for stream in streams {
        let waiting = stream.report.lag.waiting;
        for (limit, allowed, measured, _) in rates(stream.limits, stream.report.own.unwrap_or_default(), waiting) {
            all.push(told(Some(stream.name), waiting, limit, measured, allowed));
        }
    }
    let consumers = streams.iter().fold(0, |sum: u64, stream| sum.saturating_add(stream.report.consumers));
    for (limit, measured, allowed) in [
        (Limit::Streams, streams.len() as u64, limits.streams),
        (Limit::Consumers, consumers, limits.consumers),
        (Limit::Storage, stored_bytes, limits.storage_bytes),
    ] {
        if measured > allowed {
            all.push(told(None, waiting, limit, measured, allowed));
        }
    }
    all
}

/// How many windows a window was that closed late: what was taken at its beginning may have come back before its end. A
/// bucket gives back at most a 256th of a window late, which no window is late by that is one.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
fn windows(seconds: f64, window: u64) -> u64 {
    let late = seconds / (window.max(1) as f64 * (1.0 + 1.0 / 256.0));
    (late.ceil() as u64).max(1)
}

fn suggestion(limit: Limit) -> &'static str {
    match limit {
        Limit::Messages | Limit::Bytes => "publish less, or raise the limit",
        Limit::Consumers => "give its streams fewer consumers, or raise the limit",
        Limit::Streams => "stop one of them, or raise the limit",
        Limit::Storage => "remove something, or raise the limit",
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stream {
            Some(stream) => write!(f, "stream {stream} of tenant {} ", self.tenant)?,
            None if self.limit == Limit::Storage => write!(f, "tenant {} ", self.tenant)?,
            None => write!(f, "the streams of tenant {} ", self.tenant)?,
        }
        let (measured, allowed) = (grouped(self.measured), grouped(self.allowed));
        let window = self.window_seconds;
        match self.limit {
            Limit::Messages => write!(f, "consumed {measured} messages in a window of {window} s")?,
            Limit::Bytes => write!(f, "consumed {measured} bytes in a window of {window} s")?,
            Limit::Consumers => write!(f, "have {measured} consumers")?,
            Limit::Streams => write!(f, "are {measured} that are started")?,
            Limit::Storage => write!(f, "keeps {measured} bytes")?,
        }
        if self.waiting > 0 && matches!(self.limit, Limit::Messages | Limit::Bytes) {
            let are = if self.waiting == 1 { "message waits" } else { "messages wait" };
            write!(f, ", and {} {are}", grouped(self.waiting))?;
        }
        let are = if self.allowed == 1 { "is" } else { "are" };
        write!(f, ", where {allowed} {are} allowed ({}): {}", self.limit.name(), self.suggestion)
    }
}

#[cfg(test)]
mod tests;
