//! The writer thread: takes what is queued, writes it in one transaction, commits, and then answers everybody.
//!
//! ```text
//!   wait for a request ─▶ BEGIN IMMEDIATE ─▶ perform it ─▶ more queued, and the group not full? perform that
//!                                                      └─▶ COMMIT (the log is synced) ─▶ answer all ─▶ wait …
//! ```
//!
//! A group is whatever came while the one before was being synced, so it grows with the load, and a lone request is not
//! held back. When anything fails the whole group is rolled back. Where the error belongs to one request alone, each is
//! then tried in a transaction of its own, so that the innocent are stored; where it belongs to the file or the machine
//! everybody hears it, and the next group starts afresh.

use super::queue::{Message, Queued};
use super::trouble::{Blame, Trouble, blame};
use crate::failpoint;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, TryRecvError};

/// Runs until the queue is closed; then moves the write-ahead log into the database and closes it.
pub(super) fn run(
    connection: Connection,
    messages: &Receiver<Message>,
    group_bytes: usize,
    commit_points: [&'static str; 2],
) -> rusqlite::Result<()> {
    let writer = Writer { connection, messages, group_bytes, commit_points };
    while let Ok(Message::Request(first)) = messages.recv() {
        if let Next::Stop = writer.write_group(first) {
            break;
        }
    }
    writer.finish()
}

enum Next {
    Go,
    Stop,
}

struct Writer<'m> {
    connection: Connection,
    messages: &'m Receiver<Message>,
    group_bytes: usize,
    commit_points: [&'static str; 2],
}

impl Writer<'_> {
    fn write_group(&self, first: Queued) -> Next {
        let mut group = vec![first];
        let mut next = Next::Go;
        let mut begun = false;
        let written = self.in_transaction(|| {
            begun = true;
            let mut bytes = 0;
            while let Some(last) = group.last_mut() {
                last.request.perform(&self.connection)?;
                bytes += last.request.bytes();
                if bytes >= self.group_bytes {
                    break;
                }
                match self.messages.try_recv() {
                    Ok(Message::Request(another)) => group.push(another),
                    Ok(Message::Close) | Err(TryRecvError::Disconnected) => {
                        next = Next::Stop;
                        break;
                    }
                    Err(TryRecvError::Empty) => break,
                }
            }
            Ok(())
        });
        if !begun {
            // Another process holds the file. Who queued meanwhile has waited too, and need not wait as long again.
            next = self.take_queued(&mut group);
        }
        match written {
            Err(error) if group.len() > 1 && blame(&error) != Blame::Store => self.write_each_alone(group),
            written => answer_all(group, written),
        }
        next
    }

    /// At most what fits the queue, since room is given back with the answers only.
    fn take_queued(&self, group: &mut Vec<Queued>) -> Next {
        loop {
            match self.messages.try_recv() {
                Ok(Message::Request(another)) => group.push(another),
                Ok(Message::Close) | Err(TryRecvError::Disconnected) => return Next::Stop,
                Err(TryRecvError::Empty) => return Next::Go,
            }
        }
    }

    fn write_each_alone(&self, group: Vec<Queued>) {
        for mut alone in group {
            let written = self.in_transaction(|| alone.request.perform(&self.connection));
            answer_all(vec![alone], written);
        }
    }

    fn in_transaction(&self, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.roll_back();
        let written = self.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| work()).and_then(|()| {
            failpoint::cross(self.commit_points[0]);
            self.connection.execute_batch("COMMIT")
        });
        failpoint::cross(self.commit_points[1]);
        if written.is_err() {
            self.roll_back();
        }
        written
    }

    /// SQLite has rolled back some errors by itself. Where even this fails, the next transaction begins with it.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction could not be rolled back yet");
        }
    }

    fn finish(self) -> rusqlite::Result<()> {
        self.roll_back();
        // Answers (busy, …) as a row: a reader may keep the log in place, and the next one to open the file takes it in.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.connection.close().map_err(|(_connection, error)| error)
    }
}

fn answer_all(group: Vec<Queued>, written: rusqlite::Result<()>) {
    let committed = written.map_err(|error| Trouble::of(&error));
    for queued in group {
        queued.answer(committed.clone());
    }
}
