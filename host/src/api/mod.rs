//! The facade over HTTP, on a Unix socket that only the operator can open (mode 0600).
//!
//! ```text
//!   mysimbdp submit | status | …  ──▶  client  ══ control.sock ══▶  routes  ──▶  Platform
//! ```
//!
//! [`routes`] only read a request, make the call and write the answer; what may be done when is decided behind the facade.
//! What goes wrong is answered as RFC 9457 problem details ([`problem`]) with a stable code and a sentence.

pub mod client;
mod dashboard;
pub mod problem;
mod routes;
mod socket;

pub use routes::router;
pub use socket::{ControlSocket, SocketError};
