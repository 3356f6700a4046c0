//! Tenants and profiles, settled while the host runs.
//!
//! What is settled holds at once: limits for whatever is asked next, the share of the slots for the next task, streams as they
//! are settled. A tenant that is *suspended* (`enabled = false`) submits nothing and runs nothing: what runs is checkpointed
//! and waits, its streams stop, its queues stay. One that is *removed* has its tasks cancelled, its streams' queues deleted and
//! its apps retired; its documents, dead letters, files and journal stay where they are, for the operator to keep or delete.

use super::Platform;
use super::error::{ActionError, Kind};
use crate::batch::stop::Why;
use crate::broker::StreamKey;
use crate::journal::{Event, Happening};
use crate::part::Part;
use crate::queue::{Share, TaskFilter};
use crate::stream::manager::StreamError;
use crate::tenant::{AppName, Change, Of, Seen, SettleError, StreamName, Tenant, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Tasks that are cancelled at once.
const PAGE: usize = 1_000;
/// What counts against a tenant's limits, of the settings of a stream.
const OPERATORS_KEYS: [&str; 2] = ["limits", "max_queue_bytes"];
/// Streams that a tenant may have settled, however few it may start.
const LEAST_STREAMS: u64 = 16;

/// What is settled for a tenant or a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settlement {
    /// Its name.
    pub name: String,
    /// Rises with each change, that of a tenant with each of its streams as well; 0 where nobody has ever changed it.
    pub version: u64,
    /// As its table in the configuration would say it (`docs/configuration.md`).
    #[schema(value_type = Object)]
    pub settings: Value,
}

impl Platform {
    /// What is settled for a tenant or a profile.
    ///
    /// # Errors
    /// There is no such one.
    pub fn settlement(&self, of: Of<'_>) -> Result<Settlement, ActionError> {
        let document = self.batches.parts.tenants.document(of).ok_or_else(|| SettleError::Missing(of.to_string()))?;
        let name = match of {
            Of::Profile(name) => name.to_owned(),
            Of::Tenant(id) => id.to_string(),
            Of::Stream(_, stream) => stream.to_string(),
        };
        Ok(Settlement { name, version: document.version, settings: document.settings })
    }

    /// Profiles, by name; and behind which the rest of them begins. One that goes meanwhile is not among them.
    pub fn profiles(&self, part: &Part<String>) -> (Vec<Settlement>, Option<String>) {
        let (profiles, next) = part.of(self.batches.parts.tenants.profiles(), |profile| profile.name.clone());
        (profiles.iter().filter_map(|profile| self.settlement(Of::Profile(&profile.name)).ok()).collect(), next)
    }

    /// Settles a stream, or deletes it. What counts against its tenant's limits is the operator's to say: somebody else leaves that
    /// as it is.
    ///
    /// # Errors
    /// There is no such tenant or stream, it will not do, is not as it was seen, or is not the caller's to say.
    pub async fn settle_stream(
        &self,
        key: &StreamKey,
        mut change: Change,
        seen: Seen,
        is_operator: bool,
    ) -> Result<(), ActionError> {
        let tenant = self.known(&key.tenant)?;
        let of = Of::Stream(&key.tenant, &key.stream);
        let is_there = tenant.streams.contains_key(&key.stream);
        if !is_there && matches!(change, Change::Part(_) | Change::Removed) {
            return Err(StreamError::Unknown(key.clone()).into());
        }
        if !is_operator {
            leave_to_the_operator(&mut change)?;
            let most = tenant.limits.streams.saturating_mul(4).max(LEAST_STREAMS);
            if !is_there && tenant.streams.len() as u64 >= most {
                let sentence = format!(
                    "tenant {} has {} streams settled, where {most} are allowed (4 times its limit streams): delete one first",
                    key.tenant,
                    tenant.streams.len()
                );
                return Err(ActionError { kind: Kind::Limit, code: "streams", sentence });
            }
        }
        self.say(of, change, seen, if is_operator { &[] } else { &OPERATORS_KEYS }).await
    }

    /// Settles a tenant or a profile. A tenant that was removed before, and of which something is left, is cleared away first.
    ///
    /// # Errors
    /// It will not do, is not as it was seen, or a part of what is not there was to be changed.
    pub async fn settle(&self, of: Of<'_>, change: Change, seen: Seen) -> Result<Settlement, ActionError> {
        if let Of::Tenant(id) = of
            && self.was_removed(id)
            && !matches!(change, Change::Part(_))
        {
            self.clear(id).await?;
        }
        self.say(of, change, seen, &[]).await?;
        self.settlement(of)
    }

    /// Whether a tenant was removed, and not settled since.
    pub fn was_removed(&self, id: &TenantId) -> bool {
        self.batches.parts.tenants.removed().contains(id)
    }

    /// Removes a tenant or a profile. What a tenant has under way goes on until it is [cleared away](Platform::clear).
    ///
    /// # Errors
    /// There is no such one, it is not as it was seen, or something stands on it.
    pub async fn remove(&self, of: Of<'_>, seen: Seen) -> Result<(), ActionError> {
        self.say(of, Change::Removed, seen, &[]).await
    }

    /// Clears away what is left of tenants that were removed: for the start, after a kill amid it.
    pub async fn clear_removed(&self) {
        for id in self.batches.parts.tenants.removed() {
            if let Err(error) = self.clear(&id).await {
                tracing::warn!(%error, tenant = %id, "something is left of a tenant that was removed; it is tried again at the next start");
            }
        }
    }

    async fn say(
        &self,
        of: Of<'_>,
        change: Change,
        seen: Seen,
        keeping: &'static [&'static str],
    ) -> Result<(), ActionError> {
        let is_removed = change == Change::Removed;
        let what = match &change {
            Change::Whole(_) | Change::Part(_) => "was settled anew",
            Change::Removed => "was removed",
            Change::Reset => "is as the configuration file says again",
        };
        let (tenants, owned) = (self.batches.parts.tenants.clone(), Owned::of(of));
        // It is synced: off the runtime's threads.
        let said = tokio::task::spawn_blocking(move || tenants.settle(owned.borrowed(), change, seen, keeping)).await;
        said.map_err(|error| ActionError::internal(error.to_string()))??;
        let tenant = match of {
            Of::Tenant(id) if !is_removed => Some(id),
            Of::Stream(id, _) => Some(id),
            _ => None,
        };
        let sentence = format!("{of} {what}");
        self.batches.parts.journal.record(Event::now(tenant, Happening::Deed { sentence })).await;
        match of {
            Of::Tenant(id) | Of::Stream(id, _) => self.follow_settlement(id).await,
            // Whoever has the profile has it as it is now.
            Of::Profile(_) => {
                for tenant in self.batches.parts.tenants.all() {
                    self.follow_settlement(&tenant.id).await?;
                }
                Ok(())
            }
        }
    }

    /// Has queue and streams do as is settled for a tenant now.
    async fn follow_settlement(&self, id: &TenantId) -> Result<(), ActionError> {
        let _turn = self.settling.of(id).await;
        // Whoever had the turn before may have settled it anew, or removed it.
        let Some(tenant) = self.batches.parts.tenants.get(id) else { return Ok(()) };
        self.welcome(&tenant).await?;
        if !tenant.enabled {
            for task in self.running.all().iter().filter(|task| task.tenant == *id) {
                self.running.stop(task.task, Why::Shutdown);
            }
        }
        self.streams.settle(id).await?;
        Ok(())
    }

    /// Ends all that a tenant that was removed had under way, unless it was settled anew meanwhile. Done twice, it is as done once.
    ///
    /// # Errors
    /// Something is left: ask again.
    pub async fn clear(&self, id: &TenantId) -> Result<(), ActionError> {
        let _turn = self.settling.of(id).await;
        if self.batches.parts.tenants.get(id).is_some() {
            return Ok(());
        }
        let cancelled = self.cancel_all(id).await;
        let apps: Vec<AppName> = self.batches.parts.apps.list(Some(id)).into_iter().map(|app| app.app).collect();
        for app in apps {
            // One that is retired already is as it should be.
            if self.batches.parts.apps.retire(id, &app).await.is_ok() {
                self.announce(id, &app).await;
            }
        }
        self.streams.forget(id).await?;
        cancelled
    }

    async fn cancel_all(&self, id: &TenantId) -> Result<(), ActionError> {
        let queue = &self.batches.parts.queue;
        let mut filter = TaskFilter { tenant: Some(id.clone()), ..TaskFilter::default() };
        loop {
            let tasks = queue.tasks(&filter, PAGE).await?;
            let Some(last) = tasks.last() else { return Ok(()) };
            filter.after = Some(last.number);
            for task in tasks.iter().filter(|task| !task.state.is_over()) {
                // It may have come to its end meanwhile.
                if queue.cancel(task.number).await.is_ok() {
                    self.running.stop(task.number, Why::Cancelled);
                }
            }
        }
    }

    /// The share of the slots that a tenant has.
    pub(super) fn share_of(tenant: &Tenant) -> Share {
        // Nothing of one that is suspended is claimed.
        let concurrent = if tenant.enabled { tenant.limits.concurrent_tasks } else { 0 };
        Share { weight: tenant.weight, concurrent }
    }
}

/// [`Of`], owned.
enum Owned {
    Profile(String),
    Tenant(TenantId),
    Stream(TenantId, StreamName),
}

impl Owned {
    fn of(of: Of<'_>) -> Owned {
        match of {
            Of::Profile(name) => Owned::Profile(name.to_owned()),
            Of::Tenant(id) => Owned::Tenant(id.clone()),
            Of::Stream(id, stream) => Owned::Stream(id.clone(), stream.clone()),
        }
    }

    fn borrowed(&self) -> Of<'_> {
        match self {
            Owned::Profile(name) => Of::Profile(name),
            Owned::Tenant(id) => Of::Tenant(id),
            Owned::Stream(id, stream) => Of::Stream(id, stream),
        }
    }
}

/// Leaves out of a change of a stream what is not its owner's to say.
fn leave_to_the_operator(change: &mut Change) -> Result<(), ActionError> {
    let (Change::Whole(settings) | Change::Part(settings)) = change else { return Ok(()) };
    let named = OPERATORS_KEYS.iter().find(|key| settings.get(**key).is_some_and(|value| !value.is_null()));
    if let Some(named) = named {
        let sentence = format!("{named} of a stream is the operator's to settle: leave it out, or ask the operator");
        return Err(ActionError::forbidden("operators_only", sentence));
    }
    if let Some(settings) = settings.as_object_mut() {
        OPERATORS_KEYS.iter().for_each(|key| drop(settings.shift_remove(*key)));
    }
    Ok(())
}

impl From<SettleError> for ActionError {
    fn from(error: SettleError) -> ActionError {
        let sentence = error.to_string();
        match error {
            SettleError::Mistakes(_) => ActionError::invalid("bad_settings", sentence),
            SettleError::Stale { .. } => ActionError { kind: Kind::Stale, code: "changed_since", sentence },
            SettleError::Gone(_) => ActionError { kind: Kind::Stale, code: "not_there", sentence },
            SettleError::There { .. } => ActionError { kind: Kind::Stale, code: "there_already", sentence },
            SettleError::Missing(what) if what.starts_with("tenant") => {
                ActionError::not_found("unknown_tenant", sentence)
            }
            SettleError::Missing(what) if what.starts_with("stream") => {
                ActionError::not_found("unknown_stream", sentence)
            }
            SettleError::Missing(_) => ActionError::not_found("unknown_profile", sentence),
            SettleError::Always => ActionError::conflict("always_there", sentence),
            SettleError::NotWritten(_) => ActionError::conflict("not_in_the_file", sentence),
            SettleError::Io(_) => ActionError::unavailable("tenants_unavailable", sentence),
        }
    }
}
