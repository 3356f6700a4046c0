//! Giving up generations that nobody needs: first their rows, then their files.

use super::index::Kept;
use super::records::Write;
use super::store::Swept;
use super::{AppsError, Inner, blocking};
use std::sync::Arc;

/// Generations of an app that are kept whether or not anybody needs them, the newest: what can be rolled back to.
const NEWEST_KEPT: usize = 5;

/// What was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Generations that cannot be run any more.
    pub generations: usize,
    /// Files that left the store.
    pub swept: Swept,
}

impl Inner {
    pub(super) async fn collect(&self, in_use: &(dyn Fn(&str) -> bool + Send + Sync)) -> Result<Collected, AppsError> {
        let tenants = self.read().tenants();
        let mut generations = 0;
        for tenant in tenants {
            let _turn = self.turns.of(&tenant).await;
            // From here on nobody can begin to use them.
            let spare = self.write().take_spare(&tenant, NEWEST_KEPT, &in_use);
            if spare.is_empty() {
                continue;
            }
            let given_up = |kept: &Kept| {
                let (app, hash) = (kept.generation.app().clone(), kept.generation.hash().to_owned());
                Write::GiveUp { app, hash }
            };
            if let Err(error) = self.record(&tenant, spare.iter().map(given_up).collect()).await {
                self.write().put_back(&tenant, spare);
                return Err(error);
            }
            generations += spare.len();
        }
        let store = Arc::clone(&self.store);
        let swept = blocking(move || store.sweep()).await??;
        Ok(Collected { generations, swept })
    }
}
