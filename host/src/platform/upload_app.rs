//! An app that is uploaded: written into its tenant's staging directory, judged as if it had been dropped there.
//!
//! ```text
//!   bytes ─▶ apps/.upload-<id> (synced) ─▶ its name, by its descriptor ─▶ judged as apps/<app>.so ─▶ renamed to that
//!                │ cut off: removed                                            │ refused: removed; nothing has changed
//! ```
//!
//! The registry knows a file by where it lies and by which file it is, which a rename does not change: so the watcher that
//! finds it under its name knows it already. A kill before the rename leaves a file whose name begins with a dot, which
//! nobody looks at and the next start removes.
//!
//! Of all tenants [`JUDGED`] apps are judged at once, each of which is a copy in memory. The turn for that is taken when all of the
//! app is there, so that nobody's slow upload is in anybody's way. Until then an app is in memory with one chunk, and on the disk
//! with no more than [`DEFAULT_MAX_SIZE`]; of one tenant [`RECEIVED`] come at once, in its own staging directory.

use super::Platform;
use super::error::ActionError;
use crate::apps::probe::this_machine;
use crate::apps::{Candidate, Decision, Verdict};
use crate::staging::candidate::{DEFAULT_MAX_SIZE, examine};
use crate::staging::home::Home;
use crate::staging::layout::APPS;
use crate::staging::snapshot::Snapshot;
use crate::staging::upload::Upload;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use std::collections::HashMap;
use std::io::Seek as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// Apps that are judged at the same time; more wait.
const JUDGED: usize = 4;
/// Apps of one tenant that come at the same time; more wait, and are not read meanwhile.
const RECEIVED: usize = 4;

/// Whose turn it is.
#[derive(Clone)]
pub(super) struct AppTurns {
    judged: Arc<Semaphore>,
    received: Arc<Mutex<HashMap<TenantId, Arc<Semaphore>>>>,
}

impl Default for AppTurns {
    fn default() -> AppTurns {
        AppTurns { judged: Arc::new(Semaphore::new(JUDGED)), received: Arc::default() }
    }
}

impl AppTurns {
    /// An app of this tenant may come.
    async fn to_come(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, ActionError> {
        let its = {
            let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            let its = received.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(RECEIVED)));
            its.clone()
        };
        its.acquire_owned().await.map_err(|closed| ActionError::internal(closed.to_string()))
    }

    /// An app that is there may be judged.
    async fn to_be_judged(&self) -> Result<OwnedSemaphorePermit, ActionError> {
        let turn = self.judged.clone().acquire_owned().await;
        turn.map_err(|closed| ActionError::internal(closed.to_string()))
    }
}

impl Platform {
    /// Takes an app in, of at least so many bytes as its sender says. The answer is the verdict, whatever it is.
    ///
    /// # Errors
    /// There is no such tenant, the bytes do not come whole or are too many, or the host could not do its part. Nothing has
    /// changed then.
    pub async fn upload_app(
        &self,
        tenant: &TenantId,
        said: u64,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<Verdict, ActionError> {
        self.active(tenant)?;
        not_too_large(said)?;
        let _coming = self.app_turns.to_come(tenant).await?;
        let failed = |error: std::io::Error| {
            ActionError::unavailable("staging_unavailable", format!("the app cannot be written into staging: {error}"))
        };
        let (staging, owner) = (self.staging.clone(), tenant.clone());
        let upload = blocking(move || {
            std::fs::create_dir_all(staging.join(owner.as_str()))?;
            let staging = crate::staging::open::trusted_directory(&staging)?;
            Upload::begin(Home::open(staging, &owner)?.make(Path::new(APPS))?)
        });
        let upload = upload.await.map_err(failed)?;
        let file = tokio::fs::File::from_std(upload.file.try_clone().map_err(failed)?);
        write(file, content).await?;
        let _judging = self.app_turns.to_be_judged().await?;
        // It may have been suspended or removed while the app came.
        self.active(tenant)?;
        let described = blocking(move || {
            upload.file.sync_all()?;
            (&upload.file).rewind()?;
            let snapshot = Snapshot::of(&upload.file, "the app").map_err(std::io::Error::other)?;
            let examination = examine(snapshot.bytes(), &this_machine());
            let named = examination.descriptor.and_then(|found| AppName::parse(&found.name).ok());
            Ok((upload, snapshot, named))
        });
        let (upload, snapshot, named) = described.await.map_err(failed)?;
        let name = format!("{}.so", named.as_ref().map_or("upload", AppName::as_str));
        let candidate = Candidate {
            tenant: tenant.clone(),
            file: format!("{APPS}/{name}"),
            identity: upload.identity().map_err(failed)?,
            snapshot,
            last_change: Timestamp::now(),
        };
        let verdict = self.consider(candidate).await?;
        if verdict.verdict != Decision::Refused {
            blocking(move || upload.finish(&name)).await.map_err(failed)?;
        }
        Ok(verdict)
    }
}

async fn write(mut file: tokio::fs::File, mut content: impl AsyncRead + Unpin) -> Result<(), ActionError> {
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0_u64);
    loop {
        let read = content.read(&mut chunk).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => {
                ActionError::too_slow(format!("the app did not come whole ({error}): send it again"))
            }
            _ => ActionError::invalid("cut_off", format!("the app did not come whole ({error}): send it again")),
        })?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        not_too_large(bytes)?;
        let written = file.write_all(&chunk[..read]).await;
        written.map_err(|error| ActionError::unavailable("staging_unavailable", error.to_string()))?;
    }
    file.flush().await.map_err(|error| ActionError::unavailable("staging_unavailable", error.to_string()))
}

fn not_too_large(bytes: u64) -> Result<(), ActionError> {
    if bytes <= DEFAULT_MAX_SIZE {
        return Ok(());
    }
    let sentence = format!("the app has more than {DEFAULT_MAX_SIZE} bytes, and no more are read: strip it");
    Err(ActionError::too_large("app_too_large", sentence))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(std::io::Error::other(lost)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn apps_of_one_tenant_that_come_slowly_keep_no_other_waiting() {
        let turns = AppTurns::default();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let mut coming = Vec::new();
        for _ in 0..RECEIVED {
            coming.push(turns.to_come(&acme).await.unwrap());
        }
        assert!(turns.to_come(&acme).now_or_never().is_none());
        assert!(matches!(turns.to_come(&globex).now_or_never(), Some(Ok(_))));
        assert!(matches!(turns.to_be_judged().now_or_never(), Some(Ok(_))));
        coming.pop();
        assert!(turns.to_come(&acme).now_or_never().is_some());
    }
}
