//! A collection as the sink of documents: everything that is asked of it is done on the runtime of the driver.

use super::command::Head;
use super::line::{Line, Waiting, size};
use super::sinks::Home;
use super::trouble::Trouble;
use crate::failpoint;
use crate::sink::{BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written};
use bson::{Document, RawDocumentBuf};
use mongodb::error::Result as Driven;
use mongodb::options::{CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Cursor, Database};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where the dead letters of all sinks of a tenant are.
pub(super) const LETTERS: &str = "_dead_letters";

/// A collection of a tenant's database.
pub(super) struct Collection {
    pub(super) name: String,
    /// `database.collection`, for people.
    pub(super) label: String,
    pub(super) database: Database,
    documents: mongodb::Collection<RawDocumentBuf>,
    pub(super) letters: mongodb::Collection<RawDocumentBuf>,
    pub(super) concern: RawDocumentBuf,
    pub(super) head: Head,
    pub(super) most_bytes: usize,
    pub(super) most_documents: usize,
    line: Arc<Line>,
    home: Arc<Home>,
    used: Mutex<Instant>,
}

/// A collection that somebody holds.
pub(super) struct MongoSink(pub(super) Arc<Collection>);

impl Collection {
    pub(super) fn new(home: &Arc<Home>, database: Database, name: &str) -> Collection {
        let settings = &home.settings;
        // Whatever the connection string says: what was just refused as taken is to be seen.
        let seen = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(ReadConcern::local())
            .build();
        Collection {
            name: name.to_owned(),
            label: format!("{}.{name}", database.name()),
            documents: database.collection_with_options(name, seen.clone()),
            letters: database.collection_with_options(LETTERS, seen),
            database,
            concern: home.concern.clone(),
            head: Head::of(name, &home.concern),
            most_bytes: settings.command_bytes,
            most_documents: settings.command_documents,
            line: Arc::new(Line::new(settings.command_bytes, settings.command_documents, settings.commands_at_once)),
            home: Arc::clone(home),
            used: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Runs a command on the primary. Call it on the driver's runtime.
    pub(super) async fn run(&self, command: RawDocumentBuf) -> Result<Document, Trouble> {
        failpoint::cross("sink.before_commit");
        let answer = self.within(self.database.run_raw_command(command)).await;
        failpoint::cross("sink.after_commit");
        answer
    }

    /// Documents of the collection, as the primary has them. Call it on the driver's runtime.
    pub(super) async fn find(&self, filter: Document) -> Result<Cursor<RawDocumentBuf>, Trouble> {
        self.within(self.documents.find(filter)).await
    }

    pub(super) fn documents(&self) -> &mongodb::Collection<RawDocumentBuf> {
        &self.documents
    }

    /// Waits for an answer, but not for ever: a server that is there and silent is as good as none.
    pub(super) async fn within<T>(&self, answer: impl IntoFuture<Output = Driven<T>>) -> Result<T, Trouble> {
        self.home.within(answer).await
    }

    fn told(&self, trouble: Trouble) -> SinkError {
        trouble.into_sink_error(self.label.clone())
    }
}

impl MongoSink {
    /// Does it on the driver's runtime.
    async fn there<T, F>(&self, what: impl FnOnce(Arc<Collection>) -> F) -> Result<T, SinkError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        self.0.touch();
        self.0.home.there(what(Arc::clone(&self.0))).await.map_err(|trouble| self.0.told(trouble))
    }

    async fn write_in_line(&self, batch: DocumentBatch) -> Result<Written, Trouble> {
        let collection = &self.0;
        let room = collection.home.room(size(&batch)).await?;
        let (answer, answered) = oneshot::channel();
        if let Some(mut place) = collection.line.push(Waiting { batch, room, answer }) {
            let collection = Arc::clone(collection);
            self.0.home.runtime.spawn(async move {
                while let Some(together) = place.next() {
                    collection.store(together).await;
                }
            });
        }
        answered.await.unwrap_or_else(|_| Err(Trouble::closed()))
    }
}

impl DocumentSink for MongoSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(async move {
            self.0.touch();
            if batch.documents.is_empty() {
                return Ok(Written::default());
            }
            self.write_in_line(batch).await.map_err(|trouble| self.0.told(trouble))
        })
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(self.there(|collection| async move { collection.keep(letters).await }))
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(self.there(move |collection| async move { collection.erase(task, limit).await }))
    }

    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        let filter = filter.clone();
        Box::pin(self.there(move |collection| async move { collection.letters(&filter, limit).await }))
    }

    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        let filter = filter.clone();
        Box::pin(self.there(move |collection| async move { collection.count_letters(filter).await }))
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(self.there(move |collection| async move { collection.forget(task, &rows).await }))
    }
}
