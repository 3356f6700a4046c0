//! How a worker died, traced to app, generation, file and row, in one sentence.

use crate::worker::process::{Remains, describe_status};
use crate::worker::recorder::{ClaimedRow, Crash};
use crate::worker::words::one_line;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// What ended a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A signal, or an exit of its own.
    Ended {
        /// In words that fit after "it".
        how: String,
        /// Its last line on standard error.
        last_words: Option<String>,
    },
    /// The app panicked; where and why.
    Panicked(String),
    /// No row ended for this long although the host was waiting.
    Stalled(Duration),
    /// It used more memory than it may.
    OutOfMemory {
        /// Bytes that were seen, 0 where one allocation alone was too much.
        used: u64,
        /// Bytes that it may use.
        limit: u64,
    },
    /// It broke the protocol, as an app can that writes to descriptors which are not its own.
    BrokeProtocol(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Ended { how, last_words: None } => write!(out, "it {how}"),
            Cause::Ended { how, last_words: Some(words) } => write!(out, "it {how}; its last words: {words}"),
            Cause::Panicked(reason) => write!(out, "it {reason}"),
            Cause::Stalled(time) => write!(out, "it finished no row within {time:?} and was stopped"),
            Cause::OutOfMemory { used: 0, limit } => {
                write!(out, "it asked for more memory than its limit of {}", Megabytes(*limit))
            }
            Cause::OutOfMemory { used, limit } => {
                write!(
                    out,
                    "it used {} of memory, its limit is {}, and was stopped",
                    Megabytes(*used),
                    Megabytes(*limit)
                )
            }
            Cause::BrokeProtocol(how) => write!(out, "it broke the protocol ({how}) and was stopped"),
        }
    }
}

struct Megabytes(u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} MiB", self.0 / (1024 * 1024))
    }
}

/// Whether the kernel tells where memory failed; for a signal that was sent, the same word names the sender.
fn has_address(crash: &Crash) -> bool {
    crash.address != 0 && matches!(crash.signal, libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE)
}

/// A worker's death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Why.
    pub cause: Cause,
    /// The row in work, as far as the flight recorder may be believed.
    pub row: Option<ClaimedRow>,
    /// What its crash handler left.
    pub crash: Option<Crash>,
    /// The row was running alone.
    pub alone: bool,
}

impl Death {
    /// What the remains tell, where the host did not bring the death about itself.
    pub fn cause_of(remains: &Remains, memory_limit: u64) -> Cause {
        let last_words = remains.stderr.last_line();
        let aborted = remains.status.signal() == Some(libc::SIGABRT);
        // The claim of a dying allocator can only make the judgement milder.
        let allocator = remains.stderr.text().contains("memory allocation of");
        if aborted && allocator {
            return Cause::OutOfMemory { used: 0, limit: memory_limit };
        }
        let how = match remains.status.signal() {
            Some(libc::SIGKILL) => {
                "was killed from outside (SIGKILL), by the kernel for want of memory or by a person".into()
            }
            _ => describe_status(remains.status),
        };
        Cause::Ended { how, last_words }
    }

    /// App, generation, file and row, and what happened.
    pub fn sentence(&self, app: &str, file: &str) -> String {
        // Whoever put the file there chose its name.
        let file = one_line(file);
        let place = match self.row {
            Some(ClaimedRow { number, line: 0, start, .. }) => format!("row {number} (byte {start}) of {file}"),
            Some(ClaimedRow { number, line, start, .. }) => {
                format!("row {number} (line {line}, byte {start}) of {file}")
            }
            None => format!("{file}, in no row that can be named"),
        };
        self.at(app, &place, "row")
    }

    /// App and generation, where it was (in words that fit after "at"), and what happened. `unit` is what can run alone.
    pub fn at(&self, app: &str, place: &str, unit: &str) -> String {
        let alone = if self.alone { format!(", running that {unit} alone") } else { String::new() };
        let crash = match &self.crash {
            Some(crash) if has_address(crash) => format!(" at address {:#x}", crash.address),
            _ => String::new(),
        };
        format!("app {app} failed at {place}{alone}: {}{crash}", self.cause)
    }
}
