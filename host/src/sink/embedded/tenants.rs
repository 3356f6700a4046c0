//! The embedded sinks of all tenants: a file each, opened when it is first needed and closed when nobody needs it.
//!
//! ```text
//!   <data>/tenants/<tenant>/sink.db
//! ```
//!
//! An open file costs a thread and a cache, so a thousand idle tenants have none. Whoever holds a sink keeps its file
//! open; one that was closed in between is opened again by the next who asks. A file that cannot be opened is told to the
//! one who asked, and concerns no other tenant.

use super::{EmbeddedSink, Store, StoreError};
use crate::sink::{BoxFuture, DocumentSink, SinkError, Sinks};
use crate::sqlite::FileError;
use crate::tenant::TenantId;
use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// See the module.
#[derive(Debug)]
pub struct EmbeddedSinks {
    /// `<data>/tenants`.
    folder: PathBuf,
    open: Mutex<HashMap<TenantId, Arc<OpenFile>>>,
}

/// A tenant's file. Opened by the first who needs it, while the others wait.
#[derive(Debug)]
struct OpenFile {
    store: OnceCell<Store>,
    used: Mutex<Instant>,
}

/// A sink, and the file that it needs open.
struct Held {
    sink: EmbeddedSink,
    file: Arc<OpenFile>,
}

impl EmbeddedSinks {
    /// The sinks below `<data>/tenants`. Opens nothing.
    pub fn new(folder: &Path) -> EmbeddedSinks {
        EmbeddedSinks { folder: folder.to_owned(), open: Mutex::new(HashMap::new()) }
    }

    fn path(&self, tenant: &TenantId) -> PathBuf {
        self.folder.join(tenant.as_str()).join("sink.db")
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<OpenFile>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, tenant: &TenantId) -> Arc<OpenFile> {
        let fresh = || Arc::new(OpenFile { store: OnceCell::new(), used: Mutex::new(Instant::now()) });
        let file = Arc::clone(self.lock().entry(tenant.clone()).or_insert_with(fresh));
        file.touch();
        file
    }
}

impl OpenFile {
    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn store(&self, path: &Path) -> Result<&Store, StoreError> {
        let open = async || {
            let path = path.to_owned();
            let opened = tokio::task::spawn_blocking(move || {
                if let Some(folder) = path.parent() {
                    // Where this fails, the opening says what is the matter.
                    let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
                }
                Store::open(&path)
            });
            opened.await.unwrap_or_else(|gone| {
                let (sink, reason) = ("documents".into(), gone.to_string());
                Err(StoreError::Sink(SinkError::Transient { sink, reason }))
            })
        };
        self.store.get_or_try_init(open).await
    }
}

impl Sinks for EmbeddedSinks {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move {
            let file = self.file(tenant);
            let opened = async { file.store(&self.path(tenant)).await?.collection(collection).await };
            match opened.await {
                Ok(sink) => Ok(Arc::new(Held { sink, file }) as Arc<dyn DocumentSink>),
                Err(error) => Err(told(format!("{collection} of tenant {tenant}"), error)),
            }
        })
    }

    fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        let path = self.path(tenant);
        let wal = path.with_extension("db-wal");
        [path, wal].iter().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum()
    }

    fn close_idle(&self, idle: Duration) {
        // Taken out under the lock, so that nobody gets hold of one that is being closed; closed without it.
        let closing: Vec<_> = {
            let mut open = self.lock();
            open.extract_if(|_, file| Arc::strong_count(file) == 1 && file.idle() >= idle).collect()
        };
        drop(closing);
    }

    fn close_all(&self) {
        let closing = std::mem::take(&mut *self.lock());
        drop(closing);
    }
}

/// What may pass is tried again; a file that is something else never does.
fn told(sink: String, error: StoreError) -> SinkError {
    let reason = error.to_string();
    match error {
        StoreError::Sink(error) => error,
        StoreError::File(
            FileError::NotAFile { .. }
            | FileError::NotADatabase { .. }
            | FileError::ForeignDatabase { .. }
            | FileError::TooNew { .. }
            | FileError::NoWriteAheadLog { .. },
        )
        | StoreError::Name(_)
        | StoreError::SameButForCase { .. }
        | StoreError::NoCollection { .. } => SinkError::Permanent { sink, reason },
        StoreError::File(_) => SinkError::Transient { sink, reason },
    }
}

impl DocumentSink for Held {
    fn write(&self, batch: crate::sink::DocumentBatch) -> BoxFuture<'_, Result<crate::sink::Written, SinkError>> {
        self.file.touch();
        self.sink.write(batch)
    }

    fn keep(&self, letters: Vec<crate::sink::DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        self.file.touch();
        self.sink.keep(letters)
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.file.touch();
        self.sink.erase(task, limit)
    }

    fn letters<'a>(
        &'a self,
        filter: &'a crate::sink::LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<crate::sink::KeptLetter>, SinkError>> {
        self.file.touch();
        self.sink.letters(filter, limit)
    }

    fn count_letters<'a>(&'a self, filter: &'a crate::sink::LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        self.file.touch();
        self.sink.count_letters(filter)
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.file.touch();
        self.sink.forget(task, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::contract::{Batch, letter};
    use bson::doc;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_opened_when_it_is_needed_and_closed_when_nobody_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let sinks = EmbeddedSinks::new(folder.path());
        let acme = tenant("acme");
        assert_eq!(sinks.stored_bytes(&acme), 0);
        let sink = sinks.open(&acme, "trips").await.unwrap();
        sink.write(Batch::default().numbered((1, 1, 0), &doc! { "n": 1 }).build()).await.unwrap();
        sinks.close_idle(Duration::ZERO);
        assert_eq!(sinks.lock().len(), 1, "somebody holds it");
        drop(sink);
        sinks.close_idle(Duration::from_secs(60));
        assert_eq!(sinks.lock().len(), 1, "it was just used");
        sinks.close_idle(Duration::ZERO);
        assert_eq!(sinks.lock().len(), 0);
        assert!(sinks.stored_bytes(&acme) > 0);
        let sink = sinks.open(&acme, "trips").await.unwrap();
        sink.keep(vec![letter(1, 2, 0)]).await.unwrap();
        assert_eq!(sink.count_letters(&crate::sink::LetterFilter::default()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_something_else_concerns_its_tenant_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sinks = EmbeddedSinks::new(folder.path());
        fs::create_dir(folder.path().join("bad")).unwrap();
        fs::write(folder.path().join("bad/sink.db"), "x".repeat(1_000)).unwrap();
        let error = sinks.open(&tenant("bad"), "trips").await.err().unwrap();
        assert!(matches!(error, SinkError::Permanent { .. }), "{error}");
        assert!(error.to_string().contains("is not an SQLite database and was left as it is"), "{error}");
        assert!(sinks.open(&tenant("good"), "trips").await.is_ok());
    }

    #[tokio::test]
    async fn everybody_who_asks_at_once_gets_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let sinks = EmbeddedSinks::new(folder.path());
        let acme = tenant("acme");
        let (a, b) = tokio::join!(sinks.open(&acme, "trips"), sinks.open(&acme, "fares"));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(sinks.lock().len(), 1);
    }
}
