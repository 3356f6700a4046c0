//! What came of a deed, as far as the villain itself can tell.

use std::fmt::Display;

/// What came of a deed that did not end the process.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The sandbox or the host refused it, with this error.
    Held(String),
    /// It was allowed, and hurts nobody.
    Harmless(String),
    /// It worked and must not.
    Breached(String),
    /// The row is to be rejected with this reason.
    Reject(String),
    /// The row ends without a document.
    Nothing,
    /// `ingest` is to return as if the file had ended.
    Return,
    /// `ingest` is to fail with this reason.
    Fail(String),
    /// The process is to die so many rows later.
    LightFuse(u64),
    /// `destroy` is never to return.
    SpinWhenDropped,
}

impl Outcome {
    /// Held where `attempt` failed, breached where it worked: for everything that the sandbox must refuse.
    pub(crate) fn must_fail<T, E: Display>(what: &str, attempt: Result<T, E>) -> Outcome {
        match attempt {
            Ok(_) => Outcome::Breached(format!("{what} worked")),
            Err(error) => Outcome::Held(format!("{what}: {error}")),
        }
    }

    /// Held where `attempt` failed, harmless where it worked: for what may go either way.
    pub(crate) fn may_work<T, E: Display>(what: &str, attempt: Result<T, E>) -> Outcome {
        match attempt {
            Ok(_) => Outcome::Harmless(format!("{what} worked")),
            Err(error) => Outcome::Held(format!("{what}: {error}")),
        }
    }

    /// The worst of several: one breach makes the deed a breach.
    pub(crate) fn worst(all: impl IntoIterator<Item = Outcome>) -> Outcome {
        let mut details = Vec::new();
        for outcome in all {
            match outcome {
                breach @ Outcome::Breached(_) => return breach,
                other => details.push(other.verdict().1),
            }
        }
        Outcome::Held(details.join("; "))
    }

    /// How a document tells it.
    pub(crate) fn verdict(self) -> (&'static str, String) {
        match self {
            Outcome::Held(detail) => ("held", detail),
            Outcome::Breached(detail) => ("breached", detail),
            Outcome::Harmless(detail) => ("harmless", detail),
            Outcome::Reject(detail) | Outcome::Fail(detail) => ("failed", detail),
            Outcome::Nothing | Outcome::Return | Outcome::LightFuse(_) | Outcome::SpinWhenDropped => {
                ("harmless", String::new())
            }
        }
    }
}
