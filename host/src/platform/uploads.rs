//! Submitting files from elsewhere: a batch is opened (its limits are checked before a byte arrives), its files are sent one
//! by one, then it is committed.
//!
//! ```text
//!   open(batch id, tenant, app, names and sizes) ─▶ send(batch, 0) … send(batch, n) ─▶ commit(batch) ─▶ task numbers
//! ```
//!
//! An open batch is known to this process alone (see [`opened`](super::opened)). A file that does not come whole leaves nothing, and
//! may be sent again; a file for which its tenant has no room ends its batch. Whatever was sent of a batch that is never committed is
//! removed: after [`PATIENCE`] in which nothing of it was under way, or at the next start after a kill. Opening, sending and
//! committing the same again answers the same.
//!
//! Before files are removed the queue is asked, since it may have taken a batch of which nobody heard the answer. What it has is
//! left alone; where it cannot say, it is asked again later.

use super::Platform;
use super::batches::{being_sent, unknown_batch};
use super::error::{ActionError, Kind};
use super::incoming::{Incoming, file_name};
use crate::batch::submit::may_pass;
use crate::queue::Load;
use crate::staging::files::Terms;
use crate::task::{BatchId, StoredFile};
use crate::tenant::{AppName, TenantId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::io::AsyncRead;

/// How long an open batch may be silent.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// How long after a lost answer the queue is asked whether it has a batch: what it was asked may still be on its way to it.
const DOUBT: Duration = Duration::from_secs(30);

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

impl Platform {
    /// Opens a batch. The same again is the same batch.
    ///
    /// # Errors
    /// Tenant or app are not there, a limit forbids it, a name will not do, or another batch is open under its id: nothing is
    /// kept then.
    pub async fn open_batch(&self, plan: OpenBatch) -> Result<OpenedBatch, ActionError> {
        let batch = plan.batch.unwrap_or_default();
        if self.uploads.is_open(batch, &plan)? {
            return Ok(OpenedBatch { batch });
        }
        if let Err(error) = self.open_new(batch, &plan).await {
            let names = plan.files.into_iter().map(|file| file.name).collect();
            self.batches.refused(&plan.tenant, plan.app.as_str(), names, &error).await;
            return Err(error);
        }
        Ok(OpenedBatch { batch })
    }

    async fn open_new(&self, batch: BatchId, plan: &OpenBatch) -> Result<(), ActionError> {
        plan.files.iter().try_for_each(|file| file_name(&file.name).map(|_| ()))?;
        let limits = self.active(&plan.tenant)?.app(&plan.app).limits;
        // A batch that is there already is committed again, whatever its limits are now.
        let load = match self.batches.parts.queue.batch(batch).await?.is_empty() {
            true => {
                let sizes: Vec<(String, u64)> = plan.files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
                self.batches.check(&plan.tenant, &plan.app, &sizes).await?
            }
            false => Load::default(),
        };
        self.uploads.open(batch, plan.clone(), &limits, &load)
    }

    /// Takes one file of an open batch in, which has this BLAKE3 where one is said.
    ///
    /// # Errors
    /// The batch is not open, has no such file, other bytes came than were announced, or its tenant has no room. Nothing of the
    /// file is kept then; nor of the batch, where it was for want of room and nothing else of it is under way.
    pub async fn send_file(
        &self,
        batch: BatchId,
        index: usize,
        blake3: Option<&str>,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<StoredFile, ActionError> {
        let (sending, OpenBatch { tenant, app, .. }, planned) = self.uploads.send(batch, index)?;
        let incoming = Incoming { tenant: &tenant, app: &app, batch, index, name: &planned.name };
        let terms = Terms { least: planned.bytes, blake3, ..Terms::most(planned.bytes) };
        let stored = match self.take_in(&incoming, terms, content).await {
            Ok(stored) => stored,
            Err(error) => {
                // Two batches that each wait for the other's room would hold it for as long as they may be silent.
                if error.kind == Kind::Limit && self.uploads.close_alone(&sending) {
                    self.give_up(&tenant, batch).await;
                }
                return Err(error);
            }
        };
        if !self.uploads.sent(&sending, index, &stored) {
            if self.uploads.owner(batch).is_none() {
                self.give_up(&tenant, batch).await;
            }
            return Err(unknown_batch(batch));
        }
        Ok(stored)
    }

    /// Puts an open batch into the queue, and answers the numbers of its tasks.
    ///
    /// # Errors
    /// It is not open, a file is missing, or it is refused after all.
    pub async fn commit_batch(&self, batch: BatchId) -> Result<Vec<u64>, ActionError> {
        // One at a time: whoever is refused removes what was sent.
        let _turn = self.uploads.take(batch).ok_or_else(being_sent)?;
        let there = self.batches.parts.queue.batch(batch).await?;
        if !there.is_empty() {
            self.uploads.close(batch);
            self.batches.parts.files.settled(batch);
            return Ok(there);
        }
        let (_committing, submission) = self.uploads.commit(batch)?;
        let submitted = self.batches.submit(submission).await;
        // What may pass is committed again; everything else is over.
        if !submitted.as_ref().is_err_and(may_pass) {
            self.uploads.close(batch);
        }
        submitted
    }

    /// Removes what was sent of batches that have been silent for too long, and of those of which the queue could not say
    /// whether it has them.
    pub async fn drop_silent_uploads(&self) {
        let silent = self.uploads.close_silent(PATIENCE);
        for (tenant, batch) in silent.into_iter().chain(self.uploads.take_doubtful(DOUBT)) {
            self.give_up(&tenant, batch).await;
        }
    }

    /// Removes what was sent of a batch that nobody sends any more, unless the queue has it.
    pub(super) async fn give_up(&self, tenant: &TenantId, batch: BatchId) {
        match self.batches.parts.queue.batch(batch).await {
            Ok(tasks) if tasks.is_empty() => {
                if let Err(error) = self.batches.parts.remove_files(tenant, batch).await {
                    tracing::warn!(%error, %batch, "the files of an abandoned batch could not be removed");
                }
            }
            Ok(_) => self.batches.parts.files.settled(batch),
            Err(error) => {
                tracing::warn!(%error, %batch, "whether the queue has an abandoned batch cannot be told: it is asked again");
                self.uploads.doubt(tenant, batch);
            }
        }
    }
}
