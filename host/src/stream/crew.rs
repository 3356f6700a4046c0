//! What consumers stand on: the parts that all streams share, and what one stream's consumers share.

use super::flights::Shore;
use super::gate::{Allowance, Gate};
use super::identity::Identities;
use super::letters::Clerk;
use super::meter::Meter;
use super::permits::Permits;
use crate::apps::Generation;
use crate::batch::parts::Parts;
use crate::broker::{Broker, QueueSpec, StreamKey};
use crate::journal::{Event, Happening, Journal, level_name};
use crate::quota::Usage;
use crate::sink::SinkError;
use crate::staging::candidate::Kind;
use crate::tenant::{Stream, Tenant};
use crate::worker::process::WorkerSpec;
use crate::worker::protocol::{GuestLimits, Isolation, Log};
use crate::worker::spawner::Spawner;
use crate::worker::words::short_line;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bundles that a consumer may hold: some with the worker, some on their way into the sink, some on their way here.
const BUNDLES_HELD: u64 = 6;
/// How long a consumer may need for all that it holds.
const HELD_TIME: Duration = Duration::from_secs(1);
/// What it may hold however long that takes.
const LEAST_HELD: u64 = 16;
/// What it may hold however large that is.
const LEAST_LARGE: u64 = 4;
/// Most lines of an app's log that are passed on in a window.
const MAX_LOG_LINES: u64 = 1_000;
/// Longest line of an app's log that is kept, in bytes.
const MAX_LINE: usize = 4 * 1024;
/// The level of what the host adds to that log, as in the plugin ABI.
const WARN: u32 = 2;

/// What the consumers of all streams share.
pub struct Desk {
    /// What it stands on.
    pub parts: Parts,
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// The bill.
    pub usage: Usage,
    /// Starts workers.
    pub spawner: Spawner,
    /// How much of the sandbox is demanded.
    pub isolation: Isolation,
    /// How long an idle worker is kept.
    pub warm: Duration,
    /// How many workers there may be.
    pub permits: Permits,
}

/// What the consumers of one stream share.
pub struct Crew {
    /// Which stream.
    pub key: StreamKey,
    /// What is settled for it.
    pub settings: Stream,
    /// What its tenant has settled besides that it works by.
    pub(super) terms: Terms,
    /// Which message is which.
    pub identities: Identities,
    /// What they count. Who is settled anew goes on counting where it was.
    pub meter: Arc<Meter>,
    /// What they may take.
    pub gate: Gate,
    /// Messages that consumers of this host have taken and not brought to their end.
    in_hand: AtomicU64,
    /// Nanoseconds in the app for a message, lately; 0 where nothing is known.
    pace: AtomicU64,
    /// Bytes of a body, lately; 0 where nothing is known.
    size: AtomicU64,
    /// What holds a consumer up.
    trouble: Mutex<Option<String>>,
    /// Whether that was told, so that its end is told, too.
    is_told: AtomicBool,
    log_lines: AtomicU64,
}

/// What a stream works by that is settled elsewhere: its app's configuration, and where its sink's documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    config: Option<String>,
    collection: Option<String>,
}

impl Terms {
    /// Those of one of a tenant's streams.
    pub(super) fn of(tenant: &Tenant, settings: &Stream) -> Terms {
        let collection = tenant.sinks.get(&settings.sink).map(|sink| sink.collection.clone());
        Terms { config: tenant.app(&settings.app).config, collection }
    }
}

/// What one consumer has taken and not brought to its end. Dropped, it has nothing any more.
#[derive(Debug)]
pub(super) struct InHand<'a> {
    all: &'a AtomicU64,
    own: u64,
}

impl InHand<'_> {
    /// So many more were taken.
    pub(super) fn taken(&mut self, messages: u64) {
        self.own += messages;
        self.all.fetch_add(messages, Ordering::Relaxed);
    }

    /// So many have come to their end.
    pub(super) fn settled(&mut self, messages: u64) {
        let messages = messages.min(self.own);
        self.own -= messages;
        self.all.fetch_sub(messages, Ordering::Relaxed);
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.settled(self.own);
    }
}

/// What is needed to run a generation for a stream.
pub(super) struct Cast {
    pub(super) generation: Arc<Generation>,
    pub(super) spec: WorkerSpec,
    pub(super) shore: Arc<Shore>,
    /// Longest time without an outcome.
    pub(super) stall: Duration,
}

/// Why a stream cannot go on just now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Obstacle {
    /// Its tenant, app or sink is not there.
    #[error("{0}")]
    Missing(String),
    /// Its sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl Crew {
    /// Of a stream that counts here.
    pub(super) fn new(
        key: StreamKey,
        settings: Stream,
        terms: Terms,
        allowance: &Arc<Allowance>,
        meter: Arc<Meter>,
    ) -> Crew {
        let gate = Gate::new(allowance, &settings.limits);
        let identities = Identities::of(&key);
        let (trouble, is_told) = (Mutex::default(), AtomicBool::new(false));
        let (in_hand, pace, size, log_lines) =
            (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Crew { key, settings, terms, identities, meter, gate, in_hand, pace, size, trouble, is_told, log_lines }
    }

    /// Messages that a consumer may hold: a few bundles, no more than a window allows, and not more than it can serve within
    /// [`HELD_TIME`], or others that come to help would find nothing. A broker sends what it may, taken or not, and that is in
    /// memory: so a few bundles are no more in bytes, as far as the size of messages can be foreseen.
    pub(super) fn prefetch(&self) -> u16 {
        let (one, bytes) = (self.settings.batch_messages as u64, self.settings.batch_bytes as u64);
        let bundles = one.saturating_mul(BUNDLES_HELD);
        let held = u64::try_from(HELD_TIME.as_nanos()).unwrap_or(u64::MAX);
        let by_time = held.checked_div(self.pace()).unwrap_or(u64::MAX).max(LEAST_HELD);
        // One bundle until something is known.
        let by_size = bytes.saturating_mul(BUNDLES_HELD).checked_div(self.size.load(Ordering::Relaxed));
        let by_size = by_size.unwrap_or(one).max(LEAST_LARGE);
        let most = bundles.min(self.settings.limits.messages_per_window).min(by_time).min(by_size).max(1);
        u16::try_from(most).unwrap_or(u16::MAX)
    }

    /// Nanoseconds in the app for a message, lately; 0 where nothing is known.
    pub(super) fn pace(&self) -> u64 {
        self.pace.load(Ordering::Relaxed)
    }

    /// A consumer has measured it.
    pub(super) fn set_pace(&self, nanos: u64) {
        self.pace.store(nanos.max(1), Ordering::Relaxed);
    }

    /// A consumer has taken so many messages with bodies of so many bytes.
    pub(super) fn has_seen(&self, messages: u64, bytes: u64) {
        let Some(mean) = bytes.checked_div(messages) else { return };
        let before = self.size.load(Ordering::Relaxed);
        let now = if before == 0 { mean } else { (before * 7 + mean * 3) / 10 };
        self.size.store(now.max(1), Ordering::Relaxed);
    }

    /// Nothing yet.
    pub(super) fn hand(&self) -> InHand<'_> {
        InHand { all: &self.in_hand, own: 0 }
    }

    /// Messages that consumers of this host have taken and not brought to their end.
    pub(super) fn in_hand(&self) -> u64 {
        self.in_hand.load(Ordering::Relaxed)
    }

    /// What holds a consumer up just now.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A consumer gets on again.
    pub(super) fn gets_on(&self) {
        let over = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(trouble) = over
            && self.is_told.swap(false, Ordering::Relaxed)
        {
            tracing::info!(stream = %self.key, "goes on: what held it up is over ({trouble})");
        }
    }

    /// A consumer cannot go on: that is so until one gets on again.
    pub(super) fn is_held_up(&self, sentence: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence.to_owned());
    }

    /// A consumer was interrupted by something that was not told yet.
    pub(super) async fn interrupted(&self, journal: &Journal, sentence: &str) {
        self.is_told.store(true, Ordering::Relaxed);
        let told = Happening::StreamInterrupted { stream: self.key.stream.clone(), reason: sentence.to_owned() };
        journal.record(Event::now(Some(&self.key.tenant), told)).await;
    }

    /// Passes a line of the app's log on, so many of a window.
    pub(super) fn log(&self, journal: &Journal, line: &Log) {
        let (level, message) = match self.log_lines.fetch_add(1, Ordering::Relaxed) {
            ..MAX_LOG_LINES => (line.level, short_line(&line.message, MAX_LINE).into_owned()),
            MAX_LOG_LINES => {
                (WARN, format!("more than {MAX_LOG_LINES} lines in a window; those that follow are dropped"))
            }
            _ => return,
        };
        let told = Happening::StreamLog {
            stream: self.key.stream.clone(),
            app: self.settings.app.clone(),
            level: level_name(level).to_owned(),
            message,
        };
        journal.record_blocking(Event::now(Some(&self.key.tenant), told));
    }

    /// A window begins: lines of the log count anew.
    pub(super) fn begin_window(&self) {
        self.log_lines.store(0, Ordering::Relaxed);
    }

    /// The queue that it needs.
    pub fn queue(&self) -> QueueSpec {
        QueueSpec {
            key: self.key.clone(),
            routing_keys: self.settings.routing_keys.clone(),
            max_bytes: self.settings.max_queue_bytes,
            single_active: self.settings.ordered,
        }
    }
}

impl Desk {
    /// The generation that a stream runs on now.
    pub(super) fn live(&self, crew: &Crew) -> Option<Arc<Generation>> {
        self.parts.apps.live(&crew.key.tenant, &crew.settings.app)
    }

    /// What it takes to run it.
    pub(super) async fn cast(&self, crew: &Crew) -> Result<Cast, Obstacle> {
        let (tenant, app) = (&crew.key.tenant, &crew.settings.app);
        let missing = |sentence: String| Obstacle::Missing(sentence);
        let known: Arc<Tenant> =
            self.parts.tenants.active(tenant).ok_or_else(|| {
                missing(format!("tenant {tenant} is not registered any more, or disabled: enable it"))
            })?;
        let generation = self.live(crew).ok_or_else(|| {
            missing(format!("no app {app} is live for tenant {tenant}: drop its .so into the staging directory"))
        })?;
        if !generation.provides(Kind::Stream) {
            let kinds: Vec<&str> = generation.kinds().iter().map(|kind| kind.name()).collect();
            let label = generation.label();
            let kinds = kinds.join(", ");
            return Err(missing(format!("app {label} is no stream app (its kinds: {kinds}): name another app")));
        }
        let sink = &crew.settings.sink;
        let collection = self
            .parts
            .tenants
            .collection(tenant, sink)
            .ok_or_else(|| missing(format!("tenant {tenant} has no sink {sink}: name it in the configuration")))?;
        let sink = self.parts.sinks.open_here(tenant, &collection).await?;
        let limits = &crew.settings.limits;
        let guest = GuestLimits { memory: limits.memory_bytes, cpu_seconds: None };
        let config = known.app(app).config;
        let spec = generation.worker_spec(self.isolation, guest, config).map_err(|error| missing(error.to_string()))?;
        let clerk = Clerk { app: spec.label.clone(), stream: crew.key.stream.to_string() };
        let shore = Arc::new(Shore { sink, clerk, is_told: AtomicBool::new(false) });
        Ok(Cast { generation, spec, shore, stall: limits.stall() })
    }
}
