//! What the routes stand on.

use super::live::Live;
use crate::identity::Caller;
use crate::identity::tokens::Tokens;
use crate::platform::Platform;
use crate::telemetry::metrics::Metrics;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether somebody may still listen, besides whenever tokens change.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

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
    /// Comes when a caller may hear nothing more: the host stops, its token is over, or its tenant is.
    pub(super) fn until_over(&self, caller: Caller) -> impl Future<Output = ()> + Send + use<> {
        let served = self.clone();
        async move {
            let mut changes = served.tokens.changes();
            loop {
                let is_good = caller.token.as_ref().is_none_or(|id| served.tokens.is_good(id, Timestamp::now()));
                if !is_good || served.platform.lets_in(caller.tenant()).is_err() {
                    return;
                }
                tokio::select! {
                    () = served.stop.cancelled() => return,
                    _ = changes.changed() => {}
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
        }
    }

    /// What the routes of a host stand on; streams that never end do when `stop` comes.
    pub fn new(platform: Platform, tokens: Tokens, metrics: Metrics, stop: CancellationToken) -> Served {
        let live = Arc::new(Live::new(platform.clone(), stop.clone()));
        Served { platform, tokens, metrics, live, stop }
    }
}
