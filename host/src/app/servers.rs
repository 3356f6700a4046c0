//! Which queue, broker, sinks and depot the configuration names: opened, or tried out.

use super::daemon::DaemonError;
use crate::broker::embedded::EmbeddedBroker;
use crate::broker::rabbitmq::{self, RabbitBroker, RabbitSettings};
use crate::broker::{Broker, BrokerError};
use crate::config::{AcknowledgedBy, BrokerKind, Config, MongoDb, QueueKind, QueueType, RabbitMq, Redis, SinkKind};
use crate::depot::Depot;
use crate::queue::embedded::{EmbeddedQueue, steady_clock};
use crate::queue::redis::{RedisQueue, RedisSettings};
use crate::queue::{QueueError, TaskQueue};
use crate::sink::embedded::EmbeddedSinks;
use crate::sink::mongodb::{Acknowledged, MongoSinks, Settings};
use crate::sink::retry::{Patience, RetryingSinks};
use crate::sink::{SinkError, Sinks};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server that cannot be reached is waited for at the start: host and servers may come up together.
const START: Duration = Duration::from_secs(30);

/// The task queue.
pub(super) async fn queue(config: &Config) -> Result<Arc<dyn TaskQueue>, DaemonError> {
    match config.queue {
        QueueKind::Embedded => Ok(Arc::new(EmbeddedQueue::open(&config.data.join("queue.db"), steady_clock())?)),
        QueueKind::Redis => {
            let (redis, settings) = (&config.redis, redis_settings(config));
            let is_passing = |error: &QueueError| matches!(error, QueueError::Transient(_));
            let connect = || RedisQueue::connect(&settings);
            let (queue, warnings) = patiently("the task queue", &redis.url.shown(), is_passing, connect).await?;
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            Ok(Arc::new(queue))
        }
    }
}

/// The broker of messages.
pub(super) async fn broker(config: &Config) -> Result<Arc<dyn Broker>, DaemonError> {
    match config.broker {
        BrokerKind::Embedded => Ok(Arc::new(EmbeddedBroker::open(&config.data.join("broker.db"), steady_clock())?)),
        BrokerKind::RabbitMq => {
            let settings = rabbit_settings(config);
            let is_passing = |error: &BrokerError| matches!(error, BrokerError::Transient(_));
            let connect = || RabbitBroker::connect(&settings);
            let (broker, warnings) = patiently("the broker", &config.rabbitmq.url.shown(), is_passing, connect).await?;
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            Ok(Arc::new(broker))
        }
    }
}

fn redis_settings(config: &Config) -> RedisSettings {
    let Redis { url, prefix, tls } = config.redis.clone();
    RedisSettings { url: url.0, prefix, ca: tls.ca, certificate: tls.certificate }
}

fn rabbit_settings(config: &Config) -> RabbitSettings {
    let RabbitMq { url, management, prefix, queue_type, tls } = config.rabbitmq.clone();
    RabbitSettings {
        url: url.0,
        management: management.map(|url| url.0),
        queues: match queue_type {
            QueueType::Quorum => rabbitmq::QueueKind::Quorum,
            QueueType::Classic => rabbitmq::QueueKind::Classic,
        },
        prefix,
        ca: tls.ca,
        certificate: tls.certificate,
    }
}

fn mongo_settings(config: &Config) -> Settings {
    let MongoDb { url, prefix, acknowledged_by, ca, certificate } = config.mongodb.clone();
    Settings {
        database_prefix: prefix,
        acknowledged: match acknowledged_by {
            AcknowledgedBy::Majority => Acknowledged::Majority,
            AcknowledgedBy::Primary => Acknowledged::Members(1),
        },
        ca_file: ca,
        client_certificate: certificate,
        ..Settings::new(url.0)
    }
}

/// A server that the configuration uses, tried once.
pub struct Tried {
    /// `redis`, `rabbitmq`, `mongodb` or `depot`: its table in the configuration.
    pub table: &'static str,
    /// Its URL, without a password.
    pub url: String,
    /// What it is warned of, or why it cannot be used.
    pub answer: Result<Vec<String>, String>,
}

/// Tries whatever the configuration uses outside of this machine, for `patience` each.
pub async fn try_out(config: &Config, patience: Duration) -> Vec<Tried> {
    let mut tried = Vec::new();
    if config.queue == QueueKind::Redis {
        let settings = redis_settings(config);
        let asked = async { RedisQueue::connect(&settings).await.map(|(_, warnings)| warnings) };
        tried.push(Tried { table: "redis", url: config.redis.url.shown(), answer: within(patience, asked).await });
    }
    if config.broker == BrokerKind::RabbitMq {
        let settings = rabbit_settings(config);
        let asked = async { RabbitBroker::connect(&settings).await.map(|(_, warnings)| warnings) };
        tried.push(Tried {
            table: "rabbitmq",
            url: config.rabbitmq.url.shown(),
            answer: within(patience, asked).await,
        });
    }
    if config.sink == SinkKind::MongoDb {
        let asked = async {
            let sinks = MongoSinks::connect(mongo_settings(config)).await.map_err(|error| error.to_string())?;
            sinks.check().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(Vec::new())
        };
        tried.push(Tried { table: "mongodb", url: config.mongodb.url.shown(), answer: within(patience, asked).await });
    }
    if let Some(url) = &config.depot {
        let opened = Depot::open_to_write(url, std::env::vars(), patience).await;
        let answer = opened.map(|_| Vec::new()).map_err(|error| error.to_string());
        tried.push(Tried { table: "depot", url: url.clone(), answer });
    }
    tried
}

async fn within<T, E: std::fmt::Display>(
    patience: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => {
            Err(format!("no answer within {patience:?}: is it there, and does a firewall let this machine reach it?"))
        }
    }
}

/// Tries to connect for [`START`], and says once that it does not work yet.
async fn patiently<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    server: &str,
    is_passing: impl Fn(&E) -> bool,
    connect: impl Fn() -> F,
) -> Result<T, E> {
    let until = Instant::now() + START;
    let mut told = false;
    loop {
        match connect().await {
            Err(error) if is_passing(&error) && Instant::now() < until => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(reason = %error, server, "{what} cannot be reached; trying again for {START:?}");
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            answer => return answer,
        }
    }
}

/// Where documents go.
pub(super) async fn sinks(config: &Config) -> Result<Arc<dyn Sinks>, DaemonError> {
    match config.sink {
        SinkKind::Embedded => Ok(Arc::new(EmbeddedSinks::new(&config.data.join("tenants")))),
        SinkKind::MongoDb => {
            let sinks = MongoSinks::connect(mongo_settings(config)).await?;
            match sinks.check().await {
                Ok(()) => {}
                Err(error @ SinkError::Transient { .. }) => {
                    tracing::warn!(%error, server = config.mongodb.url.shown(), "documents cannot be stored yet: tasks wait until they can");
                }
                Err(error) => return Err(error.into()),
            }
            Ok(Arc::new(RetryingSinks::new(sinks, Patience::default())))
        }
    }
}

/// Where files and apps are that hosts share, if they do; a place that takes nothing is told before anything relies on it.
pub(super) async fn depot(config: &Config) -> Result<Option<Depot>, DaemonError> {
    match &config.depot {
        None => Ok(None),
        Some(url) => Ok(Some(Depot::open_to_write(url, std::env::vars(), START).await?)),
    }
}

/// What this host is called in the queue: as it is configured, else as the machine is.
pub(super) fn host(config: &Config) -> String {
    if !config.host.is_empty() {
        return config.host.clone();
    }
    match config.queue {
        QueueKind::Embedded => "localhost".to_owned(),
        QueueKind::Redis => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// What tells this host from every other, whatever they are called: made once, and kept in the data directory.
pub(super) fn identity(data: &Path) -> Result<String, DaemonError> {
    let path = data.join("host-id");
    let kept = std::fs::read_to_string(&path).ok().map(|id| id.trim().to_owned());
    if let Some(id) = kept.filter(|id| uuid::Uuid::parse_str(id).is_ok()) {
        return Ok(id);
    }
    let id = uuid::Uuid::now_v7().to_string();
    std::fs::write(&path, &id).map_err(|source| DaemonError::Identity { path, source })?;
    Ok(id)
}
