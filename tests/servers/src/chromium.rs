//! Chromium, driven over WebDriver: `chromedriver`, which starts a browser for each session.
//!
//! A browser ends with its session, or with its driver: it hangs on a pipe that the driver holds. Each has a profile of its own
//! in the driver's folder, opens no window, and asks nobody on the network for anything.

use crate::process::Launch;
use crate::{Server, ServerError, on_path};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

/// What a browser is started with, besides where its profile is.
const ARGUMENTS: &[&str] = &[
    "--headless",
    // Tests run as root in containers, where its own sandbox cannot be made. It sees pages of ours alone.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// A driver without any browser yet. See [`Server`].
#[derive(Debug)]
pub struct Chromium {
    server: Server,
    program: PathBuf,
}

impl Chromium {
    /// Starts a driver.
    ///
    /// # Errors
    /// Chromium or its driver is not installed, or the driver does not start.
    pub fn start() -> Result<Chromium, ServerError> {
        let remedy = "install Debian's packages chromium and chromium-driver, or run `cargo xtask servers`";
        let program = on_path("chromium").ok_or(ServerError::Missing { program: "chromium", remedy })?;
        let driver = on_path("chromedriver").ok_or(ServerError::Missing { program: "chromedriver", remedy })?;
        let server = Server::start(&driver, |folder, port| {
            // What a browser leaves behind, whichever way it ends, goes with the folder.
            let own = |name: &str| (name.to_owned(), folder.display().to_string());
            Launch { arguments: vec![format!("--port={port}")], environment: vec![own("HOME"), own("TMPDIR")] }
        })?;
        Ok(Chromium { server, program })
    }

    /// The browser's program.
    pub fn program(&self) -> &str {
        self.program.to_str().unwrap_or("chromium")
    }

    /// What a browser is to be started with: a new profile, and nothing that would leave this machine.
    pub fn arguments(&self) -> Vec<String> {
        let profile = format!("--user-data-dir={}", self.folder().join("profile").display());
        ARGUMENTS.iter().map(|argument| (*argument).to_owned()).chain([profile]).collect()
    }
}

impl Deref for Chromium {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Chromium {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}
