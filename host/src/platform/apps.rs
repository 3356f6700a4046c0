//! Apps and their generations.

use super::Platform;
use super::error::ActionError;
use crate::apps::{AppStatus, AppsError, Candidate, Decision, HistoryEntry, Verdict};
use crate::journal::{Event, Happening};
use crate::part::{Pair, Part};
use crate::tenant::{AppName, TenantId};

/// An app's place in the list of all.
pub type AppKey = Pair<TenantId, AppName>;

impl Platform {
    /// Apps of one tenant, or of all; and behind which the rest of them begins.
    pub fn apps(&self, tenant: Option<&TenantId>, part: &Part<AppKey>) -> (Vec<AppStatus>, Option<AppKey>) {
        part.of(self.batches.parts.apps.list(tenant), |app| Pair(app.tenant.clone(), app.app.clone()))
    }

    /// What became of an app, the newest first; refused files whose name could be read too. A key is a line's number: behind it
    /// are those before that line.
    ///
    /// # Errors
    /// There is no such tenant, the registry cannot be read, or has never heard of the app.
    pub async fn app_history(
        &self,
        tenant: &TenantId,
        app: &AppName,
        part: &Part<u64>,
    ) -> Result<(Vec<HistoryEntry>, Option<u64>), ActionError> {
        self.known(tenant)?;
        let history = self.batches.parts.apps.history(tenant, Some(app), part).await?;
        if history.0.is_empty() && part.after.is_none() {
            let sentence = format!("tenant {tenant} never had an app {app}: see `mysimbdp apps list`");
            return Err(ActionError::not_found("unknown_app", sentence));
        }
        Ok(history)
    }

    /// Makes an earlier generation live: the one before, or the one whose hash begins like `to`. New tasks use it, running
    /// ones finish on theirs.
    ///
    /// # Errors
    /// There is no such app or generation, or it is not kept any more.
    pub async fn roll_back(
        &self,
        tenant: &TenantId,
        app: &AppName,
        to: Option<&str>,
    ) -> Result<AppStatus, ActionError> {
        self.known(tenant)?;
        let generation = self.batches.parts.apps.rollback(tenant, app, to).await?;
        self.announce(tenant, app).await;
        let sentence = format!("app {} of tenant {tenant} was rolled back to", generation.label());
        self.batches.parts.journal.record(Event::now(Some(tenant), Happening::Deed { sentence })).await;
        self.app_status(tenant, app)
    }

    /// Retires an app. Its file stays where it is.
    ///
    /// # Errors
    /// There is no such tenant or app, or it is not live.
    pub async fn retire_app(&self, tenant: &TenantId, app: &AppName) -> Result<AppStatus, ActionError> {
        self.known(tenant)?;
        let generation = self.batches.parts.apps.retire(tenant, app).await?;
        self.announce(tenant, app).await;
        let (app, hash, reason) = (app.clone(), generation.hash().to_owned(), "by hand".to_owned());
        let retired = Happening::AppRetired { app: app.clone(), generation: hash, reason };
        self.batches.parts.journal.record(Event::now(Some(tenant), retired)).await;
        self.app_status(tenant, &app)
    }

    fn app_status(&self, tenant: &TenantId, app: &AppName) -> Result<AppStatus, ActionError> {
        let mut apps = self.batches.parts.apps.list(Some(tenant)).into_iter();
        apps.find(|line| line.app == *app)
            .ok_or_else(|| ActionError::internal("an app that was just changed is not listed"))
    }

    /// Judges a candidate, makes it live where it will do, and tells the journal and the other hosts.
    pub(super) async fn consider(&self, candidate: Candidate) -> Result<Verdict, AppsError> {
        let tenant = candidate.tenant.clone();
        let verdict = self.batches.parts.apps.consider(candidate).await?;
        let happened = match (verdict.verdict, &verdict.app) {
            (Decision::Refused, _) => {
                Happening::AppRefused { file: verdict.file.clone(), reason: verdict.sentence.clone() }
            }
            (Decision::Live, Some(app)) => {
                self.announce(&tenant, app).await;
                Happening::AppLive {
                    app: app.clone(),
                    generation: verdict.generation.clone().unwrap_or_default(),
                    version: verdict.version.clone(),
                    kinds: verdict.kinds.iter().map(|kind| kind.name().to_owned()).collect(),
                    after_ms: verdict.after_ms,
                    reason: format!("{} was dropped", verdict.file),
                }
            }
            _ => return Ok(verdict),
        };
        self.batches.parts.journal.record(Event::now(Some(&tenant), happened)).await;
        Ok(verdict)
    }
}

impl From<AppsError> for ActionError {
    fn from(error: AppsError) -> ActionError {
        let sentence = error.to_string();
        match error {
            AppsError::NoApp { .. } => ActionError::not_found("unknown_app", sentence),
            AppsError::Unfit { .. } | AppsError::NotLive { .. } | AppsError::Rollback(_) | AppsError::Copy(_) => {
                ActionError::conflict("no_generation", sentence)
            }
            AppsError::Database(_) | AppsError::ShuttingDown | AppsError::Store(_) | AppsError::Probe { .. } => {
                ActionError::unavailable("apps_unavailable", sentence)
            }
            AppsError::File(_) | AppsError::Unreadable { .. } => ActionError::internal(sentence),
        }
    }
}
