//! What went wrong with a command, in one sentence, and whether it passes.

use super::blame::{self, Blame};
use crate::sink::SinkError;
use mongodb::error::{Error, ErrorKind};

/// Longest sentence of a server that is passed on, in characters.
const WORDS: usize = 600;

/// Why a command was not carried out, or nobody knows whether it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) blame: Blame,
    pub(super) words: String,
}

impl Trouble {
    pub(super) fn passing(words: impl Into<String>) -> Trouble {
        Trouble { blame: Blame::Passing, words: words.into() }
    }

    /// The host stops; or a task of ours has panicked, which is told elsewhere.
    pub(super) fn closed() -> Trouble {
        Trouble::passing("its connections to MongoDB were closed meanwhile")
    }

    pub(super) fn into_sink_error(self, sink: String) -> SinkError {
        let Trouble { blame, words: reason } = self;
        match blame {
            Blame::Passing => SinkError::Transient { sink, reason },
            Blame::Sink | Blame::Document => SinkError::Permanent { sink, reason },
        }
    }
}

/// The words of a server with its code, as `words (name, code 13)`.
pub(super) fn server_words(words: &str, name: Option<&str>, code: i32) -> String {
    // With many errors a server leaves out the words of the later ones.
    let words = if words.trim().is_empty() { "MongoDB gives no reason" } else { words.trim() };
    let words = shortened(words);
    match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("{words} ({name}, code {code})"),
        None => format!("{words} (code {code})"),
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        let labelled = ["RetryableWriteError", "RetryableError", "TransientTransactionError"];
        let labelled = labelled.iter().any(|label| error.contains_label(label));
        let (blame, words) = match &*error.kind {
            ErrorKind::Command(said) => {
                (blame::of_command(said.code), server_words(&said.message, Some(&said.code_name), said.code))
            }
            ErrorKind::Authentication { message, .. } => {
                (Blame::Sink, format!("MongoDB does not let us in: {message}"))
            }
            ErrorKind::Io(why) => (Blame::Passing, format!("the connection to MongoDB failed: {why}")),
            ErrorKind::ServerSelection { message, .. } => {
                (Blame::Passing, format!("no server of MongoDB can be used: {}", without_labels(message)))
            }
            ErrorKind::ConnectionPoolCleared { message, .. } => (Blame::Passing, without_labels(message)),
            ErrorKind::Shutdown => return Trouble::closed(),
            kind @ (ErrorKind::DnsResolve { .. } | ErrorKind::InvalidResponse { .. } | ErrorKind::Internal { .. }) => {
                (Blame::Passing, kind.to_string())
            }
            kind => (Blame::Sink, kind.to_string()),
        };
        let blame = if labelled { Blame::Passing } else { blame };
        Trouble { blame, words: shortened(&words) }
    }
}

/// Without what the driver says to programmers behind a cause.
fn without_labels(words: &str) -> String {
    words.split(", labels: {").next().unwrap_or(words).replace("Kind: ", "").replace("I/O error: ", "")
}

fn shortened(words: &str) -> String {
    match words.char_indices().nth(WORDS) {
        Some((cut, _)) => format!("{}…", &words[..cut]),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_gives_no_words_is_told_as_such() {
        assert_eq!(server_words("", None, 121), "MongoDB gives no reason (code 121)");
        assert_eq!(server_words("not so", Some("Why"), 2), "not so (Why, code 2)");
        assert!(server_words(&"ü".repeat(9_000), None, 2).chars().count() < WORDS + 20);
    }

    #[test]
    fn a_connection_that_broke_passes_and_is_told_in_one_sentence() {
        let error = Error::from(std::io::Error::other("reset"));
        let told = Trouble::from(error).into_sink_error("acme.trips".into());
        assert!(matches!(told, SinkError::Transient { .. }));
        assert!(told.to_string().ends_with("the connection to MongoDB failed: reset"), "{told}");
    }

    #[test]
    fn what_is_said_to_programmers_is_left_out() {
        let words =
            "pool cleared because another operation failed with: Kind: I/O error: reset, labels: {\"a\"}, source: None";
        assert_eq!(without_labels(words), "pool cleared because another operation failed with: reset");
    }
}
