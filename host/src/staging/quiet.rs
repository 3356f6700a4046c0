//! When a file has come to rest. A pure state machine: time is an argument, and what is there is told to it.
//!
//! ```text
//!   a sign (closed after writing, renamed in, written to, seen by a scan) ─▶ waits for a quiet moment
//!   the moment is over ─▶ due: somebody looks at the file ─▶ observed ─▶ settled  unchanged for long enough, no writer
//!                                                                    ├─▶ gone     there is no such file
//!                                                                    └─▶ wait     until the next moment
//! ```
//!
//! - After a *close* or a *rename-in* that nothing follows, the file has been quiet since then, and one look suffices.
//! - A file that was only *seen* (or written to, or made as a link or a pipe) has to look the same twice, a quiet moment apart.
//! - While somebody has it open for writing it does not settle, however long that takes: a `.so` that is copied for minutes is
//!   looked at now and then, without a verdict.
//! - Where nobody can say whether it is open (leases need a local file system, and the file's owner), it has to stay the same
//!   for much longer.
//!
//! A sign that comes while somebody looks makes that look void.

use super::ports::FileIdentity;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long is long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietRules {
    /// For a file that nobody has open for writing.
    pub quiet: Duration,
    /// For one of which that cannot be known.
    pub unleased: Duration,
    /// Longest pause between two looks at a file that is being written.
    pub pause: Duration,
}

impl QuietRules {
    /// With this quiet moment, the others following from it.
    pub fn of(quiet: Duration) -> QuietRules {
        QuietRules { quiet, unleased: (quiet * 20).max(Duration::from_secs(2)), pause: Duration::from_secs(1) }
    }
}

/// Something happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It was closed after writing, or renamed to where it is: it may be complete.
    Closed,
    /// Anything else.
    Touched,
}

/// Whether somebody has a file open for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Nobody has.
    Nobody,
    /// Somebody has.
    Somebody,
    /// The system cannot say.
    Unknown,
}

/// What is found where the file was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing.
    Nothing,
    /// A file, a link, a pipe, whatever.
    There(FileIdentity, Writers),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It has come to rest.
    Settled,
    /// It is not there, and nothing has come in its place.
    Gone,
    /// Not yet.
    Wait,
}

/// Files that have not come to rest yet.
#[derive(Debug)]
pub struct Quiet<K> {
    rules: QuietRules,
    files: HashMap<K, Unrest>,
    due: BTreeSet<(Instant, K)>,
}

#[derive(Debug)]
struct Unrest {
    /// Since when nothing is known to have changed.
    since: Instant,
    /// As it was then; `None` where that was not looked at.
    identity: Option<FileIdentity>,
    /// The last sign was one of completeness.
    closed: bool,
    /// Looks that found somebody writing.
    busy: u32,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    At(Instant),
    /// Somebody is looking.
    Look,
}

impl<K: Clone + Ord + Hash> Quiet<K> {
    /// None yet.
    pub fn new(rules: QuietRules) -> Quiet<K> {
        Quiet { rules, files: HashMap::new(), due: BTreeSet::new() }
    }

    /// Something happened to this file.
    pub fn heard(&mut self, file: K, sign: Sign, now: Instant) {
        let next = Next::At(now + self.rules.quiet);
        let unrest = Unrest { since: now, identity: None, closed: sign == Sign::Closed, busy: 0, next };
        self.put(file, unrest);
    }

    /// A scan saw it: news only where nothing was heard of it.
    pub fn seen(&mut self, file: K, now: Instant) {
        if !self.files.contains_key(&file) {
            self.heard(file, Sign::Touched, now);
        }
    }

    /// Files that are to be looked at now, at most `most`; each has to be told as [`observed`](Quiet::observed).
    pub fn due(&mut self, now: Instant, most: usize) -> Vec<K> {
        let mut files = Vec::new();
        while files.len() < most
            && let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, file)) = self.due.pop_first()
        {
            if let Some(unrest) = self.files.get_mut(&file) {
                unrest.next = Next::Look;
            }
            files.push(file);
        }
        files
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Number of files that have not come to rest.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What a look at a due file found.
    pub fn observed(&mut self, file: &K, observed: Observed, now: Instant) -> Decision {
        let Some((key, mut unrest)) = self.files.remove_entry(file) else { return Decision::Wait };
        if unrest.next != Next::Look {
            // A sign came meanwhile.
            self.files.insert(key, unrest);
            return Decision::Wait;
        }
        let Observed::There(identity, writers) = observed else { return Decision::Gone };
        if unrest.identity != Some(identity) {
            if !(unrest.identity.is_none() && unrest.closed) {
                unrest.since = now;
            }
            unrest.identity = Some(identity);
        }
        let wanted = match writers {
            Writers::Nobody => self.rules.quiet,
            Writers::Unknown => self.rules.unleased,
            Writers::Somebody => {
                unrest.busy = unrest.busy.saturating_add(1);
                let pause = self.rules.quiet.saturating_mul(1 << unrest.busy.min(16)).min(self.rules.pause);
                // Once it is closed it has to be quiet from then on.
                unrest.since = now;
                unrest.next = Next::At(now + pause.max(self.rules.quiet));
                self.put(key, unrest);
                return Decision::Wait;
            }
        };
        let rest = unrest.since + wanted;
        if rest <= now {
            return Decision::Settled;
        }
        unrest.next = Next::At(rest);
        self.put(key, unrest);
        Decision::Wait
    }

    fn put(&mut self, file: K, unrest: Unrest) {
        let Next::At(at) = unrest.next else { return };
        if let Some(before) = self.files.insert(file.clone(), unrest)
            && let Next::At(before) = before.next
        {
            self.due.remove(&(before, file.clone()));
        }
        self.due.insert((at, file));
    }
}

#[cfg(test)]
mod tests;
