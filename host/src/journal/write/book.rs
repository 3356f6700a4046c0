//! One journal: its file while it is in use, what waits for it, who follows it.

use super::super::event::Event;
use super::super::place::Place;
use super::super::read::Cursor;
use super::super::rules::Rules;
use super::file::JournalFile;
use super::pending::Pending;
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast;

/// Bytes of one write.
const CHUNK: usize = 1 << 20;

/// What somebody who follows begins with.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// All that comes from now on.
    pub(crate) live: broadcast::Receiver<Arc<Event>>,
    /// Where the journal ends now.
    pub(crate) end: Cursor,
    /// Lines behind that end, which could not be written yet.
    pub(crate) waiting: Vec<Arc<str>>,
}

#[derive(Debug)]
pub(super) struct Book {
    pub(super) place: Place,
    tenant: Option<TenantId>,
    pub(super) pending: Pending,
    file: Option<JournalFile>,
    /// Something is written and not synced.
    pub(super) dirty: bool,
    /// It could not be written the last time that was tried.
    pub(super) failing: bool,
    /// Why, the last time that it could not.
    pub(super) failure: String,
    pub(super) used: Instant,
    followers: Option<broadcast::Sender<Arc<Event>>>,
    news: Vec<Arc<Event>>,
}

impl Book {
    pub(super) fn new(place: Place, tenant: Option<TenantId>, now: Instant) -> Book {
        Book {
            place,
            tenant,
            pending: Pending::default(),
            file: None,
            dirty: false,
            failing: false,
            failure: String::new(),
            used: now,
            followers: None,
            news: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Nothing is lost if it is forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.file.is_none() && self.pending.is_empty() && self.followers.is_none()
    }

    /// Keeps an event for those who follow.
    pub(super) fn note(&mut self, event: &Arc<Event>) {
        if self.followers.is_some() {
            self.news.push(Arc::clone(event));
        }
    }

    /// Tells what was noted; forgets followers that have gone.
    pub(super) fn tell(&mut self) {
        if let Some(followers) = &self.followers {
            let gone = self.news.drain(..).any(|event| followers.send(event).is_err());
            if gone || followers.receiver_count() == 0 {
                self.followers = None;
            }
        }
    }

    /// Somebody follows from here on. Nothing may be noted that was not told.
    pub(super) fn follow(&mut self, capacity: usize, rules: &Rules, now: Timestamp) -> io::Result<Subscription> {
        let followers = self.followers.get_or_insert_with(|| broadcast::channel(capacity).0);
        let live = followers.subscribe();
        let (number, offset) = self.open(rules, now)?.end();
        Ok(Subscription { live, end: Cursor { number, offset }, waiting: self.pending.lines().cloned().collect() })
    }

    /// Sees whether it can be opened.
    pub(super) fn try_open(&mut self, rules: &Rules, now: Timestamp) -> io::Result<()> {
        self.open(rules, now).map(drop)
    }

    /// Writes what waits. After an error what could not be written waits on.
    pub(super) fn write_out(&mut self, rules: &Rules, now: Timestamp) -> io::Result<()> {
        while !self.pending.is_empty() {
            let tenant = self.tenant.clone();
            let file = self.open(rules, now)?;
            let lead = file.lead(tenant.as_ref());
            let room = file.room(rules).saturating_sub(lead.len());
            let chunk = self.pending.chunk(room.min(CHUNK), now, tenant.as_ref());
            let Some(mut file) = self.file.take() else { break };
            if file.is_full(chunk.bytes.len(), rules, now) {
                self.file = Some(file.rotate(&self.place, rules, now)?);
                continue;
            }
            let written = file.append(&lead, &chunk.bytes, &chunk.ends);
            let kept = written.as_ref().map_or_else(|failed| failed.kept, |()| chunk.bytes.len());
            self.pending.written(chunk.ends.iter().filter(|end| **end <= kept).count());
            self.dirty |= kept > 0;
            match written {
                Ok(()) => self.file = Some(file),
                Err(failed) => {
                    // What stays of it is synced now, since this descriptor goes.
                    file.sync()?;
                    return Err(failed.source);
                }
            }
        }
        Ok(())
    }

    /// Has what was written outlive a loss of power.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.dirty = false;
        let Some(file) = &self.file else { return Ok(()) };
        let synced = file.sync();
        if synced.is_err() || file.is_gone() {
            self.file = None;
        }
        synced
    }

    /// Closes the file; it is opened again when something is to be written.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let synced = if self.dirty { self.sync() } else { Ok(()) };
        self.file = None;
        synced
    }

    fn open(&mut self, rules: &Rules, now: Timestamp) -> io::Result<&JournalFile> {
        let file = match self.file.take() {
            Some(file) => file,
            None => JournalFile::open(&self.place, rules, now)?,
        };
        Ok(self.file.insert(file))
    }
}
