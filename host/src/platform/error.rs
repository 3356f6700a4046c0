//! Why an action was not done: a code for programs, a kind for protocols, one sentence for people.

use crate::queue::QueueError;
use crate::quota::check::Refusal;
use crate::sink::SinkError;
use crate::staging::files::FileStoreError;
use serde::{Deserialize, Serialize};

/// What kind of failure it is. HTTP and the command line derive their statuses from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// What it names is not there.
    NotFound,
    /// It cannot be done in the state things are in.
    Conflict,
    /// A limit of the tenant forbids it.
    Limit,
    /// Nothing there is asked in this way.
    Method,
    /// Nobody known asks.
    Stranger,
    /// Whoever asks may not.
    Forbidden,
    /// More bytes than are read.
    TooLarge,
    /// Its bytes come too slowly.
    TooSlow,
    /// Too much is asked at once.
    TooMany,
    /// It was changed since it was looked at.
    Stale,
    /// It may work later.
    Unavailable,
    /// A mistake of the host, or of the machine it runs on.
    Internal,
}

/// An action that was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ActionError {
    /// What kind of failure it is.
    pub kind: Kind,
    /// Stable, for programs: `unknown_task`, `files_per_batch`, …
    pub code: &'static str,
    /// What, where, why, and how to mend it.
    pub sentence: String,
}

impl ActionError {
    /// What is named is not there.
    pub fn not_found(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::NotFound, code, sentence: sentence.into() }
    }

    /// The request itself is wrong.
    pub fn invalid(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Invalid, code, sentence: sentence.into() }
    }

    /// It cannot be done in the state things are in.
    pub fn conflict(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Conflict, code, sentence: sentence.into() }
    }

    /// A mistake of the host or of its machine.
    pub fn internal(sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Internal, code: "internal", sentence: sentence.into() }
    }

    /// Nothing there is asked in this way.
    pub fn method(sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Method, code: "method_not_allowed", sentence: sentence.into() }
    }

    /// Whoever asks may not.
    pub fn forbidden(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Forbidden, code, sentence: sentence.into() }
    }

    /// More bytes than are read.
    pub fn too_large(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::TooLarge, code, sentence: sentence.into() }
    }

    /// Its bytes come too slowly.
    pub fn too_slow(sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::TooSlow, code: "too_slow", sentence: sentence.into() }
    }

    /// It may work later.
    pub fn unavailable(code: &'static str, sentence: impl Into<String>) -> ActionError {
        ActionError { kind: Kind::Unavailable, code, sentence: sentence.into() }
    }
}

impl From<Refusal> for ActionError {
    fn from(refusal: Refusal) -> ActionError {
        ActionError { kind: Kind::Limit, code: refusal.limit, sentence: refusal.sentence }
    }
}

impl From<QueueError> for ActionError {
    fn from(error: QueueError) -> ActionError {
        let sentence = error.to_string();
        match error {
            QueueError::Transient(_) => ActionError::unavailable("queue_unavailable", sentence),
            QueueError::Permanent(_) => ActionError::internal(sentence),
            QueueError::Fenced { .. } => ActionError::conflict("fenced", sentence),
            QueueError::Unknown(_) => ActionError::not_found("unknown_task", sentence),
            QueueError::Known { .. } => ActionError::conflict("known_content", sentence),
            QueueError::Full(_) => ActionError { kind: Kind::Limit, code: "waiting_tasks", sentence },
            QueueError::NotNow { .. } => ActionError::conflict("wrong_state", sentence),
        }
    }
}

impl From<SinkError> for ActionError {
    fn from(error: SinkError) -> ActionError {
        let sentence = error.to_string();
        match error {
            SinkError::Transient { .. } => ActionError::unavailable("sink_unavailable", sentence),
            SinkError::Permanent { .. } => ActionError::internal(sentence),
        }
    }
}

impl From<FileStoreError> for ActionError {
    fn from(error: FileStoreError) -> ActionError {
        let sentence = error.to_string();
        match error {
            FileStoreError::Io { .. } => ActionError::unavailable("files_unavailable", sentence),
            FileStoreError::TooLarge { .. }
            | FileStoreError::TooLong { .. }
            | FileStoreError::TooShort { .. }
            | FileStoreError::Changed(_) => ActionError::invalid("wrong_size", sentence),
            FileStoreError::NoRoom { .. } => ActionError { kind: Kind::Limit, code: "storage_bytes", sentence },
            FileStoreError::OtherContent { .. } => ActionError::invalid("wrong_checksum", sentence),
            FileStoreError::Different { .. } => ActionError::conflict("another_file", sentence),
            FileStoreError::NoKey(_) => ActionError::internal(sentence),
        }
    }
}
