//! What is on its way into the sink, oldest first. Acknowledgements follow in the same order.
//!
//! A sink that cannot store just now is asked again and again, for as long as a broker lets a message be held without
//! complaint; meanwhile nothing more is taken from the worker, and then nothing more from the broker. What is given up goes back
//! to the broker and comes again, which the `_id`s make harmless.

use super::letters::Clerk;
use super::outcomes::{Delivery, Given, Tally};
use crate::sink::{BoxFuture, DocumentSink, SinkError, Written};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Most bytes that wait for the sink before nothing more is taken from the worker: documents, dead letters, and the messages
/// that they were made of, which are kept until nobody can ask for them any more.
const MAX_IN_FLIGHT: usize = 8 * 1024 * 1024;
/// First pause before a sink is asked again, doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a sink is asked again: well inside the half hour after which RabbitMQ takes a consumer for dead.
const PATIENCE: Duration = Duration::from_secs(600);

/// The sink of a consumer, and who writes dead letters.
pub(super) struct Shore {
    pub(super) sink: Arc<dyn DocumentSink>,
    pub(super) clerk: Clerk,
    /// It has been told that the sink cannot store.
    pub(super) is_told: AtomicBool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Flights {
    bytes: usize,
    queue: VecDeque<Flight>,
}

struct Flight {
    landing: JoinHandle<Result<Landed, SinkError>>,
    bytes: usize,
}

/// Messages of which everything is committed.
#[derive(Debug, Default)]
pub(super) struct Landed {
    pub(super) tally: Tally,
    pub(super) written: Written,
    /// They are acknowledged up to this tag.
    pub(super) up_to: u64,
}

impl Flights {
    /// Something is on its way.
    pub(super) fn any(&self) -> bool {
        !self.queue.is_empty()
    }

    /// More may be taken from the worker.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < MAX_IN_FLIGHT
    }

    /// Sends on its way what became of some of `given`.
    pub(super) fn launch(&mut self, shore: &Arc<Shore>, given: &Given, delivery: Delivery) {
        let Some(last) = delivery.messages.end.checked_sub(1) else { return };
        let up_to = given.messages[last].arrived.tag;
        let letter = |(message, reason): &(usize, String)| shore.clerk.letter(given, *message, 0, reason.clone());
        let letters: Vec<_> = delivery.rejected.iter().map(letter).collect();
        let bodies = usize::try_from(delivery.tally.bytes).unwrap_or(usize::MAX);
        let bytes = bodies + delivery.batch.bytes.len() + letters.iter().map(|letter| letter.raw.len()).sum::<usize>();
        let (shore, given) = (Arc::clone(shore), given.clone());
        self.push(bytes, async move {
            let Delivery { batch, tally, redeemed, .. } = delivery;
            let mut letters = letters;
            let mut written = Written::default();
            if !batch.documents.is_empty() {
                written = shore.insist(|| shore.sink.write(batch.clone())).await?;
                letters.extend(shore.clerk.refused(&given, &batch, &written.refused));
            }
            for (task, row) in redeemed {
                shore.insist(|| shore.sink.forget(task, vec![row])).await?;
            }
            if !letters.is_empty() {
                shore.insist(|| shore.sink.keep(letters.clone())).await?;
            }
            Ok(Landed { tally, written, up_to })
        });
    }

    /// Nothing is written, and what is launched before it has landed when it does.
    pub(super) fn launch_empty(&mut self, up_to: u64) {
        self.push(0, async move { Ok(Landed { up_to, ..Landed::default() }) });
    }

    fn push(&mut self, bytes: usize, flight: impl Future<Output = Result<Landed, SinkError>> + Send + 'static) {
        self.bytes += bytes;
        self.queue.push_back(Flight { landing: tokio::spawn(flight.in_current_span()), bytes });
    }

    /// Waits for the oldest. Cancel-safe.
    pub(super) async fn land(&mut self) -> Option<Result<Landed, SinkError>> {
        let landed = match (&mut self.queue.front_mut()?.landing).await {
            Ok(landed) => landed,
            Err(error) => Err(SinkError::Permanent { sink: "documents".into(), reason: error.to_string() }),
        };
        if let Some(Flight { bytes, .. }) = self.queue.pop_front() {
            self.bytes -= bytes;
        }
        Some(landed)
    }
}

impl Drop for Flights {
    /// What nobody waits for any more goes no further than it has come.
    fn drop(&mut self) {
        self.queue.iter().for_each(|flight| flight.landing.abort());
    }
}

impl Shore {
    /// Does it until it is done, or cannot be, or patience has run out.
    pub(super) async fn insist<'a, T>(
        &'a self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match attempt().await {
                Err(error @ SinkError::Transient { .. }) if began.elapsed() < PATIENCE => {
                    if !self.is_told.swap(true, Ordering::Relaxed) {
                        let stream = &self.clerk.stream;
                        tracing::warn!(%error, stream, "a stream waits for its sink, and loses nothing");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ok(done) => {
                    if self.is_told.load(Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed) {
                        tracing::info!(stream = self.clerk.stream, "the sink of a stream stores again");
                    }
                    return Ok(done);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
