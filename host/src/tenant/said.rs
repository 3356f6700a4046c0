//! What shall become of a stream, as somebody or a limit has said last. Kept by the task queue, for all hosts that share it.
//!
//! A stream of which nothing was said does what the configuration says (`enabled`). What was stopped stays stopped over a
//! restart, with the reason.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a stream runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// It has consumers.
    Started,
    /// It has none; its queue stays, and messages wait in it.
    Stopped,
    /// As stopped, because a limit was broken.
    Paused,
    /// Its queue is gone, because a limit was broken: what is published for it is refused.
    Deleted,
}

impl StreamState {
    /// All of them.
    pub const ALL: [StreamState; 4] =
        [StreamState::Started, StreamState::Stopped, StreamState::Paused, StreamState::Deleted];

    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            StreamState::Started => "started",
            StreamState::Stopped => "stopped",
            StreamState::Paused => "paused",
            StreamState::Deleted => "deleted",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<StreamState> {
        StreamState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What was said of a stream last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it shall be.
    pub state: StreamState,
    /// Why.
    pub reason: String,
    /// Since when, by the queue's clock.
    pub since: Timestamp,
}
