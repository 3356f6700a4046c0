//! Why a value cannot be a document.

use crate::error::SinkError;
use std::fmt;

/// Why a value cannot be a document: a sentence, and the path of the field it is about.
#[derive(Debug)]
pub(crate) struct SerError {
    path: Vec<String>,
    message: String,
}

impl SerError {
    #[cold]
    pub(super) fn new(message: impl fmt::Display) -> SerError {
        SerError { path: Vec::new(), message: message.to_string() }
    }

    #[cold]
    pub(super) fn too_large() -> SerError {
        SerError::new("the document is larger than the 16 MiB that a document may have; split it")
    }

    #[cold]
    pub(super) fn too_deep() -> SerError {
        SerError::new(format_args!("documents and arrays are nested deeper than {} levels", super::MAX_DEPTH))
    }

    #[cold]
    pub(super) fn not_a_document(what: &str) -> SerError {
        SerError::new(format_args!("{what} is not a document; emit a struct or a map"))
    }

    #[cold]
    pub(super) fn nul_in_key(key: &str) -> SerError {
        SerError::new(format_args!("the key {key:?} holds a NUL byte, which BSON has no place for; rename the key"))
    }

    /// Notes that the error lies below `key`.
    #[cold]
    pub(super) fn below(mut self, key: &str) -> SerError {
        self.path.push(key.to_owned());
        self
    }
}

impl fmt::Display for SerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str("field `")?;
            for (at, key) in self.path.iter().rev().enumerate() {
                write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                if at == 8 {
                    f.write_str(".…")?;
                    break;
                }
            }
            f.write_str("`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SerError {}

impl serde::ser::Error for SerError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> SerError {
        SerError::new(message)
    }
}

impl From<SerError> for SinkError {
    #[cold]
    fn from(error: SerError) -> SinkError {
        SinkError::Refused(error.to_string())
    }
}
