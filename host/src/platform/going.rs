//! How this host goes: drained, then shut down.

use super::Platform;
use crate::journal::{Event, Happening};

impl Platform {
    /// Claims no more tasks and consumes no more messages here; tasks that run are finished. Lasts until the host is started
    /// anew. Answers how many tasks run.
    pub async fn drain(&self) -> usize {
        self.running.drain();
        self.streams.close().await;
        self.deed_of_host("this host is drained: it takes nothing more, and finishes what runs").await;
        self.running.all().len()
    }

    /// Stops this host as a signal would. Answers how many tasks run.
    pub async fn shut_down(&self) -> usize {
        self.deed_of_host("this host was told to shut down").await;
        let running = self.running.all().len();
        self.leave.cancel();
        running
    }

    /// Comes when somebody has asked the host to shut down.
    pub async fn leaving(&self) {
        self.leave.cancelled().await;
    }

    async fn deed_of_host(&self, sentence: &str) {
        let sentence = sentence.to_owned();
        self.batches.parts.journal.record(Event::now(None, Happening::Deed { sentence })).await;
    }
}
