//! Real servers for tests, the demo and the benchmarks: each started on a free loopback port with data of its own in a
//! directory that is removed with it, and stopped by its process id when it is dropped.
//!
//! Nothing is installed here. A server whose program is not to be found says how to get it: `cargo xtask test` and
//! `cargo xtask servers` install what is missing.

mod certificates;
mod chromium;
mod mongodb;
mod process;
mod proxy;
mod rabbitmq;
mod redis;
mod s3;

pub use certificates::Signer;
pub use chromium::Chromium;
pub use mongodb::MongoDb;
pub use process::{Server, ServerError};
pub use proxy::{Proxy, Weather};
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use s3::S3;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The program of this name on PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Where `cargo xtask servers` puts what it installs by itself.
fn installed(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    root.join(target).join("servers").join(name)
}
