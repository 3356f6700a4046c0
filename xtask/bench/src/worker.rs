//! Workers of an app, started as the host starts them.

use anyhow::{Context as _, Result};
use mysimbdp::worker::process::WorkerSpec;
use mysimbdp::worker::protocol::{GuestLimits, Isolation};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a worker of `app` is started with: the whole sandbox, and limits that nothing here comes near.
///
/// # Errors
/// The app cannot be opened.
pub fn spec(app: &Path) -> Result<WorkerSpec> {
    Ok(WorkerSpec {
        app: Arc::new(File::open(app).with_context(|| format!("cannot open {}", app.display()))?),
        label: app.display().to_string(),
        isolation: Isolation::Full,
        limits: GuestLimits { memory: 512 * 1024 * 1024, cpu_seconds: None },
        config: None,
        preload_iconv: false,
        start_deadline: Duration::from_secs(5),
    })
}
