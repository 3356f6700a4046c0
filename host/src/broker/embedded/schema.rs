//! The tables of a broker file.

use crate::sqlite::Kind;

/// What a broker file is, and the tables of version 1.
pub(super) const BROKER_FILE: Kind = Kind {
    what: "broker file",
    application_id: 0x6d73_6462,
    version: 1,
    steps: &[],
    tables: TABLES,
    commit_points: ["broker.before_commit", "broker.after_commit"],
};

/// `at` is milliseconds since 1970 on the broker's clock. The index has all that is asked of a chunk but its messages, which
/// come last in a row since whatever stands behind them is slow to reach.
const TABLES: &str = r#"
    CREATE TABLE queues (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        stream TEXT NOT NULL,
        keys TEXT NOT NULL,
        max_bytes INTEGER NOT NULL,
        single_active INTEGER NOT NULL,
        next INTEGER NOT NULL DEFAULT 0,
        settled BLOB NOT NULL DEFAULT x'',
        UNIQUE (tenant, stream)
    );
    CREATE TABLE chunks (
        number INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        at INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX chunks_of_queue ON chunks (queue, first, count, bytes, at);
"#;
