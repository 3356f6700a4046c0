//! mysimbdp: multi-tenant data ingestion whose ingestion logic is the tenants' own native code.
//!
//! Two processes, one binary: the host ([`cli`] today) does all I/O and trusts nothing that a worker says; a worker
//! ([`guest`]) confines itself and then runs a tenant's app. `ARCHITECTURE.md` is the map.

pub mod api;
pub mod app;
pub mod apps;
pub mod batch;
pub mod broker;
pub mod cli;
pub mod config;
pub mod depot;
pub mod document;
pub mod durable;
pub mod duration;
pub mod failpoint;
pub mod guest;
pub mod identity;
pub mod journal;
pub mod part;
pub mod platform;
pub mod queue;
pub mod quota;
pub mod sink;
pub mod size;
pub mod sqlite;
pub mod staging;
pub mod stream;
pub mod task;
pub mod telemetry;
pub mod tenant;
pub mod tls;
mod turns;
pub mod worker;
