//! What operators watch the host by: its log of its own doings, on standard error, for people or as JSON lines; and [`metrics`].
//! What happened to tenants' data is in the journal.

mod durations;
pub mod exposition;
mod gauges;
mod labels;
#[cfg(test)]
pub(crate) mod lines;
pub mod metrics;
mod process;
mod sinks;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;

use crate::worker::words::one_line;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged where `MYSIMBDP_LOG` says nothing.
const USUAL: &str = "info";
/// Libraries that say much at `debug` that is of use to nobody here: they are heard where a filter names them.
const CHATTERERS: [&str; 3] = ["rustls", "hyper_util", "h2"];

/// Starts logging. `MYSIMBDP_LOG` says what, as `tracing` filters do (`debug`, `mysimbdp::batch=trace`). Each line carries what it
/// belongs to: `request_id`; `task`, `epoch`, `tenant`, `app`; `consumer`, `tenant`, `stream`. Those spans are of the highest level,
/// so whatever lines a filter lets through have them.
pub fn init(json: bool) {
    let filter = filter(std::env::var("MYSIMBDP_LOG").ok().as_deref());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // Where a log was started before, that one stays.
    let _ = if json { log.json().with_writer(io::stderr).try_init() } else { log.with_writer(Fit).try_init() };
}

fn filter(wanted: Option<&str>) -> EnvFilter {
    let wanted = wanted.filter(|wanted| !wanted.trim().is_empty()).unwrap_or(USUAL);
    let quiet = CHATTERERS.iter().filter(|name| !wanted.contains(*name)).map(|name| format!(",{name}=warn"));
    let text: String = std::iter::once(wanted.to_owned()).chain(quiet).collect();
    EnvFilter::try_new(text).unwrap_or_else(|_| EnvFilter::new(USUAL))
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
