//! A MongoDB: `mongod` where there is one, else a server that speaks its protocol over the same storage engine.
//!
//! Looked for in this order: `mongod` on PATH, `secantusd-rs` on PATH, `secantusd-py` in the virtual environment that
//! `cargo xtask servers` makes under `target/`. What is tested here is tested through the official driver only.
//!
//! Whichever it is, it syncs its log at every write that asks for it: what it has answered outlives `kill -9`.

use crate::{Server, ServerError, installed, on_path};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

/// Where `cargo xtask servers` puts one.
const PYTHON: &str = "secantus/bin/secantusd-py";

/// A MongoDB server. See [`Server`] for killing and restarting it.
#[derive(Debug)]
pub struct MongoDb(Server);

/// Which programs there are, and how each wants to be told the same things.
enum Program {
    /// MongoDB's own.
    Mongod(PathBuf),
    /// SecantusDB's, in Rust or in Python.
    Secantus(PathBuf),
}

impl MongoDb {
    /// Starts one. Everybody who can reach it may do everything.
    ///
    /// # Errors
    /// None is installed, or it does not start.
    pub fn start() -> Result<MongoDb, ServerError> {
        MongoDb::start_as(|_| Vec::new())
    }

    /// Starts one that can be told to fail, by the command `configureFailPoint` that drivers are tested with.
    ///
    /// # Errors
    /// As for [`start`](MongoDb::start).
    pub fn start_with_fail_points() -> Result<MongoDb, ServerError> {
        let arguments = |program: &Program| match program {
            Program::Mongod(_) => owned(&["--setParameter", "enableTestCommands=1"]),
            Program::Secantus(_) => owned(&["--enable-test-commands"]),
        };
        MongoDb::start_as(arguments)
    }

    /// Starts one that speaks TLS only, with this certificate and key (PEM, one file), and that takes a client only whose
    /// certificate one of `ca_file` has signed.
    ///
    /// # Errors
    /// As for [`start`](MongoDb::start).
    pub fn start_with_tls(certificate: &Path, ca_file: &Path) -> Result<MongoDb, ServerError> {
        let (own, ca) = (certificate.display().to_string(), ca_file.display().to_string());
        let arguments = |program: &Program| match program {
            Program::Mongod(_) => {
                owned(&["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", &own, "--tlsCAFile", &ca])
            }
            Program::Secantus(_) => {
                let files = ["--tls-cert-file", &own, "--tls-key-file", &own, "--tls-ca-file", &ca];
                owned(&[&files[..], &["--tls-require-client-cert"]].concat())
            }
        };
        MongoDb::start_as(arguments)
    }

    fn start_as(more: impl FnOnce(&Program) -> Vec<String>) -> Result<MongoDb, ServerError> {
        let program = Program::find().ok_or(ServerError::Missing {
            program: "MongoDB (mongod or secantusd-rs on PATH)",
            remedy: "run `cargo xtask servers`, which puts one under target/",
        })?;
        let arguments = |folder: &Path, port| [program.arguments(folder, port), more(&program)].concat();
        Ok(MongoDb(Server::start(program.path(), arguments)?))
    }

    /// Starts it again on the same data, and lets only known users in from now on: add one before.
    ///
    /// # Errors
    /// As for [`start`](MongoDb::start).
    pub fn restart_with_users_only(&mut self) -> Result<(), ServerError> {
        self.0.add_argument("--auth");
        self.0.restart()
    }

    /// Where it is, as a connection string without a user.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/", self.port())
    }
}

impl Program {
    fn find() -> Option<Program> {
        let mongod = on_path("mongod").map(Program::Mongod);
        let secantus = || on_path("secantusd-rs").or_else(|| Some(installed(PYTHON)).filter(|file| file.is_file()));
        mongod.or_else(|| secantus().map(Program::Secantus))
    }

    fn path(&self) -> &Path {
        match self {
            Program::Mongod(path) | Program::Secantus(path) => path,
        }
    }

    fn arguments(&self, folder: &Path, port: u16) -> Vec<String> {
        let (folder, port) = (folder.display().to_string(), port.to_string());
        let own: &[&str] = match self {
            Program::Mongod(_) => &["--bind_ip", "127.0.0.1", "--port", &port, "--dbpath", &folder, "--quiet"],
            Program::Secantus(_) => &[
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "--storage-path",
                &folder,
                "--log-level",
                "ERROR",
                // It does not look at a write concern's `j`.
                "--sync-on-commit",
            ],
        };
        owned(own)
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
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
