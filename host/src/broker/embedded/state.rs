//! What is known of one queue while the broker is open: which of its messages wait, who holds the others, and which chunks
//! are in memory. Pure.
//!
//! ```text
//!   0                                 cursor               loaded              next
//!   ├─ settled ─ held ─ given back ───┼─ wait, in memory ──┼─ wait, in file ────┤   (settled also above the cursor)
//! ```
//!
//! - Every message has a number, in the order in which they were accepted. *Settled* ones are acknowledged or thrown away;
//!   what is neither settled nor held waits.
//! - What was given back lies below the cursor and goes first, so that each message comes at its place.
//! - A chunk is in memory from when it was published or read until the cursor is past it and nothing of it was given back.

use super::chunk::Chunk;
use super::memory::Weight;
use super::runs::Runs;
use crate::broker::QueueSpec;
use crate::sqlite::Trouble;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of chunks that are read from the file at once.
pub(super) const READ_AHEAD: usize = 1024 * 1024;
/// Bytes in memory beyond which chunks that are published are left in the file.
const KEPT: usize = 4 * READ_AHEAD;

/// One queue. See the module.
#[derive(Debug)]
pub(super) struct State {
    pub(super) spec: QueueSpec,
    /// Number of the next message that is accepted.
    pub(super) next: u64,
    pub(super) settled: Runs,
    pub(super) held: Runs,
    returned: Runs,
    cursor: u64,
    /// Bytes of bodies that wait or are held.
    pub(super) bytes: u64,
    /// Of these, held.
    held_bytes: u64,
    /// Bytes of bodies that are being written.
    coming: u64,
    /// What was there below this when the broker was opened may have been delivered before.
    opened_at: u64,
    chunks: BTreeMap<u64, Arc<Chunk>>,
    in_memory: Weight,
    /// Everything that waits between the cursor and this is in memory.
    loaded: u64,
    /// Somebody reads chunks from the file.
    loading: bool,
    /// Why they could not be read; for the next consumer that asks.
    trouble: Option<Trouble>,
    /// Settled since it was last written.
    touched: Runs,
    /// Numbers of the consumers, in the order they came.
    pub(super) consumers: VecDeque<u64>,
    /// The queue was deleted.
    pub(super) gone: bool,
}

/// What was found in the file when it was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) next: u64,
    pub(super) settled: Runs,
    /// Bytes of bodies that are not settled.
    pub(super) bytes: u64,
    /// Settled, and its chunks may still be in the file.
    pub(super) touched: Runs,
}

/// Room for messages, counted down while they are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// How many.
    pub(super) messages: usize,
    /// Bytes of messages as they are delivered.
    pub(super) bytes: usize,
    /// What delivering adds to the bytes of each.
    pub(super) address: usize,
    /// One that is larger than the room is taken all the same.
    pub(super) at_least_one: bool,
}

/// Neighbouring messages of one chunk.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) chunk: Arc<Chunk>,
    /// Which of its messages.
    pub(super) places: Range<usize>,
    pub(super) redelivered: bool,
}

/// What there was for a consumer.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) pieces: Vec<Piece>,
    /// A message waits, but there was no room for it.
    pub(super) full: bool,
    /// Where chunks are to be read from now.
    pub(super) load: Option<u64>,
}

impl State {
    pub(super) fn new(spec: QueueSpec, found: Found, in_memory: Weight) -> State {
        let Found { next, settled, bytes, touched } = found;
        State {
            spec,
            next,
            settled,
            held: Runs::default(),
            returned: Runs::default(),
            cursor: 0,
            bytes,
            held_bytes: 0,
            coming: 0,
            opened_at: next,
            chunks: BTreeMap::new(),
            in_memory,
            loaded: 0,
            loading: false,
            trouble: None,
            touched,
            consumers: VecDeque::new(),
            gone: false,
        }
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.next - self.settled.len() - self.held.len()
    }

    /// The oldest message that is not settled.
    pub(super) fn oldest(&self) -> Option<u64> {
        Some(self.settled.next_absent(0)).filter(|number| *number < self.next)
    }

    /// Keeps room for so many bytes of bodies, which are about to be written. `false` where the queue would be too full.
    pub(super) fn expect(&mut self, bodies: u64) -> bool {
        let fits = self.promised().saturating_add(bodies) <= self.spec.max_bytes;
        if fits {
            self.coming += bodies;
        }
        fits
    }

    /// Bytes of bodies that are there or for which room is kept.
    pub(super) fn promised(&self) -> u64 {
        self.bytes + self.coming
    }

    /// Gives room back that was kept.
    pub(super) fn expect_no_more(&mut self, bodies: u64) {
        self.coming -= bodies;
    }

    /// Takes in a chunk that was written, for which room was kept.
    pub(super) fn accept(&mut self, chunk: Chunk) {
        let bodies = chunk.messages.bodies();
        self.coming -= bodies;
        self.bytes += bodies;
        self.next = chunk.numbers().end;
        if self.in_memory.is_below(KEPT) && self.settled.next_absent(self.loaded.max(self.cursor)) == chunk.first {
            self.remember(Arc::new(chunk));
        }
    }

    /// Takes in chunks that were read from the file, in their order, the first with the message `from`.
    pub(super) fn loaded(&mut self, from: u64, read: Result<Vec<Chunk>, Trouble>) {
        self.loading = false;
        let waits = self.settled.run_of(from).is_none() && self.held.run_of(from).is_none();
        match read {
            Ok(chunks) if chunks.first().is_some_and(|chunk| chunk.numbers().contains(&from)) || !waits => {
                chunks.into_iter().for_each(|chunk| self.remember(Arc::new(chunk)));
            }
            Ok(_) => {
                let words = format!("message {from} of the queue {} is not in the file", self.spec.key);
                self.trouble = Some(Trouble { transient: false, words });
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Why chunks could not be read. Who asks next has them read again.
    pub(super) fn take_trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    /// Chooses the next messages for a consumer, which holds them from now on.
    pub(super) fn take(&mut self, mut wanted: Wanted) -> Taken {
        let mut taken = Taken::default();
        while let Some((from, to, again)) = self.next_run() {
            if wanted.messages == 0 {
                taken.full = true;
                break;
            }
            let Some(chunk) = self.chunk_of(from) else {
                taken.load = self.start_loading(from);
                break;
            };
            let skipped = index(from - chunk.first);
            let there = index(to.min(chunk.numbers().end) - from);
            let mut count = 0;
            while count < there.min(wanted.messages) {
                let bytes = chunk.messages.range(skipped + count).len() + wanted.address;
                if bytes > wanted.bytes && !wanted.at_least_one {
                    break;
                }
                wanted.at_least_one = false;
                wanted.bytes = wanted.bytes.saturating_sub(bytes);
                count += 1;
            }
            wanted.messages -= count;
            if count > 0 {
                self.hold(from..from + count as u64, again);
                let places = skipped..skipped + count;
                self.held_bytes += places.clone().map(|place| u64::from(chunk.messages.body(place))).sum::<u64>();
                self.forget_if_done(&chunk);
                taken.pieces.push(Piece { chunk, places, redelivered: again || from < self.opened_at });
            }
            if count < there {
                taken.full = true;
                break;
            }
        }
        if taken.load.is_none() && self.in_memory.is_below(READ_AHEAD / 2) {
            let from = self.settled.next_absent(self.loaded.max(self.cursor));
            if from < self.next {
                taken.load = self.start_loading(from);
            }
        }
        taken
    }

    /// Settles what a consumer held.
    pub(super) fn settle(&mut self, held: &Runs, bodies: u64) {
        for run in held.iter() {
            self.held.remove(run.clone());
            self.settled.insert(run.clone());
            self.touched.insert(run);
        }
        self.held_bytes -= bodies;
        self.bytes -= bodies;
    }

    /// Puts back what a consumer held, to where it was.
    pub(super) fn give_back(&mut self, held: &Runs, bodies: u64) {
        for run in held.iter() {
            self.held.remove(run.clone());
            self.returned.insert(run);
        }
        self.held_bytes -= bodies;
    }

    /// Settles everything that waits. Answers how many messages that is.
    pub(super) fn purge(&mut self) -> u64 {
        let purged = self.waiting();
        self.settled = self.held.absent_below(self.next);
        self.touched = self.settled.clone();
        self.returned = Runs::default();
        self.cursor = self.next;
        self.bytes = self.held_bytes;
        self.forget_chunks();
        purged
    }

    /// The queue is no more. Answers how many messages went with it.
    pub(super) fn end(&mut self) -> u64 {
        let lost = self.waiting() + self.held.len();
        self.gone = true;
        self.held = Runs::default();
        self.held_bytes = 0;
        self.purge();
        lost
    }

    /// Lets go of the chunks in memory, which are in the file too.
    pub(super) fn forget_chunks(&mut self) {
        self.chunks.clear();
        self.in_memory.clear();
        self.loaded = self.cursor;
    }

    /// What is to be written: which messages are settled, and of these the ones since the last time, which are taken out.
    pub(super) fn take_touched(&mut self) -> (Runs, Runs) {
        (self.settled.clone(), std::mem::take(&mut self.touched))
    }

    /// It was not written, or not all of it.
    pub(super) fn touch_again(&mut self, touched: &Runs) {
        self.touched.merge(touched);
    }

    /// Something is to be written.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The chunk in memory that has this message.
    pub(super) fn chunk_of(&self, number: u64) -> Option<Arc<Chunk>> {
        let (_, chunk) = self.chunks.range(..=number).next_back()?;
        chunk.numbers().contains(&number).then(|| Arc::clone(chunk))
    }

    /// Neighbouring messages that wait and come next, and whether they were given back.
    fn next_run(&mut self) -> Option<(u64, u64, bool)> {
        if let Some(run) = self.returned.first() {
            return Some((run.start, run.end, true));
        }
        self.cursor = self.settled.next_absent(self.cursor);
        let end = self.settled.next_present(self.cursor).unwrap_or(self.next);
        (self.cursor < self.next).then_some((self.cursor, end.min(self.next), false))
    }

    fn hold(&mut self, numbers: Range<u64>, returned: bool) {
        if returned {
            self.returned.remove(numbers.clone());
        } else {
            self.cursor = numbers.end;
        }
        self.held.insert(numbers);
    }

    fn start_loading(&mut self, from: u64) -> Option<u64> {
        let free = !self.loading;
        self.loading = true;
        free.then_some(from)
    }

    fn remember(&mut self, chunk: Arc<Chunk>) {
        if self.consumers.is_empty() {
            return;
        }
        let numbers = chunk.numbers();
        let here = self.settled.next_absent(self.loaded.max(self.cursor));
        if numbers.start <= here && numbers.end > here {
            self.loaded = numbers.end;
        }
        if self.is_wanted(&numbers) {
            self.in_memory.add(chunk.size());
            if let Some(before) = self.chunks.insert(numbers.start, chunk) {
                self.in_memory.subtract(before.size());
            }
        }
    }

    fn forget_if_done(&mut self, chunk: &Chunk) {
        if !self.is_wanted(&chunk.numbers()) && self.chunks.remove(&chunk.first).is_some() {
            self.in_memory.subtract(chunk.size());
        }
    }

    /// Some of these wait, and those above the cursor are not beyond what is in memory.
    fn is_wanted(&self, numbers: &Range<u64>) -> bool {
        (numbers.end > self.settled.next_absent(self.cursor) && numbers.end <= self.loaded)
            || self.returned.next_present(numbers.start).is_some_and(|number| number < numbers.end)
    }
}

/// A difference of numbers within a chunk, which has few messages.
fn index(difference: u64) -> usize {
    usize::try_from(difference).unwrap_or(usize::MAX)
}
