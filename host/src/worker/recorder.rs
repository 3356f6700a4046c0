//! The flight recorder: one page, shared with a worker, that still tells after its death what it was doing.
//!
//! The worker writes it with plain volatile stores in program order; the host reads it only when the worker is dead
//! (or, for the progress clock, as a hint). Whatever stands there is a *claim* by hostile code: [`Claim`] is what was
//! read, [`Claim::clamped`] is what may be believed.
//!
//! ```text
//!   0  magic      "MSFR"                    8  state    see `State`
//!   16 number     24 start    32 end    40 line         the row (or message) in work
//!   48 rows       rows begun so far
//!   56 fault      signal << 32 | frame count            written by the crash handler
//!   64 fault_at   faulting address
//!   72 base       address the app is loaded at
//!   80 frames     up to 64 return addresses, innermost first
//! ```

use super::protocol::LOOSE_ROWS;
use serde::{Deserialize, Serialize};

/// Bytes of the page.
pub const LEN: usize = 4096;
/// Most return addresses that the crash handler keeps.
pub const MAX_FRAMES: usize = 64;
/// First word of the page.
pub const MAGIC: u64 = u64::from_le_bytes(*b"MSFR\0\0\0\x01");

/// The page as both sides see it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`State`] as a number.
    pub state: u64,
    /// Number of the row in work, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset past its last byte, 0 where not yet known.
    pub end: u64,
    /// Its line, 0 where lines mean nothing.
    pub line: u64,
    /// Rows begun so far in this task.
    pub rows: u64,
    /// `signal << 32 | number of frames`, 0 without a crash.
    pub fault: u64,
    /// Faulting address.
    pub fault_at: u64,
    /// Where the app is loaded.
    pub base: u64,
    /// Return addresses, innermost first.
    pub frames: [u64; MAX_FRAMES],
}

const _: () = assert!(size_of::<Page>() <= LEN);

/// What the worker was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Starting: sandbox, loading, handshake.
    Starting = 0,
    /// Waiting for a task.
    Idle = 1,
    /// In the app, with no row open.
    InApp = 2,
    /// In the app, working on the row that stands here.
    InRow = 3,
}

/// What a dead worker's page says. Not to be believed before [`clamped`](Claim::clamped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The row it says it was working on.
    pub row: Option<ClaimedRow>,
    /// What its crash handler left.
    pub crash: Option<Crash>,
}

/// A row as the recorder names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClaimedRow {
    /// Its number, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset past its last byte, 0 where not known.
    pub end: u64,
    /// Its line, 0 where not known.
    pub line: u64,
}

/// What a crash handler left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Signal number.
    pub signal: i32,
    /// Faulting address.
    pub address: u64,
    /// Return addresses relative to where the app was loaded, innermost first.
    pub frames: Vec<u64>,
}

impl Page {
    /// A page as the host hands it to a new worker.
    pub const EMPTY: Page = Page {
        magic: MAGIC,
        state: State::Starting as u64,
        number: 0,
        start: 0,
        end: 0,
        line: 0,
        rows: 0,
        fault: 0,
        fault_at: 0,
        base: 0,
        frames: [0; MAX_FRAMES],
    };

    /// The page as it lies in memory, read without trusting a word of it.
    pub fn from_bytes(bytes: &[u8; LEN]) -> Page {
        let word = |index: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
            u64::from_ne_bytes(word)
        };
        let mut frames = [0; MAX_FRAMES];
        for (index, frame) in frames.iter_mut().enumerate() {
            *frame = word(10 + index);
        }
        Page {
            magic: word(0),
            state: word(1),
            number: word(2),
            start: word(3),
            end: word(4),
            line: word(5),
            rows: word(6),
            fault: word(7),
            fault_at: word(8),
            base: word(9),
            frames,
        }
    }

    /// What this page says.
    pub fn claim(&self) -> Claim {
        let written = self.magic == MAGIC;
        let in_row = written && self.state == State::InRow as u64;
        let row =
            in_row.then_some(ClaimedRow { number: self.number, start: self.start, end: self.end, line: self.line });
        let signal = i32::try_from(self.fault >> 32).unwrap_or(0);
        let crash = (written && signal > 0).then(|| {
            let count = usize::try_from(self.fault & 0xffff_ffff).unwrap_or(0).min(MAX_FRAMES);
            let frames = self.frames[..count].iter().map(|address| address.wrapping_sub(self.base)).collect();
            Crash { signal, address: self.fault_at, frames }
        });
        Claim { row, crash }
    }
}

impl Claim {
    /// The row that may be believed: inside the file, a number that such a file can have, not one of those `settled`
    /// (already checkpointed, skipped or rejected). Anything else is "unnamed".
    pub fn clamped(&self, file_size: u64, settled: impl Fn(u64) -> bool) -> Option<ClaimedRow> {
        let row = self.row?;
        let plausible = row.number >= 1
            && row.number <= file_size.saturating_add(1)
            && row.number < LOOSE_ROWS
            && row.start <= file_size
            && row.line <= file_size.saturating_add(1);
        if !plausible || settled(row.number) {
            return None;
        }
        let end = if row.end < row.start { 0 } else { row.end.min(file_size) };
        Some(ClaimedRow { end, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u64, start: u64, end: u64) -> Page {
        Page { state: State::InRow as u64, number, start, end, line: 1, ..Page::EMPTY }
    }

    #[test]
    fn an_honest_claim_is_believed() {
        let row = page(3, 10, 20).claim().clamped(100, |_| false);
        assert_eq!(row, Some(ClaimedRow { number: 3, start: 10, end: 20, line: 1 }));
    }

    #[test]
    fn a_claim_outside_the_file_is_clamped_or_unnamed() {
        assert_eq!(page(3, 200, 210).claim().clamped(100, |_| false), None);
        assert_eq!(page(0, 1, 2).claim().clamped(100, |_| false), None);
        assert_eq!(page(u64::MAX, 1, 2).claim().clamped(100, |_| false), None);
        assert_eq!(page(3, 10, 1000).claim().clamped(100, |_| false).map(|row| row.end), Some(100));
        assert_eq!(page(3, 10, 5).claim().clamped(100, |_| false).map(|row| row.end), Some(0));
    }

    #[test]
    fn a_settled_row_is_not_convicted() {
        assert_eq!(page(3, 10, 20).claim().clamped(100, |row| row <= 3), None);
    }

    #[test]
    fn a_scribbled_page_names_nobody() {
        let scribbled = Page { magic: 0, ..page(3, 10, 20) };
        assert_eq!(scribbled.claim(), Claim { row: None, crash: None });
        let frames = Page { fault: 11 << 32 | 0xffff_ffff, ..page(3, 10, 20) };
        assert_eq!(frames.claim().crash.map(|crash| crash.frames.len()), Some(MAX_FRAMES));
    }
}
