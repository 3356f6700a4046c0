//! What a run is given, and where it keeps how far it has come.
//!
//! ```text
//!   rows settle          sink commits ─▶ ledger ─▶ keeper, every 250 ms at most          (a kill costs so much work)
//!   a row is convicted   letter in the sink ─▶ skip list in the keeper ─▶ next attempt   (no row is lost, none kills again)
//!   an attempt has died  keeper ─▶ next attempt
//!   the run is over      the report carries the checkpoint: whoever ends the claim keeps both in one step
//! ```
//!
//! What is kept says never more than the sink has committed, so whoever goes on from it loses nothing. It may say less; then
//! documents come again under the same numbers, and count as stored.

use super::cast::{Cast, Slot};
use super::data_file::DataFile;
use super::stop::Stop;
use crate::sink::{BoxFuture, SinkError};
use crate::task::Checkpoint;
use crate::worker::protocol::Start;
use std::sync::Arc;

/// A task, and with what it is run.
pub struct Assignment<'a> {
    /// What it shares with other tasks.
    pub cast: &'a Arc<Cast>,
    /// Its slot, perhaps with a warm worker.
    pub slot: &'a mut Slot,
    /// Its file.
    pub file: &'a Arc<DataFile>,
    /// The number that its documents carry.
    pub task: u64,
    /// Where an earlier attempt left it.
    pub from: Checkpoint,
    /// Only these rows: a replay.
    pub rows: Option<Vec<Start>>,
    /// Where checkpoints are kept.
    pub keeper: &'a mut dyn Keeper,
    /// Tells when to stop.
    pub stop: Stop,
}

/// Keeps how far a task has come, durably.
pub trait Keeper {
    /// Keeps a checkpoint. What it says is settled is in the sink.
    fn keep<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<(), String>>;
}

/// For a run that nobody goes on with.
#[derive(Debug, Default)]
pub struct ForgetfulKeeper;

impl Keeper for ForgetfulKeeper {
    fn keep<'a>(&'a mut self, _checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why a run came to no report. What the sink had committed before is settled, and what was kept is true; running the task
/// again doubles nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The sink failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Its checkpoint could not be kept.
    #[error("the state of the task cannot be kept: {0}")]
    State(String),
}
