//! Streams that are settled anew while the host runs.
//!
//! A stream whose settings, or whose tenant's limits, or whose app's configuration or sink's collection, are others than before
//! is halted and goes on with the new ones: what its consumers held comes again, and becomes the same documents. One that is not
//! settled any more goes with its queue; what was said of it (that it be stopped, say) is said no more, so that a later one of
//! that name begins as its settings say.

use super::book::Entry;
use super::crew::{Crew, Terms};
use super::gate::Allowance;
use super::manager::{StreamError, Streams};
use crate::broker::StreamKey;
use crate::tenant::{Stream, StreamName, StreamState, Tenant, TenantId};
use std::sync::Arc;

/// What is said of a stream that is not settled any more.
const REMOVED: &str = "it was removed";

impl Streams {
    /// Has a tenant's streams be as they are settled now. One that cannot be hinders no other.
    ///
    /// # Errors
    /// The first that could not be started, or whose queue could not be deleted.
    pub async fn settle(&self, id: &TenantId) -> Result<(), StreamError> {
        let _turn = self.inner.turns.of(id).await;
        // Whoever had the turn before may have settled it anew.
        let Some(tenant) = self.inner.desk.parts.tenants.get(id) else { return Ok(()) };
        let mut first = Ok(());
        for key in self.keys(id).into_iter().filter(|key| !tenant.streams.contains_key(&key.stream)) {
            first = first.and(self.give_up(&key).await);
        }
        let allowance = self.allowance(&tenant);
        for (stream, settings) in &tenant.streams {
            let key = StreamKey { tenant: id.clone(), stream: stream.clone() };
            first = first.and(self.settle_one(&key, settings, &tenant, &allowance).await);
        }
        first
    }

    async fn settle_one(
        &self,
        key: &StreamKey,
        settings: &Stream,
        tenant: &Tenant,
        allowance: &Arc<Allowance>,
    ) -> Result<(), StreamError> {
        let terms = Terms::of(tenant, settings);
        let is_as_before =
            |crew: &Crew| crew.settings == *settings && crew.terms == terms && crew.gate.takes_from(allowance);
        let known = self.book().entries.get(key).map(|entry| is_as_before(&entry.crew));
        let enabled = self.book().entries.get(key).map(|entry| entry.crew.settings.enabled);
        if known != Some(true) {
            self.halt(key).await;
            let mut book = self.book();
            let before = book.entries.remove(key);
            let (total, meter) = before.map(|entry| (entry.total, Arc::clone(&entry.crew.meter))).unwrap_or_default();
            let crew = Crew::new(key.clone(), settings.clone(), terms, allowance, meter);
            book.entries.insert(key.clone(), Entry { total, ..Entry::new(crew) });
        }
        // Whatever was said of it before: this was said later.
        if known.is_none() && self.was_removed(key) || enabled.is_some_and(|enabled| enabled != settings.enabled) {
            let state = if settings.enabled { StreamState::Started } else { StreamState::Stopped };
            self.say(key, state, "it was settled anew").await?;
        }
        if !tenant.enabled || self.get(key)?.said.state != StreamState::Started {
            self.halt(key).await;
        } else if !self.is_started(key) {
            self.prepare(key).await?;
            self.begin(key);
        }
        Ok(())
    }

    /// Gives all streams of a tenant up, with their queues and whatever else the broker has of the tenant. Done twice, it is
    /// as done once.
    ///
    /// # Errors
    /// Something may be left: ask again.
    pub async fn forget(&self, tenant: &TenantId) -> Result<(), StreamError> {
        let _turn = self.inner.turns.of(tenant).await;
        let keys = self.keys(tenant);
        let mut first = Ok(());
        for key in &keys {
            first = first.and(self.give_up(key).await);
        }
        self.inner.allowances().remove(tenant);
        let streams: Vec<StreamName> = keys.into_iter().map(|key| key.stream).collect();
        first.and(self.inner.desk.broker.forget_tenant(tenant, &streams).await.map_err(StreamError::from))
    }

    async fn give_up(&self, key: &StreamKey) -> Result<(), StreamError> {
        self.say(key, StreamState::Deleted, REMOVED).await?;
        self.halt(key).await;
        self.delete(key).await?;
        // Its window closes with it.
        let gone = self.book().entries.remove(key);
        if let Some(entry) = gone {
            self.bill(&key.tenant, &entry.crew.meter.take().counts).await;
        }
        Ok(())
    }

    fn keys(&self, tenant: &TenantId) -> Vec<StreamKey> {
        self.book().entries.keys().filter(|key| key.tenant == *tenant).cloned().collect()
    }

    fn was_removed(&self, key: &StreamKey) -> bool {
        let book = self.book();
        book.said.get(key).is_some_and(|said| said.state == StreamState::Deleted && said.reason == REMOVED)
    }

    fn is_started(&self, key: &StreamKey) -> bool {
        self.book().entries.get(key).is_some_and(|entry| entry.is_started)
    }

    /// What a tenant may take: another allowance than before only where its limits are others.
    fn allowance(&self, tenant: &Tenant) -> Arc<Allowance> {
        let mut allowances = self.inner.allowances();
        // It is kept where no stream is left: one that comes back begins with what was left of it.
        let before = allowances.get(&tenant.id);
        let known = before.filter(|known| known.is_of(&tenant.limits)).map(Arc::clone);
        let allowance = known.unwrap_or_else(|| Arc::new(Allowance::new(&tenant.limits)));
        if before.is_some() || !tenant.streams.is_empty() {
            allowances.insert(tenant.id.clone(), Arc::clone(&allowance));
        }
        allowance
    }
}
