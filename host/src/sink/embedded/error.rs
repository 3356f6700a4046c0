//! What can go wrong with a sink file, told to people; and which of SQLite's errors may pass by themselves.

use crate::sink::SinkError;
use rusqlite::ErrorCode;
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
    /// There is something else under this path.
    #[error("the sink file {} is {found}, not a file: name a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Only from [`Reader::open`](super::Reader::open); a store makes its file.
    #[error("there is no sink file {}: nothing was ingested into it yet, or its name is another", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A store makes its file, but no directories.
    #[error("the directory {} of the sink file does not exist: make it first", directory.display())]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// This user may not write there.
    #[error(
        "the sink file {} cannot be written ({reason}): this user must be allowed to write the file and its directory",
        path.display()
    )]
    NotWritable {
        /// The sink file.
        path: PathBuf,
        /// The system's or SQLite's words.
        reason: String,
    },
    /// The file holds something else.
    #[error("{} is not an SQLite database and was left as it is: name another file", path.display())]
    NotADatabase {
        /// The path.
        path: PathBuf,
    },
    /// An SQLite database, but not one of ours.
    #[error("{} is the database of another program and was left as it is: name another file", path.display())]
    ForeignDatabase {
        /// The path.
        path: PathBuf,
    },
    /// A newer mysimbdp wrote it.
    #[error(
        "the sink file {} has schema version {found} and this mysimbdp knows versions up to {known}: \
         use the newer mysimbdp that wrote it",
        path.display()
    )]
    TooNew {
        /// The path.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Newest version that is known here.
        known: i64,
    },
    /// The file system lacks what a write-ahead log needs.
    #[error(
        "the sink file {} cannot have a write-ahead log on this file system (its journal mode stays {mode}): \
         put it on a local disk",
        path.display()
    )]
    NoWriteAheadLog {
        /// The path.
        path: PathBuf,
        /// The journal mode it has instead.
        mode: String,
    },
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
    /// The thread that writes could not be started, or is no more.
    #[error("the writer of the sink file {} {reason}", path.display())]
    Writer {
        /// The sink file.
        path: PathBuf,
        /// What is the matter with it.
        reason: String,
    },
    /// Anything else that SQLite says.
    #[error("{doing} the sink file {}: {source}", path.display())]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The sink file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

/// Why a request was not done. Its transaction was rolled back, so nothing of it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Asking again later may help.
    pub(super) transient: bool,
    /// SQLite's words.
    pub(super) words: String,
}

impl Trouble {
    pub(super) fn stopped() -> Trouble {
        Trouble {
            transient: false,
            words: "its store was closed, or its writer has failed and the log says why".into(),
        }
    }

    pub(super) fn of(error: &rusqlite::Error) -> Trouble {
        Trouble { transient: passes_by_itself(error), words: error.to_string() }
    }

    pub(super) fn into_sink_error(self, sink: String) -> SinkError {
        match self.transient {
            true => SinkError::Transient { sink, reason: self.words },
            false => SinkError::Permanent { sink, reason: self.words },
        }
    }
}

/// Whose fault an error is: decides who has to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// One document; the statement alone was undone, and the transaction goes on.
    Document,
    /// One request; the others of its transaction may do better without it.
    Request,
    /// The file or the machine; the others would fare no better.
    Store,
}

pub(super) fn blame(error: &rusqlite::Error) -> Blame {
    match error.sqlite_error_code() {
        Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation) => Blame::Document,
        Some(ErrorCode::Unknown | ErrorCode::SchemaChanged | ErrorCode::TypeMismatch) | None => Blame::Request,
        Some(_) => Blame::Store,
    }
}

fn passes_by_itself(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}
