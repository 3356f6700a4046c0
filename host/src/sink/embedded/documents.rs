//! Storing documents: what is done with one that is new, one that is there, and one that cannot be stored.

use super::CollectionName;
use super::prepare::{Document, Prepared};
use crate::sink::Written;
use crate::sink::refusal::another_has_this_id;
use crate::sqlite::Job;
use crate::sqlite::{Blame, blame};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use std::sync::Arc;

/// The statements of one collection, as text; the connection keeps them prepared.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) create: String,
    insert: String,
    stored: String,
    pub(super) erase: String,
}

impl Statements {
    pub(super) fn of(collection: &CollectionName) -> Statements {
        let table = collection.quoted();
        Statements {
            create: format!("CREATE TABLE IF NOT EXISTS {table} (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)"),
            // Only for the key: an index that somebody has added refuses with its own words.
            insert: format!("INSERT INTO {table} (_id, doc) VALUES (?1, ?2) ON CONFLICT (_id) DO NOTHING"),
            stored: format!("SELECT doc FROM {table} WHERE _id = ?1"),
            // The key alone could be a long number of an app's own; the document tells an ObjectId.
            erase: format!(
                "DELETE FROM {table} WHERE rowid IN (
                     SELECT rowid FROM {table} WHERE _id BETWEEN ?1 AND ?2 AND length(_id) = 24
                         AND substr(doc, 1, 15) = '{{\"_id\":{{\"$oid\":' LIMIT ?3)"
            ),
        }
    }
}

/// Makes a collection's table.
pub(super) struct MakeCollection {
    pub(super) name: CollectionName,
    pub(super) statements: Arc<Statements>,
}

impl Job for MakeCollection {
    /// The table that stands in the way, if one does: SQLite takes `Orders` and `orders` for one.
    type Outcome = Option<String>;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        let existing: Option<String> = connection
            .prepare_cached("SELECT name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")?
            .query_row([self.name.as_str()], |row| row.get(0))
            .optional()?;
        match existing {
            Some(existing) if existing != self.name.as_str() => Ok(Some(existing)),
            Some(_) => Ok(None),
            None => connection.execute_batch(&self.statements.create).map(|()| None),
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// Stores the documents of one batch.
pub(super) struct WriteDocuments {
    pub(super) statements: Arc<Statements>,
    pub(super) prepared: Prepared,
}

impl Job for WriteDocuments {
    type Outcome = Written;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<Written> {
        // Does nothing but look into the schema, unless somebody dropped the table meanwhile.
        connection.prepare_cached(&self.statements.create)?.execute([])?;
        let mut table = Table {
            insert: connection.prepare_cached(&self.statements.insert)?,
            stored: connection.prepare_cached(&self.statements.stored)?,
        };
        let mut written = Written { refused: self.prepared.refused.clone(), ..Written::default() };
        for document in self.prepared.documents() {
            match table.store(document) {
                Ok(Fate::Stored) => written.stored += 1,
                Ok(Fate::StoredDiffering) => {
                    written.stored += 1;
                    written.differing += 1;
                }
                Ok(Fate::Duplicate) => written.duplicates += 1,
                Ok(Fate::Refused(reason)) => written.refused.push((document.index, reason)),
                Err(error) if blame(&error) == Blame::Document => {
                    written.refused.push((document.index, format!("SQLite cannot store this document: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        written.refused.sort_unstable_by_key(|(index, _)| *index);
        Ok(written)
    }

    fn bytes(&self) -> usize {
        self.prepared.bytes()
    }
}

enum Fate {
    Stored,
    StoredDiffering,
    Duplicate,
    Refused(String),
}

struct Table<'c> {
    insert: CachedStatement<'c>,
    stored: CachedStatement<'c>,
}

impl Table<'_> {
    fn store(&mut self, document: Document<'_>) -> rusqlite::Result<Fate> {
        self.insert.raw_bind_parameter(1, Text(document.id))?;
        self.insert.raw_bind_parameter(2, Text(document.doc))?;
        if self.insert.raw_execute()? > 0 {
            return Ok(Fate::Stored);
        }
        let same = self.stored.query_row([Text(document.id)], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Text(stored) | ValueRef::Blob(stored) => stored == document.doc,
                _ => false,
            })
        })?;
        Ok(match (document.own_id, same) {
            (true, true) => Fate::Duplicate,
            (true, false) => Fate::Refused(another_has_this_id(document.id)),
            (false, true) => Fate::Stored,
            (false, false) => Fate::StoredDiffering,
        })
    }
}

/// Bytes that are UTF-8, bound as text without being checked once more.
struct Text<'t>(&'t [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}
