//! The contract over a real server, and what only MongoDB makes necessary.

mod errors;
mod faults;
mod proxy;
mod refusals;
mod runtimes;
mod server;
mod tls;
mod users;

use super::*;
use crate::sink::contract::{Batch, Destination, sink_contract};
use crate::sink::retry::{Patience, RetryingSink};
use crate::sink::{
    BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Sinks, Written,
};
use crate::tenant::TenantId;
use bson::{Bson, Document, doc};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

sink_contract!(MongoDestination);

const COLLECTION: &str = "trips";

/// A collection in a database of its own, on the server that all tests share.
struct MongoDestination {
    sinks: MongoSinks,
    sink: Arc<dyn DocumentSink>,
    settings: Settings,
    tenant: TenantId,
}

impl MongoDestination {
    /// For a tenant whom nobody has met.
    async fn with(settings: Settings) -> MongoDestination {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let tenant = TenantId::parse(&format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))).unwrap();
        MongoDestination::of(settings, tenant).await
    }

    async fn of(settings: Settings, tenant: TenantId) -> MongoDestination {
        let sinks = MongoSinks::connect(settings.clone()).await.unwrap();
        let sink = sinks.open(&tenant, COLLECTION).await.unwrap();
        MongoDestination { sinks, sink, settings, tenant }
    }

    fn database(&self) -> mongodb::Database {
        self.sinks.home.client.database(&format!("mysimbdp_{}", self.tenant))
    }

    async fn run(&self, command: Document) -> Document {
        self.database().run_command(command).await.unwrap()
    }

    async fn bson(&self) -> Vec<Document> {
        let mut found = self.database().collection::<Document>(COLLECTION).find(doc! {}).batch_size(7).await.unwrap();
        let mut all = Vec::new();
        while found.advance().await.unwrap() {
            all.push(Document::try_from(found.current()).unwrap());
        }
        all
    }
}

impl Destination for MongoDestination {
    fn fresh() -> BoxFuture<'static, Self> {
        // Small commands, so that every test has batches that are more than one.
        let settings = Settings { command_bytes: 4 << 10, command_documents: 16, ..Settings::new(server::url()) };
        Box::pin(MongoDestination::with(settings))
    }

    fn sink(&self) -> &dyn DocumentSink {
        &*self.sink
    }

    fn documents(&self) -> BoxFuture<'_, Vec<Value>> {
        Box::pin(async { self.bson().await.into_iter().map(|d| Bson::Document(d).into_relaxed_extjson()).collect() })
    }

    fn letters(&self) -> BoxFuture<'_, Vec<DeadLetter>> {
        Box::pin(async {
            let mut all = Vec::new();
            let mut after = None;
            loop {
                let page = self.sink.letters(&LetterFilter { after, ..LetterFilter::default() }, 2).await.unwrap();
                let Some(KeptLetter { letter: last, .. }) = page.last() else { break };
                after = Some((last.task, last.row, last.part));
                all.extend(page.into_iter().map(|kept| kept.letter));
            }
            assert_eq!(all.len() as u64, self.sink.count_letters(&LetterFilter::default()).await.unwrap());
            all
        })
    }

    fn reopened(self) -> BoxFuture<'static, Self> {
        Box::pin(async move {
            self.sinks.close().await;
            MongoDestination::of(self.settings, self.tenant).await
        })
    }
}

/// Rows of task 1, from `first` on, one document each.
fn rows(first: u64, count: u64) -> DocumentBatch {
    let end = first + count;
    (first..end)
        .fold(Batch::default(), |batch, row| batch.numbered((1, row, 0), &doc! { "row": row.cast_signed() }))
        .build()
}

fn stored(stored: u64) -> Written {
    Written { stored, ..Written::default() }
}

/// As patient as a test machine that is busy with other things needs it.
fn patient(sink: &Arc<dyn DocumentSink>) -> RetryingSink {
    let patience = Patience { within: Duration::from_secs(300), ..Patience::default() };
    RetryingSink::new(Arc::clone(sink), patience)
}
