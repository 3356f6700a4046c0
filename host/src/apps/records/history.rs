//! Reading what happened.

use super::{kinds_of, occurrence_of, unreadable};
use crate::apps::verdict::HistoryEntry;
use crate::part::Part;
use crate::sqlite::Job;
use crate::tenant::{AppName, TenantId};
use rusqlite::{Connection, Row, params};

/// Entries of a tenant, or of one of its apps, the newest first; and the number of the last of them, where there are more before
/// it.
#[derive(Clone, Debug)]
pub(in crate::apps) struct ReadHistory {
    pub(in crate::apps) tenant: TenantId,
    pub(in crate::apps) app: Option<AppName>,
    pub(in crate::apps) part: Part<u64>,
}

impl Job for ReadHistory {
    type Outcome = (Vec<HistoryEntry>, Option<u64>);

    fn perform(&self, connection: &Connection) -> rusqlite::Result<Self::Outcome> {
        let app = self.app.as_ref().map(AppName::as_str);
        // One more, to know whether there is one.
        let limit = i64::try_from(self.part.limit).unwrap_or(i64::MAX).saturating_add(1);
        let before = self.part.after.map_or(i64::MAX, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let found: rusqlite::Result<Vec<(i64, HistoryEntry)>> = connection
            .prepare_cached(
                "SELECT at, what, app, hash, version, kinds, file, sentence, seq FROM history \
                 WHERE tenant = ?1 AND (?2 IS NULL OR app = ?2) AND seq < ?3 ORDER BY seq DESC LIMIT ?4",
            )?
            .query_map(params![self.tenant.as_str(), app, before, limit], |row| Ok((row.get(8)?, entry(row)?)))?
            .collect();
        let mut found = found?;
        let is_cut = found.len() > self.part.limit;
        found.truncate(self.part.limit);
        let next = found.last().filter(|_| is_cut).map(|(number, _)| number.cast_unsigned());
        Ok((found.into_iter().map(|(_, entry)| entry).collect(), next))
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
