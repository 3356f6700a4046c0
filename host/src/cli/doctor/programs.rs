//! Programs on `PATH`. A server is looked for and never run: asked for its version, one or another starts.

use super::Finding;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What may be asked for its version, what for, and how to get it.
pub(super) const TOOLS: [(&str, &str, &str); 3] = [
    ("cargo", "Rust apps are built with it", "install a Rust toolchain (rustup)"),
    ("cc", "C apps are built with it", "apt-get install build-essential"),
    ("sqlite3", "shows documents of the embedded sink", "apt-get install sqlite3"),
];

/// What is only looked for, and how to get it.
pub(super) const SERVERS: [(&str, &str); 3] = [
    ("redis-server", "only for a Redis queue on this machine: apt-get install redis-server"),
    ("rabbitmq-server", "only for streams on a RabbitMQ of this machine: apt-get install rabbitmq-server"),
    ("mongod", "only for a MongoDB sink on this machine: install a MongoDB server, or name one elsewhere"),
];

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(2);

/// A program that tells its version when it is asked.
pub(super) async fn tool((name, purpose, mend): (&'static str, &str, &str)) -> Finding {
    match on_path(name) {
        None => Finding::missing(name, "not on PATH", mend),
        Some(path) => {
            let version = version(&path).await.unwrap_or_else(|| path.display().to_string());
            Finding::good(name, format!("{version} ({purpose})"))
        }
    }
}

/// A server that may be on this machine.
pub(super) fn server((name, mend): (&'static str, &str)) -> Finding {
    match on_path(name) {
        None => Finding::missing(name, "not on PATH", mend),
        Some(path) => Finding::good(
            name,
            format!("{} (a server that mysimbdp can use instead of its embedded twin)", path.display()),
        ),
    }
}

/// The first line of what it says of its version, if it says so in time.
async fn version(program: &Path) -> Option<String> {
    let mut asked = Command::new(program);
    // Elsewhere than here, where a file may say which version is to be fetched first.
    asked.arg("--version").current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, asked.output()).await.ok()?.ok()?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)?;
    Some(line).filter(|line| !line.is_empty())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}
