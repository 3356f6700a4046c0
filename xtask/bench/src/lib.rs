//! What the programs of the benchmark share: an app in their own process, without sandbox, worker or copies.

pub mod amqp;
pub mod app;
pub mod clock;
pub mod direct;
pub mod messages;
pub mod null_sink;
pub mod table;
pub mod touch;
pub mod trips;
pub mod worker;

use std::io::Write as _;

/// Says a line to whoever has started this program. Where nobody reads any more, nobody misses it.
pub fn say(line: &str) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}
