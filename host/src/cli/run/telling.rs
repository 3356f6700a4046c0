//! What `run` tells: a progress bar while it works, then text for people or JSON for programs.

use super::super::{out, size};
use crate::batch::cast::Observer;
use crate::batch::data_file::DataFile;
use crate::batch::intake::Rejected;
use crate::batch::ledger::Counts;
use crate::batch::report::{TaskOutcome, TaskReport};
use crate::cli::app_file::AppFile;
use crate::worker::protocol::{LOOSE_ROWS, Ready};
use crate::worker::words::{json_line, one_line};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::sync::Arc;

/// Dead letters that are told; all of them are in the sink.
const TOLD_DEAD_LETTERS: usize = 10_000;
/// Dead letters that the text shows.
const SHOWN_DEAD_LETTERS: usize = 10;
/// Bytes of a raw row that are shown.
const SHOWN_RAW: usize = 200;

/// A dead letter as it is told.
#[derive(Debug, Serialize)]
pub(crate) struct ToldLetter {
    row: Option<u64>,
    line: Option<u64>,
    start: u64,
    reason: String,
    raw: String,
}

/// Hears the runner, moves the bar, keeps the dead letters.
pub(crate) struct Listener {
    file: Arc<DataFile>,
    bar: ProgressBar,
    letters: Vec<ToldLetter>,
}

impl Listener {
    /// A bar on standard error where that is a terminal and the output is for people.
    pub(crate) fn new(file: &Arc<DataFile>, quiet: bool) -> Listener {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(file.size()).with_style(style).with_prefix(one_line(file.name()).into_owned())
        };
        Listener { file: Arc::clone(file), bar, letters: Vec::new() }
    }

    /// Clears the bar and hands over the dead letters in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<ToldLetter> {
        self.bar.finish_and_clear();
        self.letters.sort_by_key(|letter| letter.start);
        self.letters
    }
}

impl Observer for Listener {
    fn progress(&mut self, counts: &Counts, position: u64) {
        self.bar.set_position(position);
        self.bar.set_message(format!("{} documents", counts.documents.stored));
    }

    fn rejected(&mut self, rejected: &Rejected) {
        if self.letters.len() >= TOLD_DEAD_LETTERS {
            return;
        }
        let row = rejected.row;
        let known = row.number < LOOSE_ROWS;
        let (mut raw, _) = if known { self.file.row(row.start, row.end) } else { (Vec::new(), 0) };
        raw.truncate(SHOWN_RAW);
        self.letters.push(ToldLetter {
            row: known.then_some(row.number),
            line: (row.line > 0).then_some(row.line),
            start: row.start,
            reason: one_line(&rejected.reason).into_owned(),
            raw: String::from_utf8_lossy(&raw).trim_end().to_owned(),
        });
    }

    fn log(&mut self, level: u32, message: &str) {
        let name = match level {
            1 => "error",
            2 => "warn",
            3 => "info",
            _ => "debug",
        };
        self.bar.suspend(|| out::note(format_args!("app {name}: {message}")));
    }

    fn death(&mut self, sentence: &str) {
        self.bar.suspend(|| out::note(sentence));
    }
}

/// Everything that is told about one file.
pub(crate) struct Told<'a> {
    /// What happened.
    pub(crate) report: &'a TaskReport,
    /// The app.
    pub(crate) app: &'a AppFile,
    /// What its worker said of itself.
    pub(crate) ready: &'a Ready,
    /// Rows and documents that became dead letters.
    pub(crate) dead_letters: &'a [ToldLetter],
    /// Lines of a stack trace for each death.
    pub(crate) backtraces: Vec<Vec<String>>,
    /// Some of the documents.
    pub(crate) sample: Vec<String>,
    /// CPU seconds of this process.
    pub(crate) host_cpu: f64,
    /// Where the documents are.
    pub(crate) sink: String,
    /// What is counted: `row` or `message`.
    pub(crate) unit: &'static str,
}

impl Told<'_> {
    /// As one JSON object.
    pub(crate) fn json(&self) -> Value {
        let mut told = match serde_json::to_value(self.report) {
            Ok(Value::Object(told)) => told,
            Ok(_) | Err(_) => serde_json::Map::new(),
        };
        let generation = &self.app.examination().generation;
        let Ready { name, version, kinds, sandbox, .. } = self.ready;
        told.insert(
            "app".into(),
            json!({ "name": name, "version": version, "kinds": kinds, "generation": generation, "sandbox": sandbox }),
        );
        told.insert("dead_letters".into(), json!(self.dead_letters));
        for (death, frames) in self.backtraces.iter().enumerate() {
            told["deaths"][death]["backtrace"] = json!(frames);
        }
        told["resources"]["host_cpu"] = json!(self.host_cpu);
        let sample: Vec<Value> = self.sample.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        told.insert("sample".into(), json!(sample));
        told.insert("sink".into(), json!(self.sink));
        told.insert("unit".into(), json!(self.unit));
        Value::Object(told)
    }

    /// As text: the result on standard output.
    pub(crate) fn print(&self) {
        let TaskReport { counts: Counts { rows, documents }, timings, resources, .. } = self.report;
        let (name, unit) = (one_line(&self.report.file), self.unit);
        for document in &self.sample {
            out::line(json_line(document));
        }
        let mut shown: Vec<&Vec<String>> = Vec::new();
        for frames in self.backtraces.iter().filter(|frames| !frames.is_empty()) {
            // The same place kills again when the row runs alone, and at other rows.
            if shown.contains(&frames) {
                continue;
            }
            shown.push(frames);
            out::line("stack of the app, innermost first:");
            for frame in frames {
                out::line(format_args!("    {frame}"));
            }
        }
        for letter in self.dead_letters.iter().take(SHOWN_DEAD_LETTERS) {
            let place = match (letter.row, letter.line) {
                (Some(row), Some(line)) => format!("{} {row} (line {line})", self.unit),
                (Some(row), None) => format!("{} {row} (byte {})", self.unit, letter.start),
                (None, _) => "a document outside of rows".into(),
            };
            out::line(format_args!("dead letter: {place}: {}", letter.reason));
            if !letter.raw.is_empty() {
                out::line(format_args!("    {}", one_line(&letter.raw)));
            }
        }
        let more = self.dead_letters.len().saturating_sub(SHOWN_DEAD_LETTERS);
        if more > 0 {
            out::line(format_args!("… and {more} more dead letters"));
        }
        let outcome = match self.report.outcome {
            TaskOutcome::Done => "done",
            TaskOutcome::Partial => "partial",
            TaskOutcome::Interrupted => "interrupted",
            TaskOutcome::Failed => "failed",
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = rows.read as f64 / timings.total.max(1e-9);
        out::line(format_args!(
            "{name}: {outcome}; {} {unit}s = {} ingested + {} passed over + {} rejected; \
             {} documents = {} stored + {} duplicate + {} refused",
            rows.read,
            rows.ingested,
            rows.passed_over,
            rows.rejected,
            documents.emitted,
            documents.stored,
            documents.duplicate,
            documents.refused,
        ));
        out::line(format_args!(
            "{name}: {} in {:.3} s ({rate:.0} {unit}s/s); app {:.3} s, held back by the sink {:.3} s, start {:.1} ms; \
             CPU {:.2} s worker + {:.2} s host; worker memory {}; documents in {}",
            size::show(self.report.bytes),
            timings.total,
            timings.app,
            timings.held_back,
            timings.start * 1000.0,
            resources.worker_cpu,
            self.host_cpu,
            size::show(resources.worker_memory),
            self.sink,
        ));
        if self.report.not_deterministic {
            out::note(format_args!(
                "{name}: not deterministic: a rerun made other documents than the run before it; the first ones were kept"
            ));
        }
        if let Some(reason) = &self.report.reason {
            out::note(format_args!("{name}: {outcome}: {}", one_line(reason)));
        }
    }
}
