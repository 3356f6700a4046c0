//! Where staging ends: what it hands on, to whom, and what it hears back.
//!
//! [`AppIntake`] (the registry of apps) judges candidates, [`Inbox`] (the batch manager) takes data files. Staging knows
//! neither; they know nothing of directories, links and half-copied files.

use super::snapshot::Snapshot;
use crate::journal::Happening;
use crate::sink::BoxFuture;
use crate::task::BatchId;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::candidate::Finding;

/// Which file it is, and which state of it: a file that is dropped, replaced, touched or written to has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device that it lies on.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// Its size.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// A `.so` that has come to rest in a staging directory.
#[derive(Debug)]
pub struct AppCandidate {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it lies beneath the tenant's directory: `x.so` or `apps/x.so`. Names the file from now on.
    pub file: OsString,
    /// The same, fit to be shown.
    pub shown: String,
    /// Which file, and which state of it, was read.
    pub identity: FileIdentity,
    /// Its bytes, sealed.
    pub snapshot: Snapshot,
    /// When the file was last changed.
    pub last_change: Timestamp,
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub enum AppVerdict {
    /// Its apps are live (or were already, from the same bytes).
    Live {
        /// The names under which it is live.
        apps: Vec<AppName>,
        /// The generation.
        generation: String,
        /// One sentence.
        sentence: String,
        /// Warnings and notes.
        findings: Vec<Finding>,
    },
    /// It is not an app; nothing has changed.
    Refused {
        /// Why, in one sentence.
        sentence: String,
        /// Everything that was found.
        findings: Vec<Finding>,
    },
    /// It could not be judged just now: it is tried again with the next scan.
    Later {
        /// Why, in one sentence.
        sentence: String,
    },
}

/// Judges candidates and knows which apps are live.
pub trait AppIntake: Send + Sync {
    /// Judges a candidate; where it will do, it is live when this answers. Tells the journal of it.
    fn consider(&self, candidate: AppCandidate) -> BoxFuture<'_, AppVerdict>;

    /// The file is gone (`file` as in [`AppCandidate`]): whatever stands on it retires. Answers a sentence where something
    /// did.
    fn removed<'a>(&'a self, tenant: &'a TenantId, file: &'a OsStr) -> BoxFuture<'a, Option<String>>;

    /// Whether this very state of this file was judged before, even by an earlier life of the host. Cheap: asked for each
    /// file at each scan.
    fn is_known(&self, tenant: &TenantId, file: &OsStr, identity: &FileIdentity) -> bool;

    /// The files of a tenant that are remembered: those of them that are not there any more are told as
    /// [`removed`](AppIntake::removed). Cheap.
    fn files(&self, tenant: &TenantId) -> Vec<OsString>;

    /// The apps of a tenant that are live: each gets a directory in the inbox. Cheap.
    fn live(&self, tenant: &TenantId) -> Vec<AppName>;
}

/// A data file that has been claimed: it lies where only this host puts files, under the id of its batch. It stays there until
/// [`Inbox::take`] has said what became of it.
#[derive(Debug)]
pub struct TakenFile {
    /// Whose it is.
    pub tenant: TenantId,
    /// The app whose inbox it was dropped into.
    pub app: AppName,
    /// The batch it is, whenever it is handed over again.
    pub batch: BatchId,
    /// Its name.
    pub name: OsString,
    /// Its name, fit to be shown.
    pub shown: String,
    /// The file, opened for reading: regular, written by nobody.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// The directory in which it lies, as `name`.
    pub directory: OwnedFd,
}

/// What became of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the queue, durably.
    Accepted {
        /// Numbers of its tasks.
        tasks: Vec<u64>,
        /// One sentence.
        sentence: String,
    },
    /// It is not, and nothing of it is kept: it is put aside.
    Refused {
        /// Why: which limit, which value.
        sentence: String,
    },
    /// It cannot be said just now, it may even be in the queue: it is handed over again, under the same batch id, with the
    /// next scan and when an app goes live.
    Later {
        /// Why.
        sentence: String,
    },
}

/// Takes data files.
pub trait Inbox: Send + Sync {
    /// Why a file for this app has to wait where it is, if so (no such app is live; the tenant is switched off). Cheap: asked
    /// before anything is claimed.
    fn holds_back(&self, tenant: &TenantId, app: &AppName) -> Option<String>;

    /// Puts a file into the queue. The same batch may be handed over again, after a crash or after
    /// [`Taken::Later`]: it must be asked first whether the queue knows it.
    fn take(&self, taken: TakenFile) -> BoxFuture<'_, Taken>;
}

/// Which tenant a directory belongs to, by its name; `None` where it belongs to none.
pub type KnownTenants = Arc<dyn Fn(&str) -> Option<TenantId> + Send + Sync>;

/// Where staging tells what it decided by itself: a refusal before anybody was asked, or trouble.
pub type Tell = Arc<dyn Fn(Option<&TenantId>, Happening) + Send + Sync>;

/// Everybody that staging talks to.
#[derive(Clone)]
pub struct Ports {
    /// Judges candidates.
    pub apps: Arc<dyn AppIntake>,
    /// Takes data files.
    pub inbox: Arc<dyn Inbox>,
    /// Knows the tenants.
    pub tenants: KnownTenants,
    /// Writes the journal.
    pub tell: Tell,
}
