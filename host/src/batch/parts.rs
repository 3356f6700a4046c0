//! What taking batches in and working on them have in common.

use crate::apps::Apps;
use crate::depot::Depot;
use crate::journal::Journal;
use crate::queue::TaskQueue;
use crate::sink::Sinks;
use crate::staging::files::FileStore;
use crate::tenant::Tenants;
use std::sync::Arc;

/// The parts of a platform that the batch half stands on. Clones share everything.
#[derive(Clone)]
pub struct Parts {
    /// Name of this host in the queue.
    pub host: String,
    /// Tasks.
    pub queue: Arc<dyn TaskQueue>,
    /// Where documents go.
    pub sinks: Arc<dyn Sinks>,
    /// Apps and their generations.
    pub apps: Apps,
    /// Tenants and their limits.
    pub tenants: Tenants,
    /// Data files.
    pub files: Arc<FileStore>,
    /// Files and apps that other hosts may need; none where this host is alone.
    pub depot: Option<Depot>,
    /// What happened.
    pub journal: Journal,
}
