//! What a finished attempt means for its task: done, tried again, parked. Pure.

use super::report::{TaskOutcome, TaskReport};
use super::stop::Why;
use crate::queue::Ending;
use crate::task::TaskState;
use std::time::Duration;

/// Longest pause before a task is tried again.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Causes that another attempt may not meet again. A limit that was reached, or a row that kills, will be met again.
const MAY_PASS: [&str; 4] = ["app_error", "deaths", "sink", "start"];

/// How patient a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts that failed before this one.
    pub failed: u32,
    /// Attempts at a task before it is parked.
    pub attempts: u32,
    /// Pause after the first attempt; doubled after each further one, up to [`LONGEST_PAUSE`].
    pub pause: Duration,
}

impl Patience {
    /// The pause before the next attempt; `None` where this one was the last.
    pub fn next(&self, cause: &str) -> Option<Duration> {
        let again = MAY_PASS.contains(&cause) && self.failed + 1 < self.attempts;
        again.then(|| self.pause_after(self.failed))
    }

    /// The pause after so many failures.
    pub fn pause_after(&self, failed: u32) -> Duration {
        self.pause.saturating_mul(2_u32.saturating_pow(failed.min(16))).min(LONGEST_PAUSE)
    }
}

/// How a claim ends whose attempt made this report; `None` where nothing may be written any more, since another has it.
pub fn ending(report: &TaskReport, stopped: Option<&Why>, patience: &Patience) -> Option<Ending> {
    let reason = || report.reason.clone().unwrap_or_default();
    match (report.outcome, stopped) {
        (TaskOutcome::Done, _) => Some(Ending::Done),
        (TaskOutcome::Partial, _) => Some(Ending::Partial(reason())),
        (_, Some(Why::Lost)) => None,
        (TaskOutcome::Interrupted, Some(Why::Cancelled)) => Some(Ending::Cancelled),
        (TaskOutcome::Interrupted, _) => Some(Ending::Released),
        (TaskOutcome::Failed, _) => {
            let pause = patience.next(report.cause.unwrap_or_default());
            Some(pause.map_or_else(|| Ending::Parked(reason()), |pause| Ending::Again(reason(), pause)))
        }
    }
}

/// The state in which an ending leaves a task.
pub fn state_after(ending: &Ending) -> TaskState {
    match ending {
        Ending::Done => TaskState::Done,
        Ending::Partial(_) => TaskState::Partial,
        Ending::Again(..) | Ending::Deferred(..) | Ending::Released => TaskState::Waiting,
        Ending::Parked(_) => TaskState::Parked,
        Ending::Cancelled => TaskState::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { failed: 0, attempts: 3, pause: Duration::from_secs(2) };

    #[test]
    fn an_app_that_fails_is_tried_again_with_growing_pauses_and_then_parked() {
        assert_eq!(PATIENCE.next("app_error"), Some(Duration::from_secs(2)));
        assert_eq!(Patience { failed: 1, ..PATIENCE }.next("app_error"), Some(Duration::from_secs(4)));
        assert_eq!(Patience { failed: 2, ..PATIENCE }.next("app_error"), None);
    }

    #[test]
    fn a_limit_that_was_reached_is_not_run_into_again() {
        for cause in ["rows", "documents", "dead_letters", "killing_rows", "cpu", "time", "storage"] {
            assert_eq!(PATIENCE.next(cause), None, "{cause}");
        }
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        assert_eq!(PATIENCE.pause_after(1_000), LONGEST_PAUSE);
    }
}
