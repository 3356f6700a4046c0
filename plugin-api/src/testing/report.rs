//! What a run did.

use bson::Document;

/// What a run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Documents in the order they were emitted, each with the `_id` that a host would give it (as for task 1).
    pub documents: Vec<Document>,
    /// Rows that were rejected.
    pub rejects: Vec<Rejected>,
    /// Lines of the log.
    pub logs: Vec<LogLine>,
    /// What became of the rows: read = ingested + passed over + rejected.
    pub rows: RowCounts,
    /// Documents that were refused one by one, with the reason; what the app made of that, it shows itself.
    pub refused: Vec<String>,
    /// How far the file was read, in bytes: by rows, by a reader, or by `progress`.
    pub position: u64,
    /// How the app returned.
    pub outcome: Outcome,
}

impl Report {
    /// The documents without the `_id`s that the host gave.
    pub fn without_ids(&self) -> Vec<Document> {
        let mut documents = self.documents.clone();
        for document in &mut documents {
            if document.get_object_id("_id").is_ok_and(|id| id.bytes().starts_with(&[0, 0, 0, 0, 1])) {
                document.remove("_id");
            }
        }
        documents
    }
}

/// A row that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its number, from 1.
    pub row: u64,
    /// Line on which it starts, from 1; 0 where lines mean nothing.
    pub line: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset just past its last byte.
    pub end: u64,
    /// Why.
    pub reason: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// One of `mysimbdp_plugin_api::Level` as a number: 1 error, 2 warn, 3 info, 4 debug.
    pub level: u32,
    /// The line.
    pub message: String,
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that were read.
    pub read: u64,
    /// Rows that became documents.
    pub ingested: u64,
    /// Rows that were skipped, or ended without a document.
    pub passed_over: u64,
    /// Rows that were rejected.
    pub rejected: u64,
}

/// How an app returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Without an error.
    Ok,
    /// With an error.
    Error(String),
    /// By a panic: where and why.
    Panic(String),
}

impl Outcome {
    /// Whether the app returned without an error.
    pub fn is_ok(&self) -> bool {
        *self == Outcome::Ok
    }

    /// The error or the panic, in words; empty where there is none.
    pub fn reason(&self) -> &str {
        match self {
            Outcome::Ok => "",
            Outcome::Error(reason) | Outcome::Panic(reason) => reason,
        }
    }
}
