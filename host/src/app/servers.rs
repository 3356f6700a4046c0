//! Which queue and which sinks the configuration names, opened.

use super::daemon::DaemonError;
use crate::broker::embedded::EmbeddedBroker;
use crate::broker::rabbitmq::{self, RabbitBroker, RabbitSettings};
use crate::broker::{Broker, BrokerError};
use crate::config::{AcknowledgedBy, BrokerKind, Config, MongoDb, QueueKind, QueueType, RabbitMq, SinkKind};
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
            let redis = &config.redis;
            let settings = RedisSettings {
                url: redis.url.0.clone(),
                prefix: redis.prefix.clone(),
                ca: redis.tls.ca.clone(),
                certificate: redis.tls.certificate.clone(),
            };
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
            let RabbitMq { url, management, prefix, queue_type, tls } = config.rabbitmq.clone();
            let settings = RabbitSettings {
                url: url.0,
                management: management.map(|url| url.0),
                queues: match queue_type {
                    QueueType::Quorum => rabbitmq::QueueKind::Quorum,
                    QueueType::Classic => rabbitmq::QueueKind::Classic,
                },
                prefix,
                ca: tls.ca,
                certificate: tls.certificate,
            };
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
            let MongoDb { url, prefix, acknowledged_by, ca, certificate } = config.mongodb.clone();
            let settings = Settings {
                database_prefix: prefix,
                acknowledged: match acknowledged_by {
                    AcknowledgedBy::Majority => Acknowledged::Majority,
                    AcknowledgedBy::Primary => Acknowledged::Members(1),
                },
                ca_file: ca,
                client_certificate: certificate,
                ..Settings::new(url.0)
            };
            let sinks = MongoSinks::connect(settings).await?;
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
