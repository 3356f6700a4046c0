//! One tenant's files through `mysimbdp run --json`: a line for each file as soon as it is done, and what they make together.

use super::{CANNOT_ISOLATE, EXIT_CANNOT_ISOLATE, EXIT_WITH_DEAD_LETTERS, Tenant};
use crate::workshop::{self, shown};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use xtask::text::thousands;

/// What became of one file, or of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    rows: u64,
    ingested: u64,
    rejected: u64,
    stored: u64,
    bytes: u64,
}

impl Told {
    /// From the object that the host prints for a file.
    fn of(account: &Value) -> Result<Told> {
        let number = |pointer: &str| {
            account.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no {pointer} is told: {account}"))
        };
        Ok(Told {
            rows: number("/rows/read")?,
            ingested: number("/rows/ingested")?,
            rejected: number("/rows/rejected")?,
            stored: number("/documents/stored")?,
            bytes: number("/bytes")?,
        })
    }

    fn add(&mut self, other: &Told) {
        self.rows += other.rows;
        self.ingested += other.ingested;
        self.rejected += other.rejected;
        self.stored += other.stored;
        self.bytes += other.bytes;
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    fn print(&self, name: &str, seconds: f64) {
        let rate = thousands(self.rows as f64 / seconds);
        let megabytes = self.bytes as f64 / 1e6;
        println!(
            "  {name:<12} {megabytes:>5.1} MB  {:>7} rows = {:>7} ingested + {:>2} rejected   {:>7} documents   {rate:>8} rows/s",
            thousands(self.rows as f64),
            thousands(self.ingested as f64),
            self.rejected,
            thousands(self.stored as f64),
        );
    }
}

/// Runs the app on the tenant's files and tells how it goes.
pub(super) fn ingest(host: &Path, app: &Path, tenant: &Tenant) -> Result<()> {
    let files = shown(&tenant.folder);
    println!("  $ mysimbdp run {} {files}/*.csv --sink {}\n", shown(app), shown(&tenant.sink));
    let mut command = Command::new(host);
    command.arg("run").arg(app).args(&tenant.files).arg("--sink").arg(&tenant.sink).arg("--json");
    let line = workshop::line(&command);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let output = child.stdout.take().context("its output is not piped")?;
    let (mut all, mut example) = (Told::default(), None);
    for account in BufReader::new(output).lines() {
        let account = account.with_context(|| format!("cannot read what `{line}` prints"))?;
        let account: Value = serde_json::from_str(&account).with_context(|| format!("this is no JSON: {account}"))?;
        if let Some(reason) = account["reason"].as_str() {
            println!("  {}", reason);
            continue;
        }
        let told = Told::of(&account)?;
        told.print(
            account["file"].as_str().unwrap_or_default(),
            account["timings"]["total"].as_f64().unwrap_or_default(),
        );
        all.add(&told);
        example = example.or_else(|| dead_letter(&account));
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{line}`"))?;
    match status.code() {
        Some(0 | EXIT_WITH_DEAD_LETTERS) => {}
        Some(EXIT_CANNOT_ISOLATE) => bail!("{CANNOT_ISOLATE}"),
        _ => bail!("`{line}` ended with {status}; its own words are above."),
    }
    all.print("together", started.elapsed().as_secs_f64());
    if let Some(example) = example {
        println!("  One of the dead letters: {example}");
    }
    ensure!(
        all.stored == tenant.rows - tenant.bad_rows && all.rejected == tenant.bad_rows,
        "the counts are not those of the files that were written; please report this."
    );
    Ok(())
}

/// The first dead letter of a file, in a sentence.
fn dead_letter(account: &Value) -> Option<String> {
    let letter = account["dead_letters"].get(0)?;
    Some(format!("{} line {}: {}", account["file"].as_str()?, letter["line"], letter["reason"].as_str()?))
}
