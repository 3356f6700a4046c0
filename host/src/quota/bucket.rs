//! What may still be taken of so many messages and bytes per window. Pure: the time is an argument.
//!
//! ```text
//!   limit 500 per 5 s      t = 0 s   300 are taken         200 left
//!                          t = 2 s   200 are taken           0 left
//!                          t = 5 s   the 300 come back     300 left
//!                          t = 7 s   the 200 come back     500 left
//! ```
//!
//! - What is taken comes back one window later, so that *no* window, wherever it is laid, holds more than the limit. A bucket
//!   that is filled drop by drop would let twice the limit through in the window after a rest, and the reports of windows
//!   would show it.
//! - One message may be larger than what is left, or than a whole window: it is known only once it is there. What is too
//!   much is a *debt*: it is taken from the windows that follow, as they come, and nothing else is allowed meanwhile. So the
//!   limit holds on the average, too. The same goes for consumers that share a bucket and take at the same time.
//! - What is taken within a 256th of a window comes back together, and as late as the last of it: a bucket is small, however
//!   busy it is.
//!
//! Time is counted from any moment, the same for all calls. A clock that goes back stands still here.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Into how many parts a window is divided.
const GRAINS: u32 = 256;

/// So many messages, and so many bytes of their bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    /// Nothing can be taken of it: it has no message, or no byte.
    pub fn is_none(self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// The lesser of each: what two buckets allow together.
    #[must_use]
    pub fn and(self, other: Amount) -> Amount {
        self.each(other, u64::min)
    }

    fn each(self, other: Amount, what: impl Fn(u64, u64) -> u64) -> Amount {
        Amount { messages: what(self.messages, other.messages), bytes: what(self.bytes, other.bytes) }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Amount) -> Amount {
        self.each(other, u64::saturating_add)
    }

    fn less(self, other: Amount) -> Amount {
        self.each(other, u64::saturating_sub)
    }
}

/// What went through a bucket in a window, and whether it was empty at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Consumption {
    /// What was taken; of a debt, what was paid. Of one host never more than the limit.
    pub taken: Amount,
    /// What was left at its end.
    pub left: Amount,
    /// No message was left.
    pub no_messages_left: bool,
    /// No byte was left.
    pub no_bytes_left: bool,
}

impl Consumption {
    /// With what went through the same limit's bucket on another host. Nothing is left of both together where one has
    /// nothing, and the other no more than what a host keeps to spare: an eighth of what was taken.
    #[must_use]
    pub fn with(self, other: Consumption) -> Consumption {
        let (taken, left) = (self.taken.plus(other.taken), self.left.plus(other.left));
        Consumption {
            taken,
            left,
            no_messages_left: (self.no_messages_left || other.no_messages_left) && left.messages <= taken.messages / 8,
            no_bytes_left: (self.no_bytes_left || other.no_bytes_left) && left.bytes <= taken.bytes / 8,
        }
    }
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What can be taken of it in each window.
    pub limit: Amount,
    /// What was taken in the last one. More than the limit only where that was lowered since.
    pub taken: Amount,
    /// What can be taken now.
    pub left: Amount,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Bucket {
    limit: Amount,
    window: Duration,
    now: Duration,
    /// What was taken in the last window, in the order in which it comes back.
    taken: VecDeque<Taken>,
    /// All of that together; not more than the limit, unless that was lowered.
    out: Amount,
    /// What was taken and could not be had.
    debt: Amount,
    /// What went through since the window was closed.
    counted: Amount,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    /// When it counts as taken; that is in the future while more is added.
    at: Duration,
    amount: Amount,
}

impl Bucket {
    /// A full one, of which `limit` can be taken in each window. At least one message and one byte.
    pub fn new(limit: Amount, window: Duration) -> Bucket {
        let (taken, nothing) = (VecDeque::new(), Amount::default());
        let limit = limit.each(Amount { messages: 1, bytes: 1 }, u64::max);
        Bucket { limit, window, now: Duration::ZERO, taken, out: nothing, debt: nothing, counted: nothing }
    }

    /// Another limit holds from now on, which may be nothing. What was taken stays taken.
    pub fn resize(&mut self, now: Duration, limit: Amount) {
        self.advance(now);
        self.limit = limit;
        self.pay(self.now);
    }

    /// The limit, what of it was taken in the last window, and what is left.
    pub fn standing(&mut self, now: Duration) -> Standing {
        self.advance(now);
        Standing { limit: self.limit, taken: self.out, left: self.left() }
    }

    /// What can be taken now: at least one message and one byte, or nothing at all.
    pub fn allowed(&mut self, now: Duration) -> Amount {
        self.advance(now);
        let left = self.left();
        if left.is_none() { Amount::default() } else { left }
    }

    /// Takes it, whether it is allowed or not: it is there already.
    pub fn take(&mut self, now: Duration, amount: Amount) {
        self.advance(now);
        let had = amount.and(self.left());
        self.debt = self.debt.plus(amount.less(had));
        self.count(self.now, had);
    }

    /// When there may be something to take again; `now`, where there is. It is never later than this says, as long as the limit
    /// stays.
    pub fn next(&mut self, now: Duration) -> Duration {
        self.advance(now);
        if !self.left().is_none() {
            return self.now;
        }
        let wanted = self.out.plus(self.debt).plus(Amount { messages: 1, bytes: 1 }).less(self.limit);
        let mut back = Amount::default();
        let enough = self.taken.iter().find(|taken| {
            back = back.plus(taken.amount);
            back.messages >= wanted.messages && back.bytes >= wanted.bytes
        });
        // A debt of several windows: more will be known when all that is out has come back. Where nothing is out the limit is
        // nothing, and only another one can help.
        let nothing = self.now.saturating_add(self.window);
        enough.or(self.taken.back()).map_or(nothing, |taken| taken.at.saturating_add(self.window))
    }

    /// Ends a window: what went through it, and whether anything was left.
    pub fn close(&mut self, now: Duration) -> Consumption {
        self.advance(now);
        let left = self.left();
        let taken = std::mem::take(&mut self.counted);
        Consumption { taken, left, no_messages_left: left.messages == 0, no_bytes_left: left.bytes == 0 }
    }

    fn left(&self) -> Amount {
        self.limit.less(self.out)
    }

    /// What was taken a window ago comes back, and pays debts first.
    fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some(taken) = self.taken.front().copied() {
            let back = taken.at.saturating_add(self.window);
            if back > self.now {
                break;
            }
            self.taken.pop_front();
            self.out = self.out.less(taken.amount);
            self.pay(back);
        }
    }

    fn pay(&mut self, at: Duration) {
        let paid = self.debt.and(self.left());
        self.debt = self.debt.less(paid);
        self.count(at, paid);
    }

    fn count(&mut self, at: Duration, amount: Amount) {
        if amount == Amount::default() {
            return;
        }
        self.out = self.out.plus(amount);
        self.counted = self.counted.plus(amount);
        match self.taken.back_mut() {
            Some(last) if last.at >= at => last.amount = last.amount.plus(amount),
            _ => self.taken.push_back(Taken { at: at.saturating_add(self.window / GRAINS), amount }),
        }
    }
}

#[cfg(test)]
mod tests;
