//! Streams that are settled anew while the host runs.
//!
//! A stream whose settings, or whose tenant's limits, are others than before is halted and goes on with the new ones: what its
//! consumers held comes again, and becomes the same documents. One that is not settled any more goes with its queue; what was
//! said of it (that it be stopped, say) is said no more, so that a later one of that name begins as its settings say.

use super::book::Entry;
use super::crew::Crew;
use super::gate::Allowance;
use super::manager::{StreamError, Streams};
use crate::broker::StreamKey;
use crate::tenant::{StreamName, StreamState, Tenant, TenantId};
use std::sync::Arc;

/// What is said of a stream that is not settled any more.
const REMOVED: &str = "it was removed";

impl Streams {
    /// Has a tenant's streams be as they are settled now.
    ///
    /// # Errors
    /// One cannot be started or its queue cannot be deleted; those that came before are as settled.
    pub async fn settle(&self, tenant: &Tenant) -> Result<(), StreamError> {
        let _turn = self.inner.turn.lock().await;
        let (allowance, is_new) = self.allowance(tenant);
        for key in self.keys(&tenant.id) {
            if !tenant.streams.contains_key(&key.stream) {
                self.give_up(&key).await?;
            }
        }
        for (stream, settings) in &tenant.streams {
            let key = StreamKey { tenant: tenant.id.clone(), stream: stream.clone() };
            let known = self.book().entries.get(&key).map(|entry| entry.crew.settings == *settings);
            let changed = known != Some(true) || is_new;
            if changed {
                self.halt(&key).await;
                let crew = Crew::new(key.clone(), settings.clone(), &allowance);
                let mut book = self.book();
                let total = book.entries.remove(&key).map(|entry| entry.counted()).unwrap_or_default();
                book.entries.insert(key.clone(), Entry { total, ..Entry::new(crew) });
            }
            if known.is_none() && self.was_removed(&key) {
                let state = if settings.enabled { StreamState::Started } else { StreamState::Stopped };
                self.say(&key, state, "it was settled anew").await?;
            }
            let shall_run = tenant.enabled && self.get(&key)?.said.state == StreamState::Started;
            match shall_run {
                true if changed || !self.is_started(&key) => {
                    self.prepare(&key).await?;
                    self.begin(&key);
                }
                true => {}
                false => self.halt(&key).await,
            }
        }
        Ok(())
    }

    /// Gives all streams of a tenant up, with their queues and whatever else the broker has of the tenant.
    ///
    /// # Errors
    /// A queue cannot be deleted; those that came before are gone.
    pub async fn forget(&self, tenant: &TenantId) -> Result<(), StreamError> {
        let _turn = self.inner.turn.lock().await;
        let keys = self.keys(tenant);
        for key in &keys {
            self.give_up(key).await?;
        }
        self.inner.allowances().remove(tenant);
        let streams: Vec<StreamName> = keys.into_iter().map(|key| key.stream).collect();
        Ok(self.inner.desk.broker.forget_tenant(tenant, &streams).await?)
    }

    async fn give_up(&self, key: &StreamKey) -> Result<(), StreamError> {
        self.say(key, StreamState::Deleted, REMOVED).await?;
        self.halt(key).await;
        self.delete(key).await?;
        self.book().entries.remove(key);
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

    /// What a tenant may take, and whether that is another allowance than before.
    fn allowance(&self, tenant: &Tenant) -> (Arc<Allowance>, bool) {
        let mut allowances = self.inner.allowances();
        if tenant.streams.is_empty() {
            allowances.remove(&tenant.id);
        }
        match allowances.get(&tenant.id).filter(|known| known.is_of(&tenant.limits)) {
            Some(known) => (Arc::clone(known), false),
            None => {
                let allowance = Arc::new(Allowance::new(&tenant.limits));
                if !tenant.streams.is_empty() {
                    allowances.insert(tenant.id.clone(), Arc::clone(&allowance));
                }
                (allowance, true)
            }
        }
    }
}
