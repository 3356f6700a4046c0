//! Return addresses of a crash, told as functions and lines where the `.so` has symbols.
//!
//! The debug information is the tenant's, and parsers of it were not made for enemies: nesting can exhaust their stack,
//! a few bytes can stand for gigabytes of lines. So it is read in a process of its own ([`reader`]) that may take little
//! memory and time and open no file, and is killed when its time is up. Where it does not answer, the bare addresses are
//! told, for this and all later deaths of the run. What it answers is held for as long: the same place kills again when a
//! row runs alone, and at other rows.
//!
//! ```text
//!   mysimbdp __symbols ADDRESS..       standard input: the sealed `.so`
//!   ADDRESS function at file:line      standard output: any number of lines for each address, inlined calls first
//! ```

pub(crate) mod reader;

use crate::staging::snapshot::Snapshot;
use crate::worker::words::short_line;
use std::collections::HashMap;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Hidden argument that turns this binary into a reader of symbols.
pub const SYMBOLS_ROLE: &str = "__symbols";

/// Frames of a stack that are told, the innermost ones.
const MAX_FRAMES: usize = 32;
/// Most addresses that one run asks for; further ones are told bare.
const MAX_ADDRESSES: usize = 1024;
/// How long a reader may take on a busy machine; the kernel ends it sooner, by the CPU time it uses.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes that a reader may answer.
const MAX_ANSWER: u64 = (MAX_ADDRESSES * reader::MAX_CALLS * (reader::MAX_NAME * 2 + 64)) as u64;

/// Names for the addresses of one `.so`, looked up once each.
#[derive(Debug)]
pub(crate) struct Symbols {
    app: Arc<Snapshot>,
    known: HashMap<u64, Vec<String>>,
    /// The reader has failed: it is not asked again.
    given_up: bool,
}

impl Symbols {
    /// Nothing is read before something is asked.
    pub(crate) fn of(app: Arc<Snapshot>) -> Symbols {
        Symbols { app, known: HashMap::new(), given_up: false }
    }

    /// For each stack, innermost frame first: one line for each call, function, and file and line where the `.so` tells
    /// them, otherwise its address. Frames outside of the `.so` have none.
    pub(crate) async fn tell(&mut self, stacks: &[&[u64]]) -> Vec<Vec<String>> {
        let stacks: Vec<Vec<u64>> = stacks.iter().map(|frames| probes(frames)).collect();
        let mut unknown: Vec<u64> =
            stacks.iter().flatten().filter(|at| !self.known.contains_key(at)).copied().collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.truncate(MAX_ADDRESSES.saturating_sub(self.known.len()));
        if !unknown.is_empty() && !self.given_up {
            match ask(&self.app, &unknown).await {
                Some(answer) => {
                    self.known.extend(unknown.iter().map(|address| (*address, Vec::new())));
                    for (address, call) in answer.lines().filter_map(said) {
                        if let Some(calls) = self.known.get_mut(&address) {
                            calls.push(call);
                        }
                    }
                }
                None => self.given_up = true,
            }
        }
        stacks.iter().map(|frames| frames.iter().flat_map(|frame| self.calls(*frame)).collect()).collect()
    }

    fn calls(&self, address: u64) -> Vec<String> {
        self.known.get(&address).cloned().unwrap_or_else(|| vec![format!("{address:#x}")])
    }
}

/// What to look up: all but the innermost are return addresses, and the call is just before them.
fn probes(frames: &[u64]) -> Vec<u64> {
    let probes = frames.iter().enumerate().map(|(depth, frame)| frame.saturating_sub(u64::from(depth > 0)));
    probes.take(MAX_FRAMES).collect()
}

/// A line of the answer. The names in it are a tenant's words as well.
fn said(line: &str) -> Option<(u64, String)> {
    let (address, call) = line.split_once(' ')?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((address, short_line(call, 2 * reader::MAX_NAME + 64).into_owned()))
}

/// `None` where the reader cannot be started, dies or takes too long.
async fn ask(app: &Snapshot, addresses: &[u64]) -> Option<String> {
    let mut reader = Command::new("/proc/self/exe")
        .arg(SYMBOLS_ROLE)
        .args(addresses.iter().map(|address| format!("{address:x}")))
        .env_clear()
        .stdin(Stdio::from(app.fd.try_clone().ok()?))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let stdout = reader.stdout.take()?;
    let answer = async {
        let mut answer = Vec::new();
        stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        io::Result::Ok((reader.wait().await?, answer))
    };
    let answered = timeout(PATIENCE, answer).await;
    match answered {
        Ok(Ok((status, answer))) if status.success() => String::from_utf8(answer).ok(),
        Ok(_) | Err(_) => {
            let _ = reader.kill().await;
            None
        }
    }
}
