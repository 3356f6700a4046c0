//! What the commands do, apart from the platform itself.

pub mod new;
