//! What can go wrong with a sink file, told to people.

use crate::sink::SinkError;
use crate::sqlite::{FileError, Trouble};
use std::path::PathBuf;

/// A sink file could not be opened, read or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name of a collection would not do.
    #[error(transparent)]
    Name(#[from] super::NameError),
    /// A collection could not be made.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The file is not what it should be, or SQLite cannot do what it should.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another collection has this name but for upper and lower case, which SQLite does not tell apart.
    #[error("the collection {name} differs from {existing} in upper and lower case only: use one of them")]
    SameButForCase {
        /// The name that was asked for.
        name: String,
        /// The collection that exists.
        existing: String,
    },
    /// Only from the read side; writing makes a collection.
    #[error("there is no collection {name} in the sink file {}; it has: {known}", path.display())]
    NoCollection {
        /// The name that was asked for.
        name: String,
        /// The sink file.
        path: PathBuf,
        /// Those that exist, as a list in words.
        known: String,
    },
}

impl Trouble {
    pub(super) fn into_sink_error(self, sink: String) -> SinkError {
        match self.transient {
            true => SinkError::Transient { sink, reason: self.words },
            false => SinkError::Permanent { sink, reason: self.words },
        }
    }
}
