//! The facade over HTTP: on a Unix socket that only the operator can open (mode 0600), and on TCP for whoever has a token.
//!
//! ```text
//!   mysimbdp submit | status | …  ──▶  client  ══ control.sock ══▶ ┐
//!   the same with --server, browsers, programs ══ server (TLS) ══▶ ┴ guard ─ once ─▶ routes ─ acting ─▶ Platform
//! ```
//!
//! [`routes`] only read a request, make the call and write the answer; what may be done when is decided behind the facade, and
//! what a caller may name is decided by [`acting`]. What goes wrong is answered as RFC 9457 problem details ([`problem`]) with
//! a stable code and a sentence.

mod acting;
mod asks;
mod certificate;
mod changed;
pub mod client;
mod dashboard;
mod deed;
mod guard;
mod held;
mod json;
mod kept;
mod live;
mod noted;
mod once;
mod openapi;
mod pace;
mod pages;
mod places;
pub mod problem;
mod rates;
mod routes;
mod served;
mod server;
mod shares;
mod socket;
mod told;
mod versions;
mod wire;

pub use certificate::Certificate;
pub use served::Served;
pub use server::{HttpError, HttpServer, USUAL_PORT};
pub use socket::{ControlSocket, SocketError};
