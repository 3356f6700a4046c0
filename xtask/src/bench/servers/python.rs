//! The stack that the platform replaces, in Python: its programs are in `xtask/bench/python/`, what they need in a virtual
//! environment below `target/`.

use super::super::measure::{self, Run};
use super::super::shop::{DONE, Shop};
use crate::servers::environment;
use crate::workshop::root;
use anyhow::{Context as _, Result};
use mysimbdp_servers::Redis;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// As many as the platform has slots.
const WORKERS: usize = 3;
/// What is installed.
const PACKAGES: &[&str] = &["rq", "redis", "pymongo"];

/// The virtual environment.
pub(super) struct Python(PathBuf);

impl Python {
    /// Makes it where it is missing.
    pub(super) fn need(shop: &Shop) -> Result<Python> {
        let folder = shop.folder.join("python");
        environment(&folder, PACKAGES, "bin/rq").context("cannot install RQ, which the platform is compared with")?;
        Ok(Python(folder))
    }

    /// Ingests these files of these tenants. Time and CPU seconds are the program's own account: from submit to done.
    pub(super) fn ingest(&self, redis: &Redis, mongodb: &str, batches: &[(&str, Vec<PathBuf>)]) -> Result<Run> {
        let mut command = Command::new(self.0.join("bin/python"));
        command.arg(root().join("xtask/bench/python/run.py")).arg(redis.url()).arg(mongodb).arg(WORKERS.to_string());
        for (tenant, files) in batches {
            command.args(files.iter().map(|file| format!("{tenant}={}", file.display())));
        }
        // Nothing is written beside the sources.
        let run = measure::run(command.env("PYTHONDONTWRITEBYTECODE", "1"), DONE)?;
        let documents = run.number("/documents")?;
        Ok(Run {
            wall_seconds: run.number("/seconds")?,
            cpu_seconds: run.number("/cpu_seconds")?,
            account: json!({ "rows": documents, "documents": documents }),
        })
    }
}

/// As somebody would type it.
pub(super) fn line() -> String {
    format!("python run.py redis://… mongodb://… {WORKERS} acme=trips-0.csv … globex=trips-5.csv …")
}
