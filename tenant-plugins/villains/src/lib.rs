//! A stable of villains: one batch app that misbehaves on demand.
//!
//! Each row of its CSV is `n,deed`. The deed `none` ingests the row as any app would: `{n}`. Every other deed does one
//! hostile thing *while that row is open* and, where it lives to tell, emits what came of it:
//!
//! ```text
//!   {n, deed, verdict, detail}      verdict = held      the sandbox refused it; `detail` has the error
//!                                             harmless  it was allowed, and hurts nobody
//!                                             breached  it worked and must not: the test fails
//! ```
//!
//! A deed may take an argument after `=`: `read_file=/srv/other-tenant/data.csv`.
//!
//! Deeds are bounded, so that a hole in the sandbox fails a test and not the machine it runs on: a fork bomb stops after
//! a few hundred children that end by themselves, files are touched only where the test says, and nothing signals more
//! than its parent and its own process group. They are for the sandbox all the same: do not run them elsewhere.
//!
//! [`deeds`] lists them by what they attack; `examples/` and `c/` hold those that need a `.so` of their own.

mod deeds;
mod outcome;
mod syscall;

use mysimbdp_plugin_api::prelude::*;
use outcome::Outcome;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Row {
    n: u64,
    deed: String,
}

#[derive(Serialize)]
struct Plain {
    n: u64,
}

#[derive(Serialize)]
struct Told<'a> {
    n: u64,
    deed: &'a str,
    verdict: &'static str,
    detail: String,
}

/// The app. What it keeps between rows are deeds that strike later.
#[derive(Default)]
struct Villain {
    /// Rows until it dies, for a deed that strikes in another row than its own.
    fuse: Option<u64>,
    /// `destroy` never returns.
    spin_when_dropped: bool,
}

impl BatchIngest for Villain {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        let mut rows = input.csv()?;
        while let Some(row) = rows.next()? {
            self.burn_fuse();
            let Row { n, deed } = match row.parse() {
                Ok(parsed) => parsed,
                Err(why) => {
                    sink.reject(why)?;
                    continue;
                }
            };
            if deed == "none" {
                sink.emit(&Plain { n })?;
                continue;
            }
            let (name, argument) = deed.split_once('=').unwrap_or((&deed, ""));
            let mut scene =
                deeds::Scene { sink, n, number: row.record_number(), start: row.offset(), line: row.line(), argument };
            let outcome = match deeds::find(name) {
                Some(deed) => deed(&mut scene),
                None => Outcome::Reject(format!("no villain knows the deed {name:?}")),
            };
            match outcome {
                Outcome::Reject(reason) => sink.reject(reason)?,
                Outcome::Return => return Ok(()),
                Outcome::Fail(reason) => return Err(AppError::new(reason)),
                Outcome::LightFuse(rows) => {
                    self.fuse = Some(rows);
                    sink.emit(&Plain { n })?;
                }
                Outcome::SpinWhenDropped => {
                    self.spin_when_dropped = true;
                    sink.emit(&Plain { n })?;
                }
                Outcome::Nothing => {}
                told => {
                    let (verdict, detail) = told.verdict();
                    if let Err(refused) = sink.emit(&Told { n, deed: name, verdict, detail }) {
                        sink.reject(refused)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Villain {
    fn burn_fuse(&mut self) {
        match &mut self.fuse {
            Some(0) => std::process::abort(),
            Some(rows) => *rows -= 1,
            None => {}
        }
    }
}

impl Drop for Villain {
    fn drop(&mut self) {
        if self.spin_when_dropped {
            loop {
                std::hint::spin_loop();
            }
        }
    }
}

export_app! { name: "villains", batch: Villain }
