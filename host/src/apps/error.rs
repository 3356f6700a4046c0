//! What can go wrong with the registry, told to people.

use super::index::RollbackError;
use super::probe::ProbeError;
use super::store::{CopyError, StoreError};
use crate::sqlite::{FileError, Trouble};
use crate::tenant::{AppName, TenantId};
use std::path::PathBuf;

/// The registry could not do something.
#[derive(Debug, thiserror::Error)]
pub enum AppsError {
    /// The file of the registry cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file of the registry says something that it cannot say.
    #[error("the apps file {} cannot be read: {source}; restore it from a backup", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The registry cannot be read or written just now.
    #[error("the app registry cannot be read or written: {0}")]
    Database(String),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the store cannot be used.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The host could not do its part of a probe.
    #[error("{file} could not be probed: {source}")]
    Probe {
        /// The file.
        file: String,
        /// Why not.
        source: ProbeError,
    },
    /// What another host has will not do here.
    #[error("generation {} of app {app} of another host cannot be used here: {reason}", hash.get(..12).unwrap_or(hash))]
    Unfit {
        /// The app.
        app: AppName,
        /// The generation.
        hash: String,
        /// Why not.
        reason: String,
    },
    /// Nobody dropped such an app.
    #[error("tenant {tenant} has no app {app}: it has {known}")]
    NoApp {
        /// The tenant.
        tenant: TenantId,
        /// The app.
        app: AppName,
        /// Those that it has, as a list in words.
        known: String,
    },
    /// It is retired already.
    #[error("app {app} of tenant {tenant} is retired already: nothing was changed")]
    NotLive {
        /// The tenant.
        tenant: TenantId,
        /// The app.
        app: AppName,
    },
    /// There is nothing to roll back to.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The host is going down.
    #[error("the host is shutting down: nothing was judged or changed, ask again after its start")]
    ShuttingDown,
}

impl From<Trouble> for AppsError {
    fn from(trouble: Trouble) -> AppsError {
        AppsError::Database(trouble.words)
    }
}
