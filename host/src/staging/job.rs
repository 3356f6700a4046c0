//! What is done with one file that has come to rest. Each job asks again whether it has: it may have waited for its turn.

use super::claim::Claim;
use super::home::Home;
use super::layout::{INBOX, Kind, Spot};
use super::lease::writers;
use super::name::shown;
use super::open::{self, Entry, Links, OpenError, Opened};
use super::ports::{AppCandidate, AppVerdict, Ports, Taken, TakenFile};
use super::quiet::{Observed, Writers};
use super::snapshot::{Snapshot, SnapshotError};
use super::verdict::{self, Verdict, VerdictError, Word};
use crate::journal::Happening;
use crate::task::BatchId;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// Something to do for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Look at a file that has come to rest.
    Settled(Spot),
    /// A file of an app is gone.
    Gone(Spot),
    /// Go on with a claim of an earlier life or an earlier attempt.
    Continue(Claim),
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// All that there is to do.
    Done,
    /// The file is being written after all: it has to come to rest again.
    Unrest,
    /// It was told beside the file that it will not do, or why it waits. Nothing is said again until the file, or that
    /// reason, is another.
    Told(Entry, Option<String>),
    /// Apps are live: files may wait for them.
    Live,
    /// The batch stays claimed, for this reason; it is tried again later.
    Claimed(BatchId, String),
    /// The job itself broke: a mistake of ours. The next scan finds what is left.
    Broken(String),
}

/// What jobs work with.
#[derive(Clone)]
pub struct Tools {
    /// The staging directory.
    pub staging: PathBuf,
    /// Most bytes of an app.
    pub app_bytes: u64,
    /// Whom to hand files to.
    pub ports: Ports,
}

/// What a look at a file finds, and whether it is a directory. Blocks, never for long.
pub fn look(staging: impl AsFd, tenant: &TenantId, spot: &Spot) -> (Observed, bool) {
    let opened = Home::open(staging, tenant).and_then(|home| home.folder(&spot.directory));
    let found = opened.and_then(|at| open::look(&at, &spot.name).map(|entry| (at, entry)));
    let Ok((at, entry)) = found else { return (Observed::Nothing, false) };
    if !entry.is_regular {
        return (Observed::There(entry.identity, Writers::Nobody), entry.is_directory);
    }
    let observed = match open::regular(&at, &spot.name, u64::MAX, Links::Any) {
        Ok(opened) => Observed::There(opened.identity, writers(&opened.file)),
        Err(OpenError::Missing(_)) => Observed::Nothing,
        Err(_) => Observed::There(entry.identity, Writers::Unknown),
    };
    (observed, false)
}

impl Tools {
    /// Does a job; `batch` is the one that a claimed file becomes, `said` what was told of its waiting before.
    pub async fn perform(self: Arc<Self>, tenant: TenantId, job: Job, batch: BatchId, said: Option<String>) -> Outcome {
        match job {
            Job::Settled(spot) => match spot.kind {
                Kind::App => self.app(tenant, spot, said).await,
                Kind::Data => self.data(tenant, spot, batch, said).await,
                Kind::Loose => self.loose(tenant, spot, said).await,
            },
            Job::Gone(spot) => self.gone(tenant, spot).await,
            Job::Continue(claim) => self.resume(tenant, claim, said).await,
        }
    }

    async fn app(self: Arc<Self>, tenant: TenantId, spot: Spot, said: Option<String>) -> Outcome {
        let (tools, who, place, before) = (self.clone(), tenant.clone(), spot.clone(), said.clone());
        let (at, candidate) = match blocking(move || tools.read_app(&who, &place, before)).await {
            Ok(read) => read,
            Err(outcome) => return outcome,
        };
        let verdict = self.ports.apps.consider(candidate).await;
        blocking(move || {
            let (verdict, outcome) = match verdict {
                AppVerdict::Live { apps, generation, sentence, findings } => {
                    if let Err(error) = self.home(&tenant).and_then(|home| home.prepare(&apps)) {
                        self.trouble(&tenant, format!("the inboxes of {tenant}'s apps cannot be made: {error}"));
                    }
                    let verdict = verdict_on(&spot, Word::Live, sentence);
                    (Verdict { apps, generation: Some(generation), findings, ..verdict }, Outcome::Live)
                }
                AppVerdict::Refused { sentence, findings } => {
                    (Verdict { findings, ..verdict_on(&spot, Word::Refused, sentence) }, Outcome::Done)
                }
                AppVerdict::Later { sentence } => return self.waits(&tenant, &spot, &at, sentence, said),
            };
            self.told(&tenant, verdict.write(at, &spot.name));
            outcome
        })
        .await
    }

    fn read_app(
        &self,
        tenant: &TenantId,
        spot: &Spot,
        said: Option<String>,
    ) -> Result<(OwnedFd, AppCandidate), Outcome> {
        let at = self.directory(tenant, spot).map_err(|_| Outcome::Done)?;
        let opened = self.open(tenant, spot, &at, self.app_bytes)?;
        let file = spot.path().into_os_string();
        if self.ports.apps.is_known(tenant, &file, &opened.identity) {
            return Err(Outcome::Done);
        }
        let shown = shown(&file);
        let snapshot = match Snapshot::of(&opened.file, &shown) {
            Ok(snapshot) => snapshot,
            Err(SnapshotError::Changed(_)) => return Err(Outcome::Unrest),
            Err(error) => return Err(self.waits(tenant, spot, &at, error.to_string(), said)),
        };
        let (identity, last_change) = (opened.identity, opened.last_change);
        Ok((at, AppCandidate { tenant: tenant.clone(), file, shown, identity, snapshot, last_change }))
    }

    async fn gone(self: Arc<Self>, tenant: TenantId, spot: Spot) -> Outcome {
        // It may have come back while this waited for its turn; then it is looked at as any other.
        let (tools, who, place) = (self.clone(), tenant.clone(), spot.clone());
        let is_there = move || tools.directory(&who, &place).is_ok_and(|at| open::look(at, &place.name).is_ok());
        if blocking(is_there).await {
            return Outcome::Unrest;
        }
        let retired = self.ports.apps.removed(&tenant, spot.path().as_os_str()).await;
        blocking(move || {
            if let Ok(at) = self.directory(&tenant, &spot) {
                match retired {
                    Some(sentence) => {
                        let verdict = verdict_on(&spot, Word::Retired, sentence);
                        self.told(&tenant, verdict.write(at, &spot.name));
                    }
                    None => verdict::remove(at, &spot.name),
                }
            }
            Outcome::Done
        })
        .await
    }

    async fn data(self: Arc<Self>, tenant: TenantId, spot: Spot, batch: BatchId, said: Option<String>) -> Outcome {
        let tools = self.clone();
        match blocking(move || tools.claim(&tenant, &spot, batch, said)).await {
            Ok((home, claim, taken)) => self.hand_over(home, claim, taken, None).await,
            Err(outcome) => outcome,
        }
    }

    fn claim(
        &self,
        tenant: &TenantId,
        spot: &Spot,
        batch: BatchId,
        said: Option<String>,
    ) -> Result<(Home, Claim, TakenFile), Outcome> {
        let home = self.home(tenant).map_err(|_| Outcome::Done)?;
        let at = home.folder(&spot.directory).map_err(|_| Outcome::Done)?;
        self.open(tenant, spot, &at, u64::MAX)?;
        let app = match AppName::parse(&shown(spot.app().unwrap_or_default())) {
            Ok(app) => app,
            Err(error) => return Err(self.waits(tenant, spot, &at, format!("waiting: {error}"), said)),
        };
        if let Some(sentence) = self.ports.inbox.holds_back(tenant, &app) {
            return Err(self.waits(tenant, spot, &at, sentence, said));
        }
        let claim = Claim { app, batch, name: spot.name.clone() };
        match claim.prepare(&home).and_then(|directory| claim.take(&at, directory)) {
            Ok(true) => {}
            Ok(false) => {
                claim.abandon(&home);
                return Err(Outcome::Done);
            }
            Err(error) => {
                claim.abandon(&home);
                return Err(self.waits(tenant, spot, &at, format!("waiting: {error}"), said));
            }
        }
        let taken = self.reopen(&home, &claim, Links::One)?;
        Ok((home, claim, taken))
    }

    async fn resume(self: Arc<Self>, tenant: TenantId, claim: Claim, said: Option<String>) -> Outcome {
        let tools = self.clone();
        let reopened = blocking(move || {
            let home = tools.home(&tenant).map_err(|_| Outcome::Done)?;
            let taken = tools.reopen(&home, &claim, Links::Any)?;
            Ok((home, claim, taken))
        });
        match reopened.await {
            Ok((home, claim, taken)) => self.hand_over(home, claim, taken, said).await,
            Err(outcome) => outcome,
        }
    }

    /// Opens a file that is claimed, and makes sure once more that nobody writes to it.
    fn reopen(&self, home: &Home, claim: &Claim, links: Links) -> Result<TakenFile, Outcome> {
        match claim.open(home, links) {
            Ok(taken) if writers(&taken.file) == Writers::Somebody => {
                let sentence = format!("waiting: somebody still writes to {}", taken.shown);
                Err(Outcome::Claimed(claim.batch, sentence))
            }
            Ok(taken) => Ok(taken),
            Err(OpenError::Missing(_)) => {
                claim.abandon(home);
                Err(Outcome::Done)
            }
            Err(error) => Err(self.refuse(home, claim, error.to_string(), true)),
        }
    }

    async fn hand_over(self: Arc<Self>, home: Home, claim: Claim, taken: TakenFile, said: Option<String>) -> Outcome {
        let answer = self.ports.inbox.take(taken).await;
        blocking(move || {
            let now = Timestamp::now();
            match answer {
                Taken::Accepted { tasks, sentence } => match claim.accepted(&home, tasks, sentence, now) {
                    Ok(told) => {
                        self.told(&home.tenant, told.map_or(Ok(()), Err));
                        Outcome::Done
                    }
                    Err(error) => Outcome::Claimed(claim.batch, error.to_string()),
                },
                Taken::Refused { sentence } => self.refuse(&home, &claim, sentence, false),
                Taken::Later { sentence } => {
                    if said.as_ref() != Some(&sentence) {
                        self.told(&home.tenant, claim.waiting(&home, sentence.clone(), now));
                    }
                    Outcome::Claimed(claim.batch, sentence)
                }
            }
        })
        .await
    }

    /// Puts a claimed file aside. The journal hears of it here only where nobody else has told it.
    fn refuse(&self, home: &Home, claim: &Claim, sentence: String, is_news: bool) -> Outcome {
        match claim.refused(home, sentence.clone(), Timestamp::now()) {
            Ok((_, told)) => {
                self.told(&home.tenant, told.map_or(Ok(()), Err));
                if is_news {
                    self.tell_refused(&home.tenant, claim.app.to_string(), &claim.name, sentence);
                }
                Outcome::Done
            }
            Err(error) => Outcome::Claimed(claim.batch, error.to_string()),
        }
    }

    /// A file in the inbox itself.
    async fn loose(self: Arc<Self>, tenant: TenantId, spot: Spot, said: Option<String>) -> Outcome {
        blocking(move || {
            let Ok(at) = self.directory(&tenant, &spot) else { return Outcome::Done };
            if open::look(&at, &spot.name).is_ok_and(|entry| entry.is_directory) {
                return Outcome::Done;
            }
            if let Err(outcome) = self.open(&tenant, &spot, &at, u64::MAX) {
                return outcome;
            }
            let live: Vec<String> = self.ports.apps.live(&tenant).iter().map(AppName::to_string).collect();
            let live = if live.is_empty() { "none yet".to_owned() } else { live.join(", ") };
            let sentence = format!(
                "waiting: a data file names its app by its directory; move it into {INBOX}/<app>/ (apps that are live: {live})"
            );
            self.waits(&tenant, &spot, &at, sentence, said)
        })
        .await
    }

    /// Opens a file that has come to rest; whatever will not do is told beside it.
    fn open(&self, tenant: &TenantId, spot: &Spot, at: &OwnedFd, cap: u64) -> Result<Opened, Outcome> {
        let error = match open::regular(at, &spot.name, cap, Links::One) {
            Ok(opened) if writers(&opened.file) == Writers::Somebody => return Err(Outcome::Unrest),
            Ok(opened) => return Ok(opened),
            Err(OpenError::Missing(_)) => return Err(Outcome::Done),
            Err(error) => error,
        };
        let Ok(entry) = open::look(at, &spot.name) else { return Err(Outcome::Done) };
        let sentence = error.to_string();
        let findings = vec![error.finding()];
        let verdict = Verdict { findings, ..verdict_on(spot, Word::Refused, sentence.clone()) };
        self.told(tenant, verdict.write(at, &spot.name));
        if spot.kind == Kind::App {
            let file = shown(spot.path().as_os_str());
            (self.ports.tell)(Some(tenant), Happening::AppRefused { file, reason: sentence });
        } else {
            self.tell_refused(tenant, shown(spot.app().unwrap_or_default()), &spot.name, sentence);
        }
        Err(Outcome::Told(entry, None))
    }

    /// Says beside a file why it waits where it is, unless that was `said` before.
    fn waits(&self, tenant: &TenantId, spot: &Spot, at: &OwnedFd, sentence: String, said: Option<String>) -> Outcome {
        let Ok(entry) = open::look(at, &spot.name) else { return Outcome::Done };
        if said.as_ref() != Some(&sentence) {
            tracing::info!(%tenant, file = shown(&spot.name), "{sentence}");
            self.told(tenant, verdict_on(spot, Word::Waiting, sentence.clone()).write(at, &spot.name));
        }
        Outcome::Told(entry, Some(sentence))
    }

    fn tell_refused(&self, tenant: &TenantId, app: String, name: &OsStr, reason: String) {
        (self.ports.tell)(Some(tenant), Happening::BatchRefused { app, files: vec![shown(name)], reason });
    }

    /// A verdict that cannot be written hinders nothing.
    fn told(&self, tenant: &TenantId, written: Result<(), VerdictError>) {
        if let Err(error) = written {
            self.trouble(tenant, error.to_string());
        }
    }

    fn trouble(&self, tenant: &TenantId, reason: String) {
        tracing::warn!(%tenant, "{reason}");
        (self.ports.tell)(Some(tenant), Happening::Trouble { reason });
    }

    fn home(&self, tenant: &TenantId) -> Result<Home, Errno> {
        let staging = open::trusted_directory(&self.staging);
        Home::open(staging.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?, tenant)
    }

    fn directory(&self, tenant: &TenantId, spot: &Spot) -> Result<OwnedFd, Errno> {
        self.home(tenant)?.folder(&spot.directory)
    }
}

fn verdict_on(spot: &Spot, word: Word, sentence: String) -> Verdict {
    Verdict::new(&spot.name, word, sentence, Timestamp::now())
}

/// Runs what may block where that holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => std::panic::resume_unwind(lost.try_into_panic().unwrap_or_else(|lost| Box::new(lost))),
    }
}
