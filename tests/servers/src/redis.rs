//! Redis, with its log of changes on and synced at every write: what it has answered is on the disk.

use crate::{Server, ServerError, on_path};
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// A Redis server. See [`Server`] for killing and restarting it.
#[derive(Debug)]
pub struct Redis(Server);

impl Redis {
    /// Starts one.
    ///
    /// # Errors
    /// `redis-server` is not installed, or does not start.
    pub fn start() -> Result<Redis, ServerError> {
        Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts one with these arguments instead of those for durability.
    ///
    /// # Errors
    /// As for [`start`](Redis::start).
    pub fn start_with(more: &[&str]) -> Result<Redis, ServerError> {
        Redis::start_on("--port", more)
    }

    fn start_on(port_key: &str, more: &[&str]) -> Result<Redis, ServerError> {
        let remedy = "install Debian's package redis-server, or run `cargo xtask servers`";
        let program = on_path("redis-server").ok_or(ServerError::Missing { program: "redis-server", remedy })?;
        let server = Server::start(&program, |folder, port| {
            let port = port.to_string();
            let folder = folder.display().to_string();
            let own = ["--bind", "127.0.0.1", port_key, &port, "--dir", &folder, "--save", ""];
            own.iter().chain(more).map(|argument| (*argument).to_owned()).collect::<Vec<_>>()
        })?;
        Ok(Redis(server))
    }

    /// Starts one that speaks TLS only, with this certificate and key (PEM, one file), and that takes a client only whose
    /// certificate one of `ca` has signed.
    ///
    /// # Errors
    /// As for [`start`](Redis::start).
    pub fn start_with_tls(certificate: &Path, ca: &Path) -> Result<Redis, ServerError> {
        let (own, ca) = (certificate.display().to_string(), ca.display().to_string());
        let files = ["--tls-cert-file", &own, "--tls-key-file", &own, "--tls-ca-cert-file", &ca];
        let durable = ["--appendonly", "yes", "--appendfsync", "always"];
        Redis::start_on("--tls-port", &[&["--port", "0"], &files[..], &durable[..]].concat())
    }

    /// Where it is, as a URL without a user.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port())
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}
