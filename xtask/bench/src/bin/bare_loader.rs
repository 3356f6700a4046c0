//! `bare_loader <app.so> <data.csv> <file.db>`: the app in this process, each document straight into SQLite.
//!
//! What somebody would write who needs no platform: one process, one thread, the same table, the same text, the same
//! pragmas, transactions as large as the platform's. Nothing is validated, nothing isolated, no dead letter is kept. The
//! data has no bad rows, so that both sides store the same.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, bail};
use mysimbdp::document::{DocumentId, extjson, id_text};
use mysimbdp_bench::app::App;
use mysimbdp_bench::table::{Bare, Taker};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};
use std::path::{Path, PathBuf};

/// Bytes of text after which a transaction is committed: as in the platform's embedded sink.
const GROUP_BYTES: usize = 1024 * 1024;

fn main() -> Result<()> {
    let usage = "usage: bare_loader <app.so> <data.csv> <file.db>";
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let app = arguments.next().context(usage)?;
    let data = arguments.next().context(usage)?;
    let file = arguments.next().context(usage)?;
    let app = App::load(&app)?;
    let connection = open(&file)?;
    let counts = load(&connection, &app, &data)?;
    connection.execute_batch("COMMIT")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, why)| why)?;
    println!("{counts}");
    Ok(())
}

/// Stores the documents of a file; answers the counts as JSON. A transaction is open afterwards.
fn load(connection: &Connection, app: &App, data: &Path) -> Result<String> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let insert = connection.prepare("INSERT INTO documents (_id, doc) VALUES (?1, ?2)")?;
    let loader = Loader { connection, insert, text: Vec::new(), document: Vec::new(), pending: 0, documents: 0 };
    let mut bare = Bare::new(loader);
    let table = bare.table();
    let done = app.ingest(&table, data);
    if let Some(why) = bare.failure {
        bail!("the app failed: {why}");
    }
    done?;
    let (rows, rejected, documents) = (bare.rows, bare.rejected, bare.taker.documents);
    Ok(format!("{{\"rows\": {rows}, \"rejected\": {rejected}, \"documents\": {documents}}}"))
}

fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA cache_size = -8000;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;
         CREATE TABLE documents (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)",
    )?;
    Ok(connection)
}

struct Loader<'c> {
    connection: &'c Connection,
    insert: Statement<'c>,
    /// The `_id` and then the document, as text.
    text: Vec<u8>,
    /// The document with its number.
    document: Vec<u8>,
    pending: usize,
    documents: u64,
}

impl Loader<'_> {
    fn store(&mut self, document: &[u8]) -> Result<()> {
        self.documents += 1;
        self.document.clear();
        self.document.extend_from_slice(document);
        DocumentId::new(1, self.documents, 0)?.number_in_place(&mut self.document)?;
        self.text.clear();
        id_text::append(&self.document, &mut self.text)?;
        let doc = self.text.len();
        extjson::append(&self.document, &mut self.text)?;
        self.insert.raw_bind_parameter(1, Text(&self.text[..doc]))?;
        self.insert.raw_bind_parameter(2, Text(&self.text[doc..]))?;
        self.insert.raw_execute()?;
        self.pending += self.text.len();
        if self.pending >= GROUP_BYTES {
            self.pending = 0;
            self.connection.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
        }
        Ok(())
    }
}

impl Taker for Loader<'_> {
    fn take(&mut self, document: &[u8]) -> Result<(), String> {
        self.store(document).map_err(|why| format!("{why:#}"))
    }
}

/// Bytes that are UTF-8, bound as text without being checked once more.
struct Text<'t>(&'t [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}
