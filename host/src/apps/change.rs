//! Changes that come from no new file: one was removed, somebody rolled back or retired an app.

use super::generation::Generation;
use super::records::Write;
use super::verdict::{Change, HistoryEntry, Occurrence};
use super::{AppsError, Inner, blocking};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use std::sync::Arc;

impl Inner {
    pub(super) async fn removed(&self, tenant: TenantId, file: String) -> Result<Vec<Arc<Generation>>, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        let (gone, is_judged) = {
            let index = self.read();
            (index.live_from(&tenant, &file), index.is_judged(&tenant, &file))
        };
        if gone.is_empty() && !is_judged {
            return Ok(gone);
        }
        let reason = format!("its file {file} was removed");
        let forget = Write::Forget { file: file.clone() };
        self.retire_all(&tenant, gone, Occurrence::Removed, Some(&file), reason, Some(forget)).await
    }

    pub(super) async fn retire(&self, tenant: TenantId, app: AppName) -> Result<Arc<Generation>, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        let live = {
            let index = self.read();
            let found = index.app(&tenant, &app).ok_or_else(|| no_app(&index.list(Some(&tenant)), &tenant, &app))?;
            let live = found.current().filter(|_| found.is_live()).map(|live| Arc::clone(&live.generation));
            live.ok_or_else(|| AppsError::NotLive { tenant: tenant.clone(), app: app.clone() })?
        };
        let reason = "it was retired by hand".to_owned();
        self.retire_all(&tenant, vec![Arc::clone(&live)], Occurrence::Retired, None, reason, None).await?;
        Ok(live)
    }

    async fn retire_all(
        &self,
        tenant: &TenantId,
        gone: Vec<Arc<Generation>>,
        what: Occurrence,
        file: Option<&str>,
        reason: String,
        forget: Option<Write>,
    ) -> Result<Vec<Arc<Generation>>, AppsError> {
        let now = Timestamp::now();
        let forgotten = forget.is_some().then_some(file).flatten();
        let retirements = gone.iter().flat_map(|generation| retirement(generation, what, file, &reason, now));
        let writes: Vec<Write> = forget.into_iter().chain(retirements).collect();
        self.record(tenant, writes).await?;
        let mut index = self.write();
        if let Some(file) = forgotten {
            index.forget(tenant, file);
        }
        for generation in &gone {
            index.set(tenant, generation.app(), generation.hash(), false, now);
        }
        drop(index);
        for generation in &gone {
            self.tell(Change::Retired { generation: Arc::clone(generation), reason: reason.clone() });
        }
        Ok(gone)
    }

    pub(super) async fn rollback(
        &self,
        tenant: TenantId,
        app: AppName,
        to: Option<String>,
    ) -> Result<Arc<Generation>, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        let (target, replaced) = {
            let index = self.read();
            let found = index.app(&tenant, &app).ok_or_else(|| no_app(&index.list(Some(&tenant)), &tenant, &app))?;
            let target = Arc::clone(&found.rollback_target(&app, to.as_deref())?.generation);
            (target, index.live(&tenant, &app).cloned())
        };
        // A damaged one must not replace what runs.
        let copy = Arc::clone(target.copy());
        blocking(move || copy.open().map(drop)).await??;
        let now = Timestamp::now();
        let reason = match &replaced {
            Some(live) => format!("rolled back by hand from generation {}", live.short()),
            None => "brought back by hand".to_owned(),
        };
        let writes = vec![
            Write::App { app: app.clone(), hash: target.hash().to_owned(), live: true, since: now },
            Write::History(entry(now, Occurrence::RolledBack, &target, None, reason.clone())),
        ];
        self.record(&tenant, writes).await?;
        self.write().set(&tenant, &app, target.hash(), true, now);
        self.tell(Change::Live { generation: Arc::clone(&target), replaced, after_ms: None, reason });
        Ok(target)
    }
}

/// What is written when a generation is live no more.
pub(super) fn retirement(
    generation: &Generation,
    what: Occurrence,
    file: Option<&str>,
    reason: &str,
    now: Timestamp,
) -> [Write; 2] {
    let (app, hash) = (generation.app().clone(), generation.hash().to_owned());
    [
        Write::App { app, hash, live: false, since: now },
        Write::History(entry(now, what, generation, file, reason.to_owned())),
    ]
}

/// A line of history about a generation.
pub(super) fn entry(
    at: Timestamp,
    what: Occurrence,
    generation: &Generation,
    file: Option<&str>,
    sentence: String,
) -> HistoryEntry {
    HistoryEntry {
        at,
        what,
        app: Some(generation.app().clone()),
        generation: Some(generation.hash().to_owned()),
        version: generation.version().to_owned(),
        kinds: generation.kinds().to_vec(),
        file: file.map(str::to_owned),
        sentence,
    }
}

fn no_app(known: &[super::AppStatus], tenant: &TenantId, app: &AppName) -> AppsError {
    let names: Vec<&str> = known.iter().map(|status| status.app.as_str()).collect();
    let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    AppsError::NoApp { tenant: tenant.clone(), app: app.clone(), known }
}
