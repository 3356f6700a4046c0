//! What the driver remembers so that nothing is said twice. All of it may be forgotten: then it is said once more.

use super::layout::{Kind, Spot};
use super::open::Entry;
use super::ports::{Inbox, Tell};
use crate::journal::Happening;
use crate::task::BatchId;
use crate::tenant::{AppName, TenantId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most sentences about trouble that are remembered.
const MOST_SENTENCES: usize = 10_000;

/// Most files of one tenant of which it is remembered what was said.
const MOST_FILES: usize = 50_000;

/// What was said of files that stay where they are. Shared with the scanner, which passes over them.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<Mutex<HashMap<TenantId, HashMap<Spot, Remark>>>>);

#[derive(Debug)]
struct Remark {
    /// State of the file.
    entry: Entry,
    /// Why it waits; `None` where it will not do in this state.
    reason: Option<String>,
    /// The scan that is going on has seen it.
    is_seen: bool,
}

/// Claims that wait, and trouble.
pub(super) struct Memory {
    tell: Tell,
    claims: HashMap<BatchId, String>,
    troubles: HashSet<(Option<TenantId>, String)>,
}

impl Told {
    /// It was said of a file in this state that it will not do, or why it waits. `false` where that cannot be remembered.
    pub(super) fn insert(&self, tenant: &TenantId, spot: Spot, entry: Entry, reason: Option<String>) -> bool {
        let mut told = self.lock();
        let files = told.entry(tenant.clone()).or_default();
        let has_room = files.len() < MOST_FILES || files.contains_key(&spot);
        if has_room {
            files.insert(spot, Remark { entry, reason, is_seen: true });
        }
        has_room
    }

    /// Why it was said that a file waits.
    pub(super) fn reason(&self, tenant: &TenantId, spot: &Spot) -> Option<String> {
        self.lock().get(tenant)?.get(spot)?.reason.clone()
    }

    pub(super) fn forget(&self, tenant: &TenantId, spot: &Spot) {
        let mut told = self.lock();
        if let Some(files) = told.get_mut(tenant) {
            files.remove(spot);
            if files.is_empty() {
                told.remove(tenant);
            }
        }
    }

    /// A scan of a tenant's files begins.
    pub(super) fn begin(&self, tenant: &TenantId) {
        self.lock().get_mut(tenant).into_iter().flatten().for_each(|(_, remark)| remark.is_seen = false);
    }

    /// It has seen all of them: what it has not seen is forgotten.
    pub(super) fn end(&self, tenant: &TenantId) {
        if let Some(files) = self.lock().get_mut(tenant) {
            files.retain(|_, remark| remark.is_seen);
        }
    }

    /// The scan has seen this file. Whether there is nothing new about it: it is in the state in which it would not do, or
    /// it waits, and for the same reason.
    pub(super) fn is_settled(&self, tenant: &TenantId, spot: &Spot, entry: &Entry, inbox: &dyn Inbox) -> bool {
        let mut told = self.lock();
        let Some(remark) = told.get_mut(tenant).and_then(|files| files.get_mut(spot)) else { return false };
        remark.is_seen = true;
        let is_same = remark.entry == *entry;
        let Some(reason) = &remark.reason else { return is_same };
        match spot.kind {
            Kind::Loose => is_same,
            Kind::App => false,
            Kind::Data => match spot.app().and_then(|app| AppName::parse(app.to_str()?).ok()) {
                Some(app) => is_same && inbox.holds_back(tenant, &app).as_ref() == Some(reason),
                None => is_same,
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, HashMap<Spot, Remark>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    pub(super) fn new(tell: Tell) -> Memory {
        Memory { tell, claims: HashMap::new(), troubles: HashSet::new() }
    }

    /// A batch stays claimed, for this reason.
    pub(super) fn claimed(&mut self, tenant: &TenantId, batch: BatchId, reason: String) {
        if self.claims.get(&batch) != Some(&reason) {
            tracing::info!(%tenant, %batch, "{reason}");
            self.claims.insert(batch, reason);
        }
    }

    pub(super) fn why_claimed(&self, batch: BatchId) -> Option<String> {
        self.claims.get(&batch).cloned()
    }

    pub(super) fn forget_claim(&mut self, batch: BatchId) {
        self.claims.remove(&batch);
    }

    /// Tells of trouble, once.
    pub(super) fn trouble(&mut self, tenant: Option<&TenantId>, reason: String) {
        if self.troubles.len() >= MOST_SENTENCES {
            self.troubles.clear();
        }
        if self.troubles.insert((tenant.cloned(), reason.clone())) {
            tracing::warn!(tenant = tenant.map(TenantId::as_str), "{reason}");
            (self.tell)(tenant, Happening::Trouble { reason });
        }
    }
}
