//! Closes windows, and does what follows: the report goes on record, the monitor compares, the manager acts, the policy of
//! scaling says how many consumers there shall be.
//!
//! ```text
//!   window closes ─▶ reports of the streams ─▶ journal, bill
//!                        │
//!                        ├─▶ monitor: what is above its limit?   ─▶ notifications ─▶ journal, log
//!                        │                                            └─▶ decide ─▶ tell | fewer consumers | pause | delete
//!                        └─▶ scaling: backlog, arrival, pace      ─▶ more or fewer consumers
//! ```
//!
//! Each role is pure; this is the driver. A window that saw nothing is not written. Where several hosts work for a tenant, each
//! closes its own windows, and holds what it saw against its part of the limits.

use super::decide::{self, Action, Decision, Standing};
use super::manager::{Closed, Streams};
use super::monitor::{self, Limit, Notification, Watched, WatchedStream};
use super::scaling::{Bounds, Observation, Rules, Scaler};
use super::states::State;
use super::window::Counts;
use crate::broker::StreamKey;
use crate::journal::{Event, Happening};
use crate::queue::HOST_WORD;
use crate::quota::Used;
use crate::quota::bucket::Consumption;
use crate::tenant::{StreamName, Tenant, TenantId};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The windows of all tenants.
pub struct Windows {
    streams: Streams,
    /// When each tenant's window was opened, and how long it shall be open.
    open: BTreeMap<TenantId, (Instant, Duration)>,
    scalers: BTreeMap<StreamKey, Scaler>,
    /// What the time of scaling is counted from.
    since: Instant,
    /// Hosts that work for all tenants.
    hosts: u64,
    /// What was broken when the window before closed: it is told aloud once.
    broken: BTreeMap<TenantId, Vec<(Limit, Option<StreamName>)>>,
}

impl Windows {
    /// All of them open now.
    pub fn new(streams: Streams) -> Windows {
        let now = Instant::now();
        let open = streams.windows().into_iter().map(|(tenant, length)| (tenant, (now, length))).collect();
        let (scalers, broken) = (BTreeMap::new(), BTreeMap::new());
        Windows { streams, open, scalers, since: now, hosts: 1, broken }
    }

    /// Closes windows as their time comes, until told to stop; then all of them once more.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some((tenant, due)) = self.next() {
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => {
                    self.count_hosts().await;
                    self.close(&tenant, true).await;
                    self.streams.finish_deletions().await;
                }
                () = stop.cancelled() => break,
            }
        }
        stop.cancelled().await;
        for tenant in self.open.keys().cloned().collect::<Vec<_>>() {
            self.close(&tenant, false).await;
        }
    }

    fn next(&self) -> Option<(TenantId, Instant)> {
        let due = self.open.iter().map(|(tenant, (since, length))| (tenant.clone(), *since + *length));
        due.min_by_key(|(_, due)| *due)
    }

    /// Each host has its part of what a tenant may take.
    async fn count_hosts(&mut self) {
        let Ok(hosts) = self.streams.desk().parts.queue.hosts().await else { return };
        let alive = hosts.iter().filter(|(_, silent)| *silent <= HOST_WORD).count();
        self.hosts = alive.max(1) as u64;
        self.streams.share(self.hosts);
    }

    async fn close(&mut self, id: &TenantId, and_act: bool) {
        let Some((since, _)) = self.open.get_mut(id) else { return };
        let seconds = std::mem::replace(since, Instant::now()).elapsed().as_secs_f64();
        let (consumption, closed) = self.streams.close_window(id, seconds).await;
        self.record(id, &closed).await;
        let Some(tenant) = self.streams.desk().parts.tenants.get(id).filter(|_| and_act) else { return };
        let notifications = self.compare(&tenant, seconds, consumption, &closed);
        let now: Vec<_> = notifications.iter().map(|broken| (broken.limit, broken.stream.clone())).collect();
        let before = self.broken.insert(id.clone(), now).unwrap_or_default();
        for notification in &notifications {
            let is_new = !before.contains(&(notification.limit, notification.stream.clone()));
            self.notify(notification, is_new).await;
        }
        let decisions = decide::decide_all(&notifications, &standing(&closed));
        for decision in &decisions {
            self.act(id, decision).await;
        }
        if !decisions.iter().any(|decision| decision.action != Action::Tell) {
            self.scale(&closed, consumption).await;
        }
    }

    /// The reports go into the journal, and what was used onto the bill.
    async fn record(&self, tenant: &TenantId, closed: &[Closed]) {
        let parts = &self.streams.desk().parts;
        let mut all = Counts::default();
        for Closed { crew, report, .. } in closed {
            all.add(&report.counts);
            if report.counts != Counts::default() || report.lag.messages() > 0 {
                let told =
                    Happening::StreamWindow { stream: crew.key.stream.clone(), report: Box::new(report.clone()) };
                parts.journal.record(Event::now(Some(tenant), told)).await;
            }
        }
        let used = Used {
            documents: all.stored,
            bytes: all.bytes,
            cpu_seconds: all.cpu_seconds,
            memory_byte_seconds: all.memory_byte_seconds,
        };
        if used != Used::default()
            && let Err(error) = self.streams.desk().usage.meter_streams(tenant, used, Timestamp::now()).await
        {
            tracing::error!(%error, %tenant, "a window of streams is missing from the usage");
        }
    }

    fn compare(
        &self,
        tenant: &Arc<Tenant>,
        seconds: f64,
        consumption: Consumption,
        closed: &[Closed],
    ) -> Vec<Notification> {
        let parts = &self.streams.desk().parts;
        let streams: Vec<WatchedStream<'_>> = closed
            .iter()
            .filter(|closed| closed.is_started)
            .map(|Closed { crew, report, .. }| WatchedStream {
                name: &crew.key.stream,
                limits: &crew.settings.limits,
                report,
            })
            .collect();
        if streams.is_empty() {
            return Vec::new();
        }
        let stored_bytes = parts.sinks.stored_bytes(&tenant.id) + parts.files.bytes(&tenant.id);
        monitor::compare(&Watched {
            tenant: &tenant.id,
            limits: &tenant.limits,
            seconds,
            consumption,
            streams: &streams,
            stored_bytes,
        })
    }

    async fn notify(&self, notification: &Notification, aloud: bool) {
        let told = Happening::StreamBreach { sentence: notification.to_string(), notification: notification.clone() };
        if aloud {
            tracing::warn!(tenant = %notification.tenant, "{notification}");
        }
        self.streams.desk().parts.journal.record(Event::now(Some(&notification.tenant), told)).await;
    }

    async fn act(&mut self, tenant: &TenantId, decision: &Decision) {
        let Decision { stream: Some(stream), action, reason } = decision else { return };
        let key = StreamKey { tenant: tenant.clone(), stream: stream.clone() };
        let done = match action {
            Action::Tell => return,
            Action::Consumers(consumers) => {
                self.change(&key, *consumers, reason).await;
                return;
            }
            Action::Pause => self.streams.stop(&key, State::Paused, reason).await,
            Action::Delete => self.streams.stop(&key, State::Deleted, reason).await,
        };
        if let Err(error) = done {
            tracing::error!(stream = %key, "what its limits ask for could not be done: {error}");
        }
    }

    async fn scale(&mut self, closed: &[Closed], consumption: Consumption) {
        for Closed { crew, is_started, report } in closed {
            if !is_started {
                self.scalers.remove(&crew.key);
                continue;
            }
            let own = report.own.unwrap_or_default().with(consumption);
            let seen = Observation {
                now: self.since.elapsed(),
                seconds: report.seconds,
                served: report.counts.messages,
                backlog: report.lag.messages() / self.hosts,
                consumers: usize::try_from(report.consumers).unwrap_or(usize::MAX),
                is_held_back: own.no_messages_left || own.no_bytes_left,
            };
            let settings = &crew.settings;
            // Those of all hosts together, in equal parts.
            let hosts = usize::try_from(self.hosts).unwrap_or(usize::MAX);
            let max = settings.consumers_max.div_ceil(hosts);
            let bounds = Bounds { min: settings.consumers_min.min(max), max };
            let rules = Rules::of_windows(Duration::from_secs(settings.limits.window_seconds.max(1)));
            let scaler = self.scalers.entry(crew.key.clone()).or_insert_with(|| Scaler::new(rules));
            let wanted = scaler.observe(&seen, bounds);
            if wanted.consumers != seen.consumers {
                self.change(&crew.key, wanted.consumers, &wanted.why.to_string()).await;
            }
        }
    }

    /// Gives a stream so many consumers, and tells it where that has changed something.
    async fn change(&self, key: &StreamKey, consumers: usize, reason: &str) {
        let before = self.streams.get(key).map_or(0, |told| told.consumers);
        match self.streams.scale(key, consumers).await {
            Ok(now) if now != before => {
                let stream = key.stream.clone();
                let told = Happening::StreamScaled { stream, from: before, to: now, reason: reason.to_owned() };
                self.streams.desk().parts.journal.record(Event::now(Some(&key.tenant), told)).await;
            }
            Ok(_) => {}
            // The tenant has no more to give; the stream goes on with what it has.
            Err(error) => tracing::debug!(stream = %key, "no more consumers: {error}"),
        }
    }
}

fn standing(closed: &[Closed]) -> Vec<Standing<'_>> {
    let started = closed.iter().filter(|closed| closed.is_started);
    started
        .map(|Closed { crew, report, .. }| Standing {
            stream: &crew.key.stream,
            consumers: usize::try_from(report.consumers).unwrap_or(usize::MAX),
            consumers_min: crew.settings.consumers_min,
            waiting: report.lag.waiting,
            messages: report.counts.messages,
        })
        .collect()
}
