//! The thread that writes all journals.
//!
//! ```text
//!   wait for lines (or for a time to come) ─▶ take what is queued ─▶ one write per journal ─▶ tell who follows ─▶ …
//! ```
//!
//! - *Batches*: whatever came while the one before was being written, so they grow with the load.
//! - *Synced* a second after the first line that is not, at the latest; a [`flush`](super::Journal::flush) syncs at once.
//! - *Files* of tenants are opened when there is something to write, closed when nothing has come for a while, and at most
//!   so many are open.
//! - *A journal that cannot be written* (disk full, read-only) keeps its lines in memory, tries again every second, and
//!   drops what comes when the memory for all of them is used up. That is told once for each kind of error until all is
//!   well again: to the log of the host and to the general journal. Nobody who records hears of it or waits for it.

mod book;
mod file;
mod pending;

pub(super) use book::Subscription;

use super::error::JournalError;
use super::event::{Event, Happening};
use super::line::line_of;
use super::place::{Place, Scope, tenants};
use super::queue::{Message, Recorded};
use super::rules::Rules;
use crate::tenant::TenantId;
use book::Book;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often what is too old is looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// Lines of one batch.
const BATCH: usize = 4096;

/// What nobody needs to configure; tests do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    /// Bytes of lines on their way to the writer.
    pub(super) queue: usize,
    /// Bytes of lines that could not be written.
    pub(super) memory: usize,
    /// How long a line may be written and not synced.
    pub(super) sync: Duration,
    /// How long to wait before trying again to write.
    pub(super) retry: Duration,
    /// How long a file stays open without being written.
    pub(super) idle: Duration,
    /// Files that are open at the same time.
    pub(super) open: usize,
    /// Lines that somebody who follows may be behind.
    pub(super) behind: usize,
}

impl Default for Tuning {
    fn default() -> Tuning {
        let second = Duration::from_secs(1);
        Tuning {
            queue: 4 << 20,
            memory: 8 << 20,
            sync: second,
            retry: second,
            idle: 30 * second,
            open: 256,
            behind: 4096,
        }
    }
}

/// The state of the thread.
pub(super) struct Writer {
    data: PathBuf,
    rules: Rules,
    tuning: Tuning,
    books: HashMap<Scope, Book>,
    /// Those with lines that were not tried yet.
    touched: Vec<Scope>,
    /// Bytes of lines that wait in those books that cannot be written.
    in_memory: usize,
    /// Kinds of errors that were told.
    told: HashSet<io::ErrorKind>,
    sync_at: Option<Instant>,
    retry_at: Option<Instant>,
    tidy_at: Option<Instant>,
    sweep_at: Instant,
}

impl Writer {
    pub(super) fn new(data: PathBuf, rules: Rules, tuning: Tuning) -> Writer {
        Writer {
            data,
            rules,
            tuning,
            books: HashMap::new(),
            touched: Vec::new(),
            in_memory: 0,
            told: HashSet::new(),
            sync_at: None,
            retry_at: None,
            tidy_at: None,
            sweep_at: Instant::now(),
        }
    }

    /// Opens the general journal, to see that it can be.
    pub(super) fn try_general(&mut self) -> Result<(), JournalError> {
        let (rules, path) = (self.rules, self.place(&Scope::General).file(0));
        let opened = self.book(&Scope::General).try_open(&rules, Timestamp::now());
        opened.map_err(|source| JournalError::Open { path, source })
    }

    /// Runs until the queue is closed. What cannot be written then is lost, and the answer says so.
    pub(super) fn run(mut self, messages: &Receiver<Message>) -> Result<(), JournalError> {
        loop {
            let timeout = self.next_time().saturating_duration_since(Instant::now());
            let mut message = match messages.recv_timeout(timeout) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
            };
            let mut batch = Vec::new();
            while let Some(Message::Recorded(recorded)) = message {
                batch.push(recorded);
                message = if batch.len() < BATCH { messages.try_recv().ok() } else { None };
            }
            self.write(batch);
            match message {
                Some(Message::Flush(answer)) => {
                    // Whoever asked may have gone meanwhile.
                    let _gone = answer.send(self.flush());
                }
                Some(Message::Follow(scope, answer)) => {
                    let _gone = answer.send(self.follow(&scope));
                }
                Some(Message::Close) => return self.finish(),
                Some(Message::Recorded(_)) | None => {}
            }
            self.do_what_is_due(Instant::now());
        }
    }

    fn next_time(&self) -> Instant {
        [self.sync_at, self.retry_at, self.tidy_at].into_iter().flatten().fold(self.sweep_at, Instant::min)
    }

    fn do_what_is_due(&mut self, now: Instant) {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.retry_at) {
            self.retry();
        }
        if is_due(self.sync_at) {
            self.sync();
        }
        if is_due(self.tidy_at) {
            self.tidy(now);
        }
        if self.sweep_at <= now {
            self.sweep_at = now + SWEEP;
            self.sweep();
        }
    }

    /// The rooms of the batch are given back when it is written, or is in the memory for what cannot be.
    fn write(&mut self, batch: Vec<Recorded>) {
        for Recorded { event, line, .. } in &batch {
            self.take(event, line);
        }
        self.write_touched();
        drop(batch);
    }

    fn take(&mut self, event: &Arc<Event>, line: &Arc<str>) {
        let is_general = !matches!(event.what, Happening::AppLog { .. } | Happening::StreamLog { .. });
        let is_audit = matches!(event.what, Happening::Request { operator: true, .. });
        let scopes = [
            is_general.then_some(Scope::General),
            is_audit.then_some(Scope::Audit),
            event.tenant.clone().map(Scope::Tenant),
        ];
        for scope in scopes.into_iter().flatten() {
            self.put(&scope, event, line);
        }
    }

    fn put(&mut self, scope: &Scope, event: &Arc<Event>, line: &Arc<str>) {
        let is_full = self.in_memory + line.len() > self.tuning.memory;
        let book = self.book(scope);
        book.note(event);
        let failing = book.failing;
        if failing && is_full {
            book.pending.lose();
        } else {
            book.pending.push(Arc::clone(line));
            self.in_memory += if failing { line.len() } else { 0 };
        }
        if self.touched.last() != Some(scope) {
            self.touched.push(scope.clone());
        }
    }

    fn write_touched(&mut self) {
        // A failure may touch the general journal once more, which ends as each kind of error is told once.
        while !self.touched.is_empty() {
            for scope in std::mem::take(&mut self.touched).into_iter().collect::<HashSet<_>>() {
                self.write_one(&scope);
            }
        }
        self.close_surplus();
    }

    fn write_one(&mut self, scope: &Scope) {
        let (rules, now) = (self.rules, Instant::now());
        let book = self.book(scope);
        if !book.failing {
            book.used = now;
            let written = book.write_out(&rules, Timestamp::now());
            book.failing = written.is_err();
            book.failure = written.as_ref().err().map(io::Error::to_string).unwrap_or_default();
            let (dirty, waiting) = (book.dirty, book.pending.bytes());
            if dirty {
                self.sync_at.get_or_insert(now + self.tuning.sync);
            }
            self.tidy_at.get_or_insert(now + self.tuning.idle);
            if let Err(error) = written {
                self.in_memory += waiting;
                self.retry_at.get_or_insert(now + self.tuning.retry);
                self.trouble(scope, &error);
            }
        }
        self.book(scope).tell();
    }

    fn retry(&mut self) {
        self.retry_at = None;
        for (scope, book) in self.books.iter_mut().filter(|(_, book)| book.failing) {
            book.failing = false;
            self.in_memory -= book.pending.bytes();
            self.touched.push(scope.clone());
        }
        self.write_touched();
        if self.retry_at.is_none() && !self.told.is_empty() {
            self.told.clear();
            tracing::info!("the journals can be written again");
        }
    }

    fn sync(&mut self) {
        self.sync_at = None;
        let mut failed = Vec::new();
        for (scope, book) in self.books.iter_mut().filter(|(_, book)| book.dirty) {
            failed.extend(book.sync().err().map(|error| (scope.clone(), error)));
        }
        for (scope, error) in failed {
            self.retry_at.get_or_insert(Instant::now() + self.tuning.retry);
            self.trouble(&scope, &error);
        }
        self.write_touched();
    }

    /// Tells it, once for each kind.
    fn trouble(&mut self, scope: &Scope, error: &io::Error) {
        if !self.told.insert(error.kind()) {
            return;
        }
        let path = self.place(scope).file(0);
        let reason = format!(
            "the journal {} cannot be written ({error}): its events are kept in memory for now, as many as fit",
            path.display()
        );
        tracing::error!("{reason}");
        let tenant = scope.tenant().cloned();
        let event = Event { at: Timestamp::now(), tenant, what: Happening::Trouble { reason } };
        if let Ok(line) = line_of(&event) {
            self.put(&Scope::General, &Arc::new(event), &line);
        }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        self.retry();
        let mut broken = None;
        for book in self.books.values_mut().filter(|book| book.dirty) {
            if let Err(error) = book.sync() {
                broken = Some((book.place.file(0), error.to_string()));
            }
        }
        self.sync_at = None;
        let waiting = self.books.values().filter(|book| !book.pending.is_empty());
        let events = waiting.clone().map(|book| book.pending.lines().count() as u64).sum();
        match waiting.last().map(|book| (book.place.file(0), book.failure.clone())).or(broken) {
            None => Ok(()),
            Some((path, reason)) => Err(JournalError::Unwritten { events, path, reason }),
        }
    }

    fn follow(&mut self, scope: &Scope) -> Result<Subscription, JournalError> {
        let (rules, behind, now) = (self.rules, self.tuning.behind, Instant::now());
        self.tidy_at.get_or_insert(now + self.tuning.idle);
        let book = self.book(scope);
        book.used = now;
        book.follow(behind, &rules, Timestamp::now())
            .map_err(|source| JournalError::Open { path: book.place.file(0), source })
    }

    fn tidy(&mut self, now: Instant) {
        let idle = self.tuning.idle;
        for book in self.books.values_mut() {
            book.tell();
            if book.is_open() && now.saturating_duration_since(book.used) >= idle {
                close(book);
            }
        }
        self.books.retain(|_, book| !book.is_idle());
        self.tidy_at = (!self.books.is_empty()).then_some(now + idle);
    }

    /// Closes those files that were written longest ago, where too many are open.
    fn close_surplus(&mut self) {
        if self.books.len() <= self.tuning.open {
            return;
        }
        let mut open: Vec<&mut Book> = self.books.values_mut().filter(|book| book.is_open()).collect();
        let surplus = open.len().saturating_sub(self.tuning.open);
        open.sort_by_key(|book| book.used);
        open.into_iter().take(surplus).for_each(close);
    }

    fn sweep(&mut self) {
        let names = std::fs::read_dir(tenants(&self.data)).into_iter().flatten().flatten();
        let known = names.filter_map(|entry| TenantId::parse(entry.file_name().to_str()?).ok()).map(Scope::Tenant);
        for scope in known.chain([Scope::General, Scope::Audit]).collect::<Vec<_>>() {
            let place = self.place(&scope);
            if let Err(error) = file::expire(&place, &self.rules) {
                tracing::warn!(%error, path = %place.file(0).display(), "an old journal cannot be removed");
            }
        }
    }

    fn finish(mut self) -> Result<(), JournalError> {
        self.sync_at = None;
        self.flush().inspect_err(|error| tracing::error!("{error}: they are lost"))
    }

    fn book(&mut self, scope: &Scope) -> &mut Book {
        let make = || Book::new(Place::of(&self.data, scope), scope.tenant().cloned(), Instant::now());
        self.books.entry(scope.clone()).or_insert_with(make)
    }

    fn place(&self, scope: &Scope) -> Place {
        Place::of(&self.data, scope)
    }
}

fn close(book: &mut Book) {
    if let Err(error) = book.close() {
        tracing::warn!(%error, path = %book.place.file(0).display(), "a journal was not synced when it was closed");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::deed;
    use super::super::queue::Queue;
    use super::*;

    /// A writer whose times are those that the test names.
    struct ByHand {
        writer: Writer,
        _data: tempfile::TempDir,
    }

    impl ByHand {
        fn new() -> ByHand {
            let data = tempfile::tempdir().unwrap();
            ByHand { writer: Writer::new(data.path().to_owned(), Rules::default(), Tuning::default()), _data: data }
        }

        fn record(&mut self, event: Event) {
            let (queue, messages) = Queue::new(1 << 20);
            let line = line_of(&event).unwrap();
            super::super::queue::wait(queue.record(event, line)).unwrap();
            let Ok(Message::Recorded(recorded)) = messages.recv() else { unreachable!() };
            self.writer.write(vec![recorded]);
        }

        fn acme(&mut self) -> &mut Book {
            self.writer.book(&Scope::Tenant(TenantId::parse("acme").unwrap()))
        }
    }

    #[test]
    fn what_is_written_is_synced_within_a_second_of_its_first_line() {
        let mut by_hand = ByHand::new();
        let before = Instant::now();
        by_hand.record(deed("acme", 1));
        let due = by_hand.writer.sync_at.unwrap();
        by_hand.record(deed("acme", 2));
        assert_eq!(by_hand.writer.sync_at, Some(due), "more lines do not put it off");
        assert!(due <= Instant::now() + Duration::from_secs(1) && due > before);
        assert!(by_hand.acme().dirty);
        assert!(by_hand.writer.next_time() <= due, "the thread wakes for it");
        by_hand.writer.do_what_is_due(due);
        assert!(!by_hand.acme().dirty);
        assert_eq!(by_hand.writer.sync_at, None, "and sleeps when there is nothing new");
    }

    #[test]
    fn a_file_is_closed_when_nothing_has_come_for_a_while_and_forgotten() {
        let mut by_hand = ByHand::new();
        by_hand.record(deed("acme", 1));
        assert!(by_hand.acme().is_open());
        let due = by_hand.writer.tidy_at.unwrap() + Duration::from_secs(1);
        by_hand.writer.do_what_is_due(due);
        assert!(by_hand.writer.books.is_empty());
        assert_eq!(by_hand.writer.tidy_at, None);
    }

    #[test]
    fn a_journal_that_fails_is_tried_again_a_second_later_and_memory_is_counted_right() {
        let mut by_hand = ByHand::new();
        let path = by_hand.acme().place.file(0);
        std::fs::create_dir_all(&path).unwrap();
        by_hand.record(deed("acme", 1));
        by_hand.record(deed("acme", 2));
        let held = by_hand.acme().pending.bytes();
        assert!(held > 0 && by_hand.writer.in_memory == held);
        let due = by_hand.writer.retry_at.unwrap();
        by_hand.writer.do_what_is_due(due);
        assert_eq!(by_hand.writer.in_memory, held, "it failed again");
        std::fs::remove_dir(&path).unwrap();
        let due = by_hand.writer.retry_at.unwrap();
        by_hand.writer.do_what_is_due(due);
        assert_eq!((by_hand.writer.in_memory, by_hand.writer.retry_at), (0, None));
        assert!(by_hand.acme().pending.is_empty() && by_hand.writer.told.is_empty());
    }
}
