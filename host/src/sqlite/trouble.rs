//! Why a request to a database was not done, whose fault that is, and which of SQLite's errors may pass by themselves.

use rusqlite::ErrorCode;

/// Why a request was not done. Its transaction was rolled back, so nothing of it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Asking again later may help.
    pub(crate) transient: bool,
    /// SQLite's words.
    pub(crate) words: String,
}

impl Trouble {
    pub(crate) fn stopped() -> Trouble {
        Trouble {
            transient: false,
            words: "its store was closed, or its writer has failed and the log says why".into(),
        }
    }

    pub(crate) fn of(error: &rusqlite::Error) -> Trouble {
        Trouble { transient: passes_by_itself(error), words: error.to_string() }
    }
}

/// Whose fault an error is: decides who has to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// One document; the statement alone was undone, and the transaction goes on.
    Document,
    /// One request; the others of its transaction may do better without it.
    Request,
    /// The file or the machine; the others would fare no better.
    Store,
}

pub(crate) fn blame(error: &rusqlite::Error) -> Blame {
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
