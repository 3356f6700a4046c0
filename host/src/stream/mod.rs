//! Streams: messages of a tenant, through its app, into its sink.
//!
//! ```text
//!   broker ─ prefetch ─▶ bundle ─▶ worker ─▶ outcomes ─▶ sink ─▶ acknowledged together
//!              │           │         │          │          │
//!              │           │         │          │          └ flights    oldest first; dead letters go with them
//!              │           │         │          └ outcomes   checked, validated, numbered by what the message is   (pure)
//!              │           │         └ rescue     who died at which message; that one alone; the rest again
//!              │           └ as large as what waits: a lone message is not held back, a full queue travels in bundles
//!              └ allowance  the tenant's messages and bytes per window
//! ```
//!
//! - *Exactly once* is made of three things: a message is acknowledged only after the sink has committed all of it; the `_id`s of
//!   its documents are made of what the message is ([`identity`]), so a second time changes nothing; and nothing that came
//!   later is acknowledged before it.
//! - *An app's memory may vanish at any message*: a worker is stopped when it is idle, when others wait for one, when a new
//!   generation is live, and when it dies.
//! - *A death convicts nobody*: the supervisor of the batch half judges messages as it judges rows.
//! - *Report, monitor, manager* are three roles: [`windows`] drives them, [`window`], [`monitor`], [`decide`] and [`scaling`] are
//!   pure.
//! - *Several hosts are one*: what is told to one all do, and what a tenant may take and a stream's consumers are shared out by
//!   what each wants ([`share`], [`others`]); they hear of each other once a [`BEAT`] ([`beat`]).
//! - A consumer ([`consumer`]) is a task on one of a few threads, each with an event loop of its own ([`lanes`]), which owns its
//!   broker connection, its worker and what it has on the way.

mod admission;
mod beat;
mod book;
mod closing;
mod consumer;
pub mod crew;
pub mod decide;
mod deletions;
mod flights;
pub mod gate;
mod handing;
pub mod identity;
pub mod lanes;
mod letters;
pub mod manager;
pub mod meter;
pub mod monitor;
pub mod others;
pub mod outcomes;
pub mod permits;
pub mod rehearsal;
mod rescue;
pub mod scaling;
mod session;
mod settling;
pub mod share;
mod watch;
pub mod window;
mod windows;

pub use book::{OnHost, Told};

use manager::Streams;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use windows::Windows;

/// How often hosts tell each other of their streams.
pub const BEAT: Duration = Duration::from_secs(1);

/// Closes windows and keeps in step with other hosts, until it is stopped.
pub async fn run(streams: Streams, stop: CancellationToken) {
    tokio::join!(Windows::new(streams.clone()).run(stop.clone()), beat::run(streams, stop));
}
