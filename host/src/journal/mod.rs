//! The host's own record of everything that happened, per tenant and for the platform.

mod event;

pub use event::{Event, Happening, TaskEntry};
