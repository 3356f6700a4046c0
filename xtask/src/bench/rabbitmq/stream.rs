//! The platform with one stream on RabbitMQ, and a consumer.

use super::super::daemon::{drop_app, fresh};
use super::Kind;
use super::station::{Station, To};
use crate::daemon::Daemon;
use anyhow::Result;
use std::fs;

const NAME: &str = "acme/trips";

/// One daemon, for as long as a comparison takes.
pub(super) struct Stream {
    daemon: Daemon,
    vhost: String,
}

impl Stream {
    /// Starts the daemon. The stream is started, and nothing is in its queue.
    pub(super) fn start(station: &Station<'_>, kind: Kind) -> Result<Stream> {
        let folder = fresh(station.shop, &format!("rabbitmq-{}", kind.name()))?;
        fs::write(folder.join("mysimbdp.toml"), CONFIG)?;
        let prefix = format!("bench-{}", kind.name());
        let daemon = Daemon::start_with(&station.shop.host, &folder, |command| {
            command.env("MYSIMBDP_QUEUE__KIND", "redis").env("MYSIMBDP_REDIS__URL", station.redis.url());
            command.env("MYSIMBDP_REDIS__PREFIX", &prefix);
            command.env("MYSIMBDP_BROKER__KIND", "rabbitmq").env("MYSIMBDP_RABBITMQ__URL", station.rabbit.url());
            command.env("MYSIMBDP_RABBITMQ__MANAGEMENT", station.rabbit.management_url());
            command.env("MYSIMBDP_RABBITMQ__PREFIX", &prefix).env("MYSIMBDP_RABBITMQ__QUEUE_TYPE", kind.name());
            command.env("MYSIMBDP_SINK__KIND", "mongodb").env("MYSIMBDP_MONGODB__URL", &station.sink.url);
        })?;
        drop_app(&daemon, &folder, "acme", &station.shop.stream_app)?;
        Ok(Stream { daemon, vhost: format!("{prefix}.acme") })
    }

    /// Where a client publishes for it.
    pub(super) fn to(&self) -> To {
        To { vhost: self.vhost.clone(), place: format!("exchange/{}/trips", self.vhost) }
    }

    /// Lets messages wait in the queue. What was on its way is settled.
    pub(super) fn pause(&self) -> Result<()> {
        self.daemon.ask(&["streams", "stop", NAME]).map(drop)
    }

    /// Takes them again.
    pub(super) fn resume(&self) -> Result<()> {
        self.daemon.ask(&["streams", "start", NAME]).map(drop)
    }

    /// CPU seconds of daemon and workers so far.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        self.daemon.tree_cpu_seconds()
    }

    /// Stops the daemon.
    pub(super) fn stop(self) -> Result<()> {
        self.daemon.stop()
    }
}

/// One consumer: what is compared has one too.
const CONFIG: &str = r#"
[profiles.generous]
messages_per_window = "unlimited"
bytes_per_window = "unlimited"
[tenants.acme]
profile = "generous"
[tenants.acme.streams.trips]
app = "clientstreamingestapp-json"
consumers_min = 1
consumers_max = 1
"#;

/// As somebody would type it.
pub(super) fn line() -> &'static str {
    "MYSIMBDP_BROKER__KIND=rabbitmq MYSIMBDP_QUEUE__KIND=redis MYSIMBDP_SINK__KIND=mongodb mysimbdp serve"
}
