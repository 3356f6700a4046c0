//! What comes in and what comes out: a candidate, the verdict on it, what changed, what happened before.

use super::generation::Generation;
use crate::staging::candidate::{Finding, Kind};
pub use crate::staging::ports::FileIdentity;
use crate::staging::snapshot::Snapshot;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// A `.so` that a tenant dropped.
#[derive(Debug)]
pub struct Candidate {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name below the tenant's directory, fit to be shown. The tenant has no other file of this name.
    pub file: String,
    /// The state of the file that the snapshot was taken of.
    pub identity: FileIdentity,
    /// Its bytes.
    pub snapshot: Snapshot,
    /// When the file was last changed or named: the time to live is counted from there.
    pub last_change: Timestamp,
}

/// How a candidate was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is what its app is now.
    Live,
    /// It cannot be an app here; nothing changed.
    Refused,
    /// This very file was judged before; nothing changed. The sentence is that of then.
    Unchanged,
}

/// What became of a candidate. Durable, but for [`Decision::Unchanged`], which was so before.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Verdict {
    /// How it was judged.
    pub verdict: Decision,
    /// What, where, why and how to mend it.
    pub sentence: String,
    /// The file.
    pub file: String,
    /// The app, where its name could be read.
    pub app: Option<AppName>,
    /// Its generation; `None` where the file could not be read.
    pub generation: Option<String>,
    /// Version that it says it has.
    pub version: String,
    /// What it does.
    pub kinds: Vec<Kind>,
    /// From the last change of the file until it was live, in milliseconds.
    pub after_ms: Option<u64>,
    /// Everything that its bytes told.
    pub findings: Vec<Finding>,
}

/// What was said of a file when it was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state of the file.
    pub identity: FileIdentity,
    /// It was taken.
    pub accepted: bool,
    /// The generation; `None` where it could not be read.
    pub generation: Option<String>,
    /// The app, where its name could be read.
    pub app: Option<AppName>,
    /// What was said.
    pub sentence: String,
}

/// What apps are live has changed. Told after it is durable, in the order of the changes of each tenant.
#[derive(Clone, Debug)]
pub enum Change {
    /// A generation is live.
    Live {
        /// The generation.
        generation: Arc<Generation>,
        /// The one that was live until now.
        replaced: Option<Arc<Generation>>,
        /// From the last change of its file, in milliseconds, where it came from a file.
        after_ms: Option<u64>,
        /// Why.
        reason: String,
    },
    /// An app is gone.
    Retired {
        /// The generation that was live.
        generation: Arc<Generation>,
        /// Why.
        reason: String,
    },
}

/// Where an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// New tasks run on it.
    Live,
    /// Its file was removed, or somebody retired it. It can be rolled back to.
    Retired,
    /// It should be live, but its file in the store is gone or damaged.
    Missing,
}

/// One app, for lists.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AppStatus {
    /// Whose it is.
    pub tenant: TenantId,
    /// The app.
    pub app: AppName,
    /// Where it stands.
    pub state: AppState,
    /// The generation that is live, or was last.
    pub generation: String,
    /// Version that it says it has.
    pub version: String,
    /// What it does.
    pub kinds: Vec<Kind>,
    /// The file that it came from.
    pub file: String,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Generations that can be rolled back to, the newest first; the live one among them.
    pub kept: Vec<String>,
}

/// What happened to an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// A file was dropped and went live.
    Live,
    /// A file was dropped and refused.
    Refused,
    /// Somebody made an earlier generation live again.
    RolledBack,
    /// The file was removed, or became another app.
    Removed,
    /// Somebody retired it by hand.
    Retired,
}

impl Occurrence {
    const ALL: [Occurrence; 5] =
        [Occurrence::Live, Occurrence::Refused, Occurrence::RolledBack, Occurrence::Removed, Occurrence::Retired];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Occurrence::Live => "live",
            Occurrence::Refused => "refused",
            Occurrence::RolledBack => "rolled_back",
            Occurrence::Removed => "removed",
            Occurrence::Retired => "retired",
        }
    }

    pub(super) fn named(name: &str) -> Option<Occurrence> {
        Occurrence::ALL.into_iter().find(|occurrence| occurrence.name() == name)
    }
}

/// One line of a tenant's history of apps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: Occurrence,
    /// The app, where its name could be read.
    pub app: Option<AppName>,
    /// The generation, where it could be read.
    pub generation: Option<String>,
    /// Version that it says it has.
    pub version: String,
    /// What it does.
    pub kinds: Vec<Kind>,
    /// The file, where one was dropped or removed.
    pub file: Option<String>,
    /// Why, or the verdict.
    pub sentence: String,
}
