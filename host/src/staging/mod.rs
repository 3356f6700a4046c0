//! From a `.so` that somebody dropped to one that may be probed: read it once, hold on to exactly those bytes, judge them.
//!
//! [`snapshot`] reads the file into sealed memory, [`candidate`] looks at that memory without running any of it,
//! [`machine`] tells what this host can load. What is then loaded in a worker is the sealed memory, never the file.

pub mod candidate;
pub mod machine;
pub mod snapshot;
