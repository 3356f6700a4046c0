//! Keeping dead letters: the same (collection, task, row, part) again replaces the one before.

use super::CollectionName;
use crate::sink::DeadLetter;
use crate::sqlite::Job;
use rusqlite::{Connection, params};

const KEEP: &str = r#"INSERT OR REPLACE INTO "_dead_letters"
    (collection, task, row, part, app, source, start, line, reason, raw, raw_len, envelope)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"#;

/// Keeps dead letters of one collection.
pub(super) struct KeepLetters {
    collection: CollectionName,
    letters: Vec<DeadLetter>,
}

impl KeepLetters {
    pub(super) fn new(collection: CollectionName, mut letters: Vec<DeadLetter>) -> KeepLetters {
        letters.iter_mut().for_each(DeadLetter::cut);
        KeepLetters { collection, letters }
    }
}

impl Job for KeepLetters {
    type Outcome = ();

    fn perform(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut keep = connection.prepare_cached(KEEP)?;
        for letter in &self.letters {
            keep.execute(params![
                self.collection.as_str(),
                letter.task.cast_signed(),
                letter.row.cast_signed(),
                letter.part,
                letter.app,
                letter.source,
                letter.start.cast_signed(),
                letter.line.cast_signed(),
                letter.reason,
                letter.raw,
                letter.raw_len.cast_signed(),
                letter.envelope,
            ])?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        letter_bytes(&self.letters)
    }
}

pub(super) fn letter_bytes(letters: &[DeadLetter]) -> usize {
    letters.iter().map(|l| l.raw.len() + l.envelope.len() + l.reason.len() + l.app.len() + l.source.len() + 64).sum()
}
