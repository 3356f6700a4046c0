//! What goes on, as it changes: snapshots and events for those who look at a page, over server-sent events.
//!
//! ```text
//!   journal ── something happened ──▶ one watcher per scope ── status · streams · tasks, if they are others ─▶ everybody who looks
//!          └───────────────────────── each event ──────────────────────────────────────────────────────────▶
//! ```
//!
//! However many look at the same tenant (or at the platform), its snapshots are taken once; and they are taken only where
//! something has happened, or something runs, and at most once a second. A watcher ends when nobody looks any more.

use crate::journal::{Event, Filter, Scope};
use crate::platform::Platform;
use crate::platform::error::ActionError;
use crate::queue::TaskFilter;
use crate::tenant::TenantId;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

/// Least time between two snapshots.
const PACE: Duration = Duration::from_secs(1);
/// Without any event, snapshots are taken once in so many paces: what runs on other hosts is in no journal of this one.
const LULL: u32 = 10;
/// News that wait for one who is slow.
const BACKLOG: usize = 256;
/// Tasks on a snapshot, the newest first.
const TASKS: usize = 50;

/// Something to tell: its name and its JSON.
#[derive(Clone, Debug)]
pub(super) struct News {
    /// `status`, `streams`, `tasks` or `event`.
    pub(super) name: &'static str,
    /// The JSON.
    pub(super) data: Arc<str>,
}

/// See the module.
pub(super) struct Live {
    platform: Platform,
    stop: CancellationToken,
    watched: Mutex<HashMap<Option<TenantId>, Watched>>,
}

struct Watched {
    news: broadcast::Sender<News>,
    /// The last of each snapshot, for whoever comes next.
    last: Arc<Mutex<HashMap<&'static str, News>>>,
}

impl Live {
    pub(super) fn new(platform: Platform, stop: CancellationToken) -> Live {
        Live { platform, stop, watched: Mutex::default() }
    }

    /// What there is now, and then whatever is new.
    pub(super) fn look(self: &Arc<Live>, tenant: Option<TenantId>) -> (Vec<News>, broadcast::Receiver<News>) {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = all.entry(tenant.clone()).or_insert_with(|| {
            let watched = Watched { news: broadcast::channel(BACKLOG).0, last: Arc::default() };
            let (live, news, last) = (Arc::clone(self), watched.news.clone(), Arc::clone(&watched.last));
            tokio::spawn(async move { live.watch(tenant, news, last).await });
            watched
        });
        let receiver = watched.news.subscribe();
        let last = watched.last.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        (last, receiver)
    }

    async fn watch(
        self: Arc<Live>,
        tenant: Option<TenantId>,
        news: broadcast::Sender<News>,
        last: Arc<Mutex<HashMap<&'static str, News>>>,
    ) {
        let scope = tenant.clone().map_or(Scope::General, Scope::Tenant);
        let events = self.platform.follow(scope, Filter::default(), 0).await;
        let Ok(events) = events else {
            self.forget(&tenant);
            return;
        };
        tokio::pin!(events);
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_due, mut lull) = (true, 0);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.next() => {
                    let Some(event) = event else { return self.forget(&tenant) };
                    is_due = true;
                    tell(&news, "event", serde_json::to_value::<&Event>(&event));
                }
                _ = pace.tick() => {
                    if news.receiver_count() == 0 && self.forget_unseen(&tenant) {
                        return;
                    }
                    lull += 1;
                    if is_due || lull >= LULL {
                        lull = 0;
                        // What runs moves on without an event.
                        is_due = self.snapshot(tenant.as_ref(), &news, &last).await.unwrap_or(true);
                    }
                }
            }
        }
    }

    /// Tells whatever is another than before. Answers whether something runs.
    async fn snapshot(
        &self,
        tenant: Option<&TenantId>,
        news: &broadcast::Sender<News>,
        last: &Mutex<HashMap<&'static str, News>>,
    ) -> Result<bool, ActionError> {
        let status = self.platform.overview(tenant).await?;
        let streams = self.platform.all_streams(tenant).await?;
        let filter = TaskFilter { tenant: tenant.cloned(), newest_first: true, ..TaskFilter::default() };
        let tasks = self.platform.tasks(&filter, TASKS).await?;
        let runs = !status.running.is_empty() || streams.iter().any(|stream| stream.consumers > 0);
        let taken = [
            ("status", serde_json::to_value(&status)),
            ("streams", serde_json::to_value(&streams)),
            ("tasks", serde_json::to_value(&tasks)),
        ];
        for (name, value) in taken {
            let Ok(value) = value else { continue };
            let data: Arc<str> = value.to_string().into();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.get(name).is_none_or(|last| last.data != data) {
                let told = News { name, data };
                last.insert(name, told.clone());
                // Nobody may be looking just now.
                let _seen_by = news.send(told);
            }
        }
        Ok(runs)
    }

    fn forget(&self, tenant: &Option<TenantId>) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    /// Forgets a scope that nobody looks at; not where somebody has come meanwhile.
    fn forget_unseen(&self, tenant: &Option<TenantId>) -> bool {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unseen = all.get(tenant).is_none_or(|watched| watched.news.receiver_count() == 0);
        if is_unseen {
            all.remove(tenant);
        }
        is_unseen
    }
}

fn tell(news: &broadcast::Sender<News>, name: &'static str, value: serde_json::Result<Value>) {
    if let Ok(value) = value {
        let _seen_by = news.send(News { name, data: value.to_string().into() });
    }
}
