//! What is settled for a tenant and for each of its apps: everything already looked up and laid over each other.

use super::{AppName, Limits, Profile, SinkName, StreamName, TenantId};
use std::collections::BTreeMap;

/// A destination of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// The collection in the tenant's own database.
    pub collection: String,
}

/// A tenant as it is to be treated.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Name of its profile.
    pub profile: String,
    /// Share of the slots: one with 2 gets twice the time of one with 1.
    pub weight: u32,
    /// Its limits: its profile's, with what differs for it.
    pub limits: Limits,
    /// Its sinks; at least one.
    pub sinks: BTreeMap<SinkName, Sink>,
    /// Where documents of apps go that name no sink. One of [`sinks`](Tenant::sinks).
    pub default_sink: SinkName,
    /// Apps for which something is settled; others have none of it, see [`Tenant::app`].
    pub apps: BTreeMap<AppName, AppSettings>,
    /// Its streams.
    pub streams: BTreeMap<StreamName, Stream>,
    /// Whether anything of it is taken and run.
    pub enabled: bool,
}

/// What is settled for an app.
#[derive(Clone, Debug, PartialEq)]
pub struct AppSettings {
    /// Where its documents go. One of the tenant's sinks.
    pub sink: SinkName,
    /// What the app is told when it starts: a JSON object.
    pub config: Option<String>,
    /// Its limits: its tenant's, with what differs for it.
    pub limits: Limits,
}

/// What is settled for a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The app that its messages are given to.
    pub app: AppName,
    /// Where its documents go. One of the tenant's sinks.
    pub sink: SinkName,
    /// The routing keys that its queue is bound to: at least one, none of them twice.
    pub routing_keys: Vec<String>,
    /// Consumers that it has at least while it is started; at least 1.
    pub consumers_min: usize,
    /// Consumers that it has at most, on all hosts together; not less than [`consumers_min`](Stream::consumers_min), and 1
    /// where it is [`ordered`](Stream::ordered).
    pub consumers_max: usize,
    /// Whether its messages are given out one after another, by one consumer at a time on all hosts together.
    pub ordered: bool,
    /// Bytes of bodies that may wait in its queue; what comes above that is not accepted.
    pub max_queue_bytes: u64,
    /// Messages that travel together at most.
    pub batch_messages: usize,
    /// Bytes that travel together at most; one message that has more travels alone.
    pub batch_bytes: usize,
    /// Whether it starts with the daemon.
    pub enabled: bool,
    /// Its limits: its app's, with what differs for it.
    pub limits: Limits,
}

impl Stream {
    /// Bytes of bodies that may wait in a queue, unless the configuration says otherwise.
    pub const MAX_QUEUE_BYTES: u64 = 1_000_000_000;
    /// Consumers at most, unless the configuration says otherwise.
    pub const CONSUMERS_MAX: usize = 4;
    /// Messages that travel together at most, unless the configuration says otherwise.
    pub const BATCH_MESSAGES: usize = 512;
    /// Bytes that travel together at most, unless the configuration says otherwise.
    pub const BATCH_BYTES: usize = 1 << 20;

    /// A stream about which nothing is said but which app its messages are given to, as `settings` are settled for it.
    pub fn of(name: &StreamName, app: AppName, settings: &AppSettings) -> Stream {
        Stream {
            app,
            sink: settings.sink.clone(),
            routing_keys: vec![name.to_string()],
            consumers_min: 1,
            consumers_max: Stream::CONSUMERS_MAX,
            ordered: false,
            max_queue_bytes: Stream::MAX_QUEUE_BYTES,
            batch_messages: Stream::BATCH_MESSAGES,
            batch_bytes: Stream::BATCH_BYTES,
            enabled: true,
            limits: settings.limits.clone(),
        }
    }
}

impl Tenant {
    /// A tenant about which nothing is said but its profile.
    pub fn of(id: TenantId, profile: &Profile) -> Tenant {
        let default_sink = SinkName::default();
        let sink = Sink { collection: default_sink.to_string() };
        Tenant {
            id,
            profile: profile.name.clone(),
            weight: profile.weight,
            limits: profile.limits.clone(),
            sinks: BTreeMap::from([(default_sink.clone(), sink)]),
            default_sink,
            apps: BTreeMap::new(),
            streams: BTreeMap::new(),
            enabled: true,
        }
    }

    /// What is settled for an app; where nothing is, its documents go to the default sink and the tenant's limits hold.
    pub fn app(&self, name: &AppName) -> AppSettings {
        let default = || AppSettings { sink: self.default_sink.clone(), config: None, limits: self.limits.clone() };
        self.apps.get(name).cloned().unwrap_or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_about_which_nothing_is_said_has_what_its_tenant_has() {
        let mut tenant = Tenant::of(TenantId::parse("acme").unwrap(), &Profile::normal());
        let (orders, trips) = (AppName::parse("orders").unwrap(), AppName::parse("trips").unwrap());
        let settled = AppSettings { config: Some("{}".to_owned()), ..tenant.app(&orders) };
        tenant.apps.insert(orders.clone(), settled.clone());
        assert_eq!(tenant.app(&orders), settled);
        let other = tenant.app(&trips);
        assert_eq!((other.sink.as_str(), other.config, other.limits), ("documents", None, Limits::default()));
        assert_eq!(tenant.sinks[&other.sink].collection, "documents");
    }
}
