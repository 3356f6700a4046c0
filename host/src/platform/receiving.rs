//! A batch whose files come in one request, one after another, of sizes that nobody knows before.
//!
//! Limits are held against what has come: a file is cut off at the first byte that is too many, and at the first piece for which
//! its tenant has no room. What is not committed is removed, however the request ends.

use super::Platform;
use super::batches::being_sent;
use super::error::ActionError;
use super::incoming::{Incoming, file_name};
use super::opened::Turn;
use crate::batch::submit::{Submission, may_pass};
use crate::staging::files::{FileStoreError, Terms};
use crate::task::{BatchId, Origin, StoredFile};
use crate::tenant::{AppName, TenantId};
use tokio::io::AsyncRead;
use tracing::Instrument as _;

/// See the module.
pub struct Receiving {
    platform: Platform,
    batch: BatchId,
    tenant: TenantId,
    app: AppName,
    files: Vec<StoredFile>,
    /// Its tasks, where it is in the queue.
    tasks: Vec<u64>,
    /// Something of it may lie among the files.
    is_loose: bool,
    /// Nobody else sends it meanwhile.
    turn: Option<Turn>,
}

impl Platform {
    /// Begins to receive a batch.
    ///
    /// # Errors
    /// There is no such tenant, or the queue cannot answer.
    pub async fn receive(&self, batch: BatchId, tenant: TenantId, app: AppName) -> Result<Receiving, ActionError> {
        self.tenant(&tenant)?;
        let turn = self.uploads.take(batch).ok_or_else(being_sent)?;
        let tasks = self.batches.parts.queue.batch(batch).await?;
        let (platform, files) = (self.clone(), Vec::new());
        Ok(Receiving { platform, batch, tenant, app, files, tasks, is_loose: false, turn: Some(turn) })
    }
}

impl Receiving {
    /// Its tasks, where the very same batch came in before: with a first file of this name, where one is said.
    ///
    /// # Errors
    /// Another batch came in under its id, or the queue cannot answer.
    pub async fn there(&self, name: Option<&str>) -> Result<Option<Vec<u64>>, ActionError> {
        let Some(first) = self.tasks.first() else { return Ok(None) };
        let task = self.platform.task(*first).await?;
        let is_its = task.tenant == self.tenant && task.app == self.app;
        if !is_its || name.is_some_and(|name| task.file.name != name) {
            let sentence = "this Idempotency-Key was used for another file: use another key for each";
            return Err(ActionError::conflict("idempotency_key_reused", sentence));
        }
        Ok(Some(self.tasks.clone()))
    }

    /// Takes one file in, of so many bytes where that was said.
    ///
    /// # Errors
    /// A limit forbids it, its name will not do, or it does not come whole. Nothing of the batch is kept then.
    pub async fn file(
        &mut self,
        name: &str,
        said: Option<u64>,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<(), ActionError> {
        let name = file_name(name)?;
        self.admit(name, said.unwrap_or(0)).await?;
        let most = self.most()?;
        self.is_loose = true;
        let (tenant, app, batch, index) = (&self.tenant, &self.app, self.batch, self.files.len());
        let incoming = Incoming { tenant, app, batch, index, name };
        let stored = self.platform.take_in(&incoming, Terms::most(most), content).await;
        if stored.as_ref().is_err_and(|error| error.code == "wrong_size") {
            // Which limit it is that one byte more breaks.
            self.admit(name, most.saturating_add(1)).await?;
        }
        let stored = stored?;
        if let Some(said) = said.filter(|said| *said != stored.bytes) {
            let sentence = format!("{name} was to have {said} bytes, and {} came: send it again", stored.bytes);
            return Err(ActionError::invalid("wrong_size", sentence));
        }
        self.files.push(stored);
        Ok(())
    }

    /// The last file must have this BLAKE3.
    ///
    /// # Errors
    /// It has another.
    pub fn must_be(&self, blake3: &str) -> Result<(), ActionError> {
        match self.files.last() {
            Some(file) if !file.content.eq_ignore_ascii_case(blake3) => {
                let (file, came, wanted) = (file.name.clone(), file.content.clone(), blake3.to_owned());
                Err(FileStoreError::OtherContent { file, came, wanted }.into())
            }
            _ => Ok(()),
        }
    }

    /// Puts it into the queue, and answers the numbers of its tasks.
    ///
    /// # Errors
    /// It is refused after all; nothing of it is kept. Or the queue cannot take it, or its answer was lost: whoever made the batch
    /// from a key asks again and finds its files; one that nobody can ask for is removed once the queue says that it has it not.
    pub async fn commit(mut self) -> Result<Vec<u64>, ActionError> {
        let files = std::mem::take(&mut self.files);
        let (id, tenant, app) = (self.batch, self.tenant.clone(), self.app.clone());
        let submission = Submission { id, tenant, app, origin: Origin::Submitted, files };
        // From here on its files are the queue's, or removed where it is refused; a start sweeps what a kill left.
        self.is_loose = false;
        let submitted = self.platform.batches.submit(submission).await;
        if let Err(error) = &submitted
            && may_pass(error)
            && !self.batch.is_derived()
        {
            self.platform.uploads.doubt(&self.tenant, self.batch);
        }
        submitted
    }

    /// Holds the batch, with a file more of so many bytes, against the limits.
    async fn admit(&self, name: &str, bytes: u64) -> Result<(), ActionError> {
        let mut sizes: Vec<(String, u64)> = self.files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
        let kept: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
        sizes.push((name.to_owned(), bytes));
        let admitted = self.platform.batches.check_kept(&self.tenant, &self.app, &sizes, kept).await.map(|_| ());
        if let Err(error) = &admitted {
            let names = sizes.into_iter().map(|(name, _)| name).collect();
            self.platform.batches.refused(&self.tenant, self.app.as_str(), names, error).await;
        }
        admitted
    }

    /// Most bytes that the next file may have, as long as there is room.
    fn most(&self) -> Result<u64, ActionError> {
        let limits = self.platform.tenant(&self.tenant)?.app(&self.app).limits;
        let had: u64 = self.files.iter().map(|file| file.bytes).sum();
        Ok(limits.file_bytes.min(limits.batch_bytes.saturating_sub(had)))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.is_loose {
            return;
        }
        let (platform, tenant, batch) = (self.platform.clone(), self.tenant.clone(), self.batch);
        let turn = self.turn.take();
        let giving_up = async move {
            let _until_they_are_gone = turn;
            // Another host may have been sent the same meanwhile, and have it in the queue.
            platform.give_up(&tenant, batch).await;
        };
        self.platform.runtime.spawn(giving_up.in_current_span());
    }
}
