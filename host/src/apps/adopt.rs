//! Generations that another host has: kept here too, and live or not as they are there.

use super::change::{entry, retirement};
use super::consider::Case;
use super::generation::Generation;
use super::index::Kept;
use super::records::{Write, isolation_name};
use super::verdict::{Change, Occurrence};
use super::{AppsError, Inner, blocking};
use crate::staging::candidate;
use crate::staging::snapshot::Snapshot;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What stands in a file's place in the history.
const ELSEWHERE: &str = "another host";

impl Inner {
    /// Keeps a generation of an app, judged like one that was dropped here. What is live stays so.
    pub(super) async fn adopt(
        &self,
        tenant: TenantId,
        app: AppName,
        hash: String,
        snapshot: Snapshot,
    ) -> Result<Arc<Generation>, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        if let Some(known) = self.read().generation(&tenant, &app, &hash).filter(|known| !known.is_lost()) {
            return Ok(Arc::clone(known));
        }
        let unfit = |reason: String| AppsError::Unfit { app: app.clone(), hash: hash.clone(), reason };
        let (snapshot, examination) = blocking(move || {
            let examination = candidate::examine(snapshot.bytes(), &super::probe::this_machine());
            (snapshot, examination)
        })
        .await?;
        if examination.generation != hash {
            return Err(unfit("its content has another hash".to_owned()));
        }
        let case = Case::elsewhere(tenant.clone(), ELSEWHERE, examination);
        if let Some(reasons) = case.reasons() {
            return Err(unfit(reasons));
        }
        let Some(descriptor) = case.descriptor().filter(|found| found.name == app.as_str()) else {
            return Err(unfit("its descriptor names another app".to_owned()));
        };
        let (copy, facts) = self.keep_and_probe(&case, snapshot, &descriptor).await?.map_err(unfit)?;
        let dropped = self.next_drop.fetch_add(1, Ordering::Relaxed);
        let mut writes = vec![
            Write::Content {
                hash: hash.clone(),
                size: copy.size(),
                facts: Arc::clone(&facts),
                build: self.prober.build.clone(),
                isolation: isolation_name(self.prober.isolation),
            },
            Write::Generation { app: app.clone(), hash: hash.clone(), file: ELSEWHERE.to_owned(), dropped },
        ];
        if self.read().app(&tenant, &app).is_none() {
            let since = Timestamp::UNIX_EPOCH;
            writes.push(Write::App { app: app.clone(), hash: hash.clone(), live: false, since });
        }
        self.record(&tenant, writes).await?;
        let generation = Arc::new(Generation::new(tenant, app, copy, facts));
        let kept = Kept { generation: Arc::clone(&generation), file: ELSEWHERE.to_owned(), dropped };
        self.write().keep(kept, Timestamp::UNIX_EPOCH);
        Ok(generation)
    }

    /// Makes a kept generation live, or retires the app, since another host has said so at `since`. What was said later here
    /// stays. Answers whether something has changed.
    pub(super) async fn follow(
        &self,
        tenant: TenantId,
        app: AppName,
        hash: Option<String>,
        since: Timestamp,
    ) -> Result<bool, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        let (known, live, target) = {
            let index = self.read();
            let known = index.list(Some(&tenant)).into_iter().find(|status| status.app == app);
            let target = hash.as_ref().and_then(|hash| index.generation(&tenant, &app, hash).cloned());
            (known, index.live(&tenant, &app).cloned(), target)
        };
        if known.is_some_and(|known| known.since >= since) || live.as_ref().map(|live| live.hash()) == hash.as_deref() {
            return Ok(false);
        }
        let reason = "another host says so".to_owned();
        match (target, live) {
            (Some(target), replaced) => {
                let hash = target.hash().to_owned();
                let writes = vec![
                    Write::App { app: app.clone(), hash: hash.clone(), live: true, since },
                    Write::History(entry(since, Occurrence::Live, &target, None, reason.clone())),
                ];
                self.record(&tenant, writes).await?;
                self.write().set(&tenant, &app, &hash, true, since);
                self.tell(Change::Live { generation: target, replaced, after_ms: None, reason });
            }
            (None, Some(gone)) => {
                self.record(&tenant, retirement(&gone, Occurrence::Retired, None, &reason, since).into()).await?;
                self.write().set(&tenant, &app, gone.hash(), false, since);
                self.tell(Change::Retired { generation: gone, reason });
            }
            (None, None) => return Ok(false),
        }
        Ok(true)
    }
}
