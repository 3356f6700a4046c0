//! What the rest of the host tells staging while it runs: that it should look again.

use super::scan::Extent;
use crate::tenant::TenantId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Tells a running [`Staging`](super::driver::Staging) that something else has changed. Cheap.
#[derive(Clone, Debug, Default)]
pub struct Knock(Arc<Knocked>);

#[derive(Debug, Default)]
struct Knocked {
    wishes: Mutex<Wishes>,
    news: Notify,
}

/// Whose directories are to be scanned.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) all: bool,
    pub(super) tenants: BTreeSet<TenantId>,
}

impl Knock {
    /// Tenants were added, changed or removed.
    pub fn tenants_changed(&self) {
        self.wish(|wishes| wishes.all = true);
    }

    /// An app of this tenant has become live, or there is room for its files again: those that wait are looked at.
    pub fn look_again(&self, tenant: &TenantId) {
        self.wish(|wishes| {
            wishes.tenants.insert(tenant.clone());
        });
    }

    /// Waits for a wish and takes what there are. Cancel-safe.
    pub(super) async fn next(&self) -> Wishes {
        loop {
            let news = self.0.news.notified();
            let wishes = std::mem::take(&mut *self.wishes());
            if !wishes.is_empty() {
                return wishes;
            }
            news.await;
        }
    }

    fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        wish(&mut self.wishes());
        self.0.news.notify_one();
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wishes {
    pub(super) fn add(&mut self, other: Wishes) {
        self.all |= other.all;
        self.tenants.extend(other.tenants);
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.tenants.is_empty()
    }

    pub(super) fn take(&mut self) -> Extent {
        let tenants = std::mem::take(&mut self.tenants);
        if std::mem::take(&mut self.all) { Extent::All } else { Extent::Tenants(tenants) }
    }
}
