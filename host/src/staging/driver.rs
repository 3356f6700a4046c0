//! The loop that ties staging together: it hears, waits, looks and hands on, and nothing that a tenant drops stops it.
//!
//! ```text
//!   watcher ─┐                          settled                    ┌─ app     ─▶ AppIntake
//!   timer   ─┼─▶ scan ─▶ quiet ─▶ look ─────────▶ lanes ─▶ job ────┼─ data    ─▶ claim ─▶ Inbox
//!   knock   ─┘     └── what is in .taken ────────▶  (one at a time └─ gone, continue
//!                                                    per tenant)
//! ```
//!
//! The loop itself only decides: scans, looks and jobs run beside it and come back as [`Event`]s. What it remembers
//! ([`memory`](super::memory)) can be found again by scanning; what must not be forgotten lies in the file system.

use super::job::{self, Job, Outcome, Tools};
use super::knock::{Knock, Wishes};
use super::lanes::Lanes;
use super::layout::{Kind, Place, Spot, place};
use super::memory::{Memory, Told};
use super::open;
use super::ports::Ports;
use super::quiet::{Decision, Observed, Quiet, QuietRules, Sign};
use super::scan::{Extent, Scanned, Scanner, TenantScan};
use super::watcher::{Ears, Heard, Watcher, is_silent};
use crate::task::BatchId;
use crate::tenant::TenantId;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Files that are looked at in one go.
const LOOKS: usize = 256;

/// Files that may be restless at the same time; the rest is found by a scan when some of them have come to rest.
const MOST_RESTLESS: usize = 50_000;

/// How staging works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long nothing may have happened to a file before it counts as complete.
    pub quiet: Duration,
    /// Everything is scanned this often.
    pub rescan: Duration,
    /// And this often where nobody is told of what happens.
    pub poll: Duration,
    /// Tenants whose files are handled at the same time.
    pub at_once: usize,
    /// Most bytes of an app.
    pub app_bytes: u64,
}

/// The loop, before it runs.
pub struct Staging {
    rules: Rules,
    tools: Arc<Tools>,
    knock: Knock,
    ears: Ears,
    scanner: Option<Box<Scanner>>,
    /// Time between two scans.
    every: Duration,
    next_scan: Instant,
    wanted: Wishes,
    known: HashMap<OsString, TenantId>,
    quiet: Quiet<Key>,
    is_looking: bool,
    lanes: Lanes<TenantId, Job>,
    /// Batches that somebody is working on, or will be.
    busy: Arc<Mutex<HashSet<BatchId>>>,
    /// Tenants with more files than a scan took up, and whether any of those was dealt with since.
    cut: HashMap<TenantId, bool>,
    told: Told,
    memory: Memory,
    work: JoinSet<Event>,
}

type Key = (TenantId, Spot);

/// Whatever makes the loop turn.
enum Event {
    Heard(Heard),
    Knocked(Wishes),
    Time,
    Scanned(Box<Scanner>, Result<Box<Scanned>, &'static str>),
    Looked(Vec<(Key, Observed, bool)>),
    Ended(TenantId, Job, BatchId, Outcome),
    Shutdown,
}

impl Staging {
    /// Prepares to watch `staging`, which is made where it is missing.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn new(staging: PathBuf, rules: Rules, ports: Ports) -> io::Result<Staging> {
        std::fs::create_dir_all(&staging)?;
        // Paths that the watcher tells begin with this.
        let staging = staging.canonicalize()?;
        open::trusted_directory(&staging)?;
        let ears = Ears::default();
        let mut memory = Memory::new(ports.tell.clone());
        let watcher = Watcher::new(ears.clone());
        let every = match (&watcher, is_silent(&staging)) {
            (Ok(_), Ok(None)) => rules.rescan,
            (Ok(_), Ok(Some(kind))) => {
                let every = rules.poll.min(rules.rescan);
                tracing::info!(
                    "the staging directory is on {kind}, which does not tell what happens there: it is looked \
                     through every {every:?}"
                );
                every
            }
            (Err(error), _) => {
                let every = rules.poll.min(rules.rescan);
                memory.trouble(
                    None,
                    format!("the staging directory cannot be watched ({error}): it is looked through every {every:?}"),
                );
                every
            }
            (_, Err(error)) => return Err(error),
        };
        let told = Told::default();
        let scanner = Scanner {
            staging: staging.clone(),
            watcher: watcher.ok(),
            ports: ports.clone(),
            told: told.clone(),
            visited: HashSet::new(),
        };
        Ok(Staging {
            rules,
            tools: Arc::new(Tools { staging, app_bytes: rules.app_bytes, ports }),
            knock: Knock::default(),
            ears,
            scanner: Some(Box::new(scanner)),
            every,
            next_scan: Instant::now(),
            wanted: Wishes::default(),
            known: HashMap::new(),
            quiet: Quiet::new(QuietRules::of(rules.quiet)),
            is_looking: false,
            lanes: Lanes::new(rules.at_once),
            busy: Arc::default(),
            cut: HashMap::new(),
            told,
            memory,
            work: JoinSet::new(),
        })
    }

    /// To tell it that something else has changed.
    pub fn knock(&self) -> Knock {
        self.knock.clone()
    }

    /// Runs until `shutdown`, then until the jobs that are running have ended; others are found again at the next start.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.start_what_is_due();
            let wake = self.quiet.next().filter(|_| !self.is_looking).unwrap_or(self.next_scan).min(self.next_scan);
            let event = tokio::select! {
                () = &mut shutdown => Event::Shutdown,
                heard = self.ears.next() => Event::Heard(heard),
                wishes = self.knock.next() => Event::Knocked(wishes),
                Some(Ok(event)) = self.work.join_next() => event,
                () = tokio::time::sleep_until(wake.into()) => Event::Time,
            };
            match event {
                Event::Heard(heard) => self.heard(heard),
                Event::Knocked(wishes) => self.wanted.add(wishes),
                Event::Time => self.time(Instant::now()),
                Event::Scanned(scanner, scanned) => {
                    self.scanner = Some(scanner);
                    match scanned {
                        Ok(scanned) => self.scanned(*scanned, Instant::now()),
                        Err(sentence) => self.memory.trouble(None, sentence.into()),
                    }
                }
                Event::Looked(looked) => self.looked(looked, Instant::now()),
                Event::Ended(tenant, job, batch, outcome) => self.ended(tenant, job, batch, outcome, Instant::now()),
                Event::Shutdown => break,
            }
        }
        while self.work.join_next().await.is_some() {}
    }

    /// Scans, looks and jobs that can begin now.
    fn start_what_is_due(&mut self) {
        if !self.wanted.is_empty()
            && let Some(mut scanner) = self.scanner.take()
        {
            let (extent, busy) = (self.wanted.take(), self.busy.clone());
            self.work.spawn_blocking(move || {
                let is_busy = |batch| busy.lock().unwrap_or_else(PoisonError::into_inner).contains(&batch);
                // It asks the managers; a mistake of theirs must not end all scanning.
                let scan = AssertUnwindSafe(|| scanner.scan(extent, &is_busy));
                let scanned = catch_unwind(scan).map_err(|_| "a scan of the staging directories broke");
                Event::Scanned(scanner, scanned.map(Box::new))
            });
        }
        if !self.is_looking {
            let due = self.quiet.due(Instant::now(), LOOKS);
            if !due.is_empty() {
                self.is_looking = true;
                let tools = self.tools.clone();
                self.work.spawn_blocking(move || Event::Looked(look_at(&tools, due)));
            }
        }
        while let Some((tenant, job)) = self.lanes.begin() {
            let (batch, said) = match &job {
                Job::Continue(claim) => (claim.batch, self.memory.why_claimed(claim.batch)),
                Job::Settled(spot) | Job::Gone(spot) => (BatchId::new(), self.told.reason(&tenant, spot)),
            };
            self.busy().insert(batch);
            let performed = tokio::spawn(self.tools.clone().perform(tenant.clone(), job.clone(), batch, said));
            self.work.spawn(async move {
                let outcome = performed.await.unwrap_or_else(|broken| Outcome::Broken(broken.to_string()));
                Event::Ended(tenant, job, batch, outcome)
            });
        }
    }

    fn time(&mut self, now: Instant) {
        if now >= self.next_scan {
            self.next_scan = now + self.every;
            self.wanted.all = true;
        }
    }

    fn heard(&mut self, heard: Heard) {
        self.wanted.all |= heard.missed;
        heard.troubles.into_iter().for_each(|sentence| self.memory.trouble(None, sentence));
        for (path, (sign, at)) in heard.signs {
            let Ok(relative) = path.strip_prefix(&self.tools.staging) else { continue };
            match place(relative) {
                Place::Top(name) | Place::Folder(name) => match self.known.get(&name) {
                    // The watch on the directory itself speaks too: of its mode, and when it is removed.
                    Some(tenant) => drop(self.wanted.tenants.insert(tenant.clone())),
                    None => self.wanted.all = true,
                },
                Place::Spot(name, spot) => match self.known.get(&name).cloned() {
                    Some(tenant) => self.restless(tenant, spot, Some(sign), at),
                    // The scan that is going on watches its directory, and may have listed it before this.
                    None => self.wanted.all |= self.scanner.is_none(),
                },
                Place::Nothing if relative.as_os_str().is_empty() => self.wanted.all = true,
                Place::Nothing => {}
            }
        }
    }

    /// Something happened to a file, or (without a sign) a scan saw it.
    fn restless(&mut self, tenant: TenantId, spot: Spot, sign: Option<Sign>, at: Instant) {
        if self.quiet.len() >= MOST_RESTLESS {
            self.cut.entry(tenant).or_default();
            return;
        }
        match sign {
            Some(sign) => self.quiet.heard((tenant, spot), sign, at),
            None => self.quiet.seen((tenant, spot), at),
        }
    }

    fn scanned(&mut self, scanned: Scanned, now: Instant) {
        if let Some(error) = scanned.failure {
            let sentence = format!("the staging directory {} cannot be read: {error}", self.tools.staging.display());
            self.memory.trouble(None, sentence);
            return;
        }
        match scanned.extent {
            Extent::All => self.known = scanned.known,
            Extent::Tenants(_) => self.known.extend(scanned.known),
        }
        for (_, sentence) in scanned.strangers {
            self.memory.trouble(None, sentence);
        }
        if let Some(sentence) = scanned.unwatched.into_iter().next() {
            self.every = self.rules.poll.min(self.rules.rescan);
            self.next_scan = self.next_scan.min(now + self.every);
            let sentence = format!("{sentence}; what is not watched is looked through every {:?}", self.every);
            self.memory.trouble(None, sentence);
        }
        for tenant in scanned.tenants {
            self.scanned_tenant(tenant, now);
        }
    }

    fn scanned_tenant(&mut self, scan: TenantScan, now: Instant) {
        let tenant = scan.tenant;
        scan.troubles.into_iter().for_each(|sentence| self.memory.trouble(Some(&tenant), sentence));
        for odd in &scan.outstanding.odd {
            let path = super::name::shown(odd.as_os_str());
            let sentence = format!("{path} of {tenant} is nothing that this host put there: it is left alone");
            self.memory.trouble(Some(&tenant), sentence);
        }
        for claim in scan.outstanding.claims {
            if self.busy().insert(claim.batch) {
                self.lanes.push(&tenant, Job::Continue(claim), false);
            }
        }
        if scan.is_cut {
            self.cut.insert(tenant.clone(), false);
        }
        for spot in scan.files {
            if !self.lanes.is_queued(&tenant, &Job::Settled(spot.clone())) {
                self.restless(tenant.clone(), spot, None, now);
            }
        }
        for spot in scan.gone {
            self.restless(tenant.clone(), spot, None, now);
        }
    }

    fn looked(&mut self, looked: Vec<(Key, Observed, bool)>, now: Instant) {
        self.is_looking = false;
        for (key, observed, is_directory) in looked {
            let decision = self.quiet.observed(&key, observed, now);
            let (tenant, spot) = key;
            match decision {
                Decision::Wait => {}
                // Somebody made the inbox of an app by hand.
                Decision::Settled if spot.kind == Kind::Loose && is_directory => {
                    self.wanted.tenants.insert(tenant);
                }
                Decision::Settled => {
                    let is_urgent = spot.kind == Kind::App;
                    self.lanes.push(&tenant, Job::Settled(spot), is_urgent);
                }
                Decision::Gone => {
                    self.told.forget(&tenant, &spot);
                    if spot.kind == Kind::App {
                        self.lanes.push(&tenant, Job::Gone(spot), true);
                    }
                }
            }
        }
    }

    fn ended(&mut self, tenant: TenantId, job: Job, batch: BatchId, outcome: Outcome, now: Instant) {
        self.lanes.done(&tenant);
        self.busy().remove(&batch);
        let is_progress = match (outcome, job) {
            (Outcome::Done, Job::Settled(spot) | Job::Gone(spot)) => {
                self.told.forget(&tenant, &spot);
                true
            }
            (Outcome::Done, Job::Continue(claim)) => {
                self.memory.forget_claim(claim.batch);
                true
            }
            (Outcome::Unrest, Job::Settled(spot) | Job::Gone(spot)) => {
                self.restless(tenant.clone(), spot, Some(Sign::Touched), now);
                false
            }
            (Outcome::Told(entry, reason), Job::Settled(spot)) => self.told.insert(&tenant, spot, entry, reason),
            (Outcome::Live, _) => {
                self.wanted.tenants.insert(tenant.clone());
                true
            }
            (Outcome::Claimed(batch, sentence), _) => {
                self.memory.claimed(&tenant, batch, sentence);
                true
            }
            (Outcome::Broken(sentence), _) => {
                self.memory.trouble(Some(&tenant), format!("staging failed at a file of {tenant}: {sentence}"));
                false
            }
            (Outcome::Told(..), _) | (Outcome::Unrest, Job::Continue(_)) => false,
        };
        self.look_for_more(&tenant, is_progress);
    }

    /// A scan took up only so many of a tenant's files: the next ones when those are done with. Not where nothing came of
    /// them, or it would find the same again at once.
    fn look_for_more(&mut self, tenant: &TenantId, is_progress: bool) {
        let Some(was_progress) = self.cut.get_mut(tenant) else { return };
        *was_progress |= is_progress;
        if *was_progress && self.quiet.len() < MOST_RESTLESS / 2 && self.lanes.queued(tenant) == 0 {
            self.cut.remove(tenant);
            self.wanted.tenants.insert(tenant.clone());
        }
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<BatchId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look_at(tools: &Tools, due: Vec<Key>) -> Vec<(Key, Observed, bool)> {
    let Ok(staging) = open::trusted_directory(&tools.staging) else {
        return due.into_iter().map(|key| (key, Observed::Nothing, false)).collect();
    };
    let look = |key: Key| {
        let (observed, is_directory) = job::look(&staging, &key.0, &key.1);
        (key, observed, is_directory)
    };
    due.into_iter().map(look).collect()
}

#[cfg(test)]
mod tests;
