//! What there is when somebody scrapes. What cannot be known just now is left out, never 0.

use crate::identity::tokens::TokenEnd;
use crate::tenant::TenantId;
use jiff::Timestamp;

/// What there is of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfOne {
    /// Tasks that wait, run, are parked.
    pub tasks: Option<[u64; 3]>,
    /// Seconds since the first of those that could run was put into the queue; 0 where none waits.
    pub oldest_task_seconds: Option<f64>,
    /// Bytes that it keeps.
    pub stored_bytes: u64,
    /// Apps that are live.
    pub apps: usize,
    /// Streams that are started.
    pub streams: usize,
    /// Their consumers.
    pub consumers: usize,
    /// Messages that wait in their queues.
    pub waiting: Option<u64>,
    /// Seconds since the oldest of those came; 0 where none waits.
    pub oldest_seconds: Option<f64>,
}

/// A file system that the host writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// `data` or `staging`.
    pub directory: &'static str,
    /// Bytes that the host may still write.
    pub free: u64,
    /// Its size.
    pub size: u64,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Slots, and how many of them are busy.
    pub slots: [usize; 2],
    /// Hosts on the same queue.
    pub hosts: Option<usize>,
    /// This host takes nothing more.
    pub draining: bool,
    /// It can work.
    pub ready: bool,
    /// What it stands on, and whether that answers.
    pub servers: Vec<(&'static str, bool)>,
    /// Each tenant that is registered.
    pub tenants: Vec<(TenantId, OfOne)>,
    /// File systems.
    pub disks: Vec<Disk>,
    /// Tokens.
    pub tokens: Vec<TokenEnd>,
    /// When the token ends with which this is scraped.
    pub own_token: Option<Timestamp>,
}
