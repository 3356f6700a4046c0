//! How many bytes of chunks are in memory, of a queue and of all queues together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of all queues together beyond which chunks that are published are left in the file.
const KEPT_TOGETHER: usize = 64 * 1024 * 1024;

/// What one queue adds to the bytes of all.
#[derive(Debug, Default)]
pub(super) struct Weight {
    own: usize,
    all: Arc<AtomicUsize>,
}

impl Weight {
    /// Nothing yet, beside this one.
    pub(super) fn beside(&self) -> Weight {
        Weight { own: 0, all: Arc::clone(&self.all) }
    }

    /// There is room for more, where a queue may have so many bytes.
    pub(super) fn is_below(&self, bytes: usize) -> bool {
        self.own < bytes && self.all.load(Ordering::Relaxed) < KEPT_TOGETHER
    }

    /// Bytes of all.
    #[cfg(test)]
    pub(super) fn together(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.own += bytes;
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn subtract(&mut self, bytes: usize) {
        self.own -= bytes;
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn clear(&mut self) {
        self.subtract(self.own);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.clear();
    }
}
