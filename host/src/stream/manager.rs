//! The manager of streams: starts and stops them, gives them more and fewer consumers, and closes their windows.
//!
//! Changes happen one after another. Each is kept before it takes effect where somebody may rely on it: a stream that was
//! stopped is stopped after a kill as well. Before a queue is declared, the number of streams and consumers and the storage
//! are held against the tenant's limits.

use super::consumer;
use super::crew::{Crew, Desk};
use super::gate::Allowance;
use super::lanes::Lanes;
use super::states::{Said, State, States};
use super::window::{Closing, Counts, Lag, WindowReport};
use crate::batch::stop::{Stop, Stopper, Why};
use crate::broker::{BrokerError, Depth, StreamKey};
use crate::journal::{Event, Happening};
use crate::quota::bucket::Consumption;
use crate::tenant::{Limits, Stream, Tenant, TenantId};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

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
    State(#[from] std::io::Error),
}

/// The streams of this host. Clones share them.
#[derive(Clone)]
pub struct Streams {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    lanes: Lanes,
    /// What each tenant that has streams may take.
    allowances: BTreeMap<TenantId, Arc<Allowance>>,
    book: Mutex<Book>,
    /// Changes come one after another.
    turn: tokio::sync::Mutex<()>,
}

struct Book {
    entries: BTreeMap<StreamKey, Entry>,
    states: States,
    is_closed: bool,
}

struct Entry {
    crew: Arc<Crew>,
    is_started: bool,
    consumers: Vec<Running>,
    /// For the next consumer's tag.
    next: u64,
    /// Of all windows that are closed.
    total: Counts,
    /// The last one.
    last: Option<WindowReport>,
}

struct Running {
    stopper: Stopper,
    task: JoinHandle<()>,
}

/// A stream whose window is closed.
pub(super) struct Closed {
    pub(super) crew: Arc<Crew>,
    pub(super) is_started: bool,
    pub(super) report: WindowReport,
}

/// A stream as it is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which.
    pub key: StreamKey,
    /// What is settled for it.
    pub settings: Stream,
    /// What it shall be, and why.
    pub said: Said,
    /// Consumers on this host.
    pub consumers: usize,
    /// What was counted on this host since it is up.
    pub total: Counts,
    /// The last window.
    pub last: Option<WindowReport>,
    /// What holds it up just now.
    pub trouble: Option<String>,
}

impl Streams {
    /// All streams of the configuration, none of them started.
    ///
    /// # Errors
    /// A thread cannot be started, or what was said of streams cannot be read; the sentence says which.
    pub fn new(desk: Arc<Desk>, threads: usize, states: &Path) -> std::io::Result<Streams> {
        let unreadable = |error: std::io::Error| {
            let path = states.display();
            let sentence = format!("{path} cannot be read: {error}; without that file all streams are as configured");
            std::io::Error::new(error.kind(), sentence)
        };
        let states = States::open(states).map_err(unreadable)?;
        let mut entries = BTreeMap::new();
        let mut allowances = BTreeMap::new();
        for tenant in desk.parts.tenants.all() {
            let allowance = Arc::new(Allowance::new(&tenant.limits));
            for (name, settings) in &tenant.streams {
                let key = StreamKey { tenant: tenant.id.clone(), stream: name.clone() };
                let crew = Arc::new(Crew::new(key.clone(), settings.clone(), &allowance));
                let (consumers, total) = (Vec::new(), Counts::default());
                entries.insert(key, Entry { crew, is_started: false, consumers, next: 1, total, last: None });
            }
            if !tenant.streams.is_empty() {
                allowances.insert(tenant.id.clone(), allowance);
            }
        }
        let book = Mutex::new(Book { entries, states, is_closed: false });
        let sinks = Arc::clone(&desk.parts.sinks);
        let lanes = Lanes::start(threads, move || {
            let sinks = Arc::clone(&sinks);
            async move { sinks.leave().await }
        })?;
        Ok(Streams { inner: Arc::new(Inner { desk, lanes, allowances, book, turn: tokio::sync::Mutex::new(()) }) })
    }

    /// Starts all that shall run. One that cannot be started is told of, and hinders no other.
    pub async fn start_all(&self) {
        for told in self.list() {
            let known = self.inner.desk.parts.tenants.active(&told.key.tenant);
            if told.said.state != State::Started || known.is_none() {
                continue;
            }
            if let Err(error) = self.start_one(&told.key).await {
                tracing::error!(stream = %told.key, "the stream cannot be started: {error}");
                let reason = format!("stream {} cannot be started: {error}", told.key.stream);
                let trouble = Happening::Trouble { reason };
                self.inner.desk.parts.journal.record(Event::now(Some(&told.key.tenant), trouble)).await;
            }
        }
    }

    /// Starts a stream: declares its queue and gives it its least number of consumers. One that runs goes on.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn start(&self, key: &StreamKey, reason: &str) -> Result<(), StreamError> {
        self.crew(key)?;
        self.start_one(key).await?;
        self.say(key, State::Started, reason).await
    }

    async fn start_one(&self, key: &StreamKey) -> Result<(), StreamError> {
        let _turn = self.inner.turn.lock().await;
        let crew = self.crew(key)?;
        let least = crew.settings.consumers_min;
        let tenant = self.inner.desk.parts.tenants.active(&key.tenant).ok_or(StreamError::Unknown(key.clone()))?;
        self.check(&tenant, key, least)?;
        match self.inner.desk.broker.declare(&crew.queue()).await {
            Ok(()) => {}
            // The consumers go on trying, and say so.
            Err(BrokerError::Transient(reason)) => {
                tracing::warn!(stream = %key, reason, "the queue of a stream cannot be declared yet");
            }
            Err(error) => return Err(error.into()),
        }
        let mut book = self.book();
        if !book.is_closed
            && let Some(entry) = book.entries.get_mut(key)
        {
            entry.is_started = true;
            while entry.consumers.len() < least {
                self.inner.begin(entry);
            }
        }
        Ok(())
    }

    /// Stops a stream: its consumers end, its queue stays, or goes where it is to be [`State::Deleted`]. Answers how many
    /// messages went with it.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn stop(&self, key: &StreamKey, state: State, reason: &str) -> Result<u64, StreamError> {
        self.crew(key)?;
        self.say(key, state, reason).await?;
        let _turn = self.inner.turn.lock().await;
        let ending = {
            let mut book = self.book();
            let Some(entry) = book.entries.get_mut(key) else { return Err(StreamError::Unknown(key.clone())) };
            entry.is_started = false;
            std::mem::take(&mut entry.consumers)
        };
        end(ending, &Why::Cancelled).await;
        match state {
            State::Deleted => match self.inner.desk.broker.delete(key).await {
                Ok(messages) => Ok(messages),
                Err(BrokerError::NoQueue(_)) => Ok(0),
                Err(error) => Err(error.into()),
            },
            State::Started | State::Stopped | State::Paused => Ok(0),
        }
    }

    /// Gives a stream so many consumers on this host, within its bounds and its tenant's. Answers how many it has then.
    ///
    /// # Errors
    /// There is no such stream, or a limit forbids it.
    pub async fn scale(&self, key: &StreamKey, consumers: usize) -> Result<usize, StreamError> {
        let _turn = self.inner.turn.lock().await;
        let crew = self.crew(key)?;
        let wanted = consumers.clamp(crew.settings.consumers_min, crew.settings.consumers_max);
        // Fewer are never too many, whatever else is above its limit.
        let is_more = self.get(key)?.consumers < wanted;
        if let Some(tenant) = self.inner.desk.parts.tenants.active(&key.tenant).filter(|_| is_more) {
            self.check(&tenant, key, wanted)?;
        }
        let ending = {
            let mut book = self.book();
            let is_closed = book.is_closed;
            let Some(entry) = book.entries.get_mut(key).filter(|entry| entry.is_started && !is_closed) else {
                return Ok(0);
            };
            while entry.consumers.len() < wanted {
                self.inner.begin(entry);
            }
            entry.consumers.split_off(wanted)
        };
        end(ending, &Why::Cancelled).await;
        Ok(wanted)
    }

    /// Holds a stream that is to have so many consumers against its tenant's limits.
    fn check(&self, tenant: &Tenant, key: &StreamKey, consumers: usize) -> Result<(), StreamError> {
        let Limits { streams, consumers: most, storage_bytes, .. } = tenant.limits;
        let (mut started, mut all) = (1_u64, consumers as u64);
        for (other, entry) in self.book().entries.iter().filter(|(other, _)| other.tenant == key.tenant) {
            if other != key && entry.is_started {
                started += 1;
                all += entry.consumers.len() as u64;
            }
        }
        let id = &tenant.id;
        let limit = |limit, sentence| Err(StreamError::Limit { limit, sentence });
        if started > streams {
            return limit(
                "streams",
                format!(
                    "tenant {id} would have {started} streams, where {streams} are allowed (streams): stop another one first"
                ),
            );
        }
        if all > most {
            return limit(
                "consumers",
                format!(
                    "the streams of tenant {id} would have {all} consumers, where {most} are allowed (consumers): stop another one first"
                ),
            );
        }
        let parts = &self.inner.desk.parts;
        let stored = parts.sinks.stored_bytes(id) + parts.files.bytes(id);
        if stored > storage_bytes {
            return limit(
                "storage_bytes",
                format!(
                    "tenant {id} keeps {stored} bytes, where {storage_bytes} are allowed (storage_bytes): remove something first"
                ),
            );
        }
        Ok(())
    }

    /// Keeps what a stream shall be, and tells it.
    async fn say(&self, key: &StreamKey, state: State, reason: &str) -> Result<(), StreamError> {
        let said = Said { state, reason: reason.to_owned(), since: Timestamp::now() };
        self.book().states.keep(key, said)?;
        let (stream, state) = (key.stream.clone(), state.name().to_owned());
        let told = Happening::StreamChanged { stream, state, reason: reason.to_owned() };
        self.inner.desk.parts.journal.record(Event::now(Some(&key.tenant), told)).await;
        Ok(())
    }

    /// All streams, by tenant and name.
    pub fn list(&self) -> Vec<Told> {
        let book = self.book();
        book.entries.iter().map(|(key, entry)| book.told(key, entry)).collect()
    }

    /// One stream.
    ///
    /// # Errors
    /// There is no such stream.
    pub fn get(&self, key: &StreamKey) -> Result<Told, StreamError> {
        let book = self.book();
        book.entries.get(key).map(|entry| book.told(key, entry)).ok_or_else(|| StreamError::Unknown(key.clone()))
    }

    /// The tenants that have streams, and how long their windows are.
    pub(super) fn windows(&self) -> Vec<(TenantId, Duration)> {
        let tenants = self.inner.allowances.keys().filter_map(|id| self.inner.desk.parts.tenants.get(id));
        tenants.map(|tenant| (tenant.id.clone(), Duration::from_secs(tenant.limits.window_seconds.max(1)))).collect()
    }

    /// Closes the window of a tenant's streams, which was open for so long. Answers what went through, and the report of each
    /// stream that is started or has counted something.
    pub(super) async fn close_window(&self, tenant: &TenantId, seconds: f64) -> (Consumption, Vec<Closed>) {
        let crews: Vec<(Arc<Crew>, bool, u64)> = {
            let book = self.book();
            let own = book.entries.iter().filter(|(key, _)| key.tenant == *tenant);
            own.map(|(_, entry)| (Arc::clone(&entry.crew), entry.is_started, entry.consumers.len() as u64)).collect()
        };
        let mut closed = Vec::new();
        for (crew, is_started, consumers) in crews {
            let lag = match self.depth(&crew.key).await {
                // What a consumer was sent and has not taken yet waits as much as what is in the queue.
                Ok(depth) => {
                    let untaken = depth.held.saturating_sub(crew.in_hand());
                    let waiting = depth.waiting + untaken;
                    Lag::from(&Depth { waiting, held: depth.held - untaken, ..depth })
                }
                // It is told by the consumers.
                Err(_) => Lag::default(),
            };
            let own = crew.gate.own().map(Allowance::close);
            crew.begin_window();
            let closing = Closing { at: Timestamp::now(), seconds, consumers, lag, own };
            let report = crew.meter.take().close(closing);
            if let Some(entry) = self.book().entries.get_mut(&crew.key) {
                entry.total.add(&report.counts);
                entry.last = Some(report.clone());
            }
            if is_started || report.counts != Counts::default() {
                closed.push(Closed { crew, is_started, report });
            }
        }
        let consumption = self.inner.allowances.get(tenant).map(|allowance| allowance.close());
        (consumption.unwrap_or_default(), closed)
    }

    /// So many hosts work for all tenants now: each has an equal part of what they may take.
    pub(super) fn share(&self, hosts: u64) {
        self.inner.allowances.values().for_each(|allowance| allowance.share(hosts));
    }

    /// How full a stream's queue is.
    ///
    /// # Errors
    /// The broker cannot say.
    pub async fn depth(&self, key: &StreamKey) -> Result<Depth, StreamError> {
        match self.inner.desk.broker.depth(key).await {
            Err(BrokerError::NoQueue(_)) => Ok(Depth::default()),
            depth => Ok(depth?),
        }
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

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn told(&self, key: &StreamKey, entry: &Entry) -> Told {
        let settings = entry.crew.settings.clone();
        let by_configuration = || {
            let state = if settings.enabled { State::Started } else { State::Stopped };
            Said { state, reason: "as configured".into(), since: Timestamp::UNIX_EPOCH }
        };
        let mut total = entry.total.clone();
        total.add(&entry.crew.meter.counts());
        Told {
            key: key.clone(),
            said: self.states.of(key).cloned().unwrap_or_else(by_configuration),
            settings: settings.clone(),
            consumers: entry.consumers.len(),
            total,
            last: entry.last.clone(),
            trouble: entry.crew.trouble(),
        }
    }
}

impl Inner {
    /// One more consumer.
    fn begin(&self, entry: &mut Entry) {
        let (stopper, stop) = Stop::pair();
        let tag = format!("{}.{}.{}", entry.crew.key.stream, self.desk.parts.host, entry.next);
        entry.next += 1;
        let work = consumer::run(Arc::clone(&self.desk), Arc::clone(&entry.crew), tag, stop);
        entry.consumers.push(Running { stopper, task: self.lanes.spawn(work) });
    }
}

/// Tells consumers to stop, and waits until they have.
async fn end(consumers: Vec<Running>, why: &Why) {
    for running in &consumers {
        running.stopper.stop(why.clone());
    }
    for Running { task, .. } in consumers {
        let aborting = task.abort_handle();
        if tokio::time::timeout(GRACE, task).await.is_err() {
            aborting.abort();
        }
    }
}
