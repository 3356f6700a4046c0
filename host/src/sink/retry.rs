//! A sink that tries again: what passes is waited for a little, with longer and longer pauses, before anybody hears of it.
//!
//! ```text
//!   write ─▶ passes? ─▶ pause ─▶ write ─▶ passes? ─▶ longer pause ─▶ … ─▶ the bound is reached: the error is handed on
//! ```
//! Nothing is lost or doubled by it, because writing the same again is safe, whether or not it was done the first time.
//! What lasts longer than the bound is the business of whoever called: the task goes back into the queue.
//!
//! Pauses are drawn at random from the upper half of what they may be, so that many who failed together do not come back
//! together. Only [`DocumentSink::write`] and [`DocumentSink::keep`] are tried again: on the way of the data somebody waits
//! who has nothing else to do; whoever asks for dead letters is told at once.

use super::{BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Sinks, Written};
use crate::tenant::TenantId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long, and in which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The first pause; each is twice the one before.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// No pause ends later than this after the first attempt began.
    pub within: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { first: Duration::from_millis(50), longest: Duration::from_secs(1), within: Duration::from_secs(5) }
    }
}

impl Patience {
    /// The pause after the `failed`th attempt (from 1) has failed, or none because it is enough. `random` is from 0 to 1.
    fn pause(&self, failed: u32, elapsed: Duration, random: f64) -> Option<Duration> {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failed - 1).unwrap_or(u32::MAX));
        let pause = doubled.min(self.longest).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
        (elapsed.saturating_add(pause) <= self.within).then_some(pause)
    }
}

/// A sink over another one. See the module.
pub struct RetryingSink {
    sink: Arc<dyn DocumentSink>,
    patience: Patience,
}

impl RetryingSink {
    /// Tries again what `sink` says that it passes.
    pub fn new(sink: Arc<dyn DocumentSink>, patience: Patience) -> RetryingSink {
        RetryingSink { sink, patience }
    }

    async fn patiently<'s, T>(
        &'s self,
        attempt: impl Fn() -> BoxFuture<'s, Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let error = match attempt().await {
                Err(error @ SinkError::Transient { .. }) => error,
                done => return done,
            };
            failed += 1;
            let Some(pause) = self.patience.pause(failed, began.elapsed(), fastrand::f64()) else { return Err(error) };
            tracing::warn!(%error, failed, "trying again in {pause:.2?}");
            tokio::time::sleep(pause).await;
        }
    }
}

impl DocumentSink for RetryingSink {
    fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(self.patiently(move || self.sink.write(batch.clone())))
    }

    fn keep(&self, letters: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(self.patiently(move || self.sink.keep(letters.clone())))
    }

    fn erase(&self, task: u64, limit: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        self.sink.erase(task, limit)
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
        self.sink.forget(task, rows)
    }
}

/// The sinks of all tenants, each of which tries again.
pub struct RetryingSinks<S> {
    sinks: S,
    patience: Patience,
}

impl<S: Sinks> RetryingSinks<S> {
    /// Has each sink of `sinks` try again.
    pub fn new(sinks: S, patience: Patience) -> RetryingSinks<S> {
        RetryingSinks { sinks, patience }
    }
}

impl<S: Sinks> Sinks for RetryingSinks<S> {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move {
            let sink = self.sinks.open(tenant, collection).await?;
            Ok(Arc::new(RetryingSink::new(sink, self.patience)) as Arc<dyn DocumentSink>)
        })
    }

    fn open_here<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move {
            let sink = self.sinks.open_here(tenant, collection).await?;
            Ok(Arc::new(RetryingSink::new(sink, self.patience)) as Arc<dyn DocumentSink>)
        })
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.sinks.leave()
    }

    fn answers(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        self.sinks.answers()
    }

    fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        self.sinks.stored_bytes(tenant)
    }

    fn close_idle(&self, idle: Duration) {
        self.sinks.close_idle(idle);
    }

    fn close_all(&self) {
        self.sinks.close_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::contract::{Batch, letter};
    use bson::doc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Fails so many times, then does what it is asked.
    struct Failing {
        failures: u32,
        asked: Arc<AtomicU32>,
        permanently: bool,
    }

    impl Failing {
        async fn done<T>(&self, value: T) -> Result<T, SinkError> {
            if self.asked.fetch_add(1, Ordering::SeqCst) >= self.failures {
                return Ok(value);
            }
            let (sink, reason) = ("trips".to_owned(), "no primary".to_owned());
            Err(match self.permanently {
                true => SinkError::Permanent { sink, reason },
                false => SinkError::Transient { sink, reason },
            })
        }
    }

    impl DocumentSink for Failing {
        fn write(&self, batch: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
            Box::pin(self.done(Written { stored: batch.documents.len() as u64, ..Written::default() }))
        }

        fn keep(&self, _: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
            Box::pin(self.done(()))
        }

        fn erase(&self, _: u64, _: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
            Box::pin(self.done(0))
        }

        fn letters<'a>(&'a self, _: &'a LetterFilter, _: usize) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
            Box::pin(self.done(Vec::new()))
        }

        fn count_letters<'a>(&'a self, _: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
            Box::pin(self.done(0))
        }

        fn forget(&self, _: u64, _: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
            Box::pin(self.done(0))
        }
    }

    fn failing(failures: u32, permanently: bool, within: Duration) -> (RetryingSink, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let sink = Failing { failures, asked: Arc::clone(&asked), permanently };
        let (first, longest) = (Duration::from_millis(2), Duration::from_millis(2));
        (RetryingSink::new(Arc::new(sink), Patience { first, longest, within }), asked)
    }

    fn batch() -> DocumentBatch {
        Batch::default().numbered((1, 1, 0), &doc! { "n": 1 }).build()
    }

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn what_passes_is_tried_again_until_it_has_passed() {
        let (sink, asked) = failing(3, false, LONG);
        assert_eq!(sink.write(batch()).await.unwrap().stored, 1);
        assert_eq!(asked.load(Ordering::SeqCst), 4);
        let (sink, asked) = failing(2, false, LONG);
        sink.keep(vec![letter(1, 1, 0)]).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_lasts_longer_than_the_bound_is_handed_on() {
        let (sink, asked) = failing(u32::MAX, false, Duration::ZERO);
        assert!(matches!(sink.write(batch()).await, Err(SinkError::Transient { .. })));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let (sink, asked) = failing(u32::MAX, false, Duration::from_millis(20));
        assert!(matches!(sink.write(batch()).await, Err(SinkError::Transient { .. })));
        assert!(asked.load(Ordering::SeqCst) <= 21, "a pause has at least a millisecond");
    }

    #[tokio::test]
    async fn what_cannot_be_helped_is_handed_on_at_once() {
        let (sink, asked) = failing(1, true, LONG);
        assert!(matches!(sink.write(batch()).await, Err(SinkError::Permanent { .. })));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_asks_for_letters_is_told_at_once() {
        let (sink, asked) = failing(1, false, LONG);
        assert!(sink.letters(&LetterFilter::default(), 1).await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_within_the_bound() {
        let ms = Duration::from_millis;
        let patience = Patience { first: ms(100), longest: ms(1000), within: ms(5000) };
        let pauses: Vec<_> = (1..=6).map(|failed| patience.pause(failed, ms(0), 1.0).unwrap()).collect();
        assert_eq!(pauses, [ms(100), ms(200), ms(400), ms(800), ms(1000), ms(1000)]);
        assert_eq!(patience.pause(1, ms(0), 0.0), Some(ms(50)));
        assert_eq!(patience.pause(5, ms(4000), 1.0), Some(ms(1000)));
        assert_eq!(patience.pause(5, ms(4001), 1.0), None);
        assert_eq!(patience.pause(u32::MAX, ms(0), 1.0), Some(ms(1000)));
    }
}
