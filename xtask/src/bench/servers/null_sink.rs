//! The null sink's process, for as long as one run takes.

use super::super::measure::wait;
use super::super::shop::Shop;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};

/// It ends when its standard input is closed, which a drop does, too.
pub(in crate::bench) struct NullSink {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it is, as a connection string.
    pub(in crate::bench) url: String,
}

impl NullSink {
    pub(in crate::bench) fn start(shop: &Shop) -> Result<NullSink> {
        let mut command = shop.program("null_sink");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start null_sink")?;
        let output = BufReader::new(child.stdout.take().context("null_sink has no output")?);
        let mut sink = NullSink { child, output, url: String::new() };
        let port = sink.told("port")?;
        sink.url = format!("mongodb://127.0.0.1:{port:.0}/");
        Ok(sink)
    }

    /// Ends it. It must have acknowledged as many documents as the run that used it tells.
    pub(in crate::bench) fn end(mut self, documents: f64) -> Result<()> {
        drop(self.child.stdin.take());
        let acknowledged = self.told("documents")?;
        let (status, _) = wait(&self.child).context("cannot wait for null_sink")?;
        ensure!(status.success(), "null_sink ended with {status}");
        #[expect(clippy::float_cmp, reason = "both are whole numbers")]
        let same = acknowledged == documents;
        ensure!(same, "the null sink was sent {acknowledged} documents, and the run tells {documents}");
        Ok(())
    }

    /// The number of this name on its next line.
    fn told(&mut self, name: &str) -> Result<f64> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("cannot read what null_sink says")?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("null_sink said {line:?}"))?;
        said[name].as_f64().with_context(|| format!("null_sink told no {name}: {line}"))
    }
}
