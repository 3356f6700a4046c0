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

mod assignment;
pub mod attempt;
pub mod cast;
pub mod data_file;
pub mod death;
mod ending;
mod flights;
pub mod intake;
mod keeping;
mod lease;
pub mod ledger;
pub mod parts;
pub mod report;
pub mod runner;
pub mod running;
mod shelf;
pub mod slots;
pub mod stop;
pub mod submit;
mod supply;
mod telling;
pub mod verdict;
mod watchdog;
pub mod work;
