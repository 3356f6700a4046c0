//! What can go wrong with a journal, told to people.

use std::io;
use std::path::PathBuf;

/// A journal could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its directory or file cannot be made or opened.
    #[error(
        "the journal {} cannot be opened ({source}): this user must be allowed to write the file and its directory",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("the thread that writes the journal cannot be started: {0}")]
    Thread(io::Error),
    /// The journal was closed, or its thread has failed.
    #[error("the journal is closed")]
    Closed,
    /// Something could not be written yet; it is in memory.
    #[error("the journal {} is behind, with {events} events in memory: {reason}", path.display())]
    Unwritten {
        /// How many wait, over all journals.
        events: u64,
        /// One of the files that cannot be written.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file of it cannot be read.
    #[error("the journal {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Somebody asked to go on from a place that is none.
    #[error("{0:?} is no place in a journal: use what `next` of the page before says")]
    Cursor(String),
    /// Somebody asked for a kind of event that does not exist.
    #[error("{kind:?} is no kind of event: there are {}", known.join(", "))]
    Kind {
        /// What was asked for.
        kind: String,
        /// What there is.
        known: Vec<&'static str>,
    },
}
