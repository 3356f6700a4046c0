//! The null sink's process, for as long as one run takes.

use super::super::measure::wait;
use super::super::shop::Shop;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// It ends when its standard input is closed, which a drop does, too.
pub(in crate::bench) struct NullSink {
    child: Child,
    output: RefCell<BufReader<ChildStdout>>,
    /// Where it is, as a connection string.
    pub(in crate::bench) url: String,
}

/// What has come since it was asked the last time.
#[derive(Debug)]
pub(in crate::bench) struct Arrivals {
    pub(in crate::bench) documents: usize,
    /// From the first to the last.
    pub(in crate::bench) seconds: f64,
    /// Milliseconds that so many of all were on their way at most; NaN where no document tells when it was sent.
    pub(in crate::bench) p50: f64,
    pub(in crate::bench) p90: f64,
    pub(in crate::bench) p99: f64,
    pub(in crate::bench) p999: f64,
    pub(in crate::bench) max: f64,
    /// Documents that were on their way for more than 25 ms.
    pub(in crate::bench) slow: f64,
    /// How long it lasted, in milliseconds, that such came, one after another: each time, the first twenty of them.
    pub(in crate::bench) occasions: Vec<f64>,
}

impl NullSink {
    pub(in crate::bench) fn start(shop: &Shop) -> Result<NullSink> {
        NullSink::spawn(&mut shop.program("null_sink"))
    }

    /// Starts one that looks into each document for when it was sent.
    pub(in crate::bench) fn start_with_times(shop: &Shop, field: &str) -> Result<NullSink> {
        NullSink::spawn(shop.program("null_sink").arg(field))
    }

    fn spawn(command: &mut Command) -> Result<NullSink> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start null_sink")?;
        let output = RefCell::new(BufReader::new(child.stdout.take().context("null_sink has no output")?));
        let mut sink = NullSink { child, output, url: String::new() };
        let port = number(&sink.told()?, "port")?;
        sink.url = format!("mongodb://127.0.0.1:{port:.0}/");
        Ok(sink)
    }

    /// Waits until so many documents have come since it was asked the last time.
    pub(in crate::bench) fn until(&self, documents: usize) -> Result<Arrivals> {
        let mut input = self.child.stdin.as_ref().context("null_sink is not listened to any more")?;
        writeln!(input, "until {documents}").context("null_sink does not listen")?;
        arrivals(&self.told()?)
    }

    /// Ends it. It must have acknowledged as many documents as the run that used it tells.
    pub(in crate::bench) fn end(mut self, documents: f64) -> Result<()> {
        drop(self.child.stdin.take());
        let acknowledged = number(&self.told()?, "documents")?;
        let (status, _) = wait(&self.child).context("cannot wait for null_sink")?;
        ensure!(status.success(), "null_sink ended with {status}");
        #[expect(clippy::float_cmp, reason = "both are whole numbers")]
        let same = acknowledged == documents;
        ensure!(same, "the null sink was sent {acknowledged} documents, and the run tells {documents}");
        Ok(())
    }

    /// Its next line.
    fn told(&self) -> Result<Value> {
        let mut line = String::new();
        self.output.borrow_mut().read_line(&mut line).context("cannot read what null_sink says")?;
        serde_json::from_str(&line).with_context(|| format!("null_sink said {line:?}"))
    }
}

fn arrivals(told: &Value) -> Result<Arrivals> {
    let percentile = |name: &str| told[name].as_f64().unwrap_or(f64::NAN);
    let occasions = told["occasions"].as_array().context("null_sink tells no occasions")?;
    Ok(Arrivals {
        documents: usize::try_from(told["documents"].as_u64().context("null_sink tells no documents")?)?,
        seconds: (number(told, "last_ns")? - number(told, "first_ns")?) / 1e9,
        p50: percentile("p50"),
        p90: percentile("p90"),
        p99: percentile("p99"),
        p999: percentile("p999"),
        max: percentile("max"),
        slow: number(told, "slow")?,
        occasions: occasions.iter().map(|occasion| number(occasion, "lasts")).collect::<Result<Vec<f64>>>()?,
    })
}

fn number(told: &Value, name: &str) -> Result<f64> {
    told[name].as_f64().with_context(|| format!("null_sink told no {name}: {told}"))
}
