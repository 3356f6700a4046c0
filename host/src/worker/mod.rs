//! The host's side of a worker: what is said, how it is started, watched and judged.

pub mod codec;
pub mod delivery;
pub mod link;
pub mod output;
pub mod process;
pub mod protocol;
pub mod recorder;
pub mod spawner;
pub mod supervisor;
pub mod tray;
pub mod words;
