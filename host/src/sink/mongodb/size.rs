//! How large the databases of the tenants are, as far as it is known: asked for now and then, never waited for.

use super::reply::number;
use crate::tenant::TenantId;
use bson::Document;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is known of all tenants that were asked for.
#[derive(Debug, Default)]
pub(super) struct Sizes(Mutex<HashMap<TenantId, Size>>);

#[derive(Debug, Default)]
struct Size {
    bytes: u64,
    /// When it was learned, or could not be.
    at: Option<Instant>,
    asking: bool,
}

impl Sizes {
    /// What is known, and whether it is to be asked for anew, by whoever has called this.
    pub(super) fn known(&self, tenant: &TenantId, age: Duration) -> (u64, bool) {
        let mut sizes = self.lock();
        let size = sizes.entry(tenant.clone()).or_default();
        let due = !size.asking && size.at.is_none_or(|at| at.elapsed() >= age);
        size.asking |= due;
        (size.bytes, due)
    }

    /// Takes in the answer to `dbStats`, or that there was none.
    pub(super) fn learn(&self, tenant: &TenantId, stats: Option<&Document>) {
        let mut sizes = self.lock();
        let size = sizes.entry(tenant.clone()).or_default();
        size.asking = false;
        size.at = Some(Instant::now());
        if let Some(stats) = stats {
            size.bytes = bytes(stats);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Size>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of the documents and of the indexes. Not those of the files: they are counted only when the server writes a
/// checkpoint, and how well a tenant's documents compress is no measure of what they may store.
fn bytes(stats: &Document) -> u64 {
    let part = |key| number(stats.get(key)).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    part("dataSize") + part("indexSize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    #[test]
    fn a_size_is_asked_for_by_one_and_again_when_it_is_old() {
        let (sizes, acme) = (Sizes::default(), TenantId::parse("acme").unwrap());
        let hour = Duration::from_secs(3600);
        assert_eq!(sizes.known(&acme, hour), (0, true));
        assert_eq!(sizes.known(&acme, hour), (0, false), "somebody asks already");
        sizes.learn(&acme, Some(&doc! { "dataSize": 70.0, "indexSize": 5_i64, "storageSize": 1 }));
        assert_eq!(sizes.known(&acme, hour), (75, false));
        assert_eq!(sizes.known(&acme, Duration::ZERO), (75, true));
    }

    #[test]
    fn what_was_known_stays_when_there_is_no_answer() {
        let (sizes, acme) = (Sizes::default(), TenantId::parse("acme").unwrap());
        sizes.learn(&acme, Some(&doc! { "dataSize": 70 }));
        sizes.learn(&acme, None);
        assert_eq!(sizes.known(&acme, Duration::from_secs(3600)), (70, false));
    }
}
