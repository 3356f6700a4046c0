//! The daemon: config → adapters → managers → tasks, and the way back.
//!
//! ```text
//!   lock the data directory ─ open queue, registry, journal, usage ─ give back what an earlier life held
//!     ─ slots ─ streams ─ control socket ─ staging ─ housekeeping        … until it is told to stop …
//!     ─ staging ─ streams ─ slots (checkpoint, give back) ─ control socket ─ sinks, journal, queue closed ─ unlock
//! ```
//!
//! Staging is started last and stopped first: nothing comes in before everything stands that it needs.

use super::lock::{DataLock, LockError};
use super::servers;
use crate::api::{Certificate, ControlSocket, HttpError, HttpServer, Served, SocketError};
use crate::apps::{Apps, AppsError, Change, Prober};
use crate::batch::parts::Parts;
use crate::batch::running::Running;
use crate::batch::slots::Slots;
use crate::batch::submit::Batches;
use crate::batch::work::Desk;
use crate::broker::BrokerError;
use crate::config::{Config, Keep, StagingRules};
use crate::depot::DepotError;
use crate::identity::tokens::{TokenError, Tokens};
use crate::journal::{Event, Filter, Follower, Happening, Journal, JournalError, JournalThread, Rules, Scope};
use crate::platform::Platform;
use crate::platform::error::ActionError;
use crate::platform::health;
use crate::platform::housekeeping;
use crate::platform::intake::Intake;
use crate::platform::neighbours;
use crate::queue::QueueError;
use crate::quota::Usage;
use crate::sink::mongodb::SettingsError;
use crate::sink::{SinkError, Sinks};
use crate::sqlite::FileError;
use crate::staging::candidate::DEFAULT_MAX_SIZE;
use crate::staging::driver::{self, Staging};
use crate::staging::files::FileStore;
use crate::staging::knock::Knock;
use crate::stream;
use crate::stream::manager::Streams;
use crate::stream::permits::Permits;
use crate::telemetry::metrics::Metrics;
use crate::tenant::{SettleError, Tenants};
use crate::worker::spawner::Spawner;
use futures_util::StreamExt as _;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tenants whose dropped files are handled at the same time.
const TENANTS_AT_ONCE: usize = 8;

/// The daemon cannot be started. Each sentence says why.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one runs on the same data.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A directory cannot be made.
    #[error("the directory {} cannot be made: {source}; name another with data or staging in the configuration", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What tells this host from others cannot be kept.
    #[error("{} cannot be written: {source}; the data directory must be writable", path.display())]
    Identity {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A database file will not do.
    #[error(transparent)]
    File(#[from] FileError),
    /// The registry of apps cannot be opened.
    #[error(transparent)]
    Apps(#[from] AppsError),
    /// The MongoDB is not named as it should be.
    #[error(transparent)]
    MongoDb(#[from] SettingsError),
    /// The MongoDB does not let us in.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// What hosts share cannot be reached.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another host goes by the same name on the same queue.
    #[error(
        "another host goes by the name {name} on this queue, and gave a sign of life {ago:?} ago: give this one another name (host), or wait until that one is gone"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Since its last sign of life.
        ago: Duration,
    },
    /// The queue does not answer.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The broker of messages does not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The control socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The tokens cannot be read.
    #[error(
        "the tokens cannot be read: {0}; without that file there is no token, and HTTP is served on loopback alone"
    )]
    Tokens(io::Error),
    /// The tokens of a tenant that was removed cannot be revoked.
    #[error(transparent)]
    Revoke(TokenError),
    /// What was settled of tenants cannot be read, or does not go with the configuration.
    #[error(transparent)]
    Tenants(#[from] SettleError),
    /// Staging cannot be watched.
    #[error("the staging directory {} cannot be watched: {reason}", path.display())]
    Staging {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What an earlier life left cannot be tidied up.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Streams cannot be started.
    #[error("streams cannot be started: {0}")]
    Streams(io::Error),
    /// The machine gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// A daemon that runs.
pub struct Daemon {
    platform: Platform,
    sinks: Arc<dyn Sinks>,
    slots: Slots,
    stop_staging: CancellationToken,
    stop_windows: CancellationToken,
    stop_serving: CancellationToken,
    staging: JoinHandle<()>,
    windows: JoinHandle<()>,
    serving: Vec<JoinHandle<()>>,
    address: Option<String>,
    certificate: Option<Arc<Certificate>>,
    tokens: Tokens,
    housekeeping: JoinHandle<()>,
    health: JoinHandle<()>,
    neighbours: JoinHandle<()>,
    journal: JournalThread,
    // Given back last of all.
    _lock: DataLock,
}

impl DaemonError {
    /// The configuration is wrong: another start would end as this one did.
    pub fn is_of_the_configuration(&self) -> bool {
        matches!(self, DaemonError::Depot(DepotError::Url { .. }) | DaemonError::Http(HttpError::Pem { .. }))
    }
}

impl Daemon {
    /// Starts everything. Must be called within a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// See [`DaemonError`]; nothing is left running then.
    pub async fn start(config: Config) -> Result<Daemon, DaemonError> {
        let config = Arc::new(config);
        let (data, staging) = (&config.data, &config.staging);
        for directory in [data, &data.join("tenants")] {
            make(directory, 0o700)?;
        }
        make(staging, 0o755)?;
        let lock = DataLock::take(data)?;
        let spawner = Spawner::start(None)?;
        let Keep { journal_bytes: bytes, journal_files, journal_age: age, .. } = config.keep;
        let rules = Rules { bytes, files: journal_files, age };
        let (journal, journal_thread) = Journal::open(data, rules)?;
        let (metrics, stop_serving) = (Metrics::new(), CancellationToken::new());
        // Before anything happens that is to be counted.
        let events = journal.follow(&Scope::General, Filter::default(), 0).await?;
        tokio::spawn(count(metrics.clone(), events, stop_serving.clone()));
        let usage = Usage::open(&data.join("usage.db"))?;
        let depot = servers::depot(&config).await?;
        let (queue, host) = (servers::queue(&config).await?, servers::host(&config));
        let prober = Prober::new(spawner.clone(), config.isolation);
        let apps = Apps::open(&data.join("apps.db"), &data.join("apps"), prober)?;
        for trouble in apps.troubles() {
            tracing::error!("{trouble}");
            journal.record(Event::now(None, Happening::Trouble { reason: trouble.clone() })).await;
        }
        let files = FileStore::new(data.join("tenants"));
        let sinks = metrics.timed(servers::sinks(&config).await?);
        let tenants = Tenants::open(Arc::clone(&config), &data.join(Tenants::FILE))?;
        for sentence in tenants.overrides() {
            tracing::warn!("{sentence}");
        }
        let running = Running::default();
        let parts = Parts {
            host,
            queue,
            sinks: Arc::clone(&sinks),
            apps: apps.clone(),
            tenants: tenants.clone(),
            files,
            depot,
            journal: journal.clone(),
        };
        let broker = servers::broker(&config).await?;
        let stream_desk = stream::crew::Desk {
            parts: parts.clone(),
            broker: Arc::clone(&broker),
            usage: usage.clone(),
            spawner: spawner.clone(),
            isolation: config.isolation,
            warm: config.warm,
            permits: Permits::new(config.workers_max),
        };
        let streams = Streams::new(Arc::new(stream_desk), config.stream_threads).map_err(DaemonError::Streams)?;
        let batches = Batches { parts: parts.clone(), on_known: config.staging_rules.on_known };
        let platform = Platform::new(batches, running.clone(), streams.clone(), usage.clone(), config.slots, staging);
        if config.adopt_tenants {
            adopt(&tenants, [staging, &data.join("tenants")]);
        }
        for tenant in tenants.all() {
            platform.welcome(&tenant).await?;
        }
        let id = servers::identity(data)?;
        if let Some(ago) = platform.greet(&id).await? {
            return Err(DaemonError::NameTaken { name: platform.batches.parts.host.clone(), ago });
        }
        let recovered = platform.batches.parts.queue.recover(&platform.batches.parts.host).await?;
        platform.join_the_others().await;
        if platform.batches.parts.depot.is_none() && platform.batches.parts.queue.hosts().await?.len() > 1 {
            tracing::warn!(
                "other hosts work on this queue, and this one has no depot: it parks tasks whose files they have; name one in depot.url, the same for all"
            );
        }
        housekeeping::sweep(&platform).await?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        journal.record(Event::now(None, Happening::Started { version, recovered })).await;
        let desk = Desk {
            parts,
            usage,
            spawner,
            isolation: config.isolation,
            lease: config.lease,
            retry_pause: config.retry_pause,
            warm: config.warm,
            running,
        };
        let tokens = Tokens::open(&data.join("tokens.json")).map_err(DaemonError::Tokens)?;
        // A kill may have come between a removal and this.
        for removed in tenants.removed() {
            tokens.revoke_all_of(&removed, jiff::Timestamp::now()).map_err(DaemonError::Revoke)?;
        }
        let socket = ControlSocket::open(&data.join("control.sock"))?;
        let http = HttpServer::open(&config.api, tokens.none_was_issued()).await?;
        let slots = Slots::start(config.slots, Arc::new(desk))?;
        streams.listen().await?;
        streams.keep_up().await;
        let removed = platform.clone();
        tokio::spawn(async move { removed.clear_removed().await });
        let stop_windows = CancellationToken::new();
        let windows = tokio::spawn(stream::run(streams.clone(), stop_windows.clone()));
        let stop_staging = CancellationToken::new();
        let served = Served::new(platform.clone(), tokens.clone(), metrics, stop_serving.clone());
        let address = http.as_ref().map(|http| http.address.clone());
        let certificate = http.as_ref().and_then(|http| http.certificate.clone());
        if let Some(address) = &address {
            platform.is_served_at(address);
        }
        let mut serving = vec![tokio::spawn(socket.serve(served.clone()))];
        serving.extend(http.map(|http| tokio::spawn(http.serve(served))));
        let housekeeping = tokio::spawn(housekeeping::run(platform.clone(), config.keep.clone(), stop_staging.clone()));
        let health = tokio::spawn(health::run(platform.clone(), stop_staging.clone()));
        let neighbours = tokio::spawn(neighbours::run(platform.clone(), id, stop_staging.clone()));
        let ports = Intake::ports(&platform);
        let StagingRules { quiet, rescan, poll, .. } = config.staging_rules;
        let rules = driver::Rules { quiet, rescan, poll, at_once: TENANTS_AT_ONCE, app_bytes: DEFAULT_MAX_SIZE };
        let watching = Staging::new(staging.clone(), rules, ports)
            .map_err(|error| DaemonError::Staging { path: staging.clone(), reason: error.to_string() })?;
        tokio::spawn(knock(apps.changes(), watching.knock()));
        let staging = tokio::spawn(watching.run(stop_staging.clone().cancelled_owned()));
        Ok(Daemon {
            platform,
            sinks,
            slots,
            stop_staging,
            stop_windows,
            stop_serving,
            staging,
            windows,
            serving,
            address,
            certificate,
            tokens,
            housekeeping,
            health,
            neighbours,
            journal: journal_thread,
            _lock: lock,
        })
    }

    /// Where HTTP is served: `http://127.0.0.1:7373`.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Whether whoever reaches it there is an operator, since no token was issued yet.
    pub fn is_open(&self) -> bool {
        self.tokens.none_was_issued()
    }

    /// Reads the certificate of HTTP and its key again. Answers whether there is one.
    ///
    /// # Errors
    /// They will not do: what was read before is used on.
    pub fn renew_certificate(&self) -> Result<bool, HttpError> {
        self.certificate.as_ref().map_or(Ok(false), |certificate| certificate.read_again().map(|()| true))
    }

    /// The facade, for whoever is in the same process.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Stops everything in good order: what runs is checkpointed and given back.
    pub async fn stop(self) {
        let Daemon {
            platform,
            sinks,
            slots,
            stop_staging,
            stop_windows,
            stop_serving,
            staging,
            windows,
            serving,
            address: _,
            certificate: _,
            tokens: _,
            housekeeping,
            health,
            neighbours,
            journal: thread,
            _lock,
        } = self;
        stop_staging.cancel();
        ended("staging", staging.await);
        ended("housekeeping", housekeeping.await);
        ended("what looks after servers", health.await);
        ended("what looks after neighbours", neighbours.await);
        platform.streams.close().await;
        stop_windows.cancel();
        ended("what looks after streams", windows.await);
        let released = tokio::task::spawn_blocking(move || slots.stop()).await.unwrap_or_default();
        stop_serving.cancel();
        for served in serving {
            ended("what answers requests", served.await);
        }
        let journal = platform.batches.parts.journal.clone();
        journal.record(Event::now(None, Happening::Stopped { released })).await;
        drop(platform);
        let closed = tokio::task::spawn_blocking(move || {
            sinks.close_all();
            thread.close()
        });
        match closed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the journal was not closed cleanly"),
            Err(error) => tracing::error!(%error, "the sinks were not closed cleanly"),
        }
    }
}

/// Counts what happens, for metrics.
async fn count(metrics: Metrics, events: Follower, stop: CancellationToken) {
    let events = events.take_until(stop.cancelled_owned());
    tokio::pin!(events);
    while let Some(event) = events.next().await {
        metrics.note(&event);
    }
}

/// Has the files that wait for an app looked at again when one is live, whichever way it became so.
async fn knock(mut changes: Receiver<Change>, knock: Knock) {
    loop {
        match changes.recv().await {
            Ok(Change::Live { generation, .. }) => knock.look_again(generation.tenant()),
            Ok(Change::Retired { .. }) => {}
            Err(RecvError::Lagged(_)) => knock.tenants_changed(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Registers the tenants of an earlier life, before their tasks are claimed.
fn adopt(tenants: &Tenants, folders: [&PathBuf; 2]) {
    let entries = folders.into_iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if let Some(name) = entry.file_name().to_str() {
            tenants.of_directory(name);
        }
    }
}

fn ended(what: &str, end: Result<(), tokio::task::JoinError>) {
    if let Err(error) = end {
        tracing::error!(%error, "{what} did not end in good order");
    }
}

fn make(path: &Path, mode: u32) -> Result<(), DaemonError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| DaemonError::Directory { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
