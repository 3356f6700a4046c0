//! What the programs of the benchmark share: an app in their own process, without sandbox, worker or copies.

pub mod app;
pub mod null_sink;
pub mod table;
pub mod touch;
pub mod trips;
pub mod worker;
