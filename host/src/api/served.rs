//! What the routes stand on.

use super::live::Live;
use crate::identity::tokens::Tokens;
use crate::platform::Platform;
use crate::telemetry::metrics::Metrics;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Shared by all routes and all doors.
#[derive(Clone)]
pub struct Served {
    pub(super) platform: Platform,
    pub(super) tokens: Tokens,
    pub(super) metrics: Metrics,
    pub(super) live: Arc<Live>,
    /// Streams that never end do when this comes.
    pub(super) stop: CancellationToken,
}

impl Served {
    /// What the routes of a host stand on; streams that never end do when `stop` comes.
    pub fn new(platform: Platform, tokens: Tokens, metrics: Metrics, stop: CancellationToken) -> Served {
        let live = Arc::new(Live::new(platform.clone(), stop.clone()));
        Served { platform, tokens, metrics, live, stop }
    }
}
