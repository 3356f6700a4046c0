//! Ingesting files: one file is one task, one task is one or more attempts by workers, and the counts balance.
//!
//! ```text
//!   runner ── asks the supervisor what to do next ── attempt ── drives one worker through the file
//!      │                                                │
//!      │                                              intake   rows as they come: checked, validated, numbered   (pure)
//!      │                                                │
//!      │                                              sink     durable
//!      │                                                │
//!      └── report ◀────────────────────────────────── ledger   what is settled: counts, position, hash           (pure)
//! ```

pub mod attempt;
pub mod cast;
pub mod data_file;
pub mod death;
mod flights;
pub mod intake;
pub mod ledger;
pub mod report;
pub mod runner;
mod watchdog;
