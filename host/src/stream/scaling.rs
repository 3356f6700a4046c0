//! How many consumers a stream should have. Pure: a policy that is told what each window saw, and remembers little.
//!
//! ```text
//!   arrival   what came in the window: what was served, and by how much the backlog grew
//!   pace      what one consumer serves in a second while there is always something left to do
//!   need      (arrival + backlog / drain) / pace: who keeps up with what comes and has the backlog gone in time
//! ```
//!
//! - *More*, where the need is larger and there was something to do from one end of the window to the other. At most twice as
//!   many at once: a pace that was measured with one consumer says little about ten.
//! - *More must help.* Each rise is a trial: where twice the consumers do not serve clearly more, it is something else that
//!   they wait for (a slow sink, a broker, two cores), and the stream goes back to what it had. It is tried again later, and
//!   each time it fails, twice as much later.
//! - *Fewer*, where fewer would be enough with much to spare, a few windows long; at most half go at once. What is idle goes
//!   back to the least.
//! - *Held back*: while the tenant's limits hold the stream back, its backlog is no reason for more consumers.
//! - Between two changes at least a cool-down passes: what is seen before that is what the last change did.
//!
//! Times are counted from any moment, the same for all calls.

pub mod simulation;

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How much of a consumer's pace is counted on when there are to be more.
const LOAD_UP: f64 = 0.9;
/// How much when there are to be fewer. The gap to the one above is what keeps it from swinging.
const LOAD_DOWN: f64 = 0.6;
/// How much of what more consumers could serve they have to serve for it to be a help.
const HELP: f64 = 0.25;
/// How long a rise that did not help is not tried again at first, in cool-downs; and at most.
const FORGET: u32 = 6;
const FORGET_MOST: u32 = 96;

/// What the policy goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The least time between two changes.
    pub cool_down: Duration,
    /// In what time a backlog should be gone.
    pub drain: Duration,
    /// Windows in a row in which fewer would have been enough, before there are fewer.
    pub patience: u32,
}

impl Rules {
    /// Those for windows of this length. The cool-down is over when the second window closes after a change, be it a little
    /// early.
    pub fn of_windows(window: Duration) -> Rules {
        Rules { cool_down: window * 7 / 4, drain: window * 2, patience: 3 }
    }
}

/// What a window saw of a stream, on all hosts together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// When it closed.
    pub now: Duration,
    /// Its length in seconds.
    pub seconds: f64,
    /// Messages that came to their end in it.
    pub served: u64,
    /// Messages that had not come to their end when it closed: those that wait, and those that consumers hold.
    pub backlog: u64,
    /// Consumers at its end.
    pub consumers: usize,
    /// A limit held the stream back.
    pub is_held_back: bool,
}

/// Between how many consumers there may be. At least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub min: usize,
    /// The most, not less.
    pub max: usize,
}

/// How many there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many.
    pub consumers: usize,
    /// Why.
    pub why: Why,
}

/// Why there should be as many. Its text fits after "it has now 3 consumers: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// As many as there are.
    Enough,
    /// More has to be served than these can.
    Behind,
    /// Fewer are enough.
    Idle,
    /// The last ones that came did not help.
    NoHelp,
    /// There were more or fewer than there may be.
    Bounds,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Why::Enough => "as many as it needs",
            Why::Behind => "messages come faster than fewer could serve them",
            Why::Idle => "fewer are enough for what comes",
            Why::NoHelp => "more did not serve more: they wait for something else, such as the sink",
            Why::Bounds => "as many as it may have",
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Scaler {
    rules: Rules,
    changed: Option<Duration>,
    backlog: Option<u64>,
    /// Messages a second, one consumer.
    pace: Option<f64>,
    /// Messages a second, lately.
    arrival: f64,
    /// Windows in a row in which fewer would have been enough.
    calm: u32,
    trial: Option<Trial>,
    /// What did not help, and until when that is believed.
    ceiling: Option<(usize, Duration)>,
    forget: u32,
}

/// More consumers, that have yet to show that they help.
#[derive(Clone, Copy, Debug)]
struct Trial {
    before: usize,
    rate_before: f64,
    /// Messages a second in the windows since, the first not counted: consumers began in it.
    rates: Rates,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    windows: u32,
    busy: u32,
    sum: f64,
}

/// What a window amounts to.
struct Measured {
    rate: f64,
    is_busy: bool,
}

impl Scaler {
    /// Of a stream about which nothing is known.
    pub fn new(rules: Rules) -> Scaler {
        Scaler {
            rules,
            changed: None,
            backlog: None,
            pace: None,
            arrival: 0.0,
            calm: 0,
            trial: None,
            ceiling: None,
            forget: FORGET,
        }
    }

    /// A window has closed: how many consumers there should be from now on.
    pub fn observe(&mut self, seen: &Observation, bounds: Bounds) -> Wanted {
        let consumers = seen.consumers.max(1);
        let measured = self.measure(seen, consumers);
        if let Some(trial) = &mut self.trial {
            trial.rates.add(&measured);
        }
        if seen.is_held_back {
            self.trial = None;
        }
        let clamped = seen.consumers.clamp(bounds.min, bounds.max.max(bounds.min));
        if clamped != seen.consumers {
            self.trial = None;
            return self.change(seen.now, clamped, Why::Bounds);
        }
        let is_fewer_enough = self.need(seen, LOAD_DOWN) < consumers;
        self.calm = if is_fewer_enough { self.calm + 1 } else { 0 };
        if self.changed.is_some_and(|changed| seen.now < changed + self.rules.cool_down) {
            return Wanted { consumers, why: Why::Enough };
        }
        if let Some(trial) = self.trial.take() {
            if trial.has_failed(consumers) {
                let until = seen.now + self.rules.cool_down * self.forget;
                self.forget = (self.forget * 2).min(FORGET_MOST);
                self.ceiling = Some((trial.before, until));
                return self.change(seen.now, trial.before.clamp(bounds.min, bounds.max), Why::NoHelp);
            }
            self.forget = FORGET;
        }
        self.ceiling = self.ceiling.filter(|(_, until)| seen.now < *until);
        let most = self.ceiling.map_or(bounds.max, |(ceiling, _)| ceiling.clamp(bounds.min, bounds.max));
        let more = self.need(seen, LOAD_UP).min(consumers * 2).min(most);
        if measured.is_busy && more > consumers && !seen.is_held_back {
            let trial = Trial { before: consumers, rate_before: measured.rate, rates: Rates::default() };
            self.trial = Some(trial);
            return self.change(seen.now, more, Why::Behind);
        }
        if self.calm >= self.rules.patience {
            let fewer = self.need(seen, LOAD_DOWN).max(consumers.div_ceil(2)).max(bounds.min);
            if fewer < consumers {
                return self.change(seen.now, fewer, Why::Idle);
            }
        }
        Wanted { consumers, why: Why::Enough }
    }

    /// Takes in what a window saw.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
    fn measure(&mut self, seen: &Observation, consumers: usize) -> Measured {
        let seconds = seen.seconds.max(1e-3);
        let rate = seen.served as f64 / seconds;
        // What was there before anything was seen has not come in this window.
        let before = self.backlog.replace(seen.backlog).unwrap_or(seen.backlog);
        let arrived = seen.served.saturating_add(seen.backlog).saturating_sub(before) as f64 / seconds;
        // What is always on its way is no backlog: a message for each consumer, and a twentieth of what a window serves.
        let on_the_way = (consumers as u64).max(seen.served / 20);
        let is_busy = before.min(seen.backlog) > on_the_way;
        self.arrival = (self.arrival + arrived) / 2.0;
        let pace = rate / consumers as f64;
        self.pace = match self.pace {
            _ if seen.is_held_back => self.pace,
            Some(known) if is_busy => Some((known + pace) / 2.0),
            // A consumer that is not busy shows what it can at least.
            Some(known) => Some(known.max(pace)),
            None if seen.served > 0 => Some(pace),
            None => None,
        };
        Measured { rate, is_busy: is_busy && !seen.is_held_back }
    }

    /// How many consumers it takes, of whose pace so much is counted on.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of consumers, and a float that is too large for one becomes the largest"
    )]
    fn need(&self, seen: &Observation, load: f64) -> usize {
        let drain = self.rules.drain.as_secs_f64().max(1e-3);
        let work = if seen.is_held_back {
            seen.served as f64 / seen.seconds.max(1e-3)
        } else {
            self.arrival + seen.backlog as f64 / drain
        };
        match self.pace {
            _ if work < 1e-9 => 0,
            // Something waits and nothing was ever served: nobody knows how much one can do.
            None => seen.consumers,
            Some(pace) => (work / (pace.max(1e-9) * load)).ceil() as usize,
        }
    }

    fn change(&mut self, now: Duration, consumers: usize, why: Why) -> Wanted {
        self.changed = Some(now);
        self.calm = 0;
        Wanted { consumers, why }
    }
}

impl Rates {
    fn add(&mut self, measured: &Measured) {
        self.windows += 1;
        if self.windows > 1 {
            self.busy += u32::from(measured.is_busy);
            self.sum += measured.rate;
        }
    }
}

impl Trial {
    /// There was always something to do, and more consumers have not done clearly more of it.
    #[expect(clippy::cast_precision_loss, reason = "a number of consumers")]
    fn has_failed(&self, consumers: usize) -> bool {
        let Rates { windows, busy, sum } = self.rates;
        let counted = windows.saturating_sub(1);
        let possible = consumers as f64 / self.before as f64 - 1.0;
        possible > 0.0
            && counted > 0
            && busy == counted
            && sum / f64::from(counted) < self.rate_before * (1.0 + HELP * possible)
    }
}

#[cfg(test)]
mod tests;
