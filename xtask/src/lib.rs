//! What the workshop's commands share with tests and benchmarks: the generator of their data.

pub mod data;
