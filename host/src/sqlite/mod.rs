//! SQLite files with one writer thread each: what the embedded sink, queue and registry stand on.
//!
//! ```text
//!   ask() ─▶ room in the queue ─▶ queue ─▶ writer thread: one transaction per group, synced ─▶ answers
//! ```
//!
//! - A file is recognised by SQLite's `application_id` and `user_version` before anything in it is changed ([`file`]).
//! - Whoever asks is answered when the transaction is synced to the disk (WAL with `synchronous = FULL`), so that an answer
//!   outlives a loss of power.
//! - The queue is bounded in bytes; back-pressure is an `ask().await` that takes longer.
//! - After an error (disk full, locked, I/O) the transaction is rolled back, its askers are told, and the file goes on.

mod database;
mod file;
mod queue;
mod trouble;
mod writer;

pub use database::Settings;
pub(crate) use database::{Asker, Database};
pub use file::FileError;
pub(crate) use file::Kind;
pub(crate) use queue::Job;
pub(crate) use trouble::{Blame, Trouble, blame};
