//! Opening a database file: finds out what is there before anything is changed, then makes or recognises its tables.
//!
//! A file is ours by SQLite's `application_id`, and its tables are told by `user_version`. What is not ours is left as it
//! is. SQLite gives its `-wal` and `-shm` files the mode of the database, so making that 0600 covers them.

use super::Settings;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of the smallest page of an SQLite database, and so of the smallest database.
const SMALLEST_DATABASE: u64 = 512;

/// Between two tries to open a file that another is making.
const PAUSE: Duration = Duration::from_millis(5);

/// Statements that a writer keeps prepared: three for each of a good many collections.
const PREPARED_STATEMENTS: usize = 128;

/// What can only be said while a file is empty.
const NEW_FILE_PRAGMAS: &str = "PRAGMA page_size = 8192;";

/// What a writer's connection is set to.
const WRITER_PRAGMAS: &str = "PRAGMA synchronous = FULL;
     PRAGMA cache_size = -8000;
     PRAGMA wal_autocheckpoint = 2000;
     PRAGMA journal_size_limit = 67108864;";

/// What a database is for, and the tables that this build makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What people call such a file: `sink file`.
    pub(crate) what: &'static str,
    /// Four letters in SQLite's header that say it is ours.
    pub(crate) application_id: i64,
    /// Version of the tables; older ones are brought up to it when the file is opened.
    pub(crate) version: i64,
    /// Statements that bring tables up to a version, from the one before it.
    pub(crate) steps: &'static [(i64, &'static str)],
    /// Statements that make them.
    pub(crate) tables: &'static str,
    /// Fail points before and after each commit.
    pub(crate) commit_points: [&'static str; 2],
}

/// A database file could not be opened, read or closed. Each sentence names it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is something else under this path.
    #[error("the {what} {} is {found}, not a file: name a file", path.display())]
    NotAFile {
        /// What such a file is called.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Only where it is opened for reading; a writer makes its file.
    #[error("there is no {what} {}: nothing was put into it yet, or its name is another", path.display())]
    NoFile {
        /// What such a file is called.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// A writer makes its file, but no directories.
    #[error("the directory {} of the {what} does not exist: make it first", directory.display())]
    NoDirectory {
        /// What such a file is called.
        what: &'static str,
        /// The directory.
        directory: PathBuf,
    },
    /// This user may not write there.
    #[error(
        "the {what} {} cannot be written ({reason}): this user must be allowed to write the file and its directory",
        path.display()
    )]
    NotWritable {
        /// What such a file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's or SQLite's words.
        reason: String,
    },
    /// The file holds something else.
    #[error("{} is not an SQLite database and was left as it is: name another file", path.display())]
    NotADatabase {
        /// The path.
        path: PathBuf,
    },
    /// An SQLite database, but not one of ours.
    #[error("{} is the database of another program and was left as it is: name another file", path.display())]
    ForeignDatabase {
        /// The path.
        path: PathBuf,
    },
    /// A newer mysimbdp wrote it.
    #[error(
        "the {what} {} has schema version {found} and this mysimbdp knows versions up to {known}: \
         use the newer mysimbdp that wrote it",
        path.display()
    )]
    TooNew {
        /// What such a file is called.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Newest version that is known here.
        known: i64,
    },
    /// The file system lacks what a write-ahead log needs.
    #[error(
        "the {what} {} cannot have a write-ahead log on this file system (its journal mode stays {mode}): \
         put it on a local disk",
        path.display()
    )]
    NoWriteAheadLog {
        /// What such a file is called.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The journal mode it has instead.
        mode: String,
    },
    /// The thread that writes could not be started, or is no more.
    #[error("the writer of the {what} {} {reason}", path.display())]
    Writer {
        /// What such a file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        reason: String,
    },
    /// Anything else that SQLite says.
    #[error("{doing} the {what} {}: {source}", path.display())]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What such a file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

impl FileError {
    fn is_busy(&self) -> bool {
        matches!(self, FileError::Sqlite { source, .. } if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

/// Opens the file for the writer, making it where there is none.
pub(super) fn open_for_writing(
    path: &Path,
    kind: Kind,
    settings: &Settings,
) -> Result<(PathBuf, Connection), FileError> {
    let until = Instant::now() + settings.busy_timeout;
    loop {
        match try_to_open(path, kind, settings) {
            // Of two that make the same file at once, SQLite tells one that it is busy without having it wait, where
            // waiting could block both.
            Err(error) if error.is_busy() && Instant::now() < until => std::thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

fn try_to_open(path: &Path, kind: Kind, settings: &Settings) -> Result<(PathBuf, Connection), FileError> {
    let file = DatabaseFile::at(path, kind)?;
    file.create_if_missing()?;
    let mut connection = file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, settings.busy_timeout)?;
    if connection.is_readonly("main").map_err(|e| file.told(e))? {
        return Err(FileError::NotWritable {
            what: kind.what,
            path: file.path,
            reason: "it is write-protected".into(),
        });
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
pub(super) fn open_for_reading(
    path: &Path,
    kind: Kind,
    busy_timeout: Duration,
) -> Result<(PathBuf, Connection), FileError> {
    let file = DatabaseFile::at(path, kind)?;
    if !file.exists {
        return Err(FileError::NoFile { what: kind.what, path: file.path });
    }
    let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)?;
    match file.inspect_snapshot(&connection)? {
        Found::Ours => Ok((file.path, connection)),
        Found::Nothing => Err(FileError::NoFile { what: kind.what, path: file.path }),
    }
}

/// What a database turned out to be, where it may be used.
enum Found {
    /// No tables, and nobody's mark.
    Nothing,
    /// A file of this kind.
    Ours,
}

struct DatabaseFile {
    kind: Kind,
    path: PathBuf,
    directory: PathBuf,
    exists: bool,
}

impl DatabaseFile {
    fn at(path: &Path, kind: Kind) -> Result<DatabaseFile, FileError> {
        let what = kind.what;
        // Absolute, since SQLite would take a path that begins with "file:" for a URI.
        let path = std::path::absolute(path).map_err(|why| FileError::NotWritable {
            what,
            path: path.to_owned(),
            reason: why.to_string(),
        })?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let exists = match fs::metadata(&path) {
            // SQLite would take it for an empty one and write over it.
            Ok(found) if found.is_file() && (1..SMALLEST_DATABASE).contains(&found.len()) => {
                return Err(FileError::NotADatabase { path });
            }
            Ok(found) if found.is_file() => true,
            Ok(found) if found.is_dir() => return Err(FileError::NotAFile { what, path, found: "a directory" }),
            Ok(_) => return Err(FileError::NotAFile { what, path, found: "a device, pipe or socket" }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => false,
            Err(why) => return Err(FileError::NotWritable { what, path, reason: why.to_string() }),
        };
        Ok(DatabaseFile { kind, path, directory, exists })
    }

    /// Makes the file with its mode before SQLite opens it. (Once SQLite has, nobody else in this process may open and
    /// close it: closing any descriptor of a file drops the process's locks on it.)
    fn create_if_missing(&self) -> Result<(), FileError> {
        if self.exists {
            return Ok(());
        }
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path) {
            Ok(_) => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::NotFound && !self.directory.exists() => {
                Err(FileError::NoDirectory { what: self.kind.what, directory: self.directory.clone() })
            }
            Err(why) => {
                Err(FileError::NotWritable { what: self.kind.what, path: self.path.clone(), reason: why.to_string() })
            }
        }
    }

    fn connect(&self, access: OpenFlags, busy_timeout: Duration) -> Result<Connection, FileError> {
        let connection = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| self.told(e))?;
        connection.busy_timeout(busy_timeout).map_err(|e| self.told(e))?;
        Ok(connection)
    }

    /// Inspects in one transaction, so that a process that is making its tables is seen before or after, never amid.
    fn inspect_snapshot(&self, connection: &Connection) -> Result<Found, FileError> {
        let snapshot = connection.unchecked_transaction().map_err(|e| self.told(e))?;
        self.inspect(&snapshot)
    }

    fn inspect(&self, connection: &Connection) -> Result<Found, FileError> {
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| self.told(e));
        let application = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let Kind { application_id: ours, version: known, .. } = self.kind;
        match (application, version, tables) {
            (0, 0, 0) => Ok(Found::Nothing),
            (id, 1.., _) if id == ours && version <= known => Ok(Found::Ours),
            (id, found, _) if id == ours && found > known => {
                Err(FileError::TooNew { what: self.kind.what, path: self.path.clone(), found, known })
            }
            _ => Err(FileError::ForeignDatabase { path: self.path.clone() }),
        }
    }

    fn use_write_ahead_log(&self, connection: &Connection) -> Result<(), FileError> {
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(|e| self.told(e))?;
        match mode.as_str() {
            "wal" => Ok(()),
            _ => Err(FileError::NoWriteAheadLog { what: self.kind.what, path: self.path.clone(), mode }),
        }
    }

    /// Under the write lock, so that of two processes that make the same file, or bring it up to this version, one does.
    fn make_tables(&self, connection: &mut Connection) -> Result<(), FileError> {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| self.told(e))?;
        let Kind { tables, application_id, version, steps, .. } = self.kind;
        let make = match self.inspect(&transaction)? {
            Found::Nothing => format!("{tables} PRAGMA application_id = {application_id};"),
            Found::Ours => {
                let read = transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
                let found = read.map_err(|e| self.told(e))?;
                steps.iter().filter(|(to, _)| *to > found).map(|(_, step)| *step).collect()
            }
        };
        if !make.is_empty() {
            let make = format!("{make} PRAGMA user_version = {version};");
            transaction.execute_batch(&make).map_err(|e| self.told(e))?;
        }
        transaction.commit().map_err(|e| self.told(e))
    }

    fn told(&self, source: rusqlite::Error) -> FileError {
        let path = self.path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => FileError::NotADatabase { path },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                FileError::NotWritable { what: self.kind.what, path, reason: source.to_string() }
            }
            _ => FileError::Sqlite { doing: "opening", what: self.kind.what, path, source },
        }
    }
}

fn limit_size(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
    connection.query_row(&format!("PRAGMA max_page_count = {}", pages.max(1)), [], |_| Ok(()))
}
