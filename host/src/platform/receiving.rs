//! A batch whose files come in one request, one after another, of sizes that nobody knows before.
//!
//! Limits are held against what has come: a file is cut off at the first byte that is too many, and at the first piece for which
//! its tenant has no room. What is not committed is removed, however the request ends.
//!
//! A batch that came in before, and is sent again under its key, is read once more and held against what came then, file by file:
//! the same is the same batch, and anything else is refused. Nothing of it is kept.

use super::Platform;
use super::batches::being_sent;
use super::error::ActionError;
use super::incoming::{Incoming, file_name, not_whole};
use super::opened::Turn;
use crate::batch::submit::{Submission, may_pass};
use crate::staging::files::{FileStoreError, Terms};
use crate::task::{BatchId, Origin, StoredFile};
use crate::tenant::{AppName, TenantId};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tracing::Instrument as _;

/// See the module.
pub struct Receiving {
    platform: Platform,
    batch: BatchId,
    tenant: TenantId,
    app: AppName,
    files: Vec<StoredFile>,
    /// Its tasks, where it came in before.
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
        self.active(&tenant)?;
        let turn = self.uploads.take(batch).ok_or_else(being_sent)?;
        let tasks = self.batches.parts.queue.batch(batch).await?;
        let (platform, files) = (self.clone(), Vec::new());
        Ok(Receiving { platform, batch, tenant, app, files, tasks, is_loose: false, turn: Some(turn) })
    }
}

impl Receiving {
    /// Whether it came in before.
    pub fn is_repeated(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Takes one file in, of so many bytes where that was said.
    ///
    /// # Errors
    /// A limit forbids it, its name will not do, or it does not come whole. Nothing of the batch is kept then. Or the batch came in
    /// before, with another file in this place.
    pub async fn file(
        &mut self,
        name: &str,
        said: Option<u64>,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<(), ActionError> {
        let name = file_name(name)?;
        if self.is_repeated() {
            return self.file_again(name, content).await;
        }
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

    /// Reads a file that came in before, and holds it against what came then.
    async fn file_again(&mut self, name: &str, content: impl AsyncRead + Unpin + Send) -> Result<(), ActionError> {
        let number = self.tasks.get(self.files.len()).ok_or_else(another)?;
        let task = self.platform.task(*number).await?;
        let is_its = task.tenant == self.tenant && task.app == self.app && task.file.name == name;
        if !is_its || hash_of(name, content, task.file.bytes).await? != Some(task.file.content.clone()) {
            return Err(another());
        }
        self.files.push(task.file);
        Ok(())
    }

    /// Gives it up: nothing of it is left when this answers, and it may be sent again at once.
    pub async fn give_up(mut self) {
        if self.is_loose {
            self.platform.give_up(&self.tenant, self.batch).await;
            self.is_loose = false;
        }
    }

    /// Its one file must have this BLAKE3.
    ///
    /// # Errors
    /// It has another, or there is more than one file.
    pub fn must_be(&self, blake3: &str) -> Result<(), ActionError> {
        let [file] = self.files.as_slice() else {
            let sentence = format!(
                "blake3 is the checksum of one file, and {} came: send each in a request of its own, or leave blake3 out",
                self.files.len()
            );
            return Err(ActionError::invalid("bad_query", sentence));
        };
        if file.content.eq_ignore_ascii_case(blake3) {
            return Ok(());
        }
        let (file, came, wanted) = (file.name.clone(), file.content.clone(), blake3.to_owned());
        Err(FileStoreError::OtherContent { file, came, wanted }.into())
    }

    /// Puts it into the queue, and answers the numbers of its tasks: those that it has, where it came in before.
    ///
    /// # Errors
    /// It came in before with more files. It is refused after all; nothing of it is kept. Or the queue cannot take it, or its answer was lost: whoever made the batch
    /// from a key asks again and finds its files; one that nobody can ask for is removed once the queue says that it has it not.
    pub async fn commit(mut self) -> Result<Vec<u64>, ActionError> {
        let files = std::mem::take(&mut self.files);
        if self.is_repeated() {
            return if files.len() == self.tasks.len() { Ok(self.tasks.clone()) } else { Err(another()) };
        }
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
        let limits = self.platform.active(&self.tenant)?.app(&self.app).limits;
        let had: u64 = self.files.iter().map(|file| file.bytes).sum();
        Ok(limits.file_bytes.min(limits.batch_bytes.saturating_sub(had)))
    }
}

fn another() -> ActionError {
    let sentence = "this Idempotency-Key was used for other files: use another key for each submission";
    ActionError::conflict("idempotency_key_reused", sentence)
}

/// BLAKE3 of a file that has so many bytes; `None` where it has more.
async fn hash_of(
    name: &str,
    content: impl AsyncRead + Unpin + Send,
    bytes: u64,
) -> Result<Option<String>, ActionError> {
    let (mut hasher, mut chunk, mut read) = (blake3::Hasher::new(), vec![0; 64 << 10], 0);
    let mut content = content.take(bytes.saturating_add(1));
    loop {
        match content.read(&mut chunk).await.map_err(|error| not_whole(name, &error))? {
            0 => return Ok((read <= bytes).then(|| hasher.finalize().to_hex().to_string())),
            some => {
                hasher.update(&chunk[..some]);
                read += some as u64;
            }
        }
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
