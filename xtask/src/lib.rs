//! What the workshop's commands share with each other, with tests and with benchmarks: the generator of their data.

pub mod data;
pub mod json;
pub mod text;
