//! Which queues there are, and which of them a routing key fits.

use super::queue::Queue;
use crate::broker::StreamKey;
use crate::tenant::TenantId;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Routes {
    queues: HashMap<StreamKey, Arc<Queue>>,
    fits: HashMap<TenantId, HashMap<String, Vec<Arc<Queue>>>>,
}

impl Routes {
    pub(super) fn queue(&self, key: &StreamKey) -> Option<&Arc<Queue>> {
        self.queues.get(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.values()
    }

    /// All queues of a tenant.
    pub(super) fn of(&self, tenant: &TenantId) -> Vec<Arc<Queue>> {
        self.all().filter(|queue| queue.key.tenant == *tenant).cloned().collect()
    }

    /// The queues of a tenant that a routing key fits.
    pub(super) fn fitting(&self, tenant: &TenantId, routing_key: &str) -> &[Arc<Queue>] {
        self.fits.get(tenant).and_then(|keys| keys.get(routing_key)).map_or(&[], Vec::as_slice)
    }

    /// Binds a queue to these keys, and to no other.
    pub(super) fn bind(&mut self, queue: Arc<Queue>, routing_keys: &[String]) {
        self.unbind(&queue);
        let keys = self.fits.entry(queue.key.tenant.clone()).or_default();
        for key in routing_keys {
            let fitting = keys.entry(key.clone()).or_default();
            // A key that is named twice is one.
            if fitting.last().is_none_or(|last| last.id != queue.id) {
                fitting.push(Arc::clone(&queue));
            }
        }
        self.queues.insert(queue.key.clone(), queue);
    }

    pub(super) fn remove(&mut self, queue: &Queue) {
        self.unbind(queue);
        if self.queues.get(&queue.key).is_some_and(|there| there.id == queue.id) {
            self.queues.remove(&queue.key);
        }
    }

    fn unbind(&mut self, queue: &Queue) {
        let Some(keys) = self.fits.get_mut(&queue.key.tenant) else { return };
        keys.retain(|_, fitting| {
            fitting.retain(|there| there.id != queue.id);
            !fitting.is_empty()
        });
        if keys.is_empty() {
            self.fits.remove(&queue.key.tenant);
        }
    }
}
