//! The servers that the platform uses instead of its embedded twins, and where files and apps are shared between hosts.
//!
//! The tables are always there, with their defaults; they count where `queue.kind` or `sink.kind` names their server. What
//! is left empty is not set: certificate authorities of the system, no certificate of our own.

use super::QueueKind;
use super::kind::{Choice, Text};
use super::table::Table;
use super::url::{Behind, ServerUrl, SharedPlace};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A Redis server, for the task queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// `redis://[user:password@]host:port/database`, or `rediss://` for TLS.
    pub url: Secret,
    /// What all keys begin with.
    pub prefix: String,
    /// Certificates, where TLS is spoken.
    pub tls: Tls,
}

/// Certificates in PEM files, for a Redis or a RabbitMQ. Its URL says whether TLS is spoken at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whom to trust instead of the system's authorities.
    pub ca: Option<PathBuf>,
    /// Our own certificate, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A MongoDB, for documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoDb {
    /// A connection string: `mongodb://[user:password@]host:port/?options`.
    pub url: Secret,
    /// What the name of each tenant's database begins with.
    pub prefix: String,
    /// How many members must have a write before it counts.
    pub acknowledged_by: AcknowledgedBy,
    /// PEM file of the authorities to trust instead of the system's; TLS is spoken where it is named.
    pub ca: Option<PathBuf>,
    /// PEM file with our own certificate and its key; TLS is spoken where it is named.
    pub certificate: Option<PathBuf>,
}

/// Who must have a write before it counts as stored. Its journal is always synced first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgedBy {
    /// Most members of the replica set.
    Majority,
    /// The primary alone: a failover may lose what was answered.
    Primary,
}

pub(super) const ACKNOWLEDGED_BY: [(&str, AcknowledgedBy); 2] =
    [("majority", AcknowledgedBy::Majority), ("primary", AcknowledgedBy::Primary)];

/// A RabbitMQ, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RabbitMq {
    /// `amqp://[user:password@]host:port[/virtual host]`, or `amqps://` for TLS.
    pub url: Secret,
    /// Its management API: `http://[user:password@]host:port`, or `https://`. With it, each tenant has a virtual host and a
    /// user of its own; without it, names alone keep tenants apart.
    pub management: Option<Secret>,
    /// What the names of virtual hosts, exchanges and queues begin with.
    pub prefix: String,
    /// Of which type queues are.
    pub queue_type: QueueType,
    /// Certificates, where TLS is spoken.
    pub tls: Tls,
}

/// Of which type the queues of a RabbitMQ are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueType {
    /// On most nodes of its cluster.
    Quorum,
    /// On one node: cheaper, and away with it.
    Classic,
}

pub(super) const QUEUE_TYPES: [(&str, QueueType); 2] = [("quorum", QueueType::Quorum), ("classic", QueueType::Classic)];

/// A URL that may hold a password: shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl Secret {
    /// The URL with `***` in the password's place.
    pub fn shown(&self) -> String {
        let hide = || {
            let (scheme, rest) = self.0.split_once("://")?;
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (user, host) = rest[..end].rsplit_once('@')?;
            let (name, _) = user.split_once(':')?;
            Some(format!("{scheme}://{name}:***@{host}{}", &rest[end..]))
        };
        hide().unwrap_or_else(|| self.0.clone())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl Default for Redis {
    fn default() -> Redis {
        Redis { url: Secret("redis://127.0.0.1:6379/".to_owned()), prefix: "mysimbdp".to_owned(), tls: Tls::default() }
    }
}

impl Default for MongoDb {
    fn default() -> MongoDb {
        MongoDb {
            url: Secret("mongodb://127.0.0.1:27017/".to_owned()),
            prefix: "mysimbdp_".to_owned(),
            acknowledged_by: AcknowledgedBy::Majority,
            ca: None,
            certificate: None,
        }
    }
}

impl Default for RabbitMq {
    fn default() -> RabbitMq {
        RabbitMq {
            url: Secret("amqp://127.0.0.1:5672".to_owned()),
            management: None,
            prefix: "mysimbdp".to_owned(),
            queue_type: QueueType::Quorum,
            tls: Tls::default(),
        }
    }
}

pub(super) fn redis(root: &mut Table<'_>, default: Redis) -> Redis {
    let mut table = root.table("redis");
    let url = ServerUrl {
        what: "the URL of a Redis server",
        schemes: ["redis", "rediss"],
        such_as: "redis://127.0.0.1:6379/",
        path: Behind::Number,
        may_be_empty: false,
    };
    let prefix = Text { what: "what keys begin with", such_as: "mysimbdp" };
    let redis = Redis {
        url: table.take("url", &url).map_or(default.url, Secret),
        prefix: table.take("prefix", &prefix).unwrap_or(default.prefix),
        tls: tls(&mut table),
    };
    table.finish();
    redis
}

pub(super) fn mongodb(root: &mut Table<'_>, default: MongoDb) -> MongoDb {
    let mut table = root.table("mongodb");
    let url = ServerUrl {
        what: "the connection string of a MongoDB",
        schemes: ["mongodb", "mongodb+srv"],
        such_as: "mongodb://127.0.0.1:27017/",
        path: Behind::Anything,
        may_be_empty: false,
    };
    let prefix = Text { what: "what the names of databases begin with", such_as: "mysimbdp_" };
    let mongodb = MongoDb {
        url: table.take("url", &url).map_or(default.url, Secret),
        prefix: table.take("prefix", &prefix).unwrap_or(default.prefix),
        acknowledged_by: table.take("acknowledged_by", &Choice(&ACKNOWLEDGED_BY)).unwrap_or(default.acknowledged_by),
        ca: file(&mut table, "ca"),
        certificate: file(&mut table, "certificate"),
    };
    table.finish();
    mongodb
}

pub(super) fn rabbitmq(root: &mut Table<'_>, default: RabbitMq) -> RabbitMq {
    let mut table = root.table("rabbitmq");
    let url = ServerUrl {
        what: "the URL of a RabbitMQ",
        schemes: ["amqp", "amqps"],
        such_as: "amqp://127.0.0.1:5672",
        path: Behind::Anything,
        may_be_empty: false,
    };
    let management = ServerUrl {
        what: "the URL of a RabbitMQ's management API",
        schemes: ["http", "https"],
        such_as: "http://127.0.0.1:15672",
        path: Behind::Anything,
        may_be_empty: true,
    };
    let prefix = Text { what: "what the names of exchanges and queues begin with", such_as: "mysimbdp" };
    let rabbitmq = RabbitMq {
        url: table.take("url", &url).map_or(default.url, Secret),
        management: table.take("management", &management).filter(|url| !url.is_empty()).map(Secret),
        prefix: table.take("prefix", &prefix).unwrap_or(default.prefix),
        queue_type: table.take("queue_type", &Choice(&QUEUE_TYPES)).unwrap_or(default.queue_type),
        tls: tls(&mut table),
    };
    table.finish();
    rabbitmq
}

/// What hosts share, which do so by a queue that they share.
pub(super) fn depot(root: &mut Table<'_>, queue: QueueKind) -> Option<String> {
    let mut table = root.table("depot");
    let depot = table.take("url", &SharedPlace).filter(|url| !url.is_empty());
    if depot.is_some() && queue == QueueKind::Embedded {
        table.dangles(
            "url",
            "a host with an embedded queue shares nothing with others: set queue.kind to \"redis\", or leave this out",
        );
    }
    table.finish();
    depot
}

fn tls(table: &mut Table<'_>) -> Tls {
    let (ca, certificate, key) = (file(table, "ca"), file(table, "certificate"), file(table, "key"));
    if certificate.is_some() != key.is_some() {
        let given = if certificate.is_some() { "certificate" } else { "key" };
        table.dangles(given, format_args!("a certificate needs its key, and a key its certificate: name both or none"));
    }
    Tls { ca, certificate: certificate.zip(key) }
}

pub(super) fn file(table: &mut Table<'_>, key: &'static str) -> Option<PathBuf> {
    let path = Text { what: "the path of a PEM file", such_as: "/etc/mysimbdp/ca.pem" };
    table.take(key, &path).filter(|path| !path.is_empty()).map(PathBuf::from)
}

pub(super) fn shown(path: Option<&Path>) -> String {
    path.map_or(String::new(), |path| path.display().to_string())
}

impl Tls {
    /// Certificate authorities, our own certificate, its key.
    fn written(&self) -> [String; 3] {
        let (certificate, key) = self.certificate.as_ref().map(|(own, key)| (own.as_path(), key.as_path())).unzip();
        [self.ca.as_deref(), certificate, key].map(shown)
    }
}

impl Redis {
    pub(super) fn written(&self) -> Value {
        let [ca, certificate, key] = self.tls.written();
        json!({
            "url": self.url.shown(),
            "prefix": self.prefix,
            "ca": ca,
            "certificate": certificate,
            "key": key,
        })
    }
}

impl RabbitMq {
    pub(super) fn written(&self) -> Value {
        let [ca, certificate, key] = self.tls.written();
        let queue_type = QUEUE_TYPES.iter().find(|(_, known)| *known == self.queue_type);
        json!({
            "url": self.url.shown(),
            "management": self.management.as_ref().map_or(String::new(), Secret::shown),
            "prefix": self.prefix,
            "queue_type": queue_type.map_or("", |(word, _)| word),
            "ca": ca,
            "certificate": certificate,
            "key": key,
        })
    }
}

impl MongoDb {
    pub(super) fn written(&self) -> Value {
        let acknowledged = ACKNOWLEDGED_BY.iter().find(|(_, by)| *by == self.acknowledged_by);
        json!({
            "url": self.url.shown(),
            "prefix": self.prefix,
            "acknowledged_by": acknowledged.map_or("", |(word, _)| word),
            "ca": shown(self.ca.as_deref()),
            "certificate": shown(self.certificate.as_deref()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/", "redis://127.0.0.1:6379/"),
            ("redis://host:pass@r:6379/1", "redis://host:***@r:6379/1"),
            ("redis://:p@ss@r/", "redis://:***@r/"),
            ("mongodb://u:p@a,b:27017/?x=u:p@q", "mongodb://u:***@a,b:27017/?x=u:p@q"),
            ("amqps://u:p@r:5671", "amqps://u:***@r:5671"),
            ("amqp://u:p@r/%2f", "amqp://u:***@r/%2f"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(Secret(url.to_owned()).shown(), shown);
            assert_eq!(format!("{:?}", Secret(url.to_owned())), format!("{shown:?}"));
        }
    }
}
