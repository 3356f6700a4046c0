//! mysimbdp: multi-tenant data ingestion whose ingestion logic is the tenants' own native code.
//!
//! Two processes, one binary: the host ([`cli`] today) does all I/O and trusts nothing that a worker says; a worker
//! confines itself and then runs a tenant's app. `ARCHITECTURE.md` is the map.

pub mod batch;
pub mod document;
pub mod sink;
pub mod worker;
