//! What a command's exit status means: documented in `--help`, relied on by scripts.

use std::process::ExitCode;

/// The end of a command. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done; no row is missing.
    Done = 0,
    /// It failed. The last line on standard error tells why.
    Failed = 1,
    /// The command line is wrong (also what clap exits with), or the configuration.
    Usage = 2,
    /// All was read to its end, but rows became dead letters, or messages were refused.
    DeadLetters = 3,
    /// The app ended before the end of the file.
    Partial = 4,
    /// This machine cannot isolate a worker.
    CannotIsolate = 5,
}

/// Shown below `--help`.
pub(crate) const HELP: &str = "\
Exit status:
  0  done, and no row is missing
  1  failed; the last line on standard error tells why
  2  the command line is wrong, or the configuration is: `mysimbdp config check` tells
  3  done, but some rows became dead letters, or messages were refused
  4  partial: the app ended before the end of the file
  5  this machine cannot isolate a worker: see `mysimbdp doctor`

`serve` ends with 0 when it was told to stop (SIGTERM, SIGINT, `mysimbdp shutdown`), at once and with 1 when it is told so again, and
at SIGHUP reads api.certificate and api.key anew and goes on.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// The graver of two ends: what a command over several files exits with.
    pub(crate) fn worst(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Done => 0,
            Exit::DeadLetters => 1,
            Exit::Partial => 2,
            Exit::Failed => 3,
            Exit::CannotIsolate => 4,
            Exit::Usage => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}
