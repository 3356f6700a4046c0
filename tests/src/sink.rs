//! What stands in a sink file: read with SQLite itself, as an operator would.

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::path::Path;

/// A sink file, opened for reading.
#[derive(Debug)]
pub struct Sink {
    connection: Option<Connection>,
}

impl Sink {
    /// Opens it. A run that failed before its first document may have made none: that is an empty sink.
    ///
    /// # Panics
    /// Where there is a file and it cannot be opened.
    pub fn open(path: &Path) -> Sink {
        // Writing is asked for because a file in WAL mode wants its index made, even for reading.
        let open = || Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        let connection =
            path.exists().then(|| open().unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display())));
        Sink { connection }
    }

    /// The documents of the collection `rows` in the order they were stored, without `_id`.
    ///
    /// # Panics
    /// Where a document is not JSON.
    pub fn documents(&self) -> Vec<Value> {
        let mut documents = self.documents_with_id();
        for document in &mut documents {
            if let Some(fields) = document.as_object_mut() {
                fields.shift_remove("_id");
            }
        }
        documents
    }

    /// The same with `_id`.
    ///
    /// # Panics
    /// Where a document is not JSON.
    pub fn documents_with_id(&self) -> Vec<Value> {
        self.texts("SELECT doc FROM rows ORDER BY rowid")
            .iter()
            .map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text} is not JSON: {error}")))
            .collect()
    }

    /// Number of documents in the collection `rows`.
    pub fn count(&self) -> u64 {
        self.texts("SELECT CAST(count(*) AS TEXT) FROM rows").first().and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Reasons of the dead letters, in the order of their rows.
    pub fn dead_letters(&self) -> Vec<String> {
        self.texts("SELECT reason FROM _dead_letters ORDER BY row, part")
    }

    /// First column of each row that the query answers; none where the table does not exist.
    ///
    /// # Panics
    /// Where the query is wrong.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let Some(connection) = &self.connection else { return Vec::new() };
        let mut statement = match connection.prepare(query) {
            Ok(statement) => statement,
            Err(error) if error.to_string().contains("no such table") => return Vec::new(),
            Err(error) => panic!("{query}: {error}"),
        };
        let rows = statement.query_map([], |row| row.get(0)).unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.map(|text| text.unwrap_or_else(|error| panic!("{query}: {error}"))).collect()
    }
}
