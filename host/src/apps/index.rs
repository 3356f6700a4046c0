//! The registry in memory: what is live and what is kept, found without a look at the disk. Mirrors what is durable.

use super::generation::Generation;
use super::verdict::{AppState, AppStatus, FileIdentity, Judgement};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All tenants' apps.
#[derive(Debug, Default)]
pub(super) struct Index {
    tenants: HashMap<TenantId, TenantApps>,
}

/// A tenant's apps, and what was said of its files.
#[derive(Debug, Default)]
struct TenantApps {
    apps: BTreeMap<AppName, App>,
    judged: HashMap<String, Judgement>,
}

/// An app: its kept generations in the order of their drops, and which of them is meant.
#[derive(Debug)]
pub(super) struct App {
    kept: Vec<Kept>,
    current: String,
    live: bool,
    since: Timestamp,
}

/// A generation that can still be run.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) generation: Arc<Generation>,
    /// The file that it came from last.
    pub(super) file: String,
    /// Its place in the order of drops.
    pub(super) dropped: i64,
}

/// Why an app cannot be rolled back. Each sentence fits after "failed to roll back".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// Nothing was dropped before the live one.
    #[error("app {app} has no earlier generation than {live} that is kept: its history names those that there were")]
    NoneEarlier {
        /// The app.
        app: AppName,
        /// The label of what is live.
        live: String,
    },
    /// None begins like this.
    #[error("app {app} keeps no generation that begins with {prefix:?}; it keeps: {kept}")]
    NoSuch {
        /// The app.
        app: AppName,
        /// What was asked for.
        prefix: String,
        /// What there is, as a list in words.
        kept: String,
    },
    /// Several begin like this.
    #[error("{count} generations of app {app} begin with {prefix:?}: give more of its digits")]
    Ambiguous {
        /// The app.
        app: AppName,
        /// What was asked for.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// It is live.
    #[error("app {0} is live already: nothing was changed")]
    AlreadyLive(String),
}

impl Index {
    /// The generation that new tasks run on. `None` where its file is lost.
    pub(super) fn live(&self, tenant: &TenantId, app: &AppName) -> Option<&Arc<Generation>> {
        let found = self.app(tenant, app)?;
        let current = &found.current()?.generation;
        (found.live && !current.is_lost()).then_some(current)
    }

    /// A generation that is kept.
    pub(super) fn generation(&self, tenant: &TenantId, app: &AppName, hash: &str) -> Option<&Arc<Generation>> {
        Some(&self.app(tenant, app)?.kept(hash)?.generation)
    }

    pub(super) fn app(&self, tenant: &TenantId, app: &AppName) -> Option<&App> {
        self.tenants.get(tenant)?.apps.get(app)
    }

    /// What was said of this very state of a file. `None` also where it is the live generation of its app and the store has
    /// lost that: judged again, it is kept again.
    pub(super) fn judgement(&self, tenant: &TenantId, file: &str, identity: &FileIdentity) -> Option<&Judgement> {
        let judgement = self.tenants.get(tenant)?.judged.get(file)?;
        (judgement.identity == *identity && !self.is_wanted_again(tenant, judgement)).then_some(judgement)
    }

    fn is_wanted_again(&self, tenant: &TenantId, judgement: &Judgement) -> bool {
        let app = judgement.app.as_ref().filter(|_| judgement.accepted).and_then(|app| self.app(tenant, app));
        let live = app.filter(|app| app.live).and_then(App::current);
        live.is_some_and(|live| {
            live.generation.is_lost() && Some(live.generation.hash()) == judgement.generation.as_deref()
        })
    }

    /// A file of this name was judged in some state.
    pub(super) fn is_judged(&self, tenant: &TenantId, file: &str) -> bool {
        self.tenants.get(tenant).is_some_and(|tenant| tenant.judged.contains_key(file))
    }

    /// Files of a tenant that were judged and not removed since.
    pub(super) fn judged_files(&self, tenant: &TenantId) -> Vec<String> {
        self.tenants.get(tenant).map(|tenant| tenant.judged.keys().cloned().collect()).unwrap_or_default()
    }

    /// Apps of a tenant whose live generation came from this file.
    pub(super) fn live_from(&self, tenant: &TenantId, file: &str) -> Vec<Arc<Generation>> {
        let apps = self.tenants.get(tenant).into_iter().flat_map(|tenant| tenant.apps.values());
        let live = apps.filter(|app| app.live).filter_map(App::current);
        live.filter(|live| live.file == file).map(|live| Arc::clone(&live.generation)).collect()
    }

    /// Every app, or those of one tenant.
    pub(super) fn list(&self, tenant: Option<&TenantId>) -> Vec<AppStatus> {
        let mut tenants: Vec<_> = match tenant {
            Some(tenant) => self.tenants.get_key_value(tenant).into_iter().collect(),
            None => self.tenants.iter().collect(),
        };
        tenants.sort_by_key(|(id, _)| *id);
        tenants.into_iter().flat_map(|(id, tenant)| tenant.apps.values().filter_map(|app| app.status(id))).collect()
    }

    /// Every tenant that has an app.
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.tenants.keys().cloned().collect()
    }

    pub(super) fn note_judged(&mut self, tenant: &TenantId, file: String, judgement: Judgement) {
        self.tenant(tenant).judged.insert(file, judgement);
    }

    pub(super) fn forget(&mut self, tenant: &TenantId, file: &str) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.judged.remove(file);
        }
    }

    /// A generation was dropped (again): it is the newest of its app. It is not yet live.
    pub(super) fn keep(&mut self, kept: Kept, since: Timestamp) {
        let (tenant, app) = (kept.generation.tenant().clone(), kept.generation.app().clone());
        let hash = kept.generation.hash().to_owned();
        let found = self.tenant(&tenant).apps.entry(app);
        let found = found.or_insert_with(|| App { kept: Vec::new(), current: hash.clone(), live: false, since });
        found.kept.retain(|other| other.generation.hash() != hash);
        found.kept.push(kept);
    }

    /// Which of an app's generations is meant, and whether it is live.
    pub(super) fn set(&mut self, tenant: &TenantId, app: &AppName, hash: &str, live: bool, since: Timestamp) {
        if let Some(found) = self.tenants.get_mut(tenant).and_then(|tenant| tenant.apps.get_mut(app)) {
            hash.clone_into(&mut found.current);
            (found.live, found.since) = (live, since);
        }
    }

    /// Takes out the generations of a tenant that nobody needs: not live (or last live), not among the newest `newest` of
    /// their app, not held by anybody in this process, and not `in_use`.
    pub(super) fn take_spare(&mut self, tenant: &TenantId, newest: usize, in_use: &dyn Fn(&str) -> bool) -> Vec<Kept> {
        let apps = self.tenants.get_mut(tenant).into_iter().flat_map(|tenant| tenant.apps.values_mut());
        apps.flat_map(|app| {
            let older = app.kept.len().saturating_sub(newest);
            let mut place = 0;
            app.kept
                .extract_if(.., |kept| {
                    place += 1;
                    place <= older
                        && kept.generation.hash() != app.current
                        && Arc::strong_count(&kept.generation) == 1
                        && !in_use(kept.generation.hash())
                })
                .collect::<Vec<_>>()
        })
        .collect()
    }

    /// Puts back what was taken out, where it could not be given up.
    pub(super) fn put_back(&mut self, tenant: &TenantId, spare: Vec<Kept>) {
        for kept in spare {
            let app = kept.generation.app().clone();
            if let Some(found) = self.tenant(tenant).apps.get_mut(&app) {
                found.kept.push(kept);
                found.kept.sort_by_key(|kept| kept.dropped);
            }
        }
    }

    fn tenant(&mut self, tenant: &TenantId) -> &mut TenantApps {
        self.tenants.entry(tenant.clone()).or_default()
    }
}

impl App {
    /// The generation that is live, or was last.
    pub(super) fn current(&self) -> Option<&Kept> {
        self.kept(&self.current)
    }

    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    fn kept(&self, hash: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.generation.hash() == hash)
    }

    /// What a rollback leads to: the generation that begins with `to`, or else the one dropped before the live one. Without
    /// a wish, a retired app comes back as it was.
    pub(super) fn rollback_target(&self, app: &AppName, to: Option<&str>) -> Result<&Kept, RollbackError> {
        let target = match to {
            Some(prefix) => self.beginning_with(app, prefix)?,
            None => {
                let at = self.kept.iter().position(|kept| kept.generation.hash() == self.current);
                let earlier = if self.live { at.and_then(|at| at.checked_sub(1)) } else { at };
                earlier.and_then(|at| self.kept.get(at)).ok_or_else(|| RollbackError::NoneEarlier {
                    app: app.clone(),
                    live: self.current().map_or_else(|| self.current.clone(), |live| live.generation.label()),
                })?
            }
        };
        if self.live && target.generation.hash() == self.current {
            return Err(RollbackError::AlreadyLive(target.generation.label()));
        }
        Ok(target)
    }

    fn beginning_with(&self, app: &AppName, prefix: &str) -> Result<&Kept, RollbackError> {
        let wanted = prefix.to_ascii_lowercase();
        let matching = || self.kept.iter().filter(|kept| kept.generation.hash().starts_with(&wanted));
        match (matching().next(), matching().count()) {
            (Some(only), 1) => Ok(only),
            (None, _) => {
                let kept: Vec<&str> = self.kept.iter().rev().map(|kept| kept.generation.short()).collect();
                Err(RollbackError::NoSuch { app: app.clone(), prefix: prefix.to_owned(), kept: kept.join(", ") })
            }
            (Some(_), count) => Err(RollbackError::Ambiguous { app: app.clone(), prefix: prefix.to_owned(), count }),
        }
    }

    fn status(&self, tenant: &TenantId) -> Option<AppStatus> {
        let Kept { generation, file, .. } = self.current()?;
        let state = match (self.live, generation.is_lost()) {
            (false, _) => AppState::Retired,
            (true, false) => AppState::Live,
            (true, true) => AppState::Missing,
        };
        Some(AppStatus {
            tenant: tenant.clone(),
            app: generation.app().clone(),
            state,
            generation: generation.hash().to_owned(),
            version: generation.version().to_owned(),
            kinds: generation.kinds().to_vec(),
            file: file.clone(),
            since: self.since,
            kept: self.kept.iter().rev().map(|kept| kept.generation.hash().to_owned()).collect(),
        })
    }
}
