//! A stable of villains: one app, for files and for messages, that misbehaves on demand.
//!
//! Each row of its CSV, and the body of each message, is `n,deed`. The deed `none` ingests it as any app would: `{n}`. Every
//! other deed does one hostile thing *while that row or message is in work* and, where it lives to tell, emits what came of it:
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

/// The app. What it keeps between rows or messages are deeds that strike later.
#[derive(Default)]
struct Villain {
    /// Rows or messages until it dies, for a deed that strikes in another one than its own.
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
            let place = Place { number: row.record_number(), start: row.offset(), line: row.line() };
            match self.act(n, &deed, place, sink) {
                Ok(Next::GoOn) => {}
                Ok(Next::Return) => return Ok(()),
                Err(why) if why.ends_run() => return Err(why.into()),
                Err(why) => sink.reject(why)?,
            }
        }
        Ok(())
    }
}

impl StreamIngest for Villain {
    fn on_message(
        &mut self,
        _channel: &Channel<'_>,
        method: &Delivery<'_>,
        _properties: &Properties<'_>,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject> {
        self.burn_fuse();
        let body = std::str::from_utf8(body)?;
        let (n, deed) = body.split_once(',').ok_or_else(|| reject!("{body:?} is not `n,deed`"))?;
        let place = Place { number: method.delivery_tag, start: 0, line: 0 };
        self.act(n.parse()?, deed.trim_end(), place, sink).map(|_| ())
    }
}

/// Where a deed is done: what stands in the head of a row. A message has nothing but its delivery tag.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    start: u64,
    line: u64,
}

/// What is to follow a deed.
enum Next {
    GoOn,
    Return,
}

impl Villain {
    /// Does the deed and emits what came of it. An error rejects the row or message; made of an [`AppError`], it is the app
    /// that fails.
    fn act(&mut self, n: u64, deed: &str, place: Place, sink: &mut Sink) -> Result<Next, Reject> {
        if deed == "none" {
            sink.emit(&Plain { n })?;
            return Ok(Next::GoOn);
        }
        let (name, argument) = deed.split_once('=').unwrap_or((deed, ""));
        let Place { number, start, line } = place;
        let mut scene = deeds::Scene { sink, n, number, start, line, argument };
        let outcome = match deeds::find(name) {
            Some(deed) => deed(&mut scene),
            None => Outcome::Reject(format!("no villain knows the deed {name:?}")),
        };
        match outcome {
            Outcome::Reject(reason) => return Err(Reject::new(reason)),
            Outcome::Return => return Ok(Next::Return),
            Outcome::Fail(reason) => return Err(AppError::new(reason).into()),
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
                sink.emit(&Told { n, deed: name, verdict, detail })?;
            }
        }
        Ok(Next::GoOn)
    }

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

export_app! { name: "villains", batch: Villain, stream: Villain }
