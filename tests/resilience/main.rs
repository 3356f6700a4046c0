//! Deaths: who is blamed for them, what is kept, and what a second run makes of it.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod blame;
mod changing_files;
mod limits;
mod neighbours;
mod power_failure;
