//! What this host lacks and another one has: fetched from the depot, checked, kept. And the way there.

use super::parts::Parts;
use crate::apps::Generation;
use crate::staging::files::{FileStoreError, Terms};
use crate::staging::snapshot::Snapshot;
use crate::task::{BatchId, StoredFile, TaskRecord};
use crate::tenant::{AppName, TenantId};
use rustix::fs::MemfdFlags;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

impl Parts {
    /// Puts files where other hosts find them, before a queue says that they are there.
    ///
    /// # Errors
    /// A sentence: the depot does not take them.
    pub(crate) async fn share_files(&self, files: &[StoredFile]) -> Result<(), String> {
        let Some(depot) = &self.depot else { return Ok(()) };
        for file in files {
            let path = self.files.path(&file.key).map_err(|error| error.to_string())?;
            depot.put_file(&file.key, &path).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Puts an app where other hosts find it, before it is announced.
    ///
    /// # Errors
    /// A sentence: the depot does not take it.
    pub(crate) async fn share_app(&self, generation: &Generation) -> Result<(), String> {
        let Some(depot) = &self.depot else { return Ok(()) };
        depot.put_app(generation.hash(), generation.path()).await.map_err(|error| error.to_string())
    }

    /// The file of a task: where this host has it, having got it if it had not.
    ///
    /// # Errors
    /// A sentence: it is nowhere, or not what was submitted.
    pub(crate) async fn file(&self, task: &TaskRecord) -> Result<PathBuf, Missing> {
        let StoredFile { name, bytes, content, key } = &task.file;
        let path = self.files.path(key).map_err(|error| Missing::Lasting(error.to_string()))?;
        let Some(depot) = self.depot.as_ref().filter(|_| !path.exists()) else { return Ok(path) };
        let place = task.file.place();
        let (batch, index) = place.ok_or_else(|| Missing::Lasting(format!("{key} is no key of a file")))?;
        let reader = depot.file_content(key).await.map_err(Missing::of)?;
        // Nothing else than what was submitted becomes a file: the next attempt would take it for that.
        let terms = Terms { least: *bytes, blake3: Some(content), ..Terms::most(*bytes) };
        let got = self.files.receive(&task.tenant, batch, index, OsStr::new(name), reader, terms).await;
        self.files.settled(batch);
        match got {
            Ok(_) => Ok(path),
            Err(
                FileStoreError::OtherContent { .. } | FileStoreError::TooLong { .. } | FileStoreError::TooShort { .. },
            ) => Err(Missing::Lasting(format!(
                "the file {name} in the depot is not what was submitted: somebody changed it; submit it again"
            ))),
            Err(error) => Err(Missing::Passing(error.to_string())),
        }
    }

    /// A generation of an app, having got it if this host had it not.
    ///
    /// # Errors
    /// A sentence: it is nowhere, or will not do here.
    pub(crate) async fn generation(
        &self,
        tenant: &TenantId,
        app: &AppName,
        hash: &str,
    ) -> Result<Arc<Generation>, Missing> {
        if let Some(known) = self.apps.generation(tenant, app, hash).filter(|known| !known.is_lost()) {
            return Ok(known);
        }
        let short = hash.get(..12).unwrap_or(hash);
        let Some(depot) = &self.depot else {
            return Err(Missing::Lasting(format!(
                "generation {short} of app {app}, which began this task, is not kept any more: rerun it with another"
            )));
        };
        let bytes = depot.app_bytes(hash).await.map_err(Missing::of)?;
        let snapshot = sealed(&bytes, app.as_str()).map_err(|error| Missing::Passing(error.to_string()))?;
        self.apps.adopt(tenant, app, hash, snapshot).await.map_err(|error| match error {
            crate::apps::AppsError::Unfit { .. } => Missing::Lasting(error.to_string()),
            _ => Missing::Passing(error.to_string()),
        })
    }

    /// Removes the files of a batch, here and where other hosts find them.
    ///
    /// # Errors
    /// A sentence: something could not be removed.
    pub(crate) async fn remove_files(&self, tenant: &TenantId, batch: BatchId) -> Result<(), String> {
        self.files.remove(tenant, batch).await.map_err(|error| error.to_string())?;
        match &self.depot {
            Some(depot) => depot.remove_batch(tenant, batch).await.map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}

/// Why something is not at hand; the sentence says what.
#[derive(Debug)]
pub(crate) enum Missing {
    /// A person has to see to it.
    Lasting(String),
    /// It may come by itself.
    Passing(String),
}

impl Missing {
    /// What is missing, and why.
    pub(crate) fn sentence(self) -> String {
        match self {
            Missing::Lasting(sentence) | Missing::Passing(sentence) => sentence,
        }
    }

    fn of(error: crate::depot::DepotError) -> Missing {
        match error {
            crate::depot::DepotError::Missing(_) => Missing::Lasting(error.to_string()),
            _ => Missing::Passing(error.to_string()),
        }
    }
}

/// Bytes as a snapshot, which nobody can change.
fn sealed(bytes: &[u8], name: &str) -> io::Result<Snapshot> {
    let mut memory = File::from(rustix::fs::memfd_create("adopted", MemfdFlags::CLOEXEC)?);
    memory.write_all(bytes)?;
    io::Seek::rewind(&mut memory)?;
    Snapshot::of(&memory, name).map_err(io::Error::other)
}
