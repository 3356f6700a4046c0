//! The slots: so many tasks run at the same time, each on a thread and an event loop of its own.
//!
//! ```text
//!   slot ── claim the next task ── work on it (work.rs) ── end the claim, claim the next ── work on it ── …
//!     │            │ none                                              │ none: as at the beginning
//!     │            └── wait until the queue has changed; let idle workers end meanwhile
//!     └── told to stop: nothing more is claimed, what runs is interrupted, checkpointed and given back
//! ```
//!
//! A slot has a thread because a worker's socket, and what is between it and the sink, then stay on one event loop: a task
//! costs what it costs in `mysimbdp run`.

use super::shelf::Shelf;
use super::stop::Why;
use super::work::{self, Desk};
use crate::queue::{Claim, QueueError};
use crate::task::TaskRecord;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{Instrument as _, Span};

/// How long a slot waits after the queue could not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a slot without work sleeps at most.
const NAP: Duration = Duration::from_secs(5);

/// The slots of a host. Dropping them stops them.
#[derive(Debug)]
pub struct Slots {
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    released: Arc<AtomicU64>,
}

/// Whether the queue answers no slot just now.
#[derive(Clone, Debug, Default)]
struct Outage(Arc<AtomicBool>);

impl Outage {
    /// It has not answered. Told once for all slots, however long it lasts.
    fn begins(&self, error: &QueueError) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "no task can be claimed; trying again until it works");
        }
    }

    /// It has answered.
    fn ends(&self) {
        if self.0.swap(false, Ordering::Relaxed) {
            tracing::info!("tasks are claimed again");
        }
    }
}

impl Slots {
    /// Starts `count` of them.
    ///
    /// # Errors
    /// A thread or its event loop cannot be started.
    pub fn start(count: usize, desk: Arc<Desk>) -> io::Result<Slots> {
        let (stop, _) = watch::channel(false);
        let released = Arc::new(AtomicU64::new(0));
        let mut slots = Slots { desk, stop, threads: Vec::new(), released };
        let outage = Outage::default();
        for number in 1..=count {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (desk, stopped) = (Arc::clone(&slots.desk), slots.stop.subscribe());
            let (released, outage) = (Arc::clone(&slots.released), outage.clone());
            let slot = move || runtime.block_on(Slot { number, desk, stopped, released, outage }.run());
            slots.threads.push(thread::Builder::new().name(format!("slot-{number}")).spawn(slot)?);
        }
        Ok(slots)
    }

    /// Claims nothing more, interrupts what runs, and waits until it is checkpointed and given back. Blocks. Answers how
    /// many tasks that were.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.released.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        self.desk.running.stop_all(&Why::Shutdown);
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                tracing::error!("a slot has panicked: this is a mistake in mysimbdp");
            }
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.end();
    }
}

struct Slot {
    number: usize,
    desk: Arc<Desk>,
    stopped: watch::Receiver<bool>,
    released: Arc<AtomicU64>,
    outage: Outage,
}

impl Slot {
    async fn run(mut self) {
        let mut shelf = Shelf::new(self.desk.warm);
        let mut at_hand = None;
        while let Some(claim) = self.next(&mut shelf, at_hand.take()).await {
            let stopping = self.stopped.clone();
            let span = span(&claim.task, self.number);
            let over = work::work(&self.desk, &mut shelf, self.number, claim, stopping).instrument(span).await;
            self.released.fetch_add(u64::from(over.released), Ordering::Relaxed);
            at_hand = over.next;
        }
        shelf.close().await;
    }

    /// The next task, which may be `at_hand` already, or none because the host stops.
    async fn next(&mut self, shelf: &mut Shelf, at_hand: Option<Claim>) -> Option<Claim> {
        if at_hand.is_some() {
            // Claimed before anybody said stop, or in that moment: then it is given back at once.
            return at_hand;
        }
        loop {
            if *self.stopped.borrow() {
                return None;
            }
            if self.desk.running.is_drained() {
                // Until the host stops.
                let _stopped = self.stopped.changed().await;
                continue;
            }
            let mut nap = NAP;
            let claimed = self.desk.parts.queue.claim(&self.desk.parts.host, self.desk.lease).await;
            let unavailable = claimed.is_err();
            match claimed {
                Ok(claim) => {
                    self.outage.ends();
                    if claim.is_some() {
                        return claim;
                    }
                }
                Err(error) => {
                    self.outage.begins(&error);
                    nap = PAUSE;
                }
            }
            let desk = Arc::clone(&self.desk);
            let is_live = |of: &super::shelf::Use| desk.is_live(&of.tenant, &of.app, &of.generation);
            let idle = shelf.tidy(Instant::now(), is_live).await;
            let nap = idle.map_or(nap, |idle| nap.min(idle.max(Duration::from_millis(10))));
            tokio::select! {
                () = self.desk.parts.queue.changed(), if !unavailable => {}
                () = tokio::time::sleep(nap) => {}
                _ = self.stopped.changed() => {}
            }
        }
    }
}

/// What every line that is logged of an attempt carries: of the highest level, so that no filter takes it from the lines that it
/// lets through.
fn span(task: &TaskRecord, slot: usize) -> Span {
    let TaskRecord { number, epoch, tenant, app, .. } = task;
    tracing::error_span!("task", task = number, epoch, %tenant, %app, slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::running::tests::record;
    use crate::task::Counts;
    use crate::telemetry::lines::Kept;
    use tracing::instrument::WithSubscriber as _;

    #[tokio::test]
    async fn what_others_do_for_a_task_is_told_with_its_ids() {
        let kept = Kept::default();
        let log = kept.log("warn");
        let span = tracing::dispatcher::with_default(&log, || span(&record(Counts::default()), 1));
        let work = async {
            let flight = async { tracing::warn!("the sink waits") };
            tokio::spawn(flight.in_current_span().with_current_subscriber()).await.unwrap();
        };
        work.instrument(span).with_subscriber(log).await;
        let lines = kept.lines();
        let said = &lines[0]["span"];
        assert_eq!((&said["task"], &said["epoch"], &said["slot"]), (&7.into(), &2.into(), &1.into()), "{lines:?}");
        assert_eq!((&said["tenant"], &said["app"]), (&"acme".into(), &"csv".into()));
    }
}
