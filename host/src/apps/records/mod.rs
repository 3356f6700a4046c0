//! The registry on disk: `apps.db`, which says what is true after a restart.
//!
//! ```text
//!   contents     hash → what its probe told, by which build of the host and under which isolation
//!   generations  (tenant, app, hash) → the file it came from last, and its place in the order of drops
//!   apps         (tenant, app) → the generation that is live, or was last
//!   judged       (tenant, file) → the state of the file that was judged, and what was said
//!   history      what happened, in order; it outlives everything else
//! ```
//!
//! Every change of an app is one [`Transaction`]: it is there as a whole after a kill, or not at all.

mod history;
mod load;
mod transaction;

pub(super) use history::ReadHistory;
pub(super) use load::{Rows, load};
pub(super) use transaction::{Transaction, Write};

use super::verdict::Occurrence;
use crate::sqlite::Kind as FileKind;
use crate::staging::candidate::Kind;
use crate::worker::protocol::Isolation;
use rusqlite::types::Type;

/// What a registry is, and the tables of version 1.
pub(super) const APPS_FILE: FileKind = FileKind {
    what: "apps file",
    application_id: 0x6d73_6170,
    version: 1,
    steps: &[],
    tables: TABLES,
    commit_points: ["apps.before_commit", "apps.after_commit"],
};

const TABLES: &str = r"
    CREATE TABLE contents (
        hash TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        version TEXT NOT NULL,
        kinds TEXT NOT NULL,
        rows_independent INTEGER NOT NULL,
        uses_iconv INTEGER NOT NULL,
        build TEXT NOT NULL,
        isolation TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE generations (
        tenant TEXT NOT NULL,
        app TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES contents (hash),
        file TEXT NOT NULL,
        dropped INTEGER NOT NULL,
        PRIMARY KEY (tenant, app, hash)
    ) WITHOUT ROWID;
    CREATE INDEX generations_by_hash ON generations (hash);
    CREATE TABLE apps (
        tenant TEXT NOT NULL,
        app TEXT NOT NULL,
        hash TEXT NOT NULL,
        live INTEGER NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (tenant, app)
    ) WITHOUT ROWID;
    CREATE TABLE judged (
        tenant TEXT NOT NULL,
        file TEXT NOT NULL,
        dev INTEGER NOT NULL,
        ino INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        accepted INTEGER NOT NULL,
        hash TEXT,
        app TEXT,
        sentence TEXT NOT NULL,
        PRIMARY KEY (tenant, file)
    ) WITHOUT ROWID;
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        tenant TEXT NOT NULL,
        what TEXT NOT NULL,
        app TEXT,
        hash TEXT,
        version TEXT NOT NULL,
        kinds TEXT NOT NULL,
        file TEXT,
        sentence TEXT NOT NULL
    );
    CREATE INDEX history_of_tenant ON history (tenant, (what = 'refused'), seq);
";

pub(super) fn isolation_name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Full => "full",
        Isolation::Reduced => "reduced",
        Isolation::Insecure => "insecure",
    }
}

/// `batch,check`.
fn kinds_text(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",")
}

/// Kinds that a newer version knew are passed over.
fn kinds_of(text: &str) -> Vec<Kind> {
    text.split(',').filter_map(Kind::named).collect()
}

fn occurrence_of(column: usize, name: &str) -> rusqlite::Result<Occurrence> {
    Occurrence::named(name).ok_or_else(|| unreadable(column, format!("{name:?} is nothing that can happen")))
}

/// A value that this version cannot have written.
fn unreadable(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
