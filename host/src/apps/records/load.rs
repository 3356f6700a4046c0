//! Reading the whole registry, once, when it is opened. The history stays in the file.

use super::{kinds_of, unreadable};
use crate::apps::generation::Facts;
use crate::apps::verdict::{FileIdentity, Judgement};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// What a content is, and who found that.
#[derive(Clone, Debug)]
pub(in crate::apps) struct ContentRow {
    pub(in crate::apps) size: u64,
    pub(in crate::apps) facts: Arc<Facts>,
    pub(in crate::apps) build: String,
    pub(in crate::apps) isolation: String,
}

/// A content that was dropped as an app, and is kept.
#[derive(Clone, Debug)]
pub(in crate::apps) struct GenerationRow {
    pub(in crate::apps) tenant: TenantId,
    pub(in crate::apps) app: AppName,
    pub(in crate::apps) hash: String,
    pub(in crate::apps) file: String,
    pub(in crate::apps) dropped: i64,
}

/// The generation that is live, or was last.
#[derive(Clone, Debug)]
pub(in crate::apps) struct AppRow {
    pub(in crate::apps) tenant: TenantId,
    pub(in crate::apps) app: AppName,
    pub(in crate::apps) hash: String,
    pub(in crate::apps) live: bool,
    pub(in crate::apps) since: Timestamp,
}

/// All that the registry holds, in one state of it.
#[derive(Clone, Debug)]
pub(in crate::apps) struct Rows {
    pub(in crate::apps) contents: HashMap<String, ContentRow>,
    /// In the order of their drops.
    pub(in crate::apps) generations: Vec<GenerationRow>,
    pub(in crate::apps) apps: Vec<AppRow>,
    pub(in crate::apps) judged: Vec<(TenantId, String, Judgement)>,
}

/// Reads everything.
pub(in crate::apps) fn load(connection: &Connection) -> rusqlite::Result<Rows> {
    let state = connection.unchecked_transaction()?;
    Ok(Rows {
        contents: all(
            &state,
            "SELECT hash, size, version, kinds, rows_independent, uses_iconv, build, isolation FROM contents",
            content,
        )?,
        generations: all(&state, "SELECT tenant, app, hash, file, dropped FROM generations ORDER BY dropped", |row| {
            let (tenant, app) = names(row)?;
            Ok(GenerationRow { tenant, app, hash: row.get(2)?, file: row.get(3)?, dropped: row.get(4)? })
        })?,
        apps: all(&state, "SELECT tenant, app, hash, live, since FROM apps", |row| {
            let (tenant, app) = names(row)?;
            let since: String = row.get(4)?;
            let since = since.parse().map_err(|error: jiff::Error| unreadable(4, error))?;
            Ok(AppRow { tenant, app, hash: row.get(2)?, live: row.get(3)?, since })
        })?,
        judged: all(
            &state,
            "SELECT tenant, file, dev, ino, size, mtime_ns, accepted, hash, app, sentence FROM judged",
            judged,
        )?,
    })
}

fn all<T, C: FromIterator<T>>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<C> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

fn content(row: &Row<'_>) -> rusqlite::Result<(String, ContentRow)> {
    let kinds: String = row.get(3)?;
    let facts =
        Facts { version: row.get(2)?, kinds: kinds_of(&kinds), rows_independent: row.get(4)?, uses_iconv: row.get(5)? };
    let size = row.get::<_, i64>(1)?.cast_unsigned();
    Ok((row.get(0)?, ContentRow { size, facts: Arc::new(facts), build: row.get(6)?, isolation: row.get(7)? }))
}

fn judged(row: &Row<'_>) -> rusqlite::Result<(TenantId, String, Judgement)> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let identity = FileIdentity { dev: number(2)?, ino: number(3)?, size: number(4)?, mtime_ns: row.get(5)? };
    let app: Option<String> = row.get(8)?;
    let judgement = Judgement {
        identity,
        accepted: row.get(6)?,
        generation: row.get(7)?,
        app: app.map(|app| AppName::parse(&app)).transpose().map_err(|error| unreadable(8, error))?,
        sentence: row.get(9)?,
    };
    Ok((tenant(row)?, row.get(1)?, judgement))
}

fn names(row: &Row<'_>) -> rusqlite::Result<(TenantId, AppName)> {
    let app: String = row.get(1)?;
    Ok((tenant(row)?, AppName::parse(&app).map_err(|error| unreadable(1, error))?))
}

fn tenant(row: &Row<'_>) -> rusqlite::Result<TenantId> {
    let tenant: String = row.get(0)?;
    TenantId::parse(&tenant).map_err(|error| unreadable(0, error))
}
