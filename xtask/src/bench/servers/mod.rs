//! The platform on real servers: a Redis queue, and MongoDB's protocol on the other side.
//!
//! Two kinds of MongoDB stand there. The *null sink* acknowledges inserts and stores nothing, so that our own cost is seen
//! apart from a server's; the real one is reported with its own share of the CPU. On the platform everything is on:
//! isolation, validation, checkpoints, deterministic ids, journal, bill, and a Redis that syncs its log at every change.

mod hosts;
mod into_mongodb;
mod loader;
mod memory;
mod null_sink;
pub(super) use null_sink::{Arrivals, NullSink};
mod platform;
mod python;
mod queue;
mod stack;

pub(super) use hosts::measure as hosts;
pub(super) use into_mongodb::measure as into_mongodb;
pub(super) use loader::measure as loader;
pub(super) use memory::measure as memory;
pub(super) use queue::measure as queue;
pub(super) use stack::measure as stack;

use super::measure::Run;
use anyhow::Result;
use xtask::text::thousands;

/// Documents, CPU and time of a run as a row of a table.
fn table_row(name: &str, documents: f64, cpu_seconds: f64, wall_seconds: f64) -> Vec<String> {
    let millions = documents / 1e6;
    vec![
        name.to_owned(),
        format!("{:.3}", cpu_seconds / millions),
        thousands(documents / wall_seconds),
        format!("{wall_seconds:.2}"),
    ]
}

/// What stands above such rows.
fn table_head() -> Vec<&'static str> {
    vec!["", "client CPU s per million documents", "documents/s", "s"]
}

/// Documents that a run has stored.
fn documents(run: &Run) -> Result<f64> {
    run.number("/documents")
}
