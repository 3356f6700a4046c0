//! Several hosts on one queue: how they know of each other, and how what is dropped on one becomes live on all.
//!
//! ```text
//!   an app goes live here ─▶ its file into the depot ─▶ announced in the queue: (tenant, app) → generation, since
//!   every few seconds     ─▶ a sign of life ─▶ what others announced later than anything here: fetched, judged, live here too
//! ```
//!
//! The newest word counts, whichever host it comes from; hosts are expected to keep their clocks within a second of each
//! other. A task that was claimed on a generation which this host has not heard of fetches it by itself
//! ([`Parts::generation`](crate::batch::parts::Parts)): nothing waits for the next round.

use super::Platform;
use crate::journal::{Event, Happening};
use crate::queue::{Announced, HOST_WORD, HostCard, QueueError};
use crate::tenant::{AppName, TenantId};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(HOST_WORD.as_secs() / 5);
/// Pause before an announcement that could not be made is tried again.
const PAUSE: Duration = Duration::from_secs(1);

impl Platform {
    /// Tells all hosts how an app stands here. Where that cannot be done now it is tried until it can.
    pub(crate) async fn announce(&self, tenant: &TenantId, app: &AppName) {
        let Err(reason) = self.try_announce(tenant, app).await else { return };
        tracing::warn!(reason, %tenant, %app, "other hosts cannot be told of a change of this app; trying again");
        let reason = format!("other hosts do not have app {app} as it is here: {reason}; tried again until they do");
        self.batches.parts.journal.record(Event::now(Some(tenant), Happening::Trouble { reason })).await;
        let (platform, tenant, app) = (self.clone(), tenant.clone(), app.clone());
        self.runtime.spawn(async move {
            while platform.try_announce(&tenant, &app).await.is_err() {
                sleep(PAUSE).await;
            }
            tracing::info!(%tenant, %app, "other hosts were told of the change of this app");
        });
    }

    async fn try_announce(&self, tenant: &TenantId, app: &AppName) -> Result<(), String> {
        let parts = &self.batches.parts;
        let Some(status) = parts.apps.list(Some(tenant)).into_iter().find(|status| status.app == *app) else {
            return Ok(());
        };
        let live = parts.apps.live(tenant, app);
        if let Some(live) = &live {
            parts.share_app(live).await?;
        }
        let generation = live.as_ref().map(|live| live.hash());
        let told = parts.queue.announce(tenant, app, generation, status.since).await;
        told.map_err(|error| error.to_string())
    }

    /// At the start: does as the others have said meanwhile, then tells them what is newer here.
    pub(crate) async fn join_the_others(&self) {
        self.do_as_others_say(&mut HashSet::new()).await;
        for status in self.batches.parts.apps.list(None) {
            self.announce(&status.tenant, &status.app).await;
        }
    }

    /// Says that this host is there. Answers how long ago another host of this name was.
    ///
    /// # Errors
    /// The queue does not answer.
    pub(crate) async fn greet(&self, id: &str) -> Result<Option<Duration>, QueueError> {
        self.batches.parts.queue.greet(&self.card(), id).await
    }

    /// What this host tells of itself.
    pub(crate) fn card(&self) -> HostCard {
        HostCard {
            name: self.batches.parts.host.clone(),
            slots: self.slots,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: self.since,
            draining: self.running.is_drained(),
        }
    }

    /// Does as other hosts have said. `told` holds what could not be done and has been told.
    async fn do_as_others_say(&self, told: &mut HashSet<String>) {
        let parts = &self.batches.parts;
        // Where the queue does not answer, the slots say so.
        let Ok(announced) = parts.queue.announced().await else { return };
        for Announced { tenant, app, generation, since } in announced {
            let known = parts.apps.list(Some(&tenant)).into_iter().find(|status| status.app == app);
            if known.is_some_and(|known| known.since >= since) {
                continue;
            }
            let followed = async {
                if let Some(hash) = &generation {
                    parts.generation(&tenant, &app, hash).await.map_err(|missing| missing.sentence())?;
                }
                let followed = parts.apps.follow(&tenant, &app, generation.as_deref(), since).await;
                followed.map_err(|error| error.to_string())
            };
            match followed.await {
                Ok(true) => tracing::info!(%tenant, %app, ?generation, "this app is now as another host has it"),
                Ok(false) => {}
                Err(reason) => {
                    if told.insert(reason.clone()) {
                        tracing::warn!(reason, %tenant, %app, "this app cannot be had from another host");
                    }
                }
            }
        }
    }
}

/// Gives signs of life and does as others say, until it is stopped.
pub async fn run(platform: Platform, id: String, stop: CancellationToken) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = HashSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Ok(Some(ago)) = platform.greet(&id).await {
            let name = &platform.batches.parts.host;
            tracing::error!(name, ?ago, "another host goes by the name of this one: give one of them another (host)");
        }
        platform.do_as_others_say(&mut told).await;
    }
}
