//! harness

pub mod fixtures;
