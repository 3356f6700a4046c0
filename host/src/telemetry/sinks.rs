//! Sinks that are timed: each batch of documents, as long as whoever sent it waits for it.

use super::durations::Durations;
use crate::sink::{
    BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Sinks, Written,
};
use crate::tenant::TenantId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the module.
pub(super) struct TimedSinks {
    sinks: Arc<dyn Sinks>,
    durations: Durations,
}

struct TimedSink {
    sink: Arc<dyn DocumentSink>,
    durations: Durations,
}

impl TimedSinks {
    pub(super) fn new(sinks: Arc<dyn Sinks>, durations: Durations) -> TimedSinks {
        TimedSinks { sinks, durations }
    }

    fn timed(&self, sink: Arc<dyn DocumentSink>) -> Arc<dyn DocumentSink> {
        Arc::new(TimedSink { sink, durations: self.durations.clone() })
    }
}

impl Sinks for TimedSinks {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move { Ok(self.timed(self.sinks.open(tenant, collection).await?)) })
    }

    fn open_here<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move { Ok(self.timed(self.sinks.open_here(tenant, collection).await?)) })
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.sinks.leave()
    }

    fn answers(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        self.sinks.answers()
    }

    fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        self.sinks.stored_bytes(tenant)
    }

    fn close_idle(&self, idle: Duration) {
        self.sinks.close_idle(idle);
    }

    fn close_all(&self) {
        self.sinks.close_all();
    }
}

impl DocumentSink for TimedSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(async move {
            let began = Instant::now();
            let written = self.sink.write(batch).await;
            self.durations.write(written.is_ok(), began.elapsed());
            written
        })
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        self.sink.keep(letters)
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.sink.erase(task, limit)
    }

    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        self.sink.letters(filter, limit)
    }

    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        self.sink.count_letters(filter)
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.sink.forget(task, rows)
    }
}
