//! The harness of the end-to-end tests: builds what they need, runs the real binary on it, reads what it reports, and
//! sees to it that nothing is left behind.
//!
//! ```text
//!   artefacts   the `mysimbdp` binary and every app, built once for all test programs
//!   fixtures    apps built against the frozen ABI, and against spoilt copies of it
//!   client      a client of RabbitMQ in Python, as tenants have them
//!   data        CSV texts, and the documents that they must become
//!   command     one run of the binary in a directory of its own, with a deadline
//!   daemon      a daemon in a directory of its own: dropped files, commands, kills
//!   memory      how much a process has at most
//!   report      what `--json` said, as types
//!   sink        the documents and dead letters in the sink file
//!   http        requests, and whatever a hostile client sends instead of one
//!   leftovers   no worker process, no temporary file outlives the command
//!   expect      the sentences and sums that tests ask for
//! ```
//!
//! The test programs are beside this crate: `functional/` (what an honest app and any data get), `security/` (hostile
//! apps), `browser/` (the dashboard in a real browser), `resilience/` (deaths, and who is blamed), `compat/` (apps that are no
//! apps, or were built otherwise), `daemon/`
//! (the platform at work, and what no kill may change), `http/` (the control plane, and who may what), `outages/` (servers,
//! networks and hosts that fail).

pub mod artefacts;
pub mod client;
pub mod command;
pub mod daemon;
pub mod data;
pub mod disk;
pub mod expect;
pub mod fixtures;
pub mod http;
pub mod leftovers;
pub mod memory;
pub mod report;
pub mod servers;
pub mod sink;
