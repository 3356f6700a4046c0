//! A sink that counts and forgets: what everything before a sink costs is measured against it. Never for real data.

use super::{BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what it is given.
#[derive(Debug, Default)]
pub struct NullSink {
    documents: AtomicU64,
    bytes: AtomicU64,
    letters: AtomicU64,
}

impl NullSink {
    /// Documents so far.
    pub fn documents(&self) -> u64 {
        self.documents.load(Ordering::Relaxed)
    }

    /// Bytes of BSON of these documents.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Dead letters so far.
    pub fn letters(&self) -> u64 {
        self.letters.load(Ordering::Relaxed)
    }
}

impl DocumentSink for NullSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        let stored = batch.documents.len() as u64;
        let bytes = batch.documents.iter().map(|document| u64::from(document.length)).sum();
        self.documents.fetch_add(stored, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Written { stored, ..Written::default() })))
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        self.letters.fetch_add(letters.len() as u64, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(())))
    }

    fn erase(&self, _task: u64, _limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn letters<'a>(
        &'a self,
        _filter: &'a LetterFilter,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn count_letters<'a>(&'a self, _filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn forget(&self, _task: u64, _rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::DocumentRef;

    #[tokio::test]
    async fn everything_is_counted_as_stored_and_forgotten() {
        let sink = NullSink::default();
        let document = |offset, length| DocumentRef { offset, length, row: 1, own_id: false };
        let batch = DocumentBatch { bytes: vec![0; 30].into(), documents: vec![document(0, 10), document(10, 20)] };
        let written = sink.write(batch).await.unwrap();
        assert_eq!(written, Written { stored: 2, ..Written::default() });
        assert_eq!((sink.documents(), sink.bytes(), sink.letters()), (2, 30, 0));
    }
}
