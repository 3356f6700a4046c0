//! A consumer at work: from the broker's hands to the acknowledgement, for as long as the connection lasts.
//!
//! ```text
//!   turn:  a flight has landed ─▶ acknowledge     first: it makes room
//!          the worker speaks   ─▶ launch          only while few bytes wait for the sink
//!          messages have come  ─▶ hand over       only while few bundles wait for the worker
//! ```
//!
//! No timer lies in the way of a message: what has come is handed over at once, and what comes while the worker is at it is the next
//! bundle. A few bundles are handed over before the first is answered, so that worker and host work at the same time; but only
//! such as are worth it: a bundle costs the same wake-ups whatever is in it, and a small one that comes no sooner to the app
//! grows meanwhile. Where an app takes long, bundles become smaller: a death or a stop has less to do again.

use super::crew::{Cast, Crew, Desk, InHand, Obstacle};
use super::flights::{Flights, Landed};
use super::outcomes::{self, BrokeOff, Given};
use super::permits::Permit;
use super::watch::{TICK, Watch};
use crate::batch::death::Cause;
use crate::batch::stop::Stop;
use crate::broker::{BrokerError, Bundle, Consumer, Room};
use crate::failpoint;
use crate::quota::bucket::Amount;
use crate::sink::SinkError;
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::Worker;
use crate::worker::protocol::{Done, Ending};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Bundles that are handed over and not answered.
const DEPTH: usize = 4;
/// A bundle shall not keep an app busy for longer.
const BUNDLE_TIME: Duration = Duration::from_millis(200);
/// Messages of a bundle before anything is known of how long they take.
const FIRST_BUNDLE: usize = 32;
/// A bundle is handed over behind others where it has this part of the messages, or the bytes, that it may have.
const WORTHWHILE: usize = 4;
/// How long what is on its way may take once the consumer is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Why a consumer goes no further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interruption {
    /// The connection or the queue is gone.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The sink does not store.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Something that it needs is not there.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// No worker can be started, or none lives long enough.
    #[error("{0}")]
    Worker(String),
    /// It may hold far more, or far less, than it can serve in a while: it subscribes anew.
    #[error("it holds another number of messages than it can serve")]
    Misjudged,
    /// It was told to stop while it waited.
    #[error("it was told to stop")]
    Stopped,
}

/// How a worker fell.
#[derive(Debug)]
pub(super) enum Fall {
    /// It is dead or dying of this; `None` where only its remains can tell.
    Died(Option<Cause>),
    /// It panicked at the first message that has not come to its end.
    Panicked(String),
    /// The app failed; the worker lives.
    Failed(String),
}

/// See the module.
pub(super) struct Session<'a> {
    pub(super) desk: &'a Desk,
    pub(super) crew: &'a Crew,
    pub(super) cast: Cast,
    pub(super) inbox: Box<dyn Consumer>,
    pub(super) permit: Option<Permit>,
    pub(super) worker: Option<(Worker, Watch)>,
    /// What the worker was given and has not come to its end, each with the tag that its outcomes carry.
    pub(super) given: VecDeque<(u32, Given)>,
    pub(super) flights: Flights,
    pub(super) stop: Stop,
    /// Messages that have come to their end, of all workers.
    pub(super) done: u64,
    /// Something was acknowledged.
    pub(super) gets_on: bool,
    pub(super) bundle: Bundle,
    /// What comes next has no room in the bundle.
    is_full: bool,
    /// What was taken and has not come to its end.
    pub(super) hand: InHand<'a>,
    /// Messages that the broker lets it hold.
    prefetch: u16,
    idle_since: Instant,
}

impl<'a> Session<'a> {
    /// One that the broker lets hold `prefetch` messages.
    pub(super) fn new(
        desk: &'a Desk,
        crew: &'a Crew,
        cast: Cast,
        (inbox, prefetch): (Box<dyn Consumer>, u16),
        stop: Stop,
    ) -> Session<'a> {
        Session {
            desk,
            crew,
            cast,
            inbox,
            permit: None,
            worker: None,
            given: VecDeque::new(),
            flights: Flights::default(),
            stop,
            done: 0,
            gets_on: false,
            bundle: Bundle::default(),
            is_full: false,
            hand: crew.hand(),
            prefetch,
            idle_since: Instant::now(),
        }
    }

    /// Works until it is told to stop.
    ///
    /// # Errors
    /// See [`Interruption`]. What is not acknowledged goes back to the broker with the session.
    pub(super) async fn run(&mut self) -> Result<(), Interruption> {
        let mut stopped_at = None;
        loop {
            if self.stop.why().is_some() {
                let since = *stopped_at.get_or_insert_with(Instant::now);
                if self.is_quiet() || since.elapsed() > GRACE {
                    return Ok(());
                }
            }
            let is_over = self.permit.as_ref().is_some_and(|permit| self.desk.permits.is_over(permit));
            let is_outdated = self.is_outdated();
            let now = self.crew.prefetch();
            let is_misjudged = self.prefetch / 4 >= now || now / 8 >= self.prefetch;
            if self.is_quiet() && is_misjudged && self.bundle.messages.is_empty() {
                return Err(Interruption::Misjudged);
            }
            if self.is_quiet() && (is_outdated || is_over) {
                self.retire().await;
                if is_outdated {
                    self.cast = self.desk.cast(self.crew).await?;
                }
                continue;
            }
            // What came while the last generation was live is given to the one that is live now.
            if self.is_worthwhile() && !is_outdated && stopped_at.is_none() {
                self.is_full = false;
                self.hand_over().await?;
                continue;
            }
            let may_take = stopped_at.is_none() && !is_outdated && !is_over && !is_misjudged;
            if let Some(fall) = self.turn(may_take).await? {
                self.rescue(fall).await?;
            }
        }
    }

    /// Nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.given.is_empty() && !self.flights.any()
    }

    /// The bundle is to be handed over as it is.
    fn is_worthwhile(&self) -> bool {
        let (Room { messages, bytes }, bundle) = (self.room(), &self.bundle);
        let is_much = bundle.messages.len() >= messages / WORTHWHILE || bundle.payload.len() >= bytes / WORTHWHILE;
        !bundle.messages.is_empty() && (self.given.is_empty() || is_much || self.is_full)
    }

    /// Another generation is live than the one it works with, or none.
    fn is_outdated(&self) -> bool {
        self.desk.live(self.crew).is_none_or(|live| live.hash() != self.cast.generation.hash())
    }

    /// Waits for one thing to happen and does what follows from it.
    pub(super) async fn turn(&mut self, may_take: bool) -> Result<Option<Fall>, Interruption> {
        if let Some(cause) = self.watch() {
            return Ok(Some(Fall::Died(Some(cause))));
        }
        let has_room = self.flights.has_room();
        let mut may_take = may_take && has_room && self.given.len() < DEPTH && !self.has_enough();
        let (had_messages, had_bytes) = (self.bundle.messages.len(), self.bundle.body_bytes());
        let (is_busy, has_worker, told) = (!self.is_quiet(), self.worker.is_some(), self.stop.why().is_some());
        let wish = self.desk.permits.wish();
        let mut pause = if is_busy || told || self.desk.permits.are_wanted() { TICK } else { self.desk.warm };
        let mut room = self.room();
        let mut is_held_back = false;
        match self.crew.gate.allowed() {
            _ if !may_take => {}
            // What is in the bundle was allowed before.
            Ok(allowed) => room = room.within(allowed.plus(Amount { messages: had_messages as u64, bytes: had_bytes })),
            Err(wait) => {
                (may_take, is_held_back) = (false, true);
                pause = pause.min(wait.max(Duration::from_millis(2)));
            }
        }
        tokio::select! {
            biased;
            Some(landed) = self.flights.land(), if self.flights.any() => self.settle(landed?).await?,
            received = receive(&mut self.worker), if has_room && has_worker => return self.hear(received).await,
            taken = self.inbox.next(room, &mut self.bundle), if may_take => {
                taken?;
                let messages = (self.bundle.messages.len() - had_messages) as u64;
                let bytes = self.bundle.body_bytes() - had_bytes;
                self.is_full = messages == 0;
                self.crew.gate.take(Amount { messages, bytes });
                self.crew.has_seen(messages, bytes);
                self.hand.taken(messages);
            }
            _ = self.stop.wait(), if !told => {}
            () = wish, if has_worker && !is_busy => {}
            () = sleep(pause), if is_busy || has_worker || told || is_held_back => self.rest().await,
        }
        Ok(None)
    }

    /// Others wait for a worker, and this one is busy for a bundle's time with what it has: more would make its turn longer.
    fn has_enough(&self) -> bool {
        let pending = self.given.iter().map(|(_, given)| (given.messages.len() - given.done) as u64).sum::<u64>();
        let time = Duration::from_nanos(pending.saturating_mul(self.crew.pace()));
        self.desk.permits.are_wanted() && pending > 0 && (self.crew.pace() == 0 || time >= BUNDLE_TIME)
    }

    /// How much is taken at once.
    fn room(&self) -> Room {
        let settings = &self.crew.settings;
        let by_time = match self.crew.pace() {
            0 if self.desk.permits.are_wanted() => 1,
            0 => FIRST_BUNDLE,
            pace => usize::try_from(BUNDLE_TIME.as_nanos() / u128::from(pace)).unwrap_or(usize::MAX),
        };
        Room { messages: by_time.clamp(1, settings.batch_messages), bytes: settings.batch_bytes }
    }

    /// A worker that has nothing to do goes when its time has come, or at once where others wait for one.
    async fn rest(&mut self) {
        if self.is_quiet() && (self.desk.permits.are_wanted() || self.idle_since.elapsed() >= self.desk.warm) {
            self.retire().await;
        }
    }

    /// What is committed is acknowledged and counted.
    async fn settle(&mut self, landed: Landed) -> Result<(), Interruption> {
        failpoint::cross("stream.committed");
        self.inbox.acknowledge(landed.up_to).await?;
        self.crew.meter.settled(&landed.tally, &landed.written);
        self.hand.settled(landed.tally.messages);
        self.crew.gets_on();
        self.gets_on = true;
        self.idle_since = Instant::now();
        Ok(())
    }

    /// Starts a worker, as soon as there may be one.
    pub(super) async fn start(&mut self) -> Result<Worker, Interruption> {
        let (desk, spec, key) = (self.desk, &self.cast.spec, &self.crew.key);
        let permit = &mut self.permit;
        let starting = async {
            if permit.is_none() {
                *permit = Some(desk.permits.take(key).await);
            }
            Worker::start(&desk.spawner, spec).await
        };
        let mut stop = self.stop.clone();
        let started = tokio::select! {
            biased;
            _ = stop.wait() => return Err(Interruption::Stopped),
            started = starting => started,
        };
        started.map_err(|error| Interruption::Worker(format!("app {} cannot be started: {error}", spec.label)))
    }

    /// What the worker said.
    async fn hear(&mut self, received: Result<Option<(u32, Frame)>, LinkError>) -> Result<Option<Fall>, Interruption> {
        let broke = |how: String| Ok(Some(Fall::Died(Some(Cause::BrokeProtocol(how)))));
        let (tag, frame) = match received {
            Ok(Some(heard)) => heard,
            // One that died while it had nothing to do died of no message.
            Ok(None) | Err(LinkError::Io(_) | LinkError::Half { .. }) if self.given.is_empty() => {
                self.retire().await;
                return Ok(None);
            }
            Ok(None) | Err(LinkError::Io(_) | LinkError::Half { .. }) => return Ok(Some(Fall::Died(None))),
            Err(error) => return broke(error.to_string()),
        };
        let Some((expected, given)) = self.given.front_mut() else {
            return match frame {
                Frame::Log(line) => {
                    self.crew.log(&self.desk.parts.journal, &line);
                    Ok(None)
                }
                frame => broke(format!("it sent a {:?} frame with nothing to do", frame.kind())),
            };
        };
        match frame {
            Frame::Log(line) => self.crew.log(&self.desk.parts.journal, &line),
            frame if tag != *expected => {
                return broke(format!(
                    "it sent a {:?} frame with the tag {tag}, where {expected} comes next",
                    frame.kind()
                ));
            }
            Frame::Outcomes(payload) => match outcomes::take(given, payload) {
                Ok(mut delivery) => {
                    let broke_off = delivery.broke_off.take();
                    self.done += delivery.tally.messages;
                    self.crew.set_pace(paced(self.crew.pace(), &delivery.tally.nanos));
                    self.flights.launch(&self.cast.shore, given, delivery);
                    if given.is_done() {
                        self.given.pop_front();
                        self.set_aside();
                    }
                    if let Some((_, watch)) = &mut self.worker {
                        watch.progressed();
                    }
                    return Ok(broke_off.map(|how| match how {
                        BrokeOff::Failed(reason) => Fall::Failed(reason),
                        BrokeOff::Panicked(reason) => Fall::Panicked(reason),
                    }));
                }
                Err(violation) => return broke(violation.to_string()),
            },
            // The app could not be made.
            Frame::Done(Done { ending: Ending::Error { reason } | Ending::Panic { reason }, .. }) => {
                return Ok(Some(Fall::Failed(reason)));
            }
            frame => return broke(format!("it sent a {:?} frame while it had messages", frame.kind())),
        }
        Ok(None)
    }

    /// Looks at the worker's memory and deadline, however busy it keeps the host.
    fn watch(&mut self) -> Option<Cause> {
        let (worker, watch) = self.worker.as_mut()?;
        if self.given.is_empty() || !self.flights.has_room() {
            watch.progressed();
        }
        watch.bill(worker, &self.crew.meter);
        watch.look(worker, self.cast.spec.limits, self.cast.stall)
    }

    /// Lets the worker end, in peace.
    pub(super) async fn retire(&mut self) {
        if let Some((mut worker, mut watch)) = self.worker.take() {
            watch.sample(&mut worker);
            let remains = worker.retire().await;
            watch.close(&remains, &self.crew.meter);
        }
        self.permit = None;
    }
}

async fn receive(worker: &mut Option<(Worker, Watch)>) -> Result<Option<(u32, Frame)>, LinkError> {
    match worker {
        Some((worker, _)) => worker.receive().await,
        None => std::future::pending().await,
    }
}

/// Nanoseconds for a message lately, with these.
fn paced(before: u64, nanos: &[u32]) -> u64 {
    let Ok(count) = u64::try_from(nanos.len()) else { return before };
    let mean = nanos.iter().copied().map(u64::from).sum::<u64>().checked_div(count);
    match mean {
        Some(mean) if before == 0 => mean,
        Some(mean) => (before * 7 + mean * 3) / 10,
        None => before,
    }
}
