//! The manager of streams: starts and stops them, and gives them more and fewer consumers.
//!
//! ```text
//!   start, stop, pause, delete ─▶ said in the queue ─▶ done here, and by every other host within a beat
//!   so many consumers in all   ─▶ told with the beat ─▶ each host has its part of them
//! ```
//!
//! Changes of one tenant happen one after another. Each is kept before it takes effect where somebody may rely on it: a stream that was
//! stopped is stopped after a kill as well, and on every host. Before a queue is declared, the number of streams and consumers
//! and the storage are held against the tenant's limits.
//!
//! A queue that is deleted while another host still consumes from it would be declared again by that host: so each deletes it
//! once more when its own consumers have ended.

use super::admission;
use super::book::{Book, Entry, Running, Told};
use super::consumer;
use super::crew::{Crew, Desk, Terms};
use super::gate::Allowance;
use super::lanes::Lanes;
use super::others::Others;
use crate::batch::stop::{Stop, Why};
use crate::broker::{BrokerError, StreamKey};
use crate::journal::{Event, Happening};
use crate::queue::QueueError;
use crate::tenant::{Said, Stream, StreamState, TenantId};
use crate::turns::Turns;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::Instrument as _;

/// How long consumers may take to end.
const GRACE: Duration = Duration::from_secs(8);

/// Why it was not done. Each sentence says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no such stream.
    #[error("there is no stream {0}: name it in the configuration, in [tenants.{tenant}.streams.{stream}]", tenant = .0.tenant, stream = .0.stream)]
    Unknown(StreamKey),
    /// A limit forbids it.
    #[error("{sentence}")]
    Limit {
        /// Its name, as in the configuration.
        limit: &'static str,
        /// What was measured, and the limit.
        sentence: String,
    },
    /// The broker cannot.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The change cannot be kept.
    #[error("what shall become of the stream cannot be kept: {0}; nothing was changed")]
    Queue(#[from] QueueError),
}

/// The streams of this host. Clones share them.
#[derive(Clone)]
pub struct Streams {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) desk: Arc<Desk>,
    lanes: Lanes,
    /// What each tenant that has streams may take.
    allowances: Mutex<BTreeMap<TenantId, Arc<Allowance>>>,
    book: Mutex<Book>,
    /// Changes of a tenant's streams come one after another: its consumers may take their time to end, and hold up nobody else.
    pub(super) turns: Turns<TenantId>,
}

impl Streams {
    /// All streams of the configuration, none of them started.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(desk: Arc<Desk>, threads: usize) -> std::io::Result<Streams> {
        let mut entries = BTreeMap::new();
        let mut allowances = BTreeMap::new();
        for tenant in desk.parts.tenants.all() {
            let allowance = Arc::new(Allowance::new(&tenant.limits));
            for (name, settings) in &tenant.streams {
                let key = StreamKey { tenant: tenant.id.clone(), stream: name.clone() };
                let terms = Terms::of(&tenant, settings);
                let crew = Crew::new(key.clone(), settings.clone(), terms, &allowance, Arc::default());
                entries.insert(key, Entry::new(crew));
            }
            if !tenant.streams.is_empty() {
                allowances.insert(tenant.id.clone(), allowance);
            }
        }
        let others = Others::new(desk.parts.host.clone(), desk.broker.is_common());
        let (said, windows) = (BTreeMap::new(), BTreeMap::new());
        let book = Mutex::new(Book { entries, said, others, windows, going: BTreeSet::new(), is_closed: false });
        let sinks = Arc::clone(&desk.parts.sinks);
        let lanes = Lanes::start(threads, move || {
            let sinks = Arc::clone(&sinks);
            async move { sinks.leave().await }
        })?;
        let allowances = Mutex::new(allowances);
        Ok(Streams { inner: Arc::new(Inner { desk, lanes, allowances, book, turns: Turns::default() }) })
    }

    /// Starts a stream: declares its queue and gives it its least number of consumers. One that runs goes on.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn start(&self, key: &StreamKey, reason: &str) -> Result<(), StreamError> {
        let _turn = self.inner.turns.of(&key.tenant).await;
        self.prepare(key).await?;
        self.say(key, StreamState::Started, reason).await?;
        self.begin(key);
        Ok(())
    }

    /// Stops a stream: its consumers end, its queue stays, or goes where it is to be [`StreamState::Deleted`]. Answers how many
    /// messages went with it.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn stop(&self, key: &StreamKey, state: StreamState, reason: &str) -> Result<u64, StreamError> {
        let _turn = self.inner.turns.of(&key.tenant).await;
        self.crew(key)?;
        self.say(key, state, reason).await?;
        self.halt(key).await;
        if state == StreamState::Deleted { self.delete(key).await } else { Ok(0) }
    }

    /// Gives a stream so many consumers in all, within its bounds and its tenant's. Answers how many it was to have before, and
    /// has now, where that is another number.
    ///
    /// # Errors
    /// There is no such stream, or a limit forbids it.
    pub async fn scale(&self, key: &StreamKey, consumers: usize) -> Result<Option<(usize, usize)>, StreamError> {
        let _turn = self.inner.turns.of(&key.tenant).await;
        let crew = self.crew(key)?;
        let wanted = consumers.clamp(crew.settings.consumers_min, crew.settings.consumers_max);
        let tenant = self.inner.desk.parts.tenants.active(&key.tenant);
        let before = {
            let mut book = self.book();
            let started = book.entries.get(key).filter(|entry| entry.is_started);
            let Some(before) = started.map(|entry| entry.all_consumers) else { return Ok(None) };
            // Fewer are never too many, whatever else is above its limit.
            if let Some(tenant) = tenant.filter(|_| before < wanted) {
                admission::check(&book, &self.inner.desk.parts, &tenant, key, wanted)?;
            }
            if let Some(entry) = book.entries.get_mut(key) {
                entry.all_consumers = wanted;
            }
            before
        };
        self.adjust(key).await;
        Ok((before != wanted).then_some((before, wanted)))
    }

    /// Does what was said of streams, here or on another host, and was not done here yet; then gives each stream this host's part
    /// of its consumers. What cannot be done is told of, and hinders nothing else.
    pub async fn keep_up(&self) {
        let keys: Vec<StreamKey> = {
            let book = self.book();
            book.entries.keys().filter(|key| book.unheeded(key).is_some()).cloned().collect()
        };
        let heed = |keys: Vec<StreamKey>| async move {
            for key in &keys {
                self.heed_anew(key).await;
            }
        };
        join_all(by_tenant(keys).map(heed)).await;
        let keys: Vec<StreamKey> = {
            let book = self.book();
            let misplaced = |(key, entry): &(&StreamKey, &Entry)| book.part(key) != entry.consumers.len();
            book.entries.iter().filter(misplaced).map(|(key, _)| key.clone()).collect()
        };
        let adjust = |keys: Vec<StreamKey>| async move {
            for key in &keys {
                let _turn = self.inner.turns.of(&key.tenant).await;
                self.adjust(key).await;
            }
        };
        join_all(by_tenant(keys).map(adjust)).await;
        self.finish_deletions().await;
    }

    /// Does what was said of a stream and was not done yet, in its turn.
    async fn heed_anew(&self, key: &StreamKey) {
        let _turn = self.inner.turns.of(&key.tenant).await;
        // Whoever had the turn before may have done it.
        let said = self.book().unheeded(key);
        let Some(said) = said else { return };
        if let Err(error) = self.heed(key, &said).await {
            let state = said.state.name();
            tracing::error!(stream = %key, "the stream cannot be {state}: {error}");
            let reason = format!("stream {} cannot be {state}: {error}", key.stream);
            let trouble = Happening::Trouble { reason };
            self.inner.desk.parts.journal.record(Event::now(Some(&key.tenant), trouble)).await;
        }
    }

    /// Does what was said of a stream.
    async fn heed(&self, key: &StreamKey, said: &Said) -> Result<(), StreamError> {
        let (is_first, is_started) = {
            let mut book = self.book();
            let Some(entry) = book.entries.get_mut(key) else { return Ok(()) };
            (entry.heeded.replace(said.clone()).is_none(), entry.is_started)
        };
        match said.state {
            StreamState::Started if self.inner.desk.parts.tenants.active(&key.tenant).is_some() => {
                self.prepare(key).await?;
                self.begin(key);
            }
            StreamState::Started => return Ok(()),
            StreamState::Deleted if is_first => {
                // An earlier life may have left its queue.
                self.book().going.insert(key.clone());
                return Ok(());
            }
            state if is_started => {
                self.halt(key).await;
                // It may have been started again meanwhile, and hold messages by now.
                if state == StreamState::Deleted && self.is_still_said(key, said).await {
                    self.delete(key).await?;
                }
            }
            _ => return Ok(()),
        }
        if !is_first && !is_started || said.state != StreamState::Started {
            self.tell(key, said).await;
        }
        Ok(())
    }

    /// The limits let it start, and its queue is there.
    pub(super) async fn prepare(&self, key: &StreamKey) -> Result<(), StreamError> {
        let crew = self.crew(key)?;
        let least = crew.settings.consumers_min;
        let tenant = self.inner.desk.parts.tenants.active(&key.tenant).ok_or(StreamError::Unknown(key.clone()))?;
        admission::check(&self.book(), &self.inner.desk.parts, &tenant, key, least)?;
        self.book().going.remove(key);
        match self.inner.desk.broker.declare(&crew.queue()).await {
            // The consumers go on trying, and say so.
            Err(BrokerError::Transient(reason)) => {
                tracing::warn!(stream = %key, reason, "the queue of a stream cannot be declared yet");
                Ok(())
            }
            declared => Ok(declared?),
        }
    }

    /// It is started, with its part of the least number of consumers.
    pub(super) fn begin(&self, key: &StreamKey) {
        let mut book = self.book();
        let said = book.entries.get(key).map(|entry| book.said_of(key, entry));
        let known = book.others.known_consumers(key);
        if let Some(entry) = book.entries.get_mut(key) {
            entry.heeded = said;
            if !entry.is_started {
                entry.is_started = true;
                let Stream { consumers_min: min, consumers_max: max, .. } = entry.crew.settings;
                entry.all_consumers = known.unwrap_or(min).clamp(min, max);
            }
        }
        self.fill(&mut book, key);
    }

    /// Ends its consumers.
    pub(super) async fn halt(&self, key: &StreamKey) {
        let ending = {
            let mut book = self.book();
            let said = book.entries.get(key).map(|entry| book.said_of(key, entry));
            let Some(entry) = book.entries.get_mut(key) else { return };
            entry.heeded = said;
            entry.is_started = false;
            entry.all_consumers = entry.crew.settings.consumers_min;
            std::mem::take(&mut entry.consumers)
        };
        end(ending, &Why::Cancelled).await;
    }

    /// Brings its consumers to this host's part of them.
    async fn adjust(&self, key: &StreamKey) {
        let ending = {
            let mut book = self.book();
            let part = self.fill(&mut book, key);
            match book.entries.get_mut(key) {
                Some(entry) if entry.consumers.len() > part => entry.consumers.split_off(part),
                _ => return,
            }
        };
        end(ending, &Why::Cancelled).await;
    }

    /// As many consumers as it is to have here, where there are fewer. Answers how many those are.
    fn fill(&self, book: &mut Book, key: &StreamKey) -> usize {
        let part = book.part(key);
        if let Some(entry) = book.entries.get_mut(key) {
            while entry.consumers.len() < part {
                self.inner.begin(entry);
            }
        }
        part
    }

    /// Keeps what a stream shall be, and tells it.
    pub(super) async fn say(&self, key: &StreamKey, state: StreamState, reason: &str) -> Result<(), StreamError> {
        let said = self.inner.desk.parts.queue.say(&key.tenant, &key.stream, state, reason).await?;
        self.book().said.insert(key.clone(), said.clone());
        self.tell(key, &said).await;
        Ok(())
    }

    async fn tell(&self, key: &StreamKey, said: &Said) {
        let (stream, state) = (key.stream.clone(), said.state.name().to_owned());
        let told = Happening::StreamChanged { stream, state, reason: said.reason.clone() };
        self.inner.desk.parts.journal.record(Event::now(Some(&key.tenant), told)).await;
    }

    /// Nothing else was said of a stream since.
    async fn is_still_said(&self, key: &StreamKey, said: &Said) -> bool {
        let all = self.inner.desk.parts.queue.said().await.unwrap_or_default();
        all.iter().any(|(tenant, stream, now)| *tenant == key.tenant && *stream == key.stream && now == said)
    }

    /// All streams, by tenant and name.
    pub fn list(&self) -> Vec<Told> {
        let book = self.book();
        let host = &self.inner.desk.parts.host;
        book.entries.iter().map(|(key, entry)| book.told(host, key, entry)).collect()
    }

    /// One stream.
    ///
    /// # Errors
    /// There is no such stream.
    pub fn get(&self, key: &StreamKey) -> Result<Told, StreamError> {
        let book = self.book();
        let entry = book.entries.get(key).ok_or_else(|| StreamError::Unknown(key.clone()))?;
        Ok(book.told(&self.inner.desk.parts.host, key, entry))
    }

    /// What consumers stand on.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.inner.desk
    }

    /// Ends all consumers in good order. Nothing can be started after that.
    pub async fn close(&self) {
        let ending = {
            let mut book = self.book();
            book.is_closed = true;
            let entries = book.entries.values_mut();
            entries.flat_map(|entry| std::mem::take(&mut entry.consumers)).collect()
        };
        end(ending, &Why::Shutdown).await;
    }

    fn crew(&self, key: &StreamKey) -> Result<Arc<Crew>, StreamError> {
        let book = self.book();
        book.entries.get(key).map(|entry| Arc::clone(&entry.crew)).ok_or_else(|| StreamError::Unknown(key.clone()))
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What each tenant that has streams may take.
    pub(super) fn allowances(&self) -> MutexGuard<'_, BTreeMap<TenantId, Arc<Allowance>>> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more consumer.
    fn begin(&self, entry: &mut Entry) {
        let (stopper, stop) = Stop::pair();
        let tag = format!("{}.{}.{}", entry.crew.key.stream, self.desk.parts.host, entry.next);
        entry.next += 1;
        let StreamKey { tenant, stream } = &entry.crew.key;
        let span = tracing::error_span!("consumer", %tenant, %stream, consumer = tag);
        let work = consumer::run(Arc::clone(&self.desk), Arc::clone(&entry.crew), tag, stop).instrument(span);
        entry.consumers.push(Running { stopper, task: self.lanes.spawn(work) });
    }
}

/// These streams, those of a tenant together: what is done for one tenant holds up no other.
fn by_tenant(keys: Vec<StreamKey>) -> impl Iterator<Item = Vec<StreamKey>> {
    let mut tenants: BTreeMap<TenantId, Vec<StreamKey>> = BTreeMap::new();
    for key in keys {
        tenants.entry(key.tenant.clone()).or_default().push(key);
    }
    tenants.into_values()
}

/// Tells consumers to stop, and waits until they have.
async fn end(consumers: Vec<Running>, why: &Why) {
    for running in &consumers {
        running.stopper.stop(why.clone());
    }
    let until = tokio::time::Instant::now() + GRACE;
    for Running { task, .. } in consumers {
        let aborting = task.abort_handle();
        if tokio::time::timeout_at(until, task).await.is_err() {
            aborting.abort();
        }
    }
}
