//! The registry of apps: which generation of which app is live for which tenant, how it came there, and the way back.
//!
//! ```text
//!   candidate ─ examine ─ keep in the store ─ probe ─ record ─▶ live ── another is dropped ─▶ kept ── spare ─▶ given up
//!               (bytes)   (<hash>.so, synced) (worker) (one transaction)    ▲                    │
//!                  └─────────── refused: told, on record, nothing changed   └──── roll back ─────┘
//! ```
//!
//! - The host maps no tenant code. What is probed is the very file of the store that workers are started from later, so a
//!   folder that cannot be run from (`noexec`) shows at once and not at the first task.
//! - Two tenants' apps of the same name are two apps, even of the same content; that is kept and probed once for all of
//!   them (`store`, [`probe`]). Of two files of one tenant with the same app name, the one that was dropped last is live.
//! - A file that becomes another app retires the one that it was. Removing a file retires the app whose live generation came
//!   from it.
//! - A file is known by its [`FileIdentity`] and judged once: a rescan or a restart changes nothing, and undoes no rollback.
//!   The same content newly dropped (another identity, or another name) is live again.
//! - Replaced generations are *kept*: the newest few of each app, what a task is pinned to, and what somebody holds. The
//!   rest is given up by [`Apps::collect`].
//!
//! # Durable steps
//! | step | a kill right after it leaves |
//! |---|---|
//! | 1. `.<hash>.tmp` written, synced | a temporary file: garbage, swept when the registry is opened |
//! | 2. renamed to `<hash>.so`, folder synced | a file without a row: garbage, swept; the dropped file is still unjudged, and is judged after the restart |
//! | 3. probed | the same |
//! | 4. one transaction: content, generation, app, judgement, history | the new generation live; only the verdict is not told yet ([`Apps::judgement`] has it) |
//! | 5. in memory, told to subscribers | (nothing durable happens here) |
//!
//! Giving a generation up goes the other way round: first the row, then the file. So a row without its file is never made
//! by a kill, only by damage from outside: the app then counts as missing ([`AppState::Missing`]), is told
//! ([`Apps::troubles`]) and not run; its dropped file counts as unjudged, so the next scan of staging mends it.
//!
//! # Who waits for whom
//! Changes of one tenant's apps happen one after another, each in a task of its own: an asker that goes away stops none
//! half-way. A probe that hangs holds up its own tenant, and one of the places for probes. Questions wait for nobody.

mod adopt;
mod change;
mod consider;
mod error;
mod garbage;
mod generation;
mod index;
mod open;
pub mod probe;
mod records;
mod store;
mod verdict;

pub use error::AppsError;
pub use garbage::Collected;
pub use generation::Generation;
pub use index::RollbackError;
pub use probe::Prober;
pub use store::{CopyError, StoreError, Swept};
pub use verdict::{
    AppState, AppStatus, Candidate, Change, Decision, FileIdentity, HistoryEntry, Judgement, Occurrence, Verdict,
};

use crate::part::Part;
use crate::sqlite::Database;
use crate::staging::snapshot::Snapshot;
use crate::tenant::{AppName, TenantId};
use crate::turns::Turns;
use index::Index;
use jiff::Timestamp;
use records::{ReadHistory, Transaction};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::Store;
use tokio::sync::{Semaphore, broadcast};
use tracing::Instrument as _;

/// The registry. Clones share it.
#[derive(Clone, Debug)]
pub struct Apps {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    store: Arc<Store>,
    prober: Prober,
    probes: Semaphore,
    index: RwLock<Index>,
    /// Changes of a tenant's apps.
    turns: Turns<TenantId>,
    /// Probes of a content.
    contents: Turns<String>,
    next_drop: AtomicI64,
    changes: broadcast::Sender<Change>,
    troubles: Vec<String>,
}

impl Apps {
    /// Opens the registry `database` and its store, making them where there are none, and removes what a kill left in the
    /// store. Does file I/O in the calling thread; reads no app.
    ///
    /// # Errors
    /// See [`AppsError`].
    pub fn open(database: &Path, store: &Path, prober: Prober) -> Result<Apps, AppsError> {
        Ok(Apps { inner: Arc::new(Inner::open(database, store, prober)?) })
    }

    /// What was found wrong when it was opened: a sentence for each app whose file is gone or damaged.
    pub fn troubles(&self) -> &[String] {
        &self.inner.troubles
    }

    /// Judges a `.so` that was dropped and, if it will do, makes it live. Ask in the order in which files were dropped.
    ///
    /// # Errors
    /// The host could not do its part, and nothing was judged or changed: ask again later.
    pub async fn consider(&self, candidate: Candidate) -> Result<Verdict, AppsError> {
        let inner = Arc::clone(&self.inner);
        uninterrupted(async move { inner.consider(candidate).await }).await
    }

    /// Puts on record that a file was refused before its bytes could be looked at: a link, a pipe, one that is too large.
    ///
    /// # Errors
    /// The registry cannot be written; nothing was judged.
    pub async fn refuse(
        &self,
        tenant: &TenantId,
        file: &str,
        identity: FileIdentity,
        finding: crate::staging::candidate::Finding,
    ) -> Result<Verdict, AppsError> {
        let (inner, tenant, file) = (Arc::clone(&self.inner), tenant.clone(), file.to_owned());
        uninterrupted(async move { inner.refuse_unread(tenant, file, identity, finding).await }).await
    }

    /// A file is gone: the app whose live generation came from it is retired. Returns the generations that were live.
    ///
    /// # Errors
    /// The registry cannot be written; nothing has changed.
    pub async fn removed(&self, tenant: &TenantId, file: &str) -> Result<Vec<Arc<Generation>>, AppsError> {
        let (inner, tenant, file) = (Arc::clone(&self.inner), tenant.clone(), file.to_owned());
        uninterrupted(async move { inner.removed(tenant, file).await }).await
    }

    /// Makes an earlier generation live: the one whose hash begins with `to`, or else the one that was dropped before the
    /// live one. A retired app comes back as it was. Lasts until another file is dropped for this app.
    ///
    /// # Errors
    /// There is no such app or generation, or its file is gone or damaged; or the registry cannot be written.
    pub async fn rollback(
        &self,
        tenant: &TenantId,
        app: &AppName,
        to: Option<&str>,
    ) -> Result<Arc<Generation>, AppsError> {
        let (inner, tenant, app) = (Arc::clone(&self.inner), tenant.clone(), app.clone());
        let to = to.map(str::to_owned);
        uninterrupted(async move { inner.rollback(tenant, app, to).await }).await
    }

    /// Retires an app by hand. Its file may stay where it is. Returns the generation that was live.
    ///
    /// # Errors
    /// There is no such app, or it is retired already; or the registry cannot be written.
    pub async fn retire(&self, tenant: &TenantId, app: &AppName) -> Result<Arc<Generation>, AppsError> {
        let (inner, tenant, app) = (Arc::clone(&self.inner), tenant.clone(), app.clone());
        uninterrupted(async move { inner.retire(tenant, app).await }).await
    }

    /// Keeps a generation of an app that another host has, judged like one that was dropped here. What is live stays so.
    ///
    /// # Errors
    /// It is not what it should be, or will not do here; or the host could not do its part.
    pub async fn adopt(
        &self,
        tenant: &TenantId,
        app: &AppName,
        hash: &str,
        snapshot: Snapshot,
    ) -> Result<Arc<Generation>, AppsError> {
        let (inner, tenant, app) = (Arc::clone(&self.inner), tenant.clone(), app.clone());
        let hash = hash.to_owned();
        uninterrupted(async move { inner.adopt(tenant, app, hash, snapshot).await }).await
    }

    /// Does as another host has said at `since`: a kept generation is live from now on, or (`None`) the app is retired. What
    /// was said later here stays. Answers whether something has changed.
    ///
    /// # Errors
    /// The registry cannot be written; nothing has changed.
    pub async fn follow(
        &self,
        tenant: &TenantId,
        app: &AppName,
        hash: Option<&str>,
        since: Timestamp,
    ) -> Result<bool, AppsError> {
        let (inner, tenant, app) = (Arc::clone(&self.inner), tenant.clone(), app.clone());
        let hash = hash.map(str::to_owned);
        uninterrupted(async move { inner.follow(tenant, app, hash, since).await }).await
    }

    /// Gives up the generations that are not needed: neither live (or, of a retired app, last live), nor among the newest
    /// five of their app, nor held by somebody, nor `in_use` (asked with a hash). Their history stays.
    ///
    /// # Errors
    /// The registry or the store cannot be written. What was not given up is still there.
    pub async fn collect(&self, in_use: impl Fn(&str) -> bool + Send + Sync + 'static) -> Result<Collected, AppsError> {
        let inner = Arc::clone(&self.inner);
        uninterrupted(async move { inner.collect(&in_use).await }).await
    }

    /// The generation that new tasks of an app run on. Asks no disk.
    pub fn live(&self, tenant: &TenantId, app: &AppName) -> Option<Arc<Generation>> {
        self.inner.read().live(tenant, app).cloned()
    }

    /// A generation that is kept, live or not: what a task is pinned to. Asks no disk.
    pub fn generation(&self, tenant: &TenantId, app: &AppName, hash: &str) -> Option<Arc<Generation>> {
        self.inner.read().generation(tenant, app, hash).cloned()
    }

    /// Every app, or those of one tenant: live, retired or missing.
    pub fn list(&self, tenant: Option<&TenantId>) -> Vec<AppStatus> {
        self.inner.read().list(tenant)
    }

    /// This very state of a file was judged, and there is no reason to do so again.
    pub fn is_judged(&self, tenant: &TenantId, file: &str, identity: &FileIdentity) -> bool {
        self.inner.read().judgement(tenant, file, identity).is_some()
    }

    /// What was said of this very state of a file.
    pub fn judgement(&self, tenant: &TenantId, file: &str, identity: &FileIdentity) -> Option<Judgement> {
        self.inner.read().judgement(tenant, file, identity).cloned()
    }

    /// Files of a tenant that were judged. One that is not there any more was removed while nobody looked: say so with
    /// [`removed`](Apps::removed).
    pub fn judged_files(&self, tenant: &TenantId) -> Vec<String> {
        self.inner.read().judged_files(tenant)
    }

    /// What happened to a tenant's apps, or one of them; the newest first. Refused files are among it; those whose name
    /// could not be read only where no app is named. A key is an entry's number: behind it are those before.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn history(
        &self,
        tenant: &TenantId,
        app: Option<&AppName>,
        part: &Part<u64>,
    ) -> Result<(Vec<HistoryEntry>, Option<u64>), AppsError> {
        let wanted = ReadHistory { tenant: tenant.clone(), app: app.cloned(), part: part.clone() };
        Ok(self.inner.database.ask(wanted).await?)
    }

    /// Hears every change from now on. Who lags behind by more than a thousand is told so, and looks at
    /// [`list`](Apps::list).
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes.subscribe()
    }
}

impl Inner {
    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn record(&self, tenant: &TenantId, writes: Vec<records::Write>) -> Result<(), AppsError> {
        Ok(self.database.ask(Transaction { tenant: tenant.clone(), writes }).await?)
    }

    fn tell(&self, change: Change) {
        // Nobody may be listening.
        let _heard_by = self.changes.send(change);
    }
}

/// Goes on to its end even where whoever asked goes away: what is durable and what is in memory must not part.
async fn uninterrupted<T: Send + 'static>(
    work: impl Future<Output = Result<T, AppsError>> + Send + 'static,
) -> Result<T, AppsError> {
    joined(tokio::spawn(work.in_current_span()).await)?
}

/// Work that blocks, off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppsError> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, AppsError> {
    done.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_cancelled) => AppsError::ShuttingDown,
    })
}
