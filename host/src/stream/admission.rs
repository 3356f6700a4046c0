//! Whether a tenant's limits let a stream have so many consumers.

use super::book::Book;
use super::manager::StreamError;
use crate::batch::parts::Parts;
use crate::broker::StreamKey;
use crate::tenant::{Limits, Tenant};

/// Holds a stream that is to have so many consumers in all against its tenant's limits.
pub(super) fn check(
    book: &Book,
    parts: &Parts,
    tenant: &Tenant,
    key: &StreamKey,
    consumers: usize,
) -> Result<(), StreamError> {
    let Limits { streams, consumers: most, storage_bytes, .. } = tenant.limits;
    let (mut started, mut all) = (1_u64, consumers as u64);
    for (other, entry) in book.entries.iter().filter(|(other, _)| other.tenant == key.tenant) {
        if other != key && entry.is_started {
            started += 1;
            all += entry.all_consumers as u64;
        }
    }
    let id = &tenant.id;
    let limit = |limit, sentence| Err(StreamError::Limit { limit, sentence });
    if started > streams {
        return limit(
            "streams",
            format!(
                "tenant {id} would have {started} streams, where {streams} are allowed (streams): stop another one first"
            ),
        );
    }
    if all > most {
        return limit(
            "consumers",
            format!(
                "the streams of tenant {id} would have {all} consumers, where {most} are allowed (consumers): stop another one first"
            ),
        );
    }
    let stored = parts.sinks.stored_bytes(id) + parts.files.bytes(id);
    if stored > storage_bytes {
        return limit(
            "storage_bytes",
            format!(
                "tenant {id} keeps {stored} bytes, where {storage_bytes} are allowed (storage_bytes): remove something first"
            ),
        );
    }
    Ok(())
}
