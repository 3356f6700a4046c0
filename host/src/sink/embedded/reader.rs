//! The read side, for people and tests: a connection of its own that sees what is committed and never waits for the
//! writer. Lists come in pages: each call gives the next ones after a key, so that nothing large is held.

use super::schema::SINK_FILE;
use super::{CollectionName, StoreError};
use crate::sink::{DeadLetter, KeptLetter, LETTER_PAGE, LetterFilter};
use crate::sqlite::{Database, FileError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};

/// Looks into a sink file.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// 24 hexadecimal digits for an ObjectId, JSON for any other `_id`.
    pub id: String,
    /// The whole document as relaxed Extended JSON.
    pub json: String,
}

impl Reader {
    /// Looks into a file without making it or changing anything.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is not a sink file of a version that is known here.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        let (path, connection) = Database::open_for_reading(path, SINK_FILE)?;
        Ok(Reader { path, connection })
    }

    /// Names of all collections, sorted.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub fn collections(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let names: Vec<String> =
            self.listed(|| self.connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect())?;
        // Whatever may be the name of a collection is one; `_dead_letters` and `sqlite_sequence` may not.
        Ok(names.into_iter().filter(|name| CollectionName::parse(name).is_ok()).collect())
    }

    /// How many documents a collection has. SQLite counts them one by one.
    ///
    /// # Errors
    /// There is no such collection, or SQLite cannot read.
    pub fn count(&self, collection: &str) -> Result<u64, StoreError> {
        let table = self.table(collection)?;
        let count: i64 =
            self.listed(|| self.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)))?;
        Ok(count.cast_unsigned())
    }

    /// One document.
    ///
    /// # Errors
    /// There is no such collection, or SQLite cannot read.
    pub fn document(&self, collection: &str, id: &str) -> Result<Option<StoredDocument>, StoreError> {
        let sql = format!("SELECT _id, doc FROM {} WHERE _id = ?1", self.table(collection)?);
        self.listed(|| self.connection.prepare_cached(&sql)?.query_row([id], stored_document).optional())
    }

    /// The next documents after an id, by id: those of a task in the order of its rows.
    ///
    /// # Errors
    /// There is no such collection, or SQLite cannot read.
    pub fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        // An empty id cannot be: it is hexadecimal digits or JSON.
        let sql = format!("SELECT _id, doc FROM {} WHERE _id > ?1 ORDER BY _id LIMIT ?2", self.table(collection)?);
        let after = after.unwrap_or("");
        self.listed(|| {
            self.connection.prepare_cached(&sql)?.query_map(params![after, whole(limit)], stored_document)?.collect()
        })
    }

    /// How many dead letters of a collection pass a filter.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub fn count_letters(&self, collection: &str, filter: &LetterFilter) -> Result<u64, StoreError> {
        let sql = format!(r#"SELECT count(*) FROM "_dead_letters" WHERE {LETTERS}"#);
        let (task, app, stream) = wanted(filter);
        let key = params![collection, task, app, stream];
        let count: i64 = self.listed(|| self.connection.query_row(&sql, key, |row| row.get(0)))?;
        Ok(count.cast_unsigned())
    }

    /// The next dead letters of a collection that pass a filter, by task, row and part.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub fn letters(
        &self,
        collection: &str,
        filter: &LetterFilter,
        limit: usize,
    ) -> Result<Vec<KeptLetter>, StoreError> {
        // Tasks are numbered from 1, so this is before them all.
        let (after_task, after_row, after_part) = filter.after.unwrap_or((0, 0, 0));
        let sql = format!(
            r#"SELECT collection, at, task, row, part, app, source, start, line, reason, raw, raw_len, envelope
            FROM "_dead_letters" WHERE {LETTERS} AND (task, row, part) > (?5, ?6, ?7)
            ORDER BY task, row, part LIMIT ?8"#
        );
        let (task, app, stream) = wanted(filter);
        let (after_task, after_row) = (after_task.cast_signed(), after_row.cast_signed());
        let key = params![collection, task, app, stream, after_task, after_row, after_part, whole(limit)];
        self.listed(|| {
            let mut page = self.connection.prepare_cached(&sql)?;
            let mut letters = Vec::new();
            let mut bytes = 0;
            let mut rows = page.query(key)?;
            while bytes < LETTER_PAGE
                && let Some(row) = rows.next()?
            {
                let kept = kept_letter(row)?;
                bytes += kept.letter.raw.len();
                letters.push(kept);
            }
            Ok(letters)
        })
    }

    /// The quoted table of a collection that exists.
    fn table(&self, collection: &str) -> Result<String, StoreError> {
        let name = CollectionName::parse(collection)?;
        let known = self.collections()?;
        if known.iter().any(|known| known == name.as_str()) {
            return Ok(name.quoted());
        }
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(StoreError::NoCollection { name: name.to_string(), path: self.path.clone(), known })
    }

    fn listed<T>(&self, read: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        read().map_err(|source| {
            let (what, path) = (SINK_FILE.what, self.path.clone());
            FileError::Sqlite { doing: "reading", what, path, source }.into()
        })
    }
}

/// What a filter asks for, as a condition on `?1` to `?4`.
const LETTERS: &str = "collection = ?1 AND (?2 IS NULL OR task = ?2)
    AND (?3 IS NULL OR app = ?3 OR substr(app, 1, length(?3) + 1) = ?3 || ' ')
    AND (?4 IS NULL OR (source = ?4 AND length(envelope) > 0))";

fn wanted(filter: &LetterFilter) -> (Option<i64>, Option<&str>, Option<&str>) {
    (filter.task.map(u64::cast_signed), filter.app.as_deref(), filter.stream.as_deref())
}

fn whole(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn stored_document(row: &Row<'_>) -> rusqlite::Result<StoredDocument> {
    Ok(StoredDocument { id: row.get(0)?, json: row.get(1)? })
}

fn kept_letter(row: &Row<'_>) -> rusqlite::Result<KeptLetter> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(KeptLetter {
        collection: row.get(0)?,
        at: row.get(1)?,
        letter: DeadLetter {
            task: number(2)?,
            row: number(3)?,
            part: row.get(4)?,
            app: row.get(5)?,
            source: row.get(6)?,
            start: number(7)?,
            line: number(8)?,
            reason: row.get(9)?,
            raw: row.get(10)?,
            raw_len: number(11)?,
            envelope: row.get(12)?,
        },
    })
}
