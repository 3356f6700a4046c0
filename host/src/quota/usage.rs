//! The bill: what each tenant has used, day by day.
//!
//! ```text
//!   days      one line for each tenant and day (UTC): tasks, documents, bytes, CPU, memory, storage
//!   attempts  (task, epoch) ⇄ day            so that an attempt that is told twice is billed once
//!   billed    task ⇄ documents, ended        so that documents and files are billed once, however often they are made
//!   storage   what each tenant kept when it was last looked at, and when that was
//! ```
//!
//! A SQLite file of its own, each answer durable. An attempt is metered before its claim ends: after a kill in between the
//! task is attempted again, from an older checkpoint. CPU and memory are then billed for both attempts, which were both made;
//! its documents and its file are billed once, since each entry says how many there are of the task in all. Storage is sampled: between two samples a tenant is taken to
//! have kept what the first one said, and after a pause of the host nothing.

use crate::journal::TaskEntry;
use crate::part::{Pair, Part};
use crate::sqlite::{Database, FileError, Job, Kind, Settings, Trouble};
use crate::task::TaskState;
use crate::tenant::TenantId;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Two samples of storage that are further apart than this have a pause of the host between them.
const LONGEST_GAP: f64 = 900.0;
/// Days for which an attempt is remembered: it cannot be told again after its task was forgotten.
const REMEMBERED_DAYS: i64 = 400;

const USAGE_FILE: Kind = Kind {
    what: "usage file",
    application_id: 0x6d73_6475,
    version: 2,
    steps: &[(2, "ALTER TABLE days ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;")],
    tables: r#"
        CREATE TABLE days (
            tenant TEXT NOT NULL,
            day TEXT NOT NULL,
            tasks INTEGER NOT NULL DEFAULT 0,
            documents INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            cpu_seconds REAL NOT NULL DEFAULT 0,
            memory_byte_seconds REAL NOT NULL DEFAULT 0,
            storage_byte_seconds REAL NOT NULL DEFAULT 0,
            messages INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant, day)
        ) WITHOUT ROWID;
        CREATE TABLE attempts (
            task INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            day TEXT NOT NULL,
            PRIMARY KEY (task, epoch)
        ) WITHOUT ROWID;
        CREATE TABLE billed (task INTEGER PRIMARY KEY, documents INTEGER NOT NULL, ended INTEGER NOT NULL, day TEXT NOT NULL);
        CREATE TABLE storage (tenant TEXT PRIMARY KEY, bytes INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
    "#,
    commit_points: ["usage.before_commit", "usage.after_commit"],
};

/// The usage cannot be written or read just now.
#[derive(Debug, thiserror::Error)]
#[error("the usage cannot be written or read: {0}")]
pub struct UsageError(String);

impl From<Trouble> for UsageError {
    fn from(trouble: Trouble) -> UsageError {
        UsageError(trouble.words)
    }
}

/// A line's place among all.
pub type UsageKey = Pair<TenantId, Date>;

/// What was done and used, in an attempt at a task or in a window of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// Documents that were stored.
    pub documents: u64,
    /// Bytes of files, or of messages.
    pub bytes: u64,
    /// CPU seconds of workers.
    pub cpu_seconds: f64,
    /// Bytes of workers' memory times seconds.
    pub memory_byte_seconds: f64,
    /// Messages that came to their end.
    pub messages: u64,
}

/// What a tenant has used on a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageLine {
    /// The tenant.
    pub tenant: TenantId,
    /// The day, UTC.
    pub day: Date,
    /// Tasks that came to their end.
    pub tasks: u64,
    /// Documents that were stored.
    pub documents: u64,
    /// Bytes of the files of those tasks, and of messages.
    pub bytes: u64,
    /// CPU seconds of workers.
    pub cpu_seconds: f64,
    /// Bytes of workers' memory times seconds.
    pub memory_byte_seconds: f64,
    /// Bytes kept times seconds.
    pub storage_byte_seconds: f64,
    /// Messages of streams that came to their end, dead letters among them.
    #[serde(default)]
    pub messages: u64,
}

impl UsageLine {
    /// Names of the columns of [`cells`](UsageLine::cells).
    pub const HEAD: [&'static str; 9] = [
        "tenant",
        "day",
        "tasks",
        "documents",
        "bytes",
        "cpu_seconds",
        "memory_gib_seconds",
        "storage_gib_hours",
        "messages",
    ];

    /// The line as text, by column.
    pub fn cells(&self) -> Vec<String> {
        const GIB: f64 = (1_u64 << 30) as f64;
        vec![
            self.tenant.to_string(),
            self.day.to_string(),
            self.tasks.to_string(),
            self.documents.to_string(),
            self.bytes.to_string(),
            format!("{:.3}", self.cpu_seconds),
            format!("{:.3}", self.memory_byte_seconds / GIB),
            format!("{:.6}", self.storage_byte_seconds / GIB / 3_600.0),
            self.messages.to_string(),
        ]
    }

    /// The head of CSV, as a line.
    pub fn csv_head() -> String {
        UsageLine::HEAD.join(",") + "\n"
    }

    /// The line of CSV. No cell needs quotes.
    pub fn csv(&self) -> String {
        self.cells().join(",") + "\n"
    }
}

/// The meter. Clones share it.
#[derive(Clone, Debug)]
pub struct Usage {
    database: Arc<Database>,
}

impl Usage {
    /// Opens the file, making it where there is none. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// The file is not what it should be, or cannot be written.
    pub fn open(path: &Path) -> Result<Usage, FileError> {
        Ok(Usage { database: Arc::new(Database::open(path, USAGE_FILE, &Settings::default())?) })
    }

    /// Puts an attempt on the bill of its tenant; one that is there already changes nothing.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn meter(&self, tenant: &TenantId, entry: &TaskEntry, at: Timestamp) -> Result<(), UsageError> {
        let (tenant, entry, day) = (tenant.clone(), entry.clone(), day_of(at));
        Ok(self.ask(move |db| meter(db, &tenant, &entry, day)).await?)
    }

    /// Puts what its streams have done and used in a window on a tenant's bill.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn meter_streams(&self, tenant: &TenantId, used: Used, at: Timestamp) -> Result<(), UsageError> {
        let (tenant, day) = (tenant.clone(), day_of(at));
        Ok(self.ask(move |db| add(db, &tenant, day, 0, &used)).await?)
    }

    /// Puts what a tenant has kept since the last sample on its bill.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn sample_storage(&self, tenant: &TenantId, bytes: u64, at: Timestamp) -> Result<(), UsageError> {
        let tenant = tenant.clone();
        Ok(self.ask(move |db| sample(db, &tenant, bytes, at)).await?)
    }

    /// What one tenant, or all, have used, by tenant and day; from and up to and with these days.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn report(
        &self,
        tenant: Option<&TenantId>,
        days: (Option<Date>, Option<Date>),
        part: Part<UsageKey>,
    ) -> Result<(Vec<UsageLine>, Option<UsageKey>), UsageError> {
        let tenant = tenant.cloned();
        Ok(self.ask(move |db| report(db, tenant.as_ref(), days, &part)).await?)
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.database.ask(Work { work }).await
    }
}

struct Work<F> {
    work: F,
}

impl<T: Send + 'static, F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static> Job for Work<F> {
    type Outcome = T;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<T> {
        (self.work)(connection)
    }

    fn bytes(&self) -> usize {
        0
    }
}

fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

fn meter(db: &Connection, tenant: &TenantId, entry: &TaskEntry, day: Date) -> rusqlite::Result<()> {
    let note = "INSERT OR IGNORE INTO attempts (task, epoch, day) VALUES (?1, ?2, ?3)";
    let key = params![entry.task.cast_signed(), entry.epoch.cast_signed(), day.to_string()];
    if db.prepare_cached(note)?.execute(key)? == 0 {
        return Ok(());
    }
    let task = entry.task.cast_signed();
    let find = "SELECT documents, ended FROM billed WHERE task = ?1";
    let billed: Option<(i64, bool)> =
        db.prepare_cached(find)?.query_row([task], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (before, was_over) = billed.unwrap_or_default();
    let is_over = was_over || matches!(entry.state, TaskState::Done | TaskState::Partial);
    let stored = entry.counts.documents.stored.cast_signed().max(before);
    let keep = "INSERT OR REPLACE INTO billed (task, documents, ended, day) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(keep)?.execute(params![task, stored, is_over, day.to_string()])?;
    let (tasks, bytes) = if is_over && !was_over { (1, entry.bytes) } else { (0, 0) };
    let used = Used {
        documents: (stored - before).cast_unsigned(),
        bytes,
        cpu_seconds: entry.cpu_seconds,
        memory_byte_seconds: entry.memory_byte_seconds,
        messages: 0,
    };
    add(db, tenant, day, tasks, &used)
}

fn add(db: &Connection, tenant: &TenantId, day: Date, tasks: i64, used: &Used) -> rusqlite::Result<()> {
    let add = "INSERT INTO days (tenant, day, tasks, documents, bytes, cpu_seconds, memory_byte_seconds, messages)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (tenant, day) DO UPDATE SET
            tasks = tasks + ?3, documents = documents + ?4, bytes = bytes + ?5,
            cpu_seconds = cpu_seconds + ?6, memory_byte_seconds = memory_byte_seconds + ?7,
            messages = messages + ?8";
    let Used { documents, bytes, cpu_seconds, memory_byte_seconds, messages } = *used;
    let (documents, bytes, messages) = (documents.cast_signed(), bytes.cast_signed(), messages.cast_signed());
    let (tenant, day) = (tenant.as_str(), day.to_string());
    db.prepare_cached(add)?.execute(params![
        tenant,
        day,
        tasks,
        documents,
        bytes,
        cpu_seconds,
        memory_byte_seconds,
        messages
    ])?;
    Ok(())
}

fn sample(db: &Connection, tenant: &TenantId, bytes: u64, at: Timestamp) -> rusqlite::Result<()> {
    let day = day_of(at);
    let find = "SELECT bytes, at FROM storage WHERE tenant = ?1";
    let before: Option<(i64, f64)> =
        db.prepare_cached(find)?.query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let now = at.as_duration().as_secs_f64();
    let keep = "INSERT OR REPLACE INTO storage (tenant, bytes, at) VALUES (?1, ?2, ?3)";
    db.prepare_cached(keep)?.execute(params![tenant.as_str(), bytes.cast_signed(), now])?;
    let Some((kept, since)) = before.filter(|(_, since)| (0.0..=LONGEST_GAP).contains(&(now - since))) else {
        return Ok(());
    };
    #[expect(clippy::cast_precision_loss, reason = "a bill needs no more than 52 bits")]
    let byte_seconds = kept as f64 * (now - since);
    let add = "INSERT INTO days (tenant, day, storage_byte_seconds) VALUES (?1, ?2, ?3)
        ON CONFLICT (tenant, day) DO UPDATE SET storage_byte_seconds = storage_byte_seconds + ?3";
    db.prepare_cached(add)?.execute(params![tenant.as_str(), day.to_string(), byte_seconds])?;
    let oldest = day.checked_sub(jiff::Span::new().days(REMEMBERED_DAYS)).unwrap_or(day);
    for forget in ["DELETE FROM attempts WHERE day < ?1", "DELETE FROM billed WHERE day < ?1"] {
        db.prepare_cached(forget)?.execute([oldest.to_string()])?;
    }
    Ok(())
}

fn report(
    db: &Connection,
    tenant: Option<&TenantId>,
    (from, to): (Option<Date>, Option<Date>),
    part: &Part<UsageKey>,
) -> rusqlite::Result<(Vec<UsageLine>, Option<UsageKey>)> {
    let find = "SELECT tenant, day, tasks, documents, bytes, cpu_seconds, memory_byte_seconds, storage_byte_seconds,
            messages
        FROM days
        WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR day >= ?2) AND (?3 IS NULL OR day <= ?3)
            AND (?4 IS NULL OR (tenant, day) > (?4, ?5))
        ORDER BY tenant, day LIMIT ?6";
    let unreadable = |column, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    };
    let line = |row: &rusqlite::Row<'_>| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let (tenant, day): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(UsageLine {
            tenant: TenantId::parse(&tenant).map_err(|error| unreadable(0, error.into()))?,
            day: day.parse().map_err(|error: jiff::Error| unreadable(1, error.into()))?,
            tasks: number(2)?,
            documents: number(3)?,
            bytes: number(4)?,
            cpu_seconds: row.get(5)?,
            memory_byte_seconds: row.get(6)?,
            storage_byte_seconds: row.get(7)?,
            messages: number(8)?,
        })
    };
    let text = |day: Option<Date>| day.map(|day| day.to_string());
    let after = part.after.as_ref().map(|Pair(tenant, day)| (tenant.as_str(), day.to_string())).unzip();
    // One more, to know whether there is one.
    let limit = i64::try_from(part.limit).unwrap_or(i64::MAX).saturating_add(1);
    let key = params![tenant.map(TenantId::as_str), text(from), text(to), after.0, after.1, limit];
    let mut lines: Vec<UsageLine> = db.prepare_cached(find)?.query_map(key, line)?.collect::<rusqlite::Result<_>>()?;
    let is_cut = lines.len() > part.limit;
    lines.truncate(part.limit);
    let next = lines.last().filter(|_| is_cut).map(|line| Pair(line.tenant.clone(), line.day));
    Ok((lines, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::fixtures::entry;

    fn tenant() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A task that is done with so many documents.
    fn stored(task: u64, documents: u64) -> TaskEntry {
        let mut entry = TaskEntry { bytes: 100, state: TaskState::Done, ..entry(task, 1) };
        entry.counts.documents.stored = documents;
        entry
    }

    fn open() -> (tempfile::TempDir, Usage) {
        let folder = tempfile::tempdir().unwrap();
        let usage = Usage::open(&folder.path().join("usage.db")).unwrap();
        (folder, usage)
    }

    async fn report(usage: &Usage, tenant: Option<&TenantId>, days: (Option<Date>, Option<Date>)) -> Vec<UsageLine> {
        usage.report(tenant, days, Part { after: None, limit: 100 }).await.unwrap().0
    }

    #[tokio::test]
    async fn an_attempt_that_is_told_twice_is_billed_once() {
        let (folder, usage) = open();
        let attempt = stored(1, 10);
        usage.meter(&tenant(), &attempt, at(1_000)).await.unwrap();
        usage.meter(&tenant(), &attempt, at(2_000)).await.unwrap();
        // Attempted again after a kill, from an older checkpoint: the same documents.
        usage.meter(&tenant(), &TaskEntry { epoch: 2, ..attempt }, at(3_000)).await.unwrap();
        drop(usage);
        let usage = Usage::open(&folder.path().join("usage.db")).unwrap();
        let lines = report(&usage, Some(&tenant()), (None, None)).await;
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].documents, lines[0].bytes, lines[0].tasks), (10, 100, 1));
        assert_eq!(lines[0].day, jiff::civil::date(1970, 1, 1));
    }

    #[tokio::test]
    async fn a_bill_of_an_older_version_goes_on_and_has_messages_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.db");
        let tables = USAGE_FILE.tables.replace("            messages INTEGER NOT NULL DEFAULT 0,\n", "");
        assert_ne!(tables, USAGE_FILE.tables);
        let old = Connection::open(&path).unwrap();
        let id = USAGE_FILE.application_id;
        old.execute_batch(&format!("{tables} PRAGMA application_id = {id}; PRAGMA user_version = 1;")).unwrap();
        old.execute("INSERT INTO days (tenant, day, tasks) VALUES ('acme', '1970-01-01', 3)", []).unwrap();
        drop(old);
        for opened in 1..=2 {
            let usage = Usage::open(&path).unwrap();
            let used = Used { messages: 7, documents: 5, ..Used::default() };
            usage.meter_streams(&tenant(), used, at(1_000)).await.unwrap();
            let lines = report(&usage, None, (None, None)).await;
            assert_eq!((lines[0].tasks, lines[0].messages, lines[0].documents), (3, 7 * opened, 5 * opened));
            assert!(lines[0].csv().ends_with(&format!(",{}\n", 7 * opened)), "{}", lines[0].csv());
        }
    }

    #[tokio::test]
    async fn storage_is_billed_for_the_time_between_two_samples_and_not_for_a_pause() {
        let (_folder, usage) = open();
        for (second, bytes) in [(0, 100), (60, 50), (120, 0), (50_000, 70), (50_010, 70)] {
            usage.sample_storage(&tenant(), bytes, at(second)).await.unwrap();
        }
        let lines = report(&usage, None, (None, None)).await;
        let expected = 100.0 * 60.0 + 50.0 * 60.0 + 70.0 * 10.0;
        assert!((lines[0].storage_byte_seconds - expected).abs() < 1e-6, "{lines:?}");
    }

    #[tokio::test]
    async fn days_are_told_apart_and_chosen() {
        let (_folder, usage) = open();
        for (task, day) in [(1, 0), (2, 1), (3, 2)] {
            let attempt = stored(task, task);
            usage.meter(&tenant(), &attempt, at(day * 86_400)).await.unwrap();
        }
        let second = jiff::civil::date(1970, 1, 2);
        let lines = report(&usage, None, (Some(second), Some(second))).await;
        assert_eq!(lines.iter().map(|line| line.documents).collect::<Vec<_>>(), [2]);
        assert!(UsageLine::csv_head().starts_with("tenant,day,tasks,documents,bytes,cpu_seconds,"));
        assert!(lines[0].csv().starts_with("acme,1970-01-02,1,2,"), "{}", lines[0].csv());
    }

    #[tokio::test]
    async fn lines_come_in_parts_one_behind_the_other() {
        let (_folder, usage) = open();
        let other = TenantId::parse("acme-2").unwrap();
        for (task, day) in [(1, 0), (2, 1), (3, 2)] {
            for tenant in [&tenant(), &other] {
                usage
                    .meter(tenant, &stored(10 * task + tenant.as_str().len() as u64, task), at(day * 86_400))
                    .await
                    .unwrap();
            }
        }
        let (mut after, mut parts, mut told) = (None, 0, Vec::new());
        loop {
            let (lines, next) = usage.report(None, (None, None), Part { after, limit: 2 }).await.unwrap();
            told.extend(lines.into_iter().map(|line| (line.tenant, line.documents)));
            (after, parts) = (next, parts + 1);
            if after.is_none() {
                break;
            }
        }
        let of = |tenant: &TenantId| [1, 2, 3].map(|documents| (tenant.clone(), documents));
        assert_eq!((parts, told), (3, [of(&tenant()), of(&other)].concat()));
    }
}
