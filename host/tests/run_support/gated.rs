//! A sink that does only as much as it is let.

use super::keeper::{Event, Record};
use super::stage::Stage;
use mysimbdp::sink::{
    BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// A sink that writes down what it does, and does only as much as it is let.
pub(crate) struct Gated {
    inner: Arc<dyn DocumentSink>,
    record: Record,
    /// How often it may still do something.
    pub(crate) permits: Semaphore,
    /// Dead letters need no permit.
    letters_pass: bool,
    /// Documents that are committed.
    pub(crate) committed: AtomicU64,
}

impl Gated {
    /// Puts it before the stage's sink.
    pub(crate) fn before(stage: &mut Stage, record: &Record, permits: usize) -> Arc<Gated> {
        let gated = Arc::new(Gated::new(stage, record, permits, false));
        stage.cast.sink = Arc::clone(&gated) as Arc<dyn DocumentSink>;
        gated
    }

    pub(super) fn new(stage: &Stage, record: &Record, permits: usize, letters_pass: bool) -> Gated {
        let (inner, record) = (Arc::clone(&stage.cast.sink), Arc::clone(record));
        Gated { inner, record, permits: Semaphore::new(permits), letters_pass, committed: AtomicU64::new(0) }
    }

    async fn pass(&self) {
        self.permits.acquire().await.unwrap().forget();
    }

    fn note(&self, event: Event) {
        self.record.lock().unwrap().push(event);
    }
}

impl DocumentSink for Gated {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(async {
            self.pass().await;
            let written = self.inner.write(batch).await?;
            self.committed.fetch_add(written.stored, Ordering::SeqCst);
            self.note(Event::Stored(written.stored));
            Ok(written)
        })
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async {
            if !self.letters_pass {
                self.pass().await;
            }
            let rows = letters.iter().map(|letter| letter.row).collect();
            self.inner.keep(letters).await?;
            self.note(Event::Letters(rows));
            Ok(())
        })
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.inner.erase(task, limit)
    }

    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        self.inner.letters(filter, limit)
    }

    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        self.inner.count_letters(filter)
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(async move {
            self.pass().await;
            let forgotten = self.inner.forget(task, rows.clone()).await?;
            self.note(Event::Forgotten(rows));
            Ok(forgotten)
        })
    }
}
