//! What the manager does about a limit that was broken: a notification of the monitor and the tenant's policy become actions,
//! each with its reason for the journal. Pure.
//!
//! | broken | `throttle` | `pause` | `delete` |
//! |---|---|---|---|
//! | messages, bytes | told: the bucket holds the streams back already | those that want more are paused | those are deleted |
//! | storage | all that are started are paused: what they store would only add to it | the same | all are deleted |
//! | consumers | fewer, from whichever stream has most | the same | the same |
//! | streams | told: none more can be started | the same | the same |
//!
//! - Consumers come from the manager and started streams from an operator: neither is a deed of the tenant, and no policy
//!   punishes it for them.
//! - A stream that is paused stays so until somebody starts it (`mysimbdp streams start`), over a restart as well: nobody
//!   knows better when its tenant publishes less, and a stream that starts and stops by itself is one that nobody mends.
//! - A stream that is deleted has lost its queue with what waited in it; starting it makes an empty one.

use super::monitor::{Limit, Notification};
use crate::tenant::{OnBreach, StreamName};

/// A stream that is started, as the manager has it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its name.
    pub stream: &'a StreamName,
    /// Consumers that it has, on all hosts.
    pub consumers: usize,
    /// Consumers that it has at least.
    pub consumers_min: usize,
    /// Messages of it that wait.
    pub waiting: u64,
    /// Messages that were consumed in the window.
    pub messages: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing but to say so.
    Tell,
    /// It has so many consumers from now on.
    Consumers(usize),
    /// It stops, and its messages wait.
    Pause,
    /// It stops, and its queue goes with what waits in it.
    Delete,
}

impl Action {
    fn severity(self) -> u8 {
        match self {
            Action::Tell => 0,
            Action::Consumers(_) => 1,
            Action::Pause => 2,
            Action::Delete => 3,
        }
    }
}

/// What is to be done, with whom, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// With which stream; `None` where it is told of all of them.
    pub stream: Option<StreamName>,
    /// What.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
}

/// What is to be done about all of it: of several actions on one stream, the one that leaves least of it.
pub fn decide_all(notifications: &[Notification], started: &[Standing<'_>]) -> Vec<Decision> {
    let mut all: Vec<Decision> = Vec::new();
    for decision in notifications.iter().flat_map(|notification| decide(notification, started)) {
        let same = |known: &&mut Decision| known.action != Action::Tell && known.stream == decision.stream;
        match all.iter_mut().find(same).filter(|_| decision.action != Action::Tell) {
            Some(known) if known.action.severity() < decision.action.severity() => *known = decision,
            Some(_) => {}
            None => all.push(decision),
        }
    }
    all
}

/// What is to be done about it. `started` are the tenant's streams that are started.
pub fn decide(notification: &Notification, started: &[Standing<'_>]) -> Vec<Decision> {
    match (notification.limit, notification.policy) {
        (Limit::Consumers, _) => fewer(notification, started),
        (Limit::Streams, _) => vec![tell(notification)],
        (Limit::Messages | Limit::Bytes, OnBreach::Throttle) => vec![tell(notification)],
        (Limit::Storage, OnBreach::Throttle | OnBreach::Pause) => each(notification, started, Action::Pause),
        (Limit::Storage, OnBreach::Delete) => each(notification, started, Action::Delete),
        (Limit::Messages | Limit::Bytes, OnBreach::Pause) => {
            each(notification, &guilty(notification, started), Action::Pause)
        }
        (Limit::Messages | Limit::Bytes, OnBreach::Delete) => {
            each(notification, &guilty(notification, started), Action::Delete)
        }
    }
}

/// The streams that want more: the one that is named, else those that have messages waiting, else those that had any.
fn guilty<'a>(notification: &Notification, started: &[Standing<'a>]) -> Vec<Standing<'a>> {
    let those = |is: &dyn Fn(&Standing<'_>) -> bool| started.iter().copied().filter(|standing| is(standing)).collect();
    if let Some(stream) = &notification.stream {
        return those(&|standing| standing.stream == stream);
    }
    let waiting: Vec<Standing<'a>> = those(&|standing| standing.waiting > 0);
    if waiting.is_empty() { those(&|standing| standing.messages > 0) } else { waiting }
}

/// One consumer less, again and again, of whichever stream has most and may do with less, until the limit is kept.
fn fewer(notification: &Notification, started: &[Standing<'_>]) -> Vec<Decision> {
    let mut now: Vec<usize> = started.iter().map(|standing| standing.consumers).collect();
    let allowed = usize::try_from(notification.allowed).unwrap_or(usize::MAX);
    while now.iter().sum::<usize>() > allowed {
        let may_less = |index: &usize| now[*index] > started[*index].consumers_min;
        let Some(most) = (0..now.len()).filter(may_less).max_by_key(|index| now[*index]) else { break };
        now[most] -= 1;
    }
    let changed = started.iter().zip(now).filter(|(standing, now)| standing.consumers != *now);
    let decisions: Vec<Decision> = changed
        .map(|(standing, now)| Decision {
            stream: Some(standing.stream.clone()),
            ..of(notification, Action::Consumers(now))
        })
        .collect();
    // Each has its least: whoever lowered the limit has to stop a stream.
    if decisions.is_empty() { vec![tell(notification)] } else { decisions }
}

fn each(notification: &Notification, standings: &[Standing<'_>], action: Action) -> Vec<Decision> {
    let decision =
        |standing: &Standing<'_>| Decision { stream: Some(standing.stream.clone()), ..of(notification, action) };
    let decisions: Vec<Decision> = standings.iter().map(decision).collect();
    if decisions.is_empty() { vec![tell(notification)] } else { decisions }
}

fn tell(notification: &Notification) -> Decision {
    Decision { stream: notification.stream.clone(), ..of(notification, Action::Tell) }
}

fn of(notification: &Notification, action: Action) -> Decision {
    let what = match action {
        Action::Tell if matches!(notification.limit, Limit::Messages | Limit::Bytes) => "it is held to that",
        Action::Tell => "nothing was changed",
        Action::Consumers(_) => "consumers were taken away",
        Action::Pause => "the stream was paused; start it when that is mended",
        Action::Delete => "the stream was deleted, with what waited in its queue",
    };
    Decision { stream: None, action, reason: format!("{notification}. {what}") }
}

#[cfg(test)]
mod tests;
