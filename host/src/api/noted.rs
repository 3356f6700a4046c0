//! What a request turned out to be about, for the audit log: its path and its status do not say it all. The guard hands a sheet
//! to the route, which writes on it, and reads it when the answer is there.

use crate::tenant::TenantId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sheet. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    tenant: Option<TenantId>,
    what: Option<String>,
}

impl Noted {
    /// It is about this tenant.
    pub(super) fn tenant(&self, tenant: &TenantId) {
        self.sheet().tenant = Some(tenant.clone());
    }

    /// This was done.
    pub(super) fn what(&self, sentence: String) {
        self.sheet().what = Some(sentence);
    }

    /// Whom it was about, and what was done, as far as that was noted.
    pub(super) fn read(&self) -> (Option<TenantId>, Option<String>) {
        let sheet = self.sheet();
        (sheet.tenant.clone(), sheet.what.clone())
    }

    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
