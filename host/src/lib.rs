//! mysimbdp: multi-tenant data ingestion whose ingestion logic is the tenants' own native code.
//!
//! Two processes, one binary: the host ([`cli`] today) does all I/O and trusts nothing that a worker says; a worker
//! ([`guest`]) confines itself and then runs a tenant's app. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod batch;
pub mod cli;
pub mod document;
pub mod guest;
pub mod journal;
pub mod queue;
pub mod sink;
pub mod sqlite;
pub mod staging;
pub mod task;
pub mod tenant;
pub mod worker;
