//! What operators watch the host by: its log of its own doings, on standard error, for people or as JSON lines; and [`metrics`].
//! What happened to tenants' data is in the journal.

pub mod metrics;
mod process;
mod tally;

use crate::worker::words::one_line;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged where `MYSIMBDP_LOG` says nothing.
const USUAL: &str = "info";

/// Starts logging. `MYSIMBDP_LOG` says what, as `tracing` filters do (`debug`, `mysimbdp::batch=trace`).
pub fn init(json: bool) {
    let filter = EnvFilter::try_from_env("MYSIMBDP_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // Where a log was started before, that one stays.
    let _ = if json { log.json().with_writer(io::stderr).try_init() } else { log.with_writer(Fit).try_init() };
}

/// Standard error, with nothing that a terminal would obey: what is logged may quote a tenant.
struct Fit;

struct FitWriter;

impl<'a> MakeWriter<'a> for Fit {
    type Writer = FitWriter;

    fn make_writer(&'a self) -> FitWriter {
        FitWriter
    }
}

impl Write for FitWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "{}", one_line(text.trim_end()))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
