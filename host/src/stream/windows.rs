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
//! Each role is pure; this is the driver. A window that saw nothing is not written.
//!
//! *Windows are the same for all hosts*: they end when the seconds since 1970 are a multiple of their length. Each host closes
//! and records its own; the one that looks after the tenant waits until the others have told theirs ([`others`](super::others)),
//! and holds what all saw together against the limits.

use super::BEAT;
use super::closing::{Closed, ClosedWindow};
use super::decide::{self, Action, Decision, Standing};
use super::manager::Streams;
use super::monitor::{self, Limit, Notification, Watched, WatchedStream};
use super::scaling::{Bounds, Observation, Rules, Scaler};
use super::window::Counts;
use crate::broker::StreamKey;
use crate::journal::{Event, Happening};
use crate::quota::bucket::Consumption;
use crate::tenant::{StreamName, StreamState, Tenant, TenantId};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What follows from a window for one stream.
enum Deed {
    Consumers(StreamKey, usize, String),
    Stop(StreamKey, StreamState, String),
}

/// The windows of all tenants.
pub(super) struct Windows {
    streams: Streams,
    open: BTreeMap<TenantId, Open>,
    /// Windows that are closed and not held against the limits yet, and when they are.
    closed: Vec<(Instant, TenantId, ClosedWindow)>,
    scalers: BTreeMap<StreamKey, Scaler>,
    /// What the time of scaling is counted from.
    since: Instant,
    /// What was broken when the window before closed: it is told aloud once.
    broken: BTreeMap<TenantId, Vec<(Limit, Option<StreamName>)>>,
    /// What is being done for a tenant: its consumers may take their time to end, and hold up no other's windows.
    doing: BTreeMap<TenantId, JoinHandle<()>>,
}

/// A window that is open.
struct Open {
    since: Instant,
    length: Duration,
    /// Which: counted since 1970.
    number: u64,
    /// When it closes.
    due: Instant,
}

impl Open {
    /// The one after `before`: that which is open now, by the clock, unless that is where it should not be.
    fn after(before: Option<u64>, length: Duration) -> Open {
        let (since, now) = (Instant::now(), u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default());
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
        let by_clock = now / millis;
        // A timer may be early by a hair.
        let number = before.map_or(by_clock, |before| before + 1);
        let number = if number == by_clock + 1 { number } else { by_clock };
        let left = (number + 1).saturating_mul(millis).saturating_sub(now);
        Open { since, length, number, due: since + Duration::from_millis(left) }
    }
}

impl Windows {
    /// None open yet.
    pub(super) fn new(streams: Streams) -> Windows {
        let (open, scalers, broken, doing) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Windows { streams, open, closed: Vec::new(), scalers, since: Instant::now(), broken, doing }
    }

    /// Closes windows as their time comes, until told to stop; then all of them once more.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.look_for_tenants();
            // Others may have come by then.
            let due = self.next().map_or(BEAT, |due| due.saturating_duration_since(Instant::now()).min(BEAT));
            tokio::select! {
                () = tokio::time::sleep(due) => {}
                () = stop.cancelled() => break,
            }
            let now = Instant::now();
            let is_due = |(tenant, open): (&TenantId, &Open)| (open.due <= now).then(|| tenant.clone());
            for tenant in self.open.iter().filter_map(is_due).collect::<Vec<TenantId>>() {
                if let Some(window) = self.close(&tenant).await {
                    self.closed.push((Instant::now() + self.streams.told_after(), tenant, window));
                }
            }
            let now = Instant::now();
            for (_, tenant, window) in self.closed.extract_if(.., |(due, ..)| *due <= now).collect::<Vec<_>>() {
                self.hold_against_limits(&tenant, window).await;
            }
        }
        for tenant in self.open.keys().cloned().collect::<Vec<_>>() {
            self.close(&tenant).await;
        }
        for (tenant, doing) in self.doing {
            if let Err(error) = doing.await {
                tracing::error!(%error, %tenant, "what a window asks for has failed: this is a mistake in mysimbdp");
            }
        }
    }

    /// Tenants that have streams now, or whose windows have another length, have a window open from now on; others none.
    fn look_for_tenants(&mut self) {
        let tenants: BTreeMap<TenantId, Duration> = self.streams.windows().into_iter().collect();
        self.open.retain(|tenant, open| tenants.get(tenant) == Some(&open.length));
        self.broken.retain(|tenant, _| tenants.contains_key(tenant));
        self.doing.retain(|_, doing| !doing.is_finished());
        self.scalers.retain(|key, _| tenants.contains_key(&key.tenant));
        for (tenant, length) in tenants {
            self.open.entry(tenant).or_insert_with(|| Open::after(None, length));
        }
    }

    /// When there is something to do next.
    fn next(&self) -> Option<Instant> {
        let closed = self.closed.iter().map(|(due, ..)| *due);
        self.open.values().map(|open| open.due).chain(closed).min()
    }

    /// Closes a tenant's window, and opens the next one.
    async fn close(&mut self, id: &TenantId) -> Option<ClosedWindow> {
        let open = self.open.get_mut(id)?;
        let next = Open::after(Some(open.number), open.length);
        let before = std::mem::replace(open, next);
        let window = self.streams.close_window(id, before.number, before.since.elapsed().as_secs_f64()).await;
        self.record(id, &window.streams).await;
        Some(window)
    }

    /// What all hosts saw in a window is compared, and what follows from that is done, where this host looks after the tenant.
    async fn hold_against_limits(&mut self, id: &TenantId, window: ClosedWindow) {
        let Some(tenant) = self.streams.desk().parts.tenants.get(id) else { return };
        let own_seconds = window.seconds;
        let Some(window) = self.streams.of_all_hosts(id, window) else {
            self.scalers.retain(|key, _| key.tenant != *id);
            return;
        };
        let ClosedWindow { seconds, consumption, streams: closed, .. } = window;
        let notifications = self.compare(&tenant, seconds, consumption, &closed);
        let now: Vec<_> = notifications.iter().map(|broken| (broken.limit, broken.stream.clone())).collect();
        let before = self.broken.insert(id.clone(), now).unwrap_or_default();
        for notification in &notifications {
            let is_new = !before.contains(&(notification.limit, notification.stream.clone()));
            self.notify(notification, is_new).await;
        }
        let decisions = decide::decide_all(&notifications, &standing(&closed));
        let mut deeds: Vec<Deed> = decisions.iter().filter_map(|decision| deed(id, decision)).collect();
        // The first window may be too short to say anything.
        let is_whole = own_seconds * 2.0 >= self.open.get(id).map_or(0.0, |open| open.length.as_secs_f64());
        if is_whole && !decisions.iter().any(|decision| decision.action != Action::Tell) {
            deeds.extend(self.scale(&closed, consumption));
        }
        // What is not done by now is decided anew by the windows that follow.
        if deeds.is_empty() || self.doing.get(id).is_some_and(|doing| !doing.is_finished()) {
            return;
        }
        let streams = self.streams.clone();
        let doing = tokio::spawn(async move {
            for deed in deeds {
                perform(&streams, deed).await;
            }
        });
        self.doing.insert(id.clone(), doing);
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
        self.streams.bill(tenant, &all).await;
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

    fn scale(&mut self, closed: &[Closed], consumption: Consumption) -> Vec<Deed> {
        let mut deeds = Vec::new();
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
                backlog: report.lag.messages(),
                consumers: usize::try_from(report.consumers).unwrap_or(usize::MAX),
                is_held_back: own.no_messages_left || own.no_bytes_left,
            };
            let settings = &crew.settings;
            let bounds = Bounds { min: settings.consumers_min, max: settings.consumers_max };
            let rules = Rules::of_windows(Duration::from_secs(settings.limits.window_seconds.max(1)));
            let scaler = self.scalers.entry(crew.key.clone()).or_insert_with(|| Scaler::new(rules));
            let wanted = scaler.observe(&seen, bounds);
            if wanted.consumers != seen.consumers {
                deeds.push(Deed::Consumers(crew.key.clone(), wanted.consumers, wanted.why.to_string()));
            }
        }
        deeds
    }
}

/// What a decision asks for.
fn deed(tenant: &TenantId, decision: &Decision) -> Option<Deed> {
    let Decision { stream: Some(stream), action, reason } = decision else { return None };
    let key = StreamKey { tenant: tenant.clone(), stream: stream.clone() };
    match action {
        Action::Tell => None,
        Action::Consumers(consumers) => Some(Deed::Consumers(key, *consumers, reason.clone())),
        Action::Pause => Some(Deed::Stop(key, StreamState::Paused, reason.clone())),
        Action::Delete => Some(Deed::Stop(key, StreamState::Deleted, reason.clone())),
    }
}

/// Does it, and tells it where that has changed something.
async fn perform(streams: &Streams, deed: Deed) {
    match deed {
        Deed::Consumers(key, consumers, reason) => match streams.scale(&key, consumers).await {
            Ok(Some((from, to))) => {
                let told = Happening::StreamScaled { stream: key.stream.clone(), from, to, reason };
                streams.desk().parts.journal.record(Event::now(Some(&key.tenant), told)).await;
            }
            Ok(None) => {}
            // The tenant has no more to give; the stream goes on with what it has.
            Err(error) => tracing::debug!(stream = %key, "no more consumers: {error}"),
        },
        Deed::Stop(key, state, reason) => {
            if let Err(error) = streams.stop(&key, state, &reason).await {
                tracing::error!(stream = %key, "what its limits ask for could not be done: {error}");
            }
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
