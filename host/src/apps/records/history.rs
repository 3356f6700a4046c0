//! Reading what happened.

use super::{kinds_of, occurrence_of, unreadable};
use crate::apps::verdict::HistoryEntry;
use crate::sqlite::Job;
use crate::tenant::{AppName, TenantId};
use rusqlite::{Connection, Row, params};

/// Entries of a tenant, or of one of its apps; the newest first.
#[derive(Clone, Debug)]
pub(in crate::apps) struct ReadHistory {
    pub(in crate::apps) tenant: TenantId,
    pub(in crate::apps) app: Option<AppName>,
    pub(in crate::apps) limit: usize,
}

impl Job for ReadHistory {
    type Outcome = Vec<HistoryEntry>;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<Vec<HistoryEntry>> {
        let app = self.app.as_ref().map(AppName::as_str);
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        connection
            .prepare_cached(
                "SELECT at, what, app, hash, version, kinds, file, sentence FROM history \
                 WHERE tenant = ?1 AND (?2 IS NULL OR app = ?2) ORDER BY seq DESC LIMIT ?3",
            )?
            .query_map(params![self.tenant.as_str(), app, limit], entry)?
            .collect()
    }

    fn bytes(&self) -> usize {
        0
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let at: String = row.get(0)?;
    let what: String = row.get(1)?;
    let app: Option<String> = row.get(2)?;
    let kinds: String = row.get(5)?;
    Ok(HistoryEntry {
        at: at.parse().map_err(|error: jiff::Error| unreadable(0, error))?,
        what: occurrence_of(1, &what)?,
        app: app.map(|app| AppName::parse(&app)).transpose().map_err(|error| unreadable(2, error))?,
        generation: row.get(3)?,
        version: row.get(4)?,
        kinds: kinds_of(&kinds),
        file: row.get(6)?,
        sentence: row.get(7)?,
    })
}
