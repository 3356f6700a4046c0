//! A client of RabbitMQ in Python, with `pika`: as tenants have them, and as an operator has one.
//!
//! Each script finds a `channel` that confirms what is published, and `publish(body, **properties)`, which raises where a message
//! comes back (`pika.exceptions.UnroutableError`) or is refused (`pika.exceptions.NackError`). `queue` is the name of the
//! tenant's first stream's queue.

use crate::daemon::Daemon;
use crate::servers::Servers;
use mysimbdp_servers::RabbitMq;
use std::process::{Command, Stdio};

/// What each script begins with.
const BEGIN: &str = r#"
import datetime, decimal, os, pika, pika.data, struct, time
e = os.environ
where = pika.URLParameters(e["MQ_URL"])
where.virtual_host = e["MQ_VHOST"]
if "MQ_USER" in e:
    where.credentials = pika.PlainCredentials(e["MQ_USER"], e["MQ_PASSWORD"])
queue = e["MQ_QUEUE"]
connection = pika.BlockingConnection(where)
channel = connection.channel()
channel.confirm_delivery()
def publish(body, **properties):
    channel.basic_publish(e["MQ_EXCHANGE"], e["MQ_KEY"], body, pika.BasicProperties(**properties), mandatory=True)
"#;

/// Runs scripts of somebody who publishes for one stream of a tenant.
#[derive(Debug)]
pub struct Client {
    environment: Vec<(&'static str, String)>,
}

impl Client {
    /// One with the tenant's own user, which may publish and nothing else: as `mysimbdp streams credentials` tells.
    pub fn of_tenant(daemon: &Daemon, servers: &Servers, tenant: &str, stream: &str) -> Client {
        let told = daemon.ask(&["streams", "credentials", tenant, "--rotate"], &[0]);
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
        let mut client = Client::of_operator(servers, tenant, stream);
        client.environment.retain(|(name, _)| !["MQ_URL", "MQ_VHOST", "MQ_EXCHANGE"].contains(name));
        client.environment.extend([
            ("MQ_URL", text("url")),
            ("MQ_VHOST", text("vhost")),
            ("MQ_EXCHANGE", text("exchange")),
            ("MQ_USER", text("user")),
            ("MQ_PASSWORD", text("password")),
        ]);
        client
    }

    /// One that may do everything.
    pub fn of_operator(servers: &Servers, tenant: &str, stream: &str) -> Client {
        let exchange = format!("{}.{tenant}", servers.prefix());
        let environment = vec![
            ("MQ_URL", servers.broker_url()),
            ("MQ_VHOST", exchange.clone()),
            ("MQ_QUEUE", format!("{exchange}.{stream}")),
            ("MQ_EXCHANGE", exchange),
            ("MQ_KEY", stream.to_owned()),
        ];
        Client { environment }
    }

    /// Runs a script to its end. Answers what it printed.
    ///
    /// # Panics
    /// Where it fails, or there is no such client.
    pub fn run(&self, script: &str) -> String {
        let python = RabbitMq::python_client().unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(python);
        command.args(["-c", &format!("{BEGIN}{script}")]).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let done = command.output().unwrap_or_else(|error| panic!("cannot start Python: {error}"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}
