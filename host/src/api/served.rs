//! What the routes stand on.

use super::live::Live;
use crate::identity::Caller;
use crate::identity::tokens::Tokens;
use crate::platform::Platform;
use crate::telemetry::metrics::Metrics;
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a token has expired; what is changed is heard of.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

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
    /// Comes when a caller may hear nothing more of a tenant, or of all: the host stops, its token is over or its own tenant
    /// suspended, or the tenant that it listens to is there no more.
    pub(super) fn until_over(&self, caller: Caller, of: Option<TenantId>) -> impl Future<Output = ()> + Send + use<> {
        let served = self.clone();
        async move {
            let tenants = &served.platform.batches.parts.tenants;
            let (mut changes, mut settled) = (served.tokens.changes(), tenants.changes());
            loop {
                let is_good = caller.token.as_ref().is_none_or(|id| served.tokens.is_good(id, Timestamp::now()));
                let is_there = of.as_ref().is_none_or(|tenant| tenants.get(tenant).is_some());
                if !is_good || !is_there || served.platform.lets_in(caller.tenant()).is_err() {
                    return;
                }
                tokio::select! {
                    () = served.stop.cancelled() => return,
                    _ = changes.changed() => {}
                    _ = settled.changed() => {}
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
