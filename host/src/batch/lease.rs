//! The claim as whoever works under it sees it: how long it surely holds, and a sink that takes nothing once it may not.
//!
//! The queue fences its own writes by the claim's epoch. A sink knows no epochs, so what is written to it is fenced here:
//!
//! ```text
//!   write, keep     only while the lease holds by this host's own clock: the claim is then nobody else's
//!   erase, forget   what would take away from a successor: the lease is renewed under its epoch right before each step
//! ```
//! A host that was held up for longer than its lease (a stopped process, a machine that slept) finds it over when it goes on,
//! whatever it was doing, and writes nothing more. What it had sent before may still arrive: documents carry the numbers
//! that a successor gives them too, and the first stays.

use super::stop::{Stopper, Why};
use crate::queue::{Claim, ClaimKey, Moment, QueueError, Standing, TaskQueue};
use crate::sink::{BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The lease of one claim.
pub(super) struct Lease {
    queue: Arc<dyn TaskQueue>,
    key: ClaimKey,
    length: Duration,
    until: Mutex<Moment>,
}

impl Lease {
    pub(super) fn new(queue: Arc<dyn TaskQueue>, claim: &Claim, length: Duration) -> Arc<Lease> {
        Arc::new(Lease { queue, key: claim.key(), length, until: Mutex::new(claim.asked + length) })
    }

    /// Prolongs it. It holds from when that was asked for.
    ///
    /// # Errors
    /// The claim is lost, or the queue cannot answer.
    pub(super) async fn renew(&self) -> Result<Standing, QueueError> {
        let asked = Moment::now();
        let standing = self.queue.renew(self.key, self.length).await?;
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Two may be under way, and the later one be answered first.
        *until = (*until).max(asked + self.length);
        drop(until);
        Ok(standing)
    }

    /// It holds until then.
    #[cfg(test)]
    fn set(&self, until: Moment) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// For how long it surely holds; nothing where it may be over.
    pub(super) fn left(&self) -> Duration {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).left()
    }
}

/// The sink of a claim. See the module.
pub(super) struct FencedSink {
    pub(super) sink: Arc<dyn DocumentSink>,
    pub(super) lease: Arc<Lease>,
    pub(super) stopper: Stopper,
}

impl FencedSink {
    /// Does it for as long as the lease holds.
    async fn held<T>(&self, doing: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
        let mut doing = pin!(doing);
        loop {
            let left = self.lease.left();
            if left.is_zero() {
                return Err(self.lost("its lease has run out"));
            }
            tokio::select! {
                biased;
                // It may have been renewed meanwhile.
                () = sleep(left) => {}
                done = &mut doing => return done,
            }
        }
    }

    /// Does it right after the queue has said that the claim is held.
    async fn confirmed<T>(&self, doing: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
        match self.lease.renew().await {
            Ok(_) => self.held(doing).await,
            Err(QueueError::Transient(reason)) => {
                Err(SinkError::Transient { sink: "documents".into(), reason: format!("the claim is unsure: {reason}") })
            }
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    fn lost(&self, reason: &str) -> SinkError {
        self.stopper.stop(Why::Lost);
        SinkError::Transient { sink: "documents".into(), reason: format!("the claim is lost: {reason}") }
    }
}

impl DocumentSink for FencedSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(self.held(self.sink.write(batch)))
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(self.held(self.sink.keep(letters)))
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(self.confirmed(self.sink.erase(task, limit)))
    }

    fn letters<'a>(
        &'a self,
        filter: &'a LetterFilter,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        self.sink.letters(filter, limit)
    }

    fn count_letters<'a>(&'a self, filter: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        self.sink.count_letters(filter)
    }

    fn forget(&self, task: u64, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(self.confirmed(self.sink.forget(task, rows)))
    }
}

#[cfg(test)]
mod tests;
