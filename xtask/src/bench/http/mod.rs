//! The platform over HTTP: uploads, messages in batches, and what it costs to be looked at.

mod connection;
mod control_plane;
mod publish;
mod upload;

pub(super) use control_plane::measure as control_plane;
pub(super) use publish::measure as publish;
pub(super) use upload::measure as upload;

use crate::daemon::Daemon;
use anyhow::{Context as _, Result};
use connection::Connection;
use std::path::Path;

/// A daemon that serves HTTP on a free port of this machine, and where that is.
fn start(host: &Path, folder: &Path) -> Result<(Daemon, String)> {
    let daemon = Daemon::start_with(host, folder, |command| {
        command.env("MYSIMBDP_API__LISTEN", "127.0.0.1:0");
    })?;
    let status = daemon.ask(&["status"])?;
    let address = status["http"].as_str().and_then(|url| url.strip_prefix("http://")).map(str::to_owned);
    Ok((daemon, address.with_context(|| format!("the daemon serves no HTTP: {status}"))?))
}
