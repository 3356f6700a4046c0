//! Streams: listed, started, stopped, purged.

use super::Platform;
use super::error::{ActionError, Kind};
use crate::broker::{BrokerError, Credentials, Depth, StreamKey};
use crate::journal::{Cursor, Event, Filter, Happening, Scope};
use crate::part::Part;
use crate::queue::QueueError;
use crate::stream::manager::{StreamError, Streams};
use crate::stream::window::{Counts, WindowReport};
use crate::stream::{OnHost, Told};
use crate::tenant::{AppName, Of, OnBreach, SinkName, StreamName, StreamState, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stream, as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StreamLine {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub stream: StreamName,
    /// The app that reads it.
    pub app: AppName,
    /// Where its documents go.
    pub sink: SinkName,
    /// What it is bound to.
    pub routing_keys: Vec<String>,
    /// `started`, `stopped`, `paused` or `deleted`.
    pub state: StreamState,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Consumers on all hosts.
    pub consumers: usize,
    /// Fewest and most consumers.
    #[schema(value_type = Vec<usize>)]
    pub bounds: (usize, usize),
    /// What it may take.
    pub limits: StreamLimits,
    /// What holds it up just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Messages that wait; `None` where the broker cannot say.
    pub waiting: Option<u64>,
    /// Messages that consumers hold.
    pub held: Option<u64>,
    /// Seconds since the oldest came.
    pub oldest_seconds: Option<f64>,
    /// The last window that is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowReport>,
    /// What is where, where several hosts share the stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<OnHost>,
    /// Rises with each change of what is settled for it; 0 where nobody has ever changed it.
    #[serde(default)]
    pub version: u64,
    /// What is settled for it, as its table in the configuration would say it: where it alone is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<serde_json::Value>,
    /// What was counted since the hosts are up.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Limits of a stream, as they stand in the configuration: its tenant's, where it has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StreamLimits {
    /// Messages in a window.
    pub messages_per_window: u64,
    /// Bytes of their bodies in a window.
    pub bytes_per_window: u64,
    /// Seconds of a window.
    pub window_seconds: u64,
    /// What happens above that.
    pub on_breach: OnBreach,
}

impl Platform {
    fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Streams, all or those of a tenant; and behind which the rest of them begins.
    ///
    /// # Errors
    /// There is no such tenant.
    pub async fn streams_of(
        &self,
        tenant: Option<&TenantId>,
        part: &Part<StreamKey>,
    ) -> Result<(Vec<StreamLine>, Option<StreamKey>), ActionError> {
        if let Some(tenant) = tenant {
            self.known(tenant)?;
        }
        let its =
            self.streams().list().into_iter().filter(|told| tenant.is_none_or(|tenant| told.key.tenant == *tenant));
        let (told, next) = part.of(its, |told| told.key.clone());
        let mut lines = Vec::with_capacity(told.len());
        for told in told {
            lines.push(self.stream_line(told).await);
        }
        Ok((lines, next))
    }

    /// All streams, or those of a tenant.
    ///
    /// # Errors
    /// There is no such tenant.
    pub async fn all_streams(&self, tenant: Option<&TenantId>) -> Result<Vec<StreamLine>, ActionError> {
        let part = Part { after: None, limit: usize::MAX };
        self.streams_of(tenant, &part).await.map(|(lines, _)| lines)
    }

    async fn stream_line(&self, told: Told) -> StreamLine {
        let depth: Option<Depth> = self.streams().depth(&told.key).await.ok();
        let Told { key, settings, said, consumers, total, last, trouble, hosts } = told;
        let limits = StreamLimits {
            messages_per_window: settings.limits.messages_per_window,
            bytes_per_window: settings.limits.bytes_per_window,
            window_seconds: settings.limits.window_seconds,
            on_breach: settings.limits.on_breach,
        };
        let version = self.batches.parts.tenants.version(Of::Stream(&key.tenant, &key.stream));
        StreamLine {
            tenant: key.tenant,
            stream: key.stream,
            app: settings.app,
            sink: settings.sink,
            routing_keys: settings.routing_keys,
            state: said.state,
            reason: said.reason,
            since: said.since,
            consumers,
            bounds: (settings.consumers_min, settings.consumers_max),
            limits,
            trouble,
            waiting: depth.map(|depth| depth.waiting),
            held: depth.map(|depth| depth.held),
            oldest_seconds: depth.and_then(|depth| depth.oldest).map(|age| age.as_secs_f64()),
            window: last,
            hosts,
            version,
            settings: None,
            counts: total,
        }
    }

    /// One stream, with what is settled for it.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn stream(&self, key: &StreamKey) -> Result<StreamLine, ActionError> {
        self.known(&key.tenant)?;
        let line = self.stream_line(self.streams().get(key)?).await;
        // As one: whoever changes it meanwhile gives it another version.
        let document = self.batches.parts.tenants.document(Of::Stream(&key.tenant, &key.stream));
        let (version, settings) = document.map(|document| (document.version, document.settings)).unzip();
        Ok(StreamLine { version: version.unwrap_or(line.version), settings, ..line })
    }

    /// Starts a stream.
    ///
    /// # Errors
    /// There is none of that name, or a limit or the broker forbids it.
    pub async fn start_stream(&self, key: &StreamKey) -> Result<StreamLine, ActionError> {
        self.active(&key.tenant)?;
        self.streams().start(key, "by hand").await?;
        Ok(self.stream_line(self.streams().get(key)?).await)
    }

    /// Stops a stream; messages wait in its queue.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn stop_stream(&self, key: &StreamKey) -> Result<StreamLine, ActionError> {
        self.known(&key.tenant)?;
        self.streams().stop(key, StreamState::Stopped, "by hand").await?;
        Ok(self.stream_line(self.streams().get(key)?).await)
    }

    /// The last windows of a stream in which something had happened on this host, oldest first; and before which there are more.
    ///
    /// # Errors
    /// There is none of that name, or the journal cannot be read.
    pub async fn stream_windows(
        &self,
        key: &StreamKey,
        part: Part<Cursor>,
    ) -> Result<(Vec<WindowReport>, Option<Cursor>), ActionError> {
        self.known(&key.tenant)?;
        self.streams().get(key)?;
        let filter = Filter { stream: Some(key.stream.clone()), ..Filter::kind("stream_window") };
        let page = self.logs(Scope::Tenant(key.tenant.clone()), filter, part.limit, part.after).await?;
        let report = |event: Event| match event.what {
            Happening::StreamWindow { report, .. } => Some(*report),
            _ => None,
        };
        Ok((page.events.into_iter().filter_map(report).collect(), page.next))
    }

    /// What a client needs to publish for a tenant; with `rotate`, with another password.
    ///
    /// # Errors
    /// There is no such tenant, or no broker that clients reach, or it cannot.
    pub async fn credentials(&self, tenant: &TenantId, rotate: bool) -> Result<Credentials, ActionError> {
        self.active(tenant)?;
        let broker = &self.streams().desk().broker;
        let credentials = broker.credentials(tenant, rotate).await.map_err(StreamError::Broker)?;
        if rotate {
            let sentence = format!("tenant {tenant} has another password for publishing");
            self.batches.parts.journal.record(Event::now(Some(tenant), Happening::Deed { sentence })).await;
        }
        credentials.ok_or_else(|| {
            let sentence = "the broker is the embedded one, which this host alone feeds: publish with `mysimbdp publish`, or set \
                            broker.kind = \"rabbitmq\"";
            ActionError::conflict("embedded_broker", sentence)
        })
    }

    /// Throws away what waits in a stream's queue. Answers how many messages that were.
    ///
    /// # Errors
    /// There is none of that name, or the broker cannot.
    pub async fn purge_stream(&self, key: &StreamKey) -> Result<u64, ActionError> {
        self.known(&key.tenant)?;
        self.streams().get(key)?;
        let purged = self.streams().desk().broker.purge(key).await.map_err(StreamError::Broker)?;
        let sentence = format!("{purged} messages of stream {} were thrown away", key.stream);
        let deed = Event::now(Some(&key.tenant), Happening::Deed { sentence });
        self.batches.parts.journal.record(deed).await;
        Ok(purged)
    }
}

impl From<StreamError> for ActionError {
    fn from(error: StreamError) -> ActionError {
        let sentence = error.to_string();
        match error {
            StreamError::Unknown(_) => ActionError::not_found("unknown_stream", sentence),
            StreamError::Limit { limit, .. } => ActionError { kind: Kind::Limit, code: limit, sentence },
            StreamError::Broker(BrokerError::Transient(_)) => ActionError::unavailable("broker_unavailable", sentence),
            StreamError::Broker(BrokerError::NoQueue(_)) => ActionError::not_found("no_queue", sentence),
            StreamError::Queue(QueueError::Transient(_)) => ActionError::unavailable("queue_unavailable", sentence),
            StreamError::Broker(BrokerError::Permanent(_)) | StreamError::Queue(_) => ActionError::internal(sentence),
        }
    }
}
