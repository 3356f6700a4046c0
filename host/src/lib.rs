//! mysimbdp: multi-tenant data ingestion whose ingestion logic is the tenants' own native code.

pub mod cli;
pub mod sink;
pub mod worker;
