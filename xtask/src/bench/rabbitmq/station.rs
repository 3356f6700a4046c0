//! The servers of a comparison, and the publisher: a RabbitMQ, a Redis for the platform's tasks, and a null sink, for all that are
//! compared.

use super::super::measure::{self, Run};
use super::super::servers::NullSink;
use super::super::shop::{DONE, Shop};
use super::BYTES;
use anyhow::{Context as _, Result};
use mysimbdp_servers::{RabbitMq, Redis};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(super) struct Station<'s> {
    pub(super) shop: &'s Shop,
    pub(super) rabbit: RabbitMq,
    pub(super) redis: Redis,
    pub(super) sink: NullSink,
    messages: PathBuf,
}

impl<'s> Station<'s> {
    /// Starts them. In the field `trip_id` of a message is the time at which it was sent, where they are paced.
    pub(super) fn start(shop: &'s Shop) -> Result<Station<'s>> {
        let (rabbit, redis) = (RabbitMq::start()?, Redis::start()?);
        let (sink, messages) = (NullSink::start_with_times(shop, "trip_id")?, shop.messages(20_000)?);
        Ok(Station { shop, rabbit, redis, sink, messages })
    }

    /// Where a virtual host is, for whoever may do everything.
    pub(super) fn url(&self, vhost: &str) -> String {
        self.rabbit.url().replace("/%2f", &format!("/{vhost}"))
    }

    /// Publishes so many, and waits until all are confirmed.
    pub(super) fn publish(&self, to: &To, messages: usize) -> Result<Run> {
        measure::run(&mut self.publisher(to, messages, 0), DONE)
    }

    /// Starts publishing so many at so many a second.
    pub(super) fn start_publishing(&self, to: &To, messages: usize, rate: usize) -> Result<Publishing> {
        let mut command = self.publisher(to, messages, rate);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Publishing(Some(child.context("cannot start amqp_publish")?)))
    }

    fn publisher(&self, to: &To, messages: usize, rate: usize) -> Command {
        let mut command = self.shop.program("amqp_publish");
        command.arg(self.url(&to.vhost)).arg(&to.place).arg(&self.messages);
        command.args([BYTES, messages, rate].map(|number| number.to_string()));
        command
    }
}

/// Where messages are published.
pub(super) struct To {
    /// In which virtual host, as it stands in a URL.
    pub(super) vhost: String,
    /// As `amqp_publish` has it.
    pub(super) place: String,
}

/// A publisher at work; killed when dropped.
pub(super) struct Publishing(Option<Child>);

impl Publishing {
    /// Waits for its end; answers by how many milliseconds the latest of a hundred messages were published too late.
    pub(super) fn end(mut self) -> Result<f64> {
        let child = self.0.take().context("it has ended")?;
        let output = child.wait_with_output().context("cannot wait for amqp_publish")?;
        anyhow::ensure!(output.status.success(), "amqp_publish ended with {}", output.status);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).context("amqp_publish told nothing")?;
        told["late_p99"].as_f64().with_context(|| format!("amqp_publish does not tell how late it was: {told}"))
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
