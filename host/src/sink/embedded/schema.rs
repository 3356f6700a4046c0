//! The tables of a sink file. Collections are further tables, made when they are first named.

use crate::sqlite::Kind;

/// What a sink file is, and the tables of version 1.
pub(super) const SINK_FILE: Kind = Kind {
    what: "sink file",
    application_id: 0x6d73_6470,
    version: 1,
    steps: &[],
    tables: TABLES,
    commit_points: ["sink.before_commit", "sink.after_commit"],
};

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
        envelope BLOB NOT NULL,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        PRIMARY KEY (collection, task, row, part)
    );
    CREATE TABLE "_tasks" (
        number INTEGER PRIMARY KEY AUTOINCREMENT
            CONSTRAINT "a task number has 37 bits" CHECK (number BETWEEN 1 AND 137438953471),
        app TEXT NOT NULL,
        generation TEXT NOT NULL,
        source TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        UNIQUE (content_hash, generation, app, source)
    );
"#;
