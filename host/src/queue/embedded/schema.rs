//! The tables of a queue file.

use crate::sqlite::Kind;

/// What a queue file is, and the tables of version 1.
pub(super) const QUEUE_FILE: Kind = Kind {
    what: "queue file",
    application_id: 0x6d73_6471,
    version: 1,
    steps: &[],
    tables: TABLES,
    commit_points: ["queue.before_commit", "queue.after_commit"],
};

/// Times are milliseconds since 1970 on the queue's clock. The indexes hold what the statements of this folder look for,
/// and little else: those of waiting and running tasks stay as small as those are few.
const TABLES: &str = r#"
    CREATE TABLE batches (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        app TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE tasks (
        number INTEGER PRIMARY KEY AUTOINCREMENT
            CONSTRAINT "a task number has 37 bits" CHECK (number BETWEEN 1 AND 137438953471),
        batch TEXT NOT NULL,
        origin TEXT NOT NULL,
        tenant TEXT NOT NULL,
        app TEXT NOT NULL,
        file TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        content TEXT NOT NULL,
        key TEXT NOT NULL,
        work TEXT NOT NULL,
        state TEXT NOT NULL,
        generation TEXT,
        epoch INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        cancel INTEGER NOT NULL DEFAULT 0,
        checkpoint TEXT NOT NULL,
        enqueued_at INTEGER NOT NULL,
        not_before INTEGER,
        begun_at INTEGER,
        ended_at INTEGER,
        host TEXT,
        lease_until INTEGER,
        charged_at INTEGER
    );
    CREATE INDEX tasks_of_batch ON tasks (batch, number);
    CREATE INDEX tasks_of_tenant ON tasks (tenant, state, number);
    CREATE INDEX tasks_by_content ON tasks (tenant, app, content, number);
    CREATE INDEX tasks_waiting ON tasks (tenant, number, not_before) WHERE state = 'waiting';
    CREATE INDEX tasks_paused ON tasks (not_before) WHERE state = 'waiting' AND not_before IS NOT NULL;
    CREATE INDEX tasks_running ON tasks (tenant, charged_at, lease_until, host) WHERE state = 'running';
    CREATE INDEX tasks_ended ON tasks (ended_at) WHERE ended_at IS NOT NULL;
    CREATE TABLE shares (
        tenant TEXT PRIMARY KEY,
        weight INTEGER NOT NULL DEFAULT 1,
        concurrent INTEGER NOT NULL DEFAULT 1,
        virtual_time REAL NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE streams (
        tenant TEXT NOT NULL,
        stream TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (tenant, stream)
    ) WITHOUT ROWID;
"#;
