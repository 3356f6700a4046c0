//! Everything between the tenants' staging directories and the managers.
//!
//! ```text
//!   <staging>/<tenant>/x.so  apps/x.so       ─▶ candidate ─▶ AppIntake (the registry of apps)
//!   <staging>/<tenant>/inbox/<app>/<file>    ─▶ claim     ─▶ Inbox     (the batch manager) ─▶ files/
//!   <staging>/<tenant>/….verdict.json        ◀─ verdict      what became of it, beside the file
//!   <staging>/<tenant>/refused/<app>/<file>  ◀─ data files that were refused
//!   <staging>/<tenant>/.taken/<batch>/…         data files on their way
//! ```
//!
//! Whoever may write into a tenant's directory may be hostile: it is opened once, and everything in it is named relative to
//! that descriptor, without following a link ([`open`]). What a path is for, [`layout`] says; when it has come to rest,
//! [`quiet`]; both are pure. [`ports`] is what is handed on.
//!
//! A candidate is read once ([`snapshot`] holds exactly those bytes in sealed memory), [`candidate`] looks at that memory
//! without running any of it, [`machine`] tells what this host can load. What is then loaded in a worker is the sealed
//! memory, never the file.

pub mod candidate;
pub mod claim;
pub mod driver;
pub mod files;
pub mod home;
pub mod job;
pub mod knock;
pub mod lanes;
pub mod layout;
pub mod lease;
pub mod machine;
mod memory;
pub mod name;
pub mod open;
pub mod ports;
pub mod quiet;
mod scan;
pub mod snapshot;
pub mod upload;
pub mod verdict;
pub mod watcher;
