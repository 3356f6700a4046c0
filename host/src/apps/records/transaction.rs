//! Writing: what one change of an app puts into the file, as a whole.

use super::kinds_text;
use crate::apps::generation::Facts;
use crate::apps::verdict::{HistoryEntry, Judgement, Occurrence};
use crate::sqlite::Job;
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// Refusals that a tenant's history keeps, and other entries.
const REFUSALS_KEPT: i64 = 50;
const OTHERS_KEPT: i64 = 1000;

/// About what a write adds to a transaction, its texts not counted.
const WRITE_BYTES: usize = 512;

/// One thing that is written.
#[derive(Clone, Debug)]
pub(in crate::apps) enum Write {
    /// What a content is.
    Content { hash: String, size: u64, facts: Arc<Facts>, build: String, isolation: &'static str },
    /// A content was dropped as an app.
    Generation { app: AppName, hash: String, file: String, dropped: i64 },
    /// The generation that is live, or was last.
    App { app: AppName, hash: String, live: bool, since: Timestamp },
    /// A file was judged.
    Judged { file: String, judgement: Judgement },
    /// A file is gone.
    Forget { file: String },
    /// Something happened.
    History(HistoryEntry),
    /// A generation is given up, and its content with the last of them.
    GiveUp { app: AppName, hash: String },
}

/// What one change of a tenant's apps writes.
#[derive(Clone, Debug)]
pub(in crate::apps) struct Transaction {
    pub(in crate::apps) tenant: TenantId,
    pub(in crate::apps) writes: Vec<Write>,
}

impl Job for Transaction {
    type Outcome = ();

    fn perform(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.writes.iter().try_for_each(|write| self.put(connection, write))
    }

    fn bytes(&self) -> usize {
        let sentence = |write: &Write| match write {
            Write::Judged { judgement, .. } => judgement.sentence.len(),
            Write::History(entry) => entry.sentence.len(),
            _ => 0,
        };
        self.writes.iter().map(|write| WRITE_BYTES + sentence(write)).sum()
    }
}

impl Transaction {
    fn put(&self, connection: &Connection, write: &Write) -> rusqlite::Result<()> {
        let tenant = self.tenant.as_str();
        let put =
            |sql: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(values).map(drop);
        match write {
            Write::Content { hash, size, facts, build, isolation } => {
                let kinds = kinds_text(&facts.kinds);
                put(
                    // Not replaced: every generation of it would be looked at.
                    "INSERT INTO contents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (hash) DO UPDATE SET \
                     version = ?3, kinds = ?4, rows_independent = ?5, uses_iconv = ?6, build = ?7, isolation = ?8",
                    params![
                        hash,
                        size.cast_signed(),
                        facts.version,
                        kinds,
                        facts.rows_independent,
                        facts.uses_iconv,
                        build,
                        isolation
                    ],
                )
            }
            Write::Generation { app, hash, file, dropped } => put(
                "INSERT OR REPLACE INTO generations VALUES (?1, ?2, ?3, ?4, ?5)",
                params![tenant, app.as_str(), hash, file, dropped],
            ),
            Write::App { app, hash, live, since } => put(
                "INSERT OR REPLACE INTO apps VALUES (?1, ?2, ?3, ?4, ?5)",
                params![tenant, app.as_str(), hash, live, since.to_string()],
            ),
            Write::Judged { file, judgement } => {
                let Judgement { identity, accepted, generation, app, sentence } = judgement;
                put(
                    "INSERT OR REPLACE INTO judged VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    params![
                        tenant,
                        file,
                        identity.dev.cast_signed(),
                        identity.ino.cast_signed(),
                        identity.size.cast_signed(),
                        identity.mtime_ns,
                        accepted,
                        generation,
                        app.as_ref().map(AppName::as_str),
                        sentence
                    ],
                )
            }
            Write::Forget { file } => put("DELETE FROM judged WHERE tenant = ?1 AND file = ?2", params![tenant, file]),
            Write::History(entry) => self.put_history(connection, entry),
            Write::GiveUp { app, hash } => {
                put(
                    "DELETE FROM generations WHERE tenant = ?1 AND app = ?2 AND hash = ?3",
                    params![tenant, app.as_str(), hash],
                )?;
                put(
                    "DELETE FROM contents WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM generations WHERE hash = ?1)",
                    params![hash],
                )
            }
        }
    }

    fn put_history(&self, connection: &Connection, entry: &HistoryEntry) -> rusqlite::Result<()> {
        let HistoryEntry { at, what, app, generation, version, kinds, file, sentence } = entry;
        let tenant = self.tenant.as_str();
        connection
            .prepare_cached(
                "INSERT INTO history (at, tenant, what, app, hash, version, kinds, file, sentence) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                at.to_string(),
                tenant,
                what.name(),
                app.as_ref().map(AppName::as_str),
                generation,
                version,
                kinds_text(kinds),
                file,
                sentence
            ])?;
        let is_refusal = *what == Occurrence::Refused;
        let kept = if is_refusal { REFUSALS_KEPT } else { OTHERS_KEPT };
        connection
            .prepare_cached(
                "DELETE FROM history WHERE tenant = ?1 AND (what = 'refused') = ?2 AND seq <= (SELECT seq FROM history \
                 WHERE tenant = ?1 AND (what = 'refused') = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
            )?
            .execute(params![tenant, is_refusal, kept])
            .map(drop)
    }
}
