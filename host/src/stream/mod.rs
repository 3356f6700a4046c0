//! Streams: what is decided about them.

pub mod decide;
pub mod monitor;
pub mod scaling;
pub mod window;
