//! Limits that the kernel enforces without being asked again. They stand before everything else, and under every
//! isolation: even a confined worker can eat memory.
//!
//! What they do not reach: RLIMIT_DATA does not see shared mappings (the filter refuses them), RLIMIT_NPROC counts per
//! user and not at all for root (the filter refuses `clone`), and mapped files count for nobody (the host samples RSS).

use crate::worker::protocol::GuestLimits;
use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors a worker may have: the wire, three standard ones, the app's file and its libraries, a data file.
const MAX_DESCRIPTORS: u64 = 64;

/// Applies the limits of this worker.
pub(super) fn apply(limits: &GuestLimits) -> io::Result<()> {
    let fixed = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, MAX_DESCRIPTORS),
        (Resource::Nice, 0),
        (Resource::Rtprio, 0),
        (Resource::Data, limits.memory),
    ];
    fixed.into_iter().try_for_each(|(resource, limit)| lower(resource, limit, limit))?;
    match limits.cpu_seconds {
        // The first is SIGXCPU, which tells what happened; an app that catches it has one second more.
        Some(seconds) => lower(Resource::Cpu, seconds.max(1), seconds.saturating_add(1)),
        None => Ok(()),
    }
}

/// Sets both limits, but never above what already holds: that would need a privilege.
fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let before = getrlimit(resource).maximum;
    let below = |limit: u64| Some(before.map_or(limit, |before| limit.min(before)));
    setrlimit(resource, Rlimit { current: below(current), maximum: below(maximum) })
}
