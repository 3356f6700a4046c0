//! What `mysimbdp run --json` says, as types. Fields that a test does not look at are passed over.

use serde::Deserialize;
use serde_json::Value;

/// One run.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// `done`, `partial` or `failed`. All that a run tells which could not even begin, with its reason.
    pub outcome: String,
    /// Why it is not `done`.
    pub reason: Option<String>,
    /// The app that ran.
    pub app: Option<App>,
    /// What became of the rows.
    #[serde(default)]
    pub rows: Rows,
    /// What became of the documents.
    #[serde(default)]
    pub documents: Documents,
    /// Rows and documents that were not stored.
    #[serde(default)]
    pub dead_letters: Vec<DeadLetter>,
    /// Deaths of workers, in their order.
    #[serde(default)]
    pub deaths: Vec<Death>,
    /// All of it as it came.
    #[serde(skip)]
    pub raw: Value,
}

/// The app that ran.
#[derive(Clone, Debug, Deserialize)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its generation: a hash of its content.
    pub generation: String,
    /// What it provides.
    pub kinds: Vec<String>,
}

/// Rows: `read = ingested + passed_over + rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Rows {
    /// Rows read.
    pub read: u64,
    /// Rows that became documents.
    pub ingested: u64,
    /// Rows that the app looked at and made nothing of.
    pub passed_over: u64,
    /// Rows that became dead letters.
    pub rejected: u64,
}

/// Documents: `emitted = stored + duplicate + refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Documents {
    /// Documents that apps emitted.
    pub emitted: u64,
    /// Documents in the sink.
    pub stored: u64,
    /// Documents that were there already.
    pub duplicate: u64,
    /// Documents that were refused.
    pub refused: u64,
}

/// A row or document that was not stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeadLetter {
    /// Number of the row; none for a document outside of rows.
    pub row: Option<u64>,
    /// Line on which it starts, where lines mean something.
    pub line: Option<u64>,
    /// Offset of its first byte.
    pub start: u64,
    /// Why.
    pub reason: String,
    /// Its bytes as text.
    pub raw: String,
}

/// A worker that died.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Death {
    /// What happened, alone.
    pub cause: String,
    /// The row that it was working on, where it can be told.
    pub row: Option<u64>,
    /// App, generation, file, row and cause.
    pub sentence: String,
    /// The row was running alone.
    pub alone: bool,
    /// Return addresses in the app with their symbols, innermost first.
    #[serde(default)]
    pub backtrace: Vec<String>,
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// Not JSON, or a field is missing.
    pub fn parse(text: &str) -> serde_json::Result<Report> {
        let raw: Value = serde_json::from_str(text)?;
        let mut report: Report = serde_json::from_value(raw.clone())?;
        report.raw = raw;
        Ok(report)
    }

    /// Whether both sums balance.
    pub fn balances(&self) -> bool {
        let (rows, documents) = (self.rows, self.documents);
        rows.read == rows.ingested + rows.passed_over + rows.rejected
            && documents.emitted == documents.stored + documents.duplicate + documents.refused
    }

    /// Everything that it says to people: the reason, the deaths, the dead letters.
    pub fn sentences(&self) -> Vec<String> {
        let reason = self.reason.iter().cloned();
        let deaths = self.deaths.iter().map(|death| death.sentence.clone());
        let letters = self.dead_letters.iter().map(|letter| letter.reason.clone());
        reason.chain(deaths).chain(letters).collect()
    }
}
