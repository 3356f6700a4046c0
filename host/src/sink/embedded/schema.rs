//! Opening a sink file: finds out what is there before anything is changed, then makes or recognises its tables.
//!
//! A file is ours by SQLite's `application_id`, and its tables are told by `user_version`. What is not ours is left as it
//! is. SQLite gives its `-wal` and `-shm` files the mode of the database, so making that 0600 covers them.

use super::{Settings, StoreError};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the tables that this build makes; older ones would be brought up to it here.
pub(super) const VERSION: i64 = 1;

/// `msdp`, in SQLite's header of each sink file.
const APPLICATION_ID: i64 = 0x6d73_6470;

/// Bytes of the smallest page of an SQLite database, and so of the smallest database.
const SMALLEST_DATABASE: u64 = 512;

/// Statements that the writer keeps prepared: three for each of a good many collections.
const PREPARED_STATEMENTS: usize = 128;

/// What can only be said while a file is empty.
const NEW_FILE_PRAGMAS: &str = "PRAGMA page_size = 8192;";

/// What the writer's connection is set to; why is told in the module doc of [`super`].
const WRITER_PRAGMAS: &str = "PRAGMA synchronous = FULL;
     PRAGMA cache_size = -8000;
     PRAGMA wal_autocheckpoint = 2000;
     PRAGMA journal_size_limit = 67108864;";

/// The tables of version 1. Collections are further tables, made when they are first named.
const TABLES: &str = r#"
    CREATE TABLE "_dead_letters" (
        collection TEXT NOT NULL,
        task INTEGER NOT NULL,
        row INTEGER NOT NULL,
        part INTEGER NOT NULL,
        app TEXT NOT NULL,
        source TEXT NOT NULL,
        start INTEGER NOT NULL,
        line INTEGER NOT NULL,
        reason TEXT NOT NULL,
        raw BLOB NOT NULL,
        raw_len INTEGER NOT NULL,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        PRIMARY KEY (collection, task, row, part)
    );
    CREATE TABLE "_tasks" (
        number INTEGER PRIMARY KEY AUTOINCREMENT
            CONSTRAINT "a task number has 38 bits" CHECK (number BETWEEN 1 AND 274877906943),
        app TEXT NOT NULL,
        generation TEXT NOT NULL,
        source TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        UNIQUE (content_hash, generation, app, source)
    );
"#;

/// Opens the file for the writer, making it where there is none.
pub(super) fn open_for_writing(path: &Path, settings: &Settings) -> Result<(PathBuf, Connection), StoreError> {
    let file = SinkFile::at(path)?;
    file.create_if_missing()?;
    let mut connection = file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, settings.busy_timeout)?;
    if connection.is_readonly("main").map_err(|e| file.told(e))? {
        return Err(StoreError::NotWritable { path: file.path, reason: "it is write-protected".into() });
    }
    // Before anything is changed: this may be somebody else's.
    if let Found::Nothing = file.inspect_snapshot(&connection)? {
        connection.execute_batch(NEW_FILE_PRAGMAS).map_err(|e| file.told(e))?;
    }
    file.use_write_ahead_log(&connection)?;
    connection.execute_batch(WRITER_PRAGMAS).map_err(|e| file.told(e))?;
    if let Some(bytes) = settings.max_bytes {
        limit_size(&connection, bytes).map_err(|e| file.told(e))?;
    }
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    file.make_tables(&mut connection)?;
    Ok((file.path, connection))
}

/// Opens the file for looking at it only.
pub(super) fn open_for_reading(path: &Path) -> Result<(PathBuf, Connection), StoreError> {
    let file = SinkFile::at(path)?;
    if !file.exists {
        return Err(StoreError::NoFile { path: file.path });
    }
    let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, Settings::default().busy_timeout)?;
    match file.inspect_snapshot(&connection)? {
        Found::Ours => Ok((file.path, connection)),
        Found::Nothing => Err(StoreError::NoFile { path: file.path }),
    }
}

/// What a database turned out to be, where it may be used.
enum Found {
    /// No tables, and nobody's mark.
    Nothing,
    /// A sink file.
    Ours,
}

struct SinkFile {
    path: PathBuf,
    directory: PathBuf,
    exists: bool,
}

impl SinkFile {
    fn at(path: &Path) -> Result<SinkFile, StoreError> {
        // Absolute, since SQLite would take a path that begins with "file:" for a URI.
        let path = std::path::absolute(path)
            .map_err(|why| StoreError::NotWritable { path: path.to_owned(), reason: why.to_string() })?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let exists = match fs::metadata(&path) {
            // SQLite would take it for an empty one and write over it.
            Ok(found) if found.is_file() && (1..SMALLEST_DATABASE).contains(&found.len()) => {
                return Err(StoreError::NotADatabase { path });
            }
            Ok(found) if found.is_file() => true,
            Ok(found) if found.is_dir() => return Err(StoreError::NotAFile { path, found: "a directory" }),
            Ok(_) => return Err(StoreError::NotAFile { path, found: "a device, pipe or socket" }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => false,
            Err(why) => return Err(StoreError::NotWritable { path, reason: why.to_string() }),
        };
        Ok(SinkFile { path, directory, exists })
    }

    /// Makes the file with its mode before SQLite opens it. (Once SQLite has, nobody else in this process may open and
    /// close it: closing any descriptor of a file drops the process's locks on it.)
    fn create_if_missing(&self) -> Result<(), StoreError> {
        if self.exists {
            return Ok(());
        }
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path) {
            Ok(_) => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::NotFound && !self.directory.exists() => {
                Err(StoreError::NoDirectory { directory: self.directory.clone() })
            }
            Err(why) => Err(StoreError::NotWritable { path: self.path.clone(), reason: why.to_string() }),
        }
    }

    fn connect(&self, access: OpenFlags, busy_timeout: Duration) -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| self.told(e))?;
        connection.busy_timeout(busy_timeout).map_err(|e| self.told(e))?;
        Ok(connection)
    }

    /// Inspects in one transaction, so that a process that is making its tables is seen before or after, never amid.
    fn inspect_snapshot(&self, connection: &Connection) -> Result<Found, StoreError> {
        let snapshot = connection.unchecked_transaction().map_err(|e| self.told(e))?;
        self.inspect(&snapshot)
    }

    fn inspect(&self, connection: &Connection) -> Result<Found, StoreError> {
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| self.told(e));
        let application = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        match (application, version, tables) {
            (0, 0, 0) => Ok(Found::Nothing),
            (APPLICATION_ID, 1..=VERSION, _) => Ok(Found::Ours),
            (APPLICATION_ID, found, _) if found > VERSION => {
                Err(StoreError::TooNew { path: self.path.clone(), found, known: VERSION })
            }
            _ => Err(StoreError::ForeignDatabase { path: self.path.clone() }),
        }
    }

    fn use_write_ahead_log(&self, connection: &Connection) -> Result<(), StoreError> {
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(|e| self.told(e))?;
        match mode.as_str() {
            "wal" => Ok(()),
            _ => Err(StoreError::NoWriteAheadLog { path: self.path.clone(), mode }),
        }
    }

    /// Under the write lock, so that of two processes that make the same file one makes its tables.
    fn make_tables(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| self.told(e))?;
        if let Found::Nothing = self.inspect(&transaction)? {
            transaction
                .execute_batch(&format!(
                    "{TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
                ))
                .map_err(|e| self.told(e))?;
        }
        transaction.commit().map_err(|e| self.told(e))
    }

    fn told(&self, source: rusqlite::Error) -> StoreError {
        let path = self.path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StoreError::NotWritable { path, reason: source.to_string() }
            }
            _ => StoreError::Sqlite { doing: "opening", path, source },
        }
    }
}

fn limit_size(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
    connection.query_row(&format!("PRAGMA max_page_count = {}", pages.max(1)), [], |_| Ok(()))
}
