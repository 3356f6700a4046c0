//! How much is kept of a tenant: counted along, after one look at its directory.
//!
//! What is on its way counts with its first piece, before that piece is on the disk: however many files come in at once, the disk
//! never has more of a tenant than there is room for. What does not become a file is given back, however it ends.
//!
//! ```text
//!   piece ─▶ reserved ─▶ written ─▶ … ─▶ under its name: stays counted until its batch is removed
//!              │ no room: refused           │ dropped, failed, cut off: given back
//! ```

use super::{FileStore, FileStoreError, bytes_in};
use crate::tenant::TenantId;
use std::sync::{Arc, PoisonError};

/// What a file may be that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Fewest bytes that it may have.
    pub least: u64,
    /// Most bytes that it may have.
    pub most: u64,
    /// Most bytes that are kept of its tenant, with this file and whatever else is on its way.
    pub room: u64,
    /// The BLAKE3 that it must have, in hexadecimal digits, where its sender said one.
    pub blake3: Option<&'a str>,
}

impl Terms<'static> {
    /// Of so many bytes at most, whatever is kept besides.
    pub fn most(most: u64) -> Terms<'static> {
        Terms { least: 0, most, room: u64::MAX, blake3: None }
    }
}

/// Bytes of a file on its way; dropped, they are given back.
pub(super) struct Reserved {
    store: Arc<FileStore>,
    tenant: TenantId,
    bytes: u64,
}

impl Reserved {
    /// None so far. What is kept of the tenant must have been looked at.
    pub(super) fn none(store: &Arc<FileStore>, tenant: &TenantId) -> Reserved {
        Reserved { store: store.clone(), tenant: tenant.clone(), bytes: 0 }
    }

    /// So many more of this file, where there is room.
    pub(super) fn add(&mut self, more: u64, room: u64, file: &str) -> Result<(), FileStoreError> {
        let mut kept = self.store.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = kept.get_mut(&self.tenant) else { return Ok(()) };
        let sum = bytes.saturating_add(more);
        if more > 0 && sum > room {
            let (kept, more) = (bytes.saturating_sub(self.bytes), self.bytes.saturating_add(more));
            return Err(FileStoreError::NoRoom { file: file.to_owned(), kept, more, room });
        }
        *bytes = sum;
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }

    /// They are those of a file now, and go with its batch.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.store.count(&self.tenant, 0, self.bytes);
    }
}

impl FileStore {
    /// Bytes that are kept of a tenant, with those on their way. Cheap, but for the first time.
    pub fn bytes(&self, tenant: &TenantId) -> u64 {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(tenant) {
            Some(bytes) => *bytes,
            None => {
                let bytes = self.batches(tenant).map(|(_, path)| bytes_in(&path)).sum();
                kept.insert(tenant.clone(), bytes);
                bytes
            }
        }
    }

    pub(super) fn count(&self, tenant: &TenantId, more: u64, less: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = kept.get_mut(tenant) {
            *bytes = bytes.saturating_add(more).saturating_sub(less);
        }
    }
}
