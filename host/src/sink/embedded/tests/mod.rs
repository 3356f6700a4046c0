//! The contract over the embedded sink, and what only it promises.

mod disk;
mod faults;
mod kill;
mod opening;
mod store;

use super::*;
use crate::sink::contract::{Batch, Destination, sink_contract};
use bson::doc;
use serde_json::Value;
use std::path::Path;
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;

sink_contract!(Embedded);

/// A store in a directory of its own, with one collection.
struct Embedded {
    store: Store,
    sink: EmbeddedSink,
    directory: TempDir,
}

const COLLECTION: &str = "trips";

impl Embedded {
    async fn with(settings: Settings) -> Embedded {
        Embedded::within(tempfile::tempdir().unwrap(), settings).await
    }

    async fn within(directory: TempDir, settings: Settings) -> Embedded {
        let store = Store::open_with(&directory.path().join("acme.db"), &settings).unwrap();
        let sink = store.collection(COLLECTION).await.unwrap();
        Embedded { store, sink, directory }
    }

    fn count(&self) -> u64 {
        self.store.reader().unwrap().count(COLLECTION).unwrap()
    }

    /// Another process, as far as SQLite can tell.
    fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.store.path()).unwrap()
    }
}

impl Destination for Embedded {
    fn fresh() -> BoxFuture<'static, Self> {
        Box::pin(Embedded::with(Settings::default()))
    }

    fn sink(&self) -> &dyn DocumentSink {
        &self.sink
    }

    fn documents(&self) -> BoxFuture<'_, Vec<Value>> {
        Box::pin(async {
            let reader = self.store.reader().unwrap();
            let mut all: Vec<StoredDocument> = Vec::new();
            // In small pages, so that every test turns some.
            loop {
                let after = all.last().map(|last| last.id.clone());
                let page = reader.documents(COLLECTION, after.as_deref(), 7).unwrap();
                if page.is_empty() {
                    break;
                }
                all.extend(page);
            }
            assert_eq!(all.len() as u64, reader.count(COLLECTION).unwrap());
            all.iter().map(|stored| serde_json::from_str(&stored.json).unwrap()).collect()
        })
    }

    fn letters(&self) -> BoxFuture<'_, Vec<DeadLetter>> {
        Box::pin(async {
            let reader = self.store.reader().unwrap();
            let mut all = Vec::new();
            let mut after = None;
            loop {
                let page = reader.letters(COLLECTION, &LetterFilter { after, ..LetterFilter::default() }, 2).unwrap();
                let Some(KeptLetter { letter: last, .. }) = page.last() else { break };
                after = Some((last.task, last.row, last.part));
                all.extend(page.into_iter().map(|kept| kept.letter));
            }
            assert_eq!(all.len() as u64, reader.count_letters(COLLECTION, &LetterFilter::default()).unwrap());
            all
        })
    }

    fn reopened(self) -> BoxFuture<'static, Self> {
        Box::pin(async {
            self.store.close().unwrap();
            Embedded::within(self.directory, Settings::default()).await
        })
    }
}

/// Rows of one task, from `first` on, one document each.
fn rows(first: u64, count: u64) -> DocumentBatch {
    let end = first + count;
    (first..end)
        .fold(Batch::default(), |batch, row| batch.numbered((1, row, 0), &doc! { "row": row.cast_signed() }))
        .build()
}

/// Lets a future go as far as it can without waiting.
fn poll<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets a future go as far as it can without waiting, and gives back what is left to wait for.
fn begun<'a, T: Send + 'a>(mut future: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
    match poll(&mut future) {
        Poll::Ready(value) => Box::pin(std::future::ready(value)),
        Poll::Pending => future,
    }
}
