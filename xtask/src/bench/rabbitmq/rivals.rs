//! What the platform is compared with on RabbitMQ, each one consumer on a queue of its own.

use super::super::shop::Shop;
use super::station::{Station, To};
use super::{Kind, PREFETCH};
use crate::servers::environment;
use crate::workshop::root;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What the Python stack needs.
const PACKAGES: &[&str] = &["pika", "pymongo"];

/// Its virtual environment.
pub(super) struct Python(PathBuf);

impl Python {
    /// Makes it where it is missing.
    pub(super) fn need(shop: &Shop) -> Result<Python> {
        let folder = shop.folder.join("python-streams");
        environment(&folder, PACKAGES, "bin/python3")
            .context("cannot install pika and pymongo, which the platform is compared with")?;
        Ok(Python(folder))
    }

    /// Starts a consumer that ends after so many messages.
    pub(super) fn start(&self, station: &Station<'_>, queue: &str, messages: usize) -> Result<Consumer> {
        let mut command = Command::new(self.0.join("bin/python3"));
        command.arg(root().join("xtask/bench/python/consume.py")).arg(station.rabbit.url()).arg(queue);
        command.arg(PREFETCH.to_string()).arg(&station.sink.url).arg(messages.to_string());
        // Nothing is written beside the sources.
        Consumer::spawn(command.env("PYTHONDONTWRITEBYTECODE", "1"))
    }
}

/// Starts a bare consumer that ends after so many messages.
pub(super) fn bare(station: &Station<'_>, queue: &str, messages: usize) -> Result<Consumer> {
    let mut command = station.shop.program("bare_consumer");
    command.arg(station.rabbit.url()).arg(queue).arg(PREFETCH.to_string()).arg(&station.shop.stream_app);
    Consumer::spawn(command.arg(&station.sink.url).arg(messages.to_string()))
}

/// A queue of theirs: one for each kind.
pub(super) fn queue(kind: Kind) -> (String, To) {
    let name = format!("rivals-{}", kind.name());
    let place = format!("queue/{}/{name}", kind.name());
    (name, To { vhost: "%2f".to_owned(), place })
}

/// One at work; killed when dropped.
pub(super) struct Consumer(Option<Child>);

impl Consumer {
    fn spawn(command: &mut Command) -> Result<Consumer> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Consumer(Some(child.with_context(|| format!("cannot start {}", command.get_program().display()))?)))
    }

    /// Waits for its end; answers its CPU seconds, from its first message to its last.
    pub(super) fn end(mut self) -> Result<f64> {
        let child = self.0.take().context("it has ended")?;
        let output = child.wait_with_output().context("cannot wait for a consumer")?;
        ensure!(output.status.success(), "a consumer ended with {}", output.status);
        let told: Value = serde_json::from_slice(&output.stdout).context("a consumer gave no account of itself")?;
        told["cpu_seconds"].as_f64().with_context(|| format!("a consumer does not tell what it cost: {told}"))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// As somebody would type them.
pub(super) fn lines() -> [String; 2] {
    let places = format!("amqp://… queue {PREFETCH}");
    [
        format!("bare_consumer {places} libclientstreamingestapp_json.so mongodb://… <messages>"),
        format!("python consume.py {places} mongodb://… <messages>"),
    ]
}
