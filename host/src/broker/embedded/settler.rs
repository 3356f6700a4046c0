//! The thread that has what is settled written when nothing else is: soon after, or at once when a consumer has gone. What is
//! published meanwhile takes it along ([`Settling`](super::settling::Settling)), and then there is nothing left to do.

use super::settling::Settle;
use super::shared::Shared;
use crate::sqlite::{Asker, Trouble};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Something is to be written soon.
    Soon,
    /// Something is to be written now.
    Now,
    /// Write it and stop.
    Stop,
}

pub(super) struct Settler {
    pub(super) shared: Arc<Shared>,
    pub(super) asker: Asker,
    pub(super) runtime: Runtime,
    pub(super) signals: Receiver<Signal>,
    /// How long something may wait.
    pub(super) linger: Duration,
}

impl Settler {
    pub(super) fn run(self) {
        let mut told = self.signals.recv().unwrap_or(Signal::Stop);
        loop {
            if told == Signal::Soon {
                told = self.wait(self.linger);
            }
            let settled = self.settle_all(told == Signal::Stop);
            if let Err(trouble) = &settled {
                tracing::warn!(
                    path = %self.shared.path.display(),
                    "acknowledgements cannot be written just now, and come again after a restart: {}", trouble.words
                );
            }
            told = match (told, settled) {
                (Signal::Stop, _) => return,
                (_, Ok(())) => self.signals.recv().unwrap_or(Signal::Stop),
                (_, Err(_)) => self.wait(PAUSE),
            };
        }
    }

    /// Until something is to be written now, or the time is over.
    fn wait(&self, time: Duration) -> Signal {
        let until = Instant::now() + time;
        loop {
            match self.signals.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Signal::Soon) => {}
                Ok(signal) => return signal,
                Err(RecvTimeoutError::Timeout) => return Signal::Now,
                Err(RecvTimeoutError::Disconnected) => return Signal::Stop,
            }
        }
    }

    /// At the end, chunks that are still there are left to the next one who opens the file.
    fn settle_all(&self, at_the_end: bool) -> Result<(), Trouble> {
        while self.shared.has_unwritten() {
            let settle = async {
                let room = self.asker.room(0).await?;
                self.asker.ask(room, Settle::new(&self.shared)).await
            };
            let more = self.runtime.block_on(settle)?;
            if !more || at_the_end {
                break;
            }
        }
        Ok(())
    }
}
