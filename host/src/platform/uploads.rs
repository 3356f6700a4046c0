//! Submitting files from elsewhere: a batch is opened (its limits are checked before a byte arrives), its files are sent one
//! by one, then it is committed.
//!
//! ```text
//!   open(batch id, tenant, app, names and sizes) ─▶ send(batch, 0) … send(batch, n) ─▶ commit(batch) ─▶ task numbers
//! ```
//!
//! An open batch is known to this process alone. Whatever was sent of a batch that is never committed is removed: at once
//! where the sender is cut off amid a file, after [`PATIENCE`] where it falls silent, at the next start after a kill.
//! Committing twice answers the same numbers.

use super::Platform;
use super::batches::unknown_batch;
use super::error::ActionError;
use crate::batch::submit::Submission;
use crate::task::{BatchId, Origin, StoredFile};
use crate::tenant::{AppName, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncRead;

/// How long an open batch may be silent.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// A batch that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBatch {
    /// Its id, chosen by the sender so that a repeated request is the same batch; a new one where none is given.
    pub batch: Option<BatchId>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The app that is to read it.
    pub app: AppName,
    /// Its files, in order.
    pub files: Vec<PlannedFile>,
}

/// A file that will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedFile {
    /// Its name, without a directory.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A batch that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OpenedBatch {
    /// Its id.
    pub batch: BatchId,
}

/// Batches that are open.
#[derive(Clone, Default)]
pub(super) struct Uploads {
    open: Arc<Mutex<HashMap<BatchId, Upload>>>,
    /// Batches that come in one request each.
    receiving: Arc<Mutex<HashSet<BatchId>>>,
}

/// That somebody sends a batch, and nobody else does; dropped, it is over.
pub(super) struct Turn {
    all: Arc<Mutex<HashSet<BatchId>>>,
    batch: BatchId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.batch);
    }
}

struct Upload {
    plan: OpenBatch,
    files: Vec<Option<StoredFile>>,
    touched: Instant,
}

impl Uploads {
    /// Somebody begins to send a batch; `None` where somebody does already.
    pub(super) fn take(&self, batch: BatchId) -> Option<Turn> {
        let all = Arc::clone(&self.receiving);
        let is_first = all.lock().unwrap_or_else(PoisonError::into_inner).insert(batch);
        is_first.then(|| Turn { all, batch })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BatchId, Upload>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform {
    /// Whose a batch is that is open here.
    pub(super) fn open_batch_of(&self, batch: BatchId) -> Option<TenantId> {
        self.uploads.lock().get(&batch).map(|upload| upload.plan.tenant.clone())
    }

    /// Opens a batch.
    ///
    /// # Errors
    /// Tenant or app are not there, a limit forbids it, or a name will not do: nothing is kept then.
    pub async fn open_batch(&self, plan: OpenBatch) -> Result<OpenedBatch, ActionError> {
        let sizes: Vec<(String, u64)> = plan.files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
        let batch = plan.batch.unwrap_or_default();
        // A batch that is there already is committed again, whatever its limits are now.
        if self.batches.parts.queue.batch(batch).await?.is_empty()
            && let Err(error) = self.batches.check(&plan.tenant, &plan.app, &sizes).await
        {
            let names = sizes.into_iter().map(|(name, _)| name).collect();
            self.batches.refused(&plan.tenant, plan.app.as_str(), names, &error).await;
            return Err(error);
        }
        let files = vec![None; plan.files.len()];
        self.uploads.lock().insert(batch, Upload { plan, files, touched: Instant::now() });
        Ok(OpenedBatch { batch })
    }

    /// Takes one file of an open batch in.
    ///
    /// # Errors
    /// The batch is not open, has no such file, or other bytes came than were announced. Nothing of the file is kept then.
    pub async fn send_file(
        &self,
        batch: BatchId,
        index: usize,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<StoredFile, ActionError> {
        let (tenant, planned) = {
            let mut open = self.uploads.lock();
            let upload = open.get_mut(&batch).ok_or_else(|| unknown_batch(batch))?;
            upload.touched = Instant::now();
            let count = upload.plan.files.len();
            let planned = upload.plan.files.get(index).cloned().ok_or_else(|| {
                ActionError::not_found(
                    "unknown_file",
                    format!("batch {batch} has {count} files: there is no file {index}"),
                )
            })?;
            (upload.plan.tenant.clone(), planned)
        };
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        let name = OsStr::new(&planned.name);
        let stored = self.batches.parts.files.receive(&tenant, batch, place, name, content, planned.bytes).await?;
        if stored.bytes < planned.bytes {
            self.abandon(batch, &tenant).await;
            let sentence = format!(
                "only {} of the {} bytes of {} came: it shrank meanwhile; submit it again",
                stored.bytes, planned.bytes, planned.name
            );
            return Err(ActionError::invalid("wrong_size", sentence));
        }
        let mut open = self.uploads.lock();
        let upload = open.get_mut(&batch).ok_or_else(|| unknown_batch(batch))?;
        upload.touched = Instant::now();
        upload.files[index] = Some(stored.clone());
        Ok(stored)
    }

    /// Puts an open batch into the queue, and answers the numbers of its tasks.
    ///
    /// # Errors
    /// It is not open, a file is missing, or it is refused after all.
    pub async fn commit_batch(&self, batch: BatchId) -> Result<Vec<u64>, ActionError> {
        let there = self.batches.parts.queue.batch(batch).await?;
        if !there.is_empty() {
            self.uploads.lock().remove(&batch);
            return Ok(there);
        }
        let submission = {
            let open = self.uploads.lock();
            let Upload { plan, files, .. } = open.get(&batch).ok_or_else(|| unknown_batch(batch))?;
            let missing = files.iter().position(Option::is_none);
            if let Some(missing) = missing {
                let sentence = format!("file {missing} of batch {batch} was not sent: send it, then commit again");
                return Err(ActionError::conflict("missing_file", sentence));
            }
            let files = files.iter().flatten().cloned().collect();
            let (tenant, app) = (plan.tenant.clone(), plan.app.clone());
            Submission { id: batch, tenant, app, origin: Origin::Submitted, files }
        };
        let submitted = self.batches.submit(submission).await;
        // What may pass is committed again; everything else is over.
        if !matches!(&submitted, Err(error) if error.kind == super::error::Kind::Unavailable) {
            self.uploads.lock().remove(&batch);
        }
        submitted
    }

    /// Removes what was sent of batches that have been silent for too long.
    pub async fn drop_silent_uploads(&self) {
        let silent: Vec<(BatchId, TenantId)> = {
            let mut open = self.uploads.lock();
            let silent = open.extract_if(|_, upload| upload.touched.elapsed() > PATIENCE);
            silent.map(|(batch, upload)| (batch, upload.plan.tenant)).collect()
        };
        for (batch, tenant) in silent {
            self.abandon(batch, &tenant).await;
        }
    }

    async fn abandon(&self, batch: BatchId, tenant: &TenantId) {
        self.uploads.lock().remove(&batch);
        if let Err(error) = self.batches.parts.remove_files(tenant, batch).await {
            tracing::warn!(%error, %batch, "the files of an abandoned batch could not be removed");
        }
    }
}
