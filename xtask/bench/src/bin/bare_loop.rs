//! `bare_loop <app.so> <data.csv>`: the app in this process, each document held against the validator, nothing else.
//!
//! What the platform adds (a process of its own, the sandbox, the copies between the two, positions, counts, times) is
//! the difference to this.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, bail};
use mysimbdp::document::validate;
use mysimbdp_bench::app::App;
use mysimbdp_bench::table::{Bare, Taker};
use std::path::PathBuf;

/// Validates and forgets.
#[derive(Default)]
struct Validate {
    documents: u64,
    bytes: u64,
}

impl Taker for Validate {
    fn take(&mut self, document: &[u8]) -> Result<(), String> {
        validate(document).map_err(|why| why.to_string())?;
        self.documents += 1;
        self.bytes += document.len() as u64;
        Ok(())
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let app = arguments.next().context("usage: bare_loop <app.so> <data.csv>")?;
    let data = arguments.next().context("usage: bare_loop <app.so> <data.csv>")?;
    let app = App::load(&app)?;
    let mut bare = Bare::new(Validate::default());
    let table = bare.table();
    let done = app.ingest(&table, &data);
    if let Some(why) = bare.failure {
        bail!("the app failed: {why}");
    }
    done?;
    let Validate { documents, bytes } = bare.taker;
    println!(
        "{{\"rows\": {}, \"rejected\": {}, \"documents\": {documents}, \"document_bytes\": {bytes}}}",
        bare.rows, bare.rejected
    );
    Ok(())
}
