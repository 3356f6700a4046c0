//! One thing that an examination found, told so that somebody can act on it.
//!
//! ```text
//!   refusals  of the file         missing-file symbolic-link not-a-file hard-links unreadable changing too-large
//!             of its format       empty-file not-elf truncated damaged-elf not-elf64 wrong-system wrong-machine
//!                                 not-a-library
//!             as an app           no-descriptor bad-descriptor newer-api older-api invalid-app-name unknown-kind no-kind
//!                                 no-door door-not-data
//!             on this host        newer-glibc other-libc missing-library library-by-path
//!             in the sandbox      executable-stack writable-code text-relocations
//!   warnings                      threads processes network signals files loads-libraries shared-memory
//!                                 panic-abort search-path
//!   notes                         constructors debug-info symbols-only stripped
//! ```

use core::fmt;

use serde::Serialize;

/// How grave a finding is, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file cannot be an app here.
    Refusal,
    /// It can, but something will go wrong where it is used.
    Warning,
    /// Good to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Severity::Refusal => "refusal",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// What was found, where, why it matters, and how to mend it.
///
/// Displayed as `refusal[truncated]: the file ends at byte 70, …: it is still being copied or was cut; copy it again …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// A stable name in kebab-case, for scripts and documentation.
    pub code: &'static str,
    /// What, where and why: lower case, without a full stop, fit for a terminal (what came from the file is escaped).
    pub sentence: String,
    /// How to mend it, as a request in lower case; empty where there is nothing to mend.
    pub mend: String,
}

impl Finding {
    /// A finding that forbids to load the file.
    pub fn refusal(code: &'static str, sentence: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { severity: Severity::Refusal, code, sentence: sentence.into(), mend: mend.into() }
    }

    /// A finding about something that will go wrong where it is used.
    pub fn warning(code: &'static str, sentence: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, code, sentence: sentence.into(), mend: mend.into() }
    }

    /// A finding that is good to know.
    pub fn note(code: &'static str, sentence: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { severity: Severity::Note, code, sentence: sentence.into(), mend: mend.into() }
    }

    /// The file says something about itself that cannot be.
    pub(super) fn damaged(what: impl fmt::Display) -> Finding {
        Finding::refusal(
            "damaged-elf",
            format!("the ELF file is damaged: {what}"),
            "build or copy it again; if that does not help, it was changed by a tool that does not know ELF",
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]: {}", self.severity, self.code, self.sentence)?;
        if !self.mend.is_empty() {
            write!(formatter, "; {}", self.mend)?;
        }
        Ok(())
    }
}
