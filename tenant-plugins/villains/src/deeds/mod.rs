//! The deeds, by what they attack.

mod descriptors;
mod documents;
mod dying;
mod files;
mod frames;
mod hanging;
mod kernel;
mod memory;
mod network;
mod outcomes;
mod output;
mod processes;
mod recorder;
mod rows;
mod signals;

use crate::outcome::Outcome;
use mysimbdp_plugin_api::prelude::Sink;

/// Where a deed is done.
pub(crate) struct Scene<'a> {
    /// The app's way out.
    pub(crate) sink: &'a mut Sink,
    /// What the row or message says first.
    pub(crate) n: u64,
    /// Number of the row in the file; of a message, its delivery tag.
    pub(crate) number: u64,
    /// Offset of the row in the file; 0 for a message.
    pub(crate) start: u64,
    /// Line of the row; 0 for a message.
    pub(crate) line: u64,
    /// What stood behind the `=`, or nothing.
    pub(crate) argument: &'a str,
}

/// One way to misbehave.
pub(crate) type Deed = fn(&mut Scene<'_>) -> Outcome;

/// The deed of that name.
pub(crate) fn find(name: &str) -> Option<Deed> {
    let all = [
        dying::DEEDS,
        hanging::DEEDS,
        memory::DEEDS,
        processes::DEEDS,
        files::DEEDS,
        network::DEEDS,
        kernel::DEEDS,
        signals::DEEDS,
        output::DEEDS,
        descriptors::DEEDS,
        frames::DEEDS,
        outcomes::DEEDS,
        documents::DEEDS,
        rows::DEEDS,
        recorder::DEEDS,
    ];
    all.into_iter().flatten().find(|(known, _)| *known == name).map(|(_, deed)| *deed)
}
