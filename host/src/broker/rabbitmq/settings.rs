//! What an operator can set.

use std::fmt;
use std::path::PathBuf;

/// Where a RabbitMQ is, and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct RabbitSettings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. With a management API the virtual host is only looked
    /// at; without one everything is in it.
    pub url: String,
    /// The management API, `http://[user:password@]host:port` or `https://`; with the user of `url` where it names none,
    /// who must be an administrator. Tenants are kept apart by it.
    pub management: Option<String>,
    /// What kind of queues streams have.
    pub queues: QueueKind,
    /// What all names begin with; several platforms may share a server. A name as a tenant's.
    pub prefix: String,
    /// With TLS: the certificate authority to trust, PEM; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// With TLS: our own certificate and its key, PEM, where the server asks for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// What kind of queue a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// Kept on several nodes of a cluster, where it has several.
    #[default]
    Quorum,
    /// Kept on one node: faster, and gone with it.
    Classic,
}

impl QueueKind {
    /// As RabbitMQ calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueKind::Quorum => "quorum",
            QueueKind::Classic => "classic",
        }
    }
}

impl RabbitSettings {
    /// This server, and the defaults for everything else.
    pub fn new(url: impl Into<String>) -> RabbitSettings {
        RabbitSettings {
            url: url.into(),
            management: None,
            queues: QueueKind::default(),
            prefix: "mysimbdp".into(),
            ca: None,
            certificate: None,
        }
    }
}

/// The URLs may hold passwords.
impl fmt::Debug for RabbitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitSettings")
            .field("queues", &self.queues)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let settings = RabbitSettings {
            management: Some("http://user:geheim@localhost".into()),
            ..RabbitSettings::new("amqp://user:geheim@localhost")
        };
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
