//! Closes a tenant's window: takes out what was counted, asks how full the queues are, and keeps it for those who ask.

use super::BEAT;
use super::crew::Crew;
use super::gate::Allowance;
use super::manager::{StreamError, Streams};
use super::others::TenantWindow;
use super::window::{Closing, Counts, Lag, WindowReport};
use crate::broker::{BrokerError, Depth, StreamKey};
use crate::quota::Used;
use crate::quota::bucket::Consumption;
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long after a window has closed all hosts have told what they saw: their clocks may differ by as much as a beat.
const TOLD_AFTER: Duration = Duration::from_secs(2 * BEAT.as_secs());

/// A stream whose window is closed.
pub(super) struct Closed {
    pub(super) crew: Arc<Crew>,
    pub(super) is_started: bool,
    pub(super) report: WindowReport,
}

/// A tenant's window that is closed.
pub(super) struct ClosedWindow {
    /// Which: windows are counted since 1970.
    pub(super) number: u64,
    /// Seconds that it was open.
    pub(super) seconds: f64,
    /// What went through the tenant's bucket.
    pub(super) consumption: Consumption,
    /// Each stream that is started or has counted something.
    pub(super) streams: Vec<Closed>,
}

impl Streams {
    /// The tenants that have streams, and how long their windows are.
    pub(super) fn windows(&self) -> Vec<(TenantId, Duration)> {
        let ids: Vec<TenantId> = self.inner.allowances().keys().cloned().collect();
        let tenants = ids.iter().filter_map(|id| self.inner.desk.parts.tenants.get(id));
        tenants.map(|tenant| (tenant.id.clone(), Duration::from_secs(tenant.limits.window_seconds.max(1)))).collect()
    }

    /// Closes the window of this number of a tenant's streams, which was open for so many seconds: what this host has counted.
    pub(super) async fn close_window(&self, tenant: &TenantId, number: u64, seconds: f64) -> ClosedWindow {
        let crews: Vec<(Arc<Crew>, bool, u64)> = {
            let book = self.book();
            let own = book.entries.iter().filter(|(key, _)| key.tenant == *tenant);
            own.map(|(_, entry)| (Arc::clone(&entry.crew), entry.is_started, entry.consumers.len() as u64)).collect()
        };
        let mut streams = Vec::new();
        for (crew, is_started, consumers) in crews {
            let lag = match self.depth(&crew.key).await {
                // What a consumer was sent and has not taken yet waits as much as what is in the queue.
                Ok(depth) => {
                    let elsewhere: u64 = self.book().others.of_stream(&crew.key).map(|(_, told)| told.in_hand).sum();
                    let untaken = depth.held.saturating_sub(crew.in_hand()).saturating_sub(elsewhere);
                    let waiting = depth.waiting + untaken;
                    Lag::from(&Depth { waiting, held: depth.held - untaken, ..depth })
                }
                // It is told by the consumers.
                Err(_) => Lag::default(),
            };
            let own = crew.gate.own().map(|own| own.close());
            crew.begin_window();
            let closing = Closing { at: Timestamp::now(), seconds, consumers, lag, own };
            let report = crew.meter.take().close(closing);
            if let Some(entry) = self.book().entries.get_mut(&crew.key) {
                entry.total.add(&report.counts);
                entry.last = Some(report.clone());
            }
            if is_started || report.counts != Counts::default() {
                streams.push(Closed { crew, is_started, report });
            }
        }
        let consumption = self.inner.allowances().get(tenant).map(|allowance: &Arc<Allowance>| allowance.close());
        let consumption = consumption.unwrap_or_default();
        self.book().windows.insert(tenant.clone(), TenantWindow { number, through: consumption });
        ClosedWindow { number, seconds, consumption, streams }
    }

    /// What a tenant's streams have used goes onto its bill.
    pub(super) async fn bill(&self, tenant: &TenantId, counts: &Counts) {
        let used = Used {
            documents: counts.stored,
            bytes: counts.bytes,
            cpu_seconds: counts.cpu_seconds,
            memory_byte_seconds: counts.memory_byte_seconds,
            messages: counts.messages,
        };
        if used != Used::default()
            && let Err(error) = self.inner.desk.usage.meter_streams(tenant, used, Timestamp::now()).await
        {
            tracing::error!(%error, %tenant, "a window of streams is missing from the usage");
        }
    }

    /// How long after it has closed a window can be held against the limits: as soon as all hosts have told what they saw.
    pub(super) fn told_after(&self) -> Duration {
        if self.book().others.are_any() { TOLD_AFTER } else { Duration::ZERO }
    }

    /// The window with what the other hosts saw in it; `None` where another host looks after this tenant.
    pub(super) fn of_all_hosts(&self, tenant: &TenantId, mut window: ClosedWindow) -> Option<ClosedWindow> {
        let book = self.book();
        if !book.others.is_mine(tenant) {
            return None;
        }
        if book.others.are_any() {
            // The windows of all hosts together are as long as their clocks differ, too.
            window.seconds += BEAT.as_secs_f64();
        }
        window.consumption = book.others.through(tenant, window.number, window.consumption);
        for closed in &mut window.streams {
            // It may have been stopped while the others were waited for.
            closed.is_started &= book.entries.get(&closed.crew.key).is_some_and(|entry| entry.is_started);
            closed.report = book.others.report(&closed.crew.key, window.number, closed.report.clone());
        }
        Some(window)
    }

    /// How full a stream's queue is.
    ///
    /// # Errors
    /// The broker cannot say.
    pub async fn depth(&self, key: &StreamKey) -> Result<Depth, StreamError> {
        match self.inner.desk.broker.depth(key).await {
            Err(BrokerError::NoQueue(_)) => Ok(Depth::default()),
            depth => Ok(depth?),
        }
    }
}
