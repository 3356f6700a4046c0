//! What happens after an attempt at a task: a pure state machine, no I/O, no clock.
//!
//! A death convicts nobody. The row it names runs again first, alone, in a fresh worker; only a row that kills there too
//! becomes a dead letter, and the rest of the file goes on.
//!
//! ```text
//!   attempt ── finished ─────────────────────────────────────────────────────────▶ Finish
//!      │  ├── app returned an error ─────────────────────────────────────────────▶ Fail
//!      │  ├── died, no row named ───── back off, up to `max_deaths` ─────────────▶ Attempt | Fail
//!      │  └── died in row r, its first time ─────────────────────────────────────▶ Alone(r)
//!      │      died in row r, which has lived alone ─────────────────────────────▶ as no row named
//!      ▲
//!   Alone(r) ── died in row r ────────────────────────────────────────▶ Convict(r), then Attempt
//!            ├─ died, r not named ─────────────────────────────────────▶ as no row named, then Alone(r) again
//!            └─ finished or returned an error ─────────────────────────▶ Attempt
//! ```
//!
//! A row that lives alone is not convicted, however often it is named afterwards: memory that ran out is the work of all
//! rows before, an earlier row may have laid the mine, and what the flight recorder says is the app's own word.

use std::collections::BTreeSet;
use std::time::Duration;

/// How patient the supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Deaths without a culprit after which the task fails.
    pub max_deaths: u32,
    /// Rows that may be convicted before the task fails.
    pub max_convicted: u32,
    /// Pause after the first death without a culprit; doubled after each further one.
    pub back_off: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { max_deaths: 3, max_convicted: 100, back_off: Duration::from_millis(100) }
    }
}

/// How a worker died, as far as the judgement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// The row that was in work, believed by the host.
    pub row: Option<u64>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The app came to the end.
    Finished,
    /// The app returned an error.
    AppError,
    /// The worker died, panicked, hung or broke the protocol.
    Died(Death),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// This row becomes a dead letter and is passed over from now on. Another action follows.
    Convict(u64),
    /// Run the file in a fresh worker after this pause, without the convicted rows.
    Attempt(Duration),
    /// Run only this row in a fresh worker after this pause; its documents are thrown away.
    Alone(u64, Duration),
    /// The task has come to its end.
    Finish,
    /// The task fails.
    Fail(Failure),
}

/// Why a task fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The app returned an error; its own words are the reason.
    AppError,
    /// Deaths without a culprit.
    Deaths(u32),
    /// Too many rows kill.
    Convicted(u32),
}

/// State of one task.
#[derive(Clone, Debug)]
pub struct Supervisor {
    policy: Policy,
    /// Rows that were named by a death in their place, and have had their run alone.
    tried: BTreeSet<u64>,
    alone: Option<u64>,
    deaths: u32,
    convicted: u32,
}

impl Supervisor {
    /// A task that has not begun.
    pub fn new(policy: Policy) -> Supervisor {
        Supervisor { policy, tried: BTreeSet::new(), alone: None, deaths: 0, convicted: 0 }
    }

    /// Judges the end of an attempt (or of a run alone).
    pub fn judge(&mut self, event: Event) -> Vec<Action> {
        match (self.alone, event) {
            (Some(_), Event::Finished | Event::AppError) => {
                self.alone = None;
                vec![Action::Attempt(Duration::ZERO)]
            }
            (Some(row), Event::Died(death)) if death.row == Some(row) => self.convict(row),
            (Some(row), Event::Died(_)) => self.unexplained(|pause| Action::Alone(row, pause)),
            (None, Event::Finished) => vec![Action::Finish],
            (None, Event::AppError) => vec![Action::Fail(Failure::AppError)],
            (None, Event::Died(Death { row: Some(row) })) if self.tried.insert(row) => {
                self.alone = Some(row);
                vec![Action::Alone(row, Duration::ZERO)]
            }
            (None, Event::Died(_)) => self.unexplained(Action::Attempt),
        }
    }

    fn convict(&mut self, row: u64) -> Vec<Action> {
        self.alone = None;
        self.convicted += 1;
        let next = if self.convicted > self.policy.max_convicted {
            Action::Fail(Failure::Convicted(self.convicted))
        } else {
            Action::Attempt(Duration::ZERO)
        };
        vec![Action::Convict(row), next]
    }

    fn unexplained(&mut self, again: impl FnOnce(Duration) -> Action) -> Vec<Action> {
        self.deaths += 1;
        if self.deaths >= self.policy.max_deaths {
            return vec![Action::Fail(Failure::Deaths(self.deaths))];
        }
        let pause = self.policy.back_off * 2_u32.saturating_pow(self.deaths - 1);
        vec![again(pause)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::ZERO;

    fn died(row: impl Into<Option<u64>>) -> Event {
        Event::Died(Death { row: row.into() })
    }

    #[test]
    fn the_named_row_runs_alone_before_anything_is_judged() {
        let mut task = Supervisor::new(Policy::default());
        assert_eq!(task.judge(died(7)), [Action::Alone(7, NOW)]);
    }

    #[test]
    fn a_row_that_kills_alone_too_is_convicted_and_the_rest_goes_on() {
        let mut task = Supervisor::new(Policy::default());
        task.judge(died(7));
        assert_eq!(task.judge(died(7)), [Action::Convict(7), Action::Attempt(NOW)]);
        assert_eq!(task.judge(Event::Finished), [Action::Finish]);
    }

    #[test]
    fn a_row_that_lives_alone_is_never_convicted() {
        let mut task = Supervisor::new(Policy::default());
        let pause = Policy::default().back_off;
        task.judge(died(7));
        assert_eq!(task.judge(Event::Finished), [Action::Attempt(NOW)]);
        assert_eq!(task.judge(died(7)), [Action::Attempt(pause)]);
        assert_eq!(task.judge(died(7)), [Action::Attempt(pause * 2)]);
        assert_eq!(task.judge(died(7)), [Action::Fail(Failure::Deaths(3))]);
    }

    #[test]
    fn deaths_without_a_culprit_back_off_and_then_fail_the_task() {
        let mut task = Supervisor::new(Policy::default());
        let pause = Policy::default().back_off;
        assert_eq!(task.judge(died(None)), [Action::Attempt(pause)]);
        assert_eq!(task.judge(died(None)), [Action::Attempt(pause * 2)]);
        assert_eq!(task.judge(died(None)), [Action::Fail(Failure::Deaths(3))]);
    }

    #[test]
    fn too_many_killing_rows_fail_the_task() {
        let mut task = Supervisor::new(Policy { max_convicted: 1, ..Policy::default() });
        task.judge(died(1));
        task.judge(died(1));
        task.judge(died(2));
        assert_eq!(task.judge(died(2)), [Action::Convict(2), Action::Fail(Failure::Convicted(2))]);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Finished),
            Just(Event::AppError),
            proptest::option::of(1..4_u64).prop_map(|row| Event::Died(Death { row })),
        ]
    }

    proptest! {
        /// Model test: whatever happens, a row is convicted only after it was named by two deaths, never twice, and
        /// every task that meets only deaths comes to an end.
        #[test]
        fn nothing_is_convicted_that_did_not_kill_twice(events in proptest::collection::vec(event(), 0..60)) {
            let mut task = Supervisor::new(Policy::default());
            let mut named = std::collections::BTreeMap::new();
            let mut convicted = Vec::new();
            for event in events {
                if let Event::Died(Death { row: Some(row) }) = event {
                    if convicted.contains(&row) {
                        continue;
                    }
                    *named.entry(row).or_insert(0) += 1;
                }
                let actions = task.judge(event);
                for action in &actions {
                    if let Action::Convict(row) = action {
                        prop_assert!(named[row] >= 2);
                        prop_assert!(!convicted.contains(row));
                        convicted.push(*row);
                    }
                }
                let last = actions.last().cloned();
                prop_assert!(!matches!(last, None | Some(Action::Convict(_))), "an action must follow");
                if matches!(last, Some(Action::Finish | Action::Fail(_))) {
                    break;
                }
            }
        }

        #[test]
        fn a_task_whose_every_attempt_dies_ends(rows in proptest::collection::vec(proptest::option::of(1..50_u64), 400)) {
            let mut task = Supervisor::new(Policy::default());
            let mut convicted = Vec::new();
            let ended = rows.into_iter().any(|row| {
                let row = row.filter(|row| !convicted.contains(row));
                let actions = task.judge(died(row));
                convicted.extend(actions.iter().filter_map(|action| match action {
                    Action::Convict(row) => Some(*row),
                    _ => None,
                }));
                matches!(actions.last(), Some(Action::Fail(_)))
            });
            prop_assert!(ended);
        }
    }
}
