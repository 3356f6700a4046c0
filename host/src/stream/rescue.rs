//! After a worker has fallen: which message was it, and what becomes of the others.
//!
//! The supervisor of the batch half judges; a message is known to it by the broker's tag, which rises as rows do. What has come
//! to its end before the fall is on its way into the sink and stays there. What has not is done again, in its order, in a fresh
//! worker; the message that is named by the fall runs alone before that, and is a dead letter where it kills there too. Nothing
//! new is taken from the broker until all of it has come to its end.
//!
//! Where nobody can be named and workers fall again and again without getting on, everything is given back to the broker, and
//! the consumer waits before it comes again. Nothing is convicted by that.

use super::outcomes::{Given, Held, Tally};
use super::session::{Fall, Interruption, Session};
use super::watch::{TICK, Watch};
use crate::batch::death::{Cause, Death};
use crate::broker::Arrived;
use crate::failpoint;
use crate::journal::{Event, Happening};
use crate::sink::Written;
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::Remains;
use crate::worker::recorder::Claim;
use crate::worker::supervisor::{self, Action, Policy, Supervisor};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::sleep;

/// Messages and bytes of one bundle of what is done again.
const AGAIN_MESSAGES: usize = 256;
const AGAIN_BYTES: usize = 1 << 20;

/// What is known while a rescue lasts.
struct Rescue {
    supervisor: Supervisor,
    convicted: BTreeSet<u64>,
    /// Of each message that was named, how the worker fell.
    causes: BTreeMap<u64, Cause>,
    /// Messages that had come to their end at the last fall.
    done: u64,
    /// The last thing that was told of a fall.
    last: String,
}

impl Session<'_> {
    /// Brings what the fallen worker was given to its end.
    ///
    /// # Errors
    /// It cannot be; everything goes back to the broker with the session.
    pub(super) async fn rescue(&mut self, fall: Fall) -> Result<(), Interruption> {
        let policy = Policy { max_convicted: u32::MAX, ..Policy::default() };
        let last_tag = self.given.back().and_then(|(_, given)| given.messages.last()).map(|held| held.arrived.tag);
        let mut rescue = Rescue {
            supervisor: Supervisor::new(policy),
            convicted: BTreeSet::new(),
            causes: BTreeMap::new(),
            done: 0,
            last: String::new(),
        };
        let mut event = self.fallen(&mut rescue, fall).await;
        loop {
            let mut next = None;
            for action in rescue.supervisor.judge(event) {
                if self.stop.why().is_some() && action != Action::Finish {
                    return Err(Interruption::Stopped);
                }
                next = match action {
                    Action::Convict(tag) => {
                        self.convict(&mut rescue, tag).await?;
                        None
                    }
                    Action::Attempt(pause) => {
                        self.pause(pause).await?;
                        Some(self.again(&mut rescue).await?)
                    }
                    Action::Alone(tag, pause) => {
                        self.pause(pause).await?;
                        Some(self.alone(&mut rescue, tag).await?)
                    }
                    Action::Finish => {
                        if let Some(tag) = last_tag.filter(|tag| rescue.convicted.contains(tag)) {
                            self.flights.launch_empty(tag);
                        }
                        return Ok(());
                    }
                    Action::Fail(_) => return Err(Interruption::Worker(rescue.last)),
                };
            }
            match next {
                Some(happened) => event = happened,
                None => return Err(Interruption::Worker("the supervisor gave no further order".into())),
            }
        }
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), Interruption> {
        if pause.is_zero() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(pause) => Ok(()),
            _ = self.stop.wait() => Err(Interruption::Stopped),
        }
    }

    /// Buries the worker, and says what its end means.
    async fn fallen(&mut self, rescue: &mut Rescue, fall: Fall) -> supervisor::Event {
        let first_undone = self.given.front().and_then(|(_, given)| given.messages.get(given.done));
        let first_undone = first_undone.map(|held| held.arrived.tag);
        let progressed = std::mem::replace(&mut rescue.done, self.done) != self.done;
        let remains = self.bury(!matches!(fall, Fall::Panicked(_) | Fall::Died(None))).await;
        let (cause, named) = match fall {
            Fall::Panicked(reason) => (Some(Cause::Panicked(reason)), first_undone),
            Fall::Died(cause) => {
                let named = remains.as_ref().and_then(|remains| self.named(&remains.claim));
                (cause, named)
            }
            Fall::Failed(reason) => {
                let label = &self.cast.spec.label;
                rescue.last = format!("app {label} failed on stream {}: {reason}", self.crew.key.stream);
                self.tell(&rescue.last).await;
                return supervisor::Event::Died(supervisor::Death { row: None, progressed });
            }
        };
        let named = named.filter(|tag| !rescue.convicted.contains(tag));
        self.mourn(rescue, remains, cause, named, false).await;
        supervisor::Event::Died(supervisor::Death { row: named, progressed })
    }

    /// The message that the flight recorder names, where it may be believed.
    fn named(&self, claim: &Claim) -> Option<u64> {
        let row = claim.row?;
        let (_, given) = self.given.iter().find(|(tag, _)| u64::from(*tag) == row.line)?;
        let index = usize::try_from(row.number.checked_sub(1)?).ok()?;
        let held = given.messages.get(index).filter(|_| index >= given.done)?;
        Some(held.arrived.tag)
    }

    /// Kills it where it must be, and answers what it left.
    async fn bury(&mut self, kill: bool) -> Option<Remains> {
        let (mut worker, mut watch) = self.worker.take()?;
        watch.sample(&mut worker);
        if kill {
            worker.kill();
        }
        let remains = worker.bury().await;
        watch.close(&remains, &self.crew.meter);
        Some(remains)
    }

    /// Tells of a death, and remembers what it was.
    async fn mourn(
        &mut self,
        rescue: &mut Rescue,
        remains: Option<Remains>,
        cause: Option<Cause>,
        named: Option<u64>,
        alone: bool,
    ) {
        let by_itself = cause.is_none();
        let unknown = || Cause::Ended { how: "ended".into(), last_words: None };
        let memory = self.cast.spec.limits.memory;
        let cause =
            cause.unwrap_or_else(|| remains.as_ref().map_or_else(unknown, |remains| Death::cause_of(remains, memory)));
        let crash = remains.and_then(|remains| remains.claim.crash).filter(|_| by_itself);
        let stream = &self.crew.key.stream;
        let place = match named {
            Some(tag) => format!("{} of stream {stream}", self.described(tag)),
            None => format!("stream {stream}, at no message that can be named"),
        };
        let death = Death { cause, row: None, crash, alone };
        rescue.last = death.at(&self.cast.spec.label, &place, "message");
        if let Some(tag) = named {
            rescue.causes.insert(tag, death.cause);
        }
        self.tell(&rescue.last).await;
    }

    async fn tell(&mut self, sentence: &str) {
        self.crew.meter.error();
        let stream = self.crew.key.stream.clone();
        let died = Happening::StreamWorkerDied { stream, sentence: sentence.to_owned() };
        self.desk.parts.journal.record(Event::now(Some(&self.crew.key.tenant), died)).await;
    }

    /// A message in words: by its id, or else by its tag.
    fn described(&self, tag: u64) -> String {
        let Some((given, index)) = self.find(tag) else { return format!("message {tag}") };
        match given.message(index).message_id {
            Some(id) => format!("message {:?}", String::from_utf8_lossy(&id[..id.len().min(80)])),
            None => format!("message {tag} (it has no message id)"),
        }
    }

    fn find(&self, tag: u64) -> Option<(&Given, usize)> {
        self.given.iter().find_map(|(_, given)| {
            let index = given.messages.iter().position(|held| held.arrived.tag == tag)?;
            Some((given, index))
        })
    }

    /// The message becomes a dead letter, before anything passes it over.
    async fn convict(&mut self, rescue: &mut Rescue, tag: u64) -> Result<(), Interruption> {
        let Some((given, index)) = self.find(tag) else { return Ok(()) };
        let cause = rescue.causes.get(&tag).map_or_else(String::new, Cause::to_string);
        let reason = format!("the app failed at this message, in its place and alone: {cause}");
        let shore = &self.cast.shore;
        let letter = shore.clerk.letter(given, index, 0, reason);
        let mut tally = Tally { rejected: 1, ..Tally::default() };
        tally.count(&given.message(index), given.messages[index].identity);
        let mut stop = self.stop.clone();
        let keeping = shore.insist(|| shore.sink.keep(vec![letter.clone()]));
        tokio::select! {
            kept = keeping => kept?,
            _ = stop.wait() => return Err(Interruption::Stopped),
        }
        failpoint::cross("stream.letter_kept");
        rescue.convicted.insert(tag);
        self.crew.meter.settled(&tally, &Written::default());
        self.hand.settled(1);
        Ok(())
    }

    /// What has not come to its end is done again.
    async fn again(&mut self, rescue: &mut Rescue) -> Result<supervisor::Event, Interruption> {
        for given in undone(std::mem::take(&mut self.given).into_iter().map(|(_, given)| given), &rescue.convicted) {
            self.give(given).await?;
        }
        while !self.given.is_empty() {
            if let Some(fall) = self.turn(false).await? {
                return Ok(self.fallen(rescue, fall).await);
            }
            if self.stop.why().is_some() {
                return Err(Interruption::Stopped);
            }
        }
        Ok(supervisor::Event::Finished)
    }

    /// One message by itself, in a fresh worker. Only whether that lives matters: what it says is thrown away.
    async fn alone(&mut self, rescue: &mut Rescue, tag: u64) -> Result<supervisor::Event, Interruption> {
        let Some((given, index)) = self.find(tag) else { return Ok(supervisor::Event::Finished) };
        let message = given.bytes(index);
        let mut worker = self.start().await?;
        worker.deliver(message);
        let mut watch = Watch::new();
        let (limits, stall) = (self.cast.spec.limits, self.cast.stall);
        let fell = loop {
            if let Some(cause) = watch.look(&mut worker, limits, stall) {
                break Some(Some(cause));
            }
            let received = tokio::select! {
                biased;
                _ = self.stop.wait() => return Err(Interruption::Stopped),
                received = worker.receive() => received,
                () = sleep(TICK) => continue,
            };
            match received {
                Ok(Some((_, Frame::Outcomes(payload)))) => break panicked(&payload).map(Some),
                Ok(Some((_, Frame::Log(_)))) => {}
                Ok(Some((_, Frame::Done(_)))) => break None,
                Ok(Some((_, frame))) => {
                    let how = format!("it sent a {:?} frame while it had a message", frame.kind());
                    break Some(Some(Cause::BrokeProtocol(how)));
                }
                Ok(None) | Err(LinkError::Io(_) | LinkError::Half { .. }) => break Some(None),
                Err(error) => break Some(Some(Cause::BrokeProtocol(error.to_string()))),
            }
        };
        worker.sample_memory();
        if !matches!(fell, Some(None | Some(Cause::Panicked(_)))) {
            worker.kill();
        }
        let remains = worker.bury().await;
        watch.close(&remains, &self.crew.meter);
        let Some(cause) = fell else { return Ok(supervisor::Event::Finished) };
        // Alone, only that message can be named.
        let named = (remains.claim.row.is_some() || cause.is_some()).then_some(tag);
        self.mourn(rescue, Some(remains), cause, named, true).await;
        Ok(supervisor::Event::Died(supervisor::Death { row: named, progressed: false }))
    }
}

/// The app's words, where the only outcome is a panic.
fn panicked(payload: &[u8]) -> Option<Cause> {
    use crate::worker::delivery::{OutcomeFate, OutcomeHead};
    let mut rest = payload;
    match OutcomeHead::decode(&mut rest) {
        Ok(Some((head, reason))) if head.fate == OutcomeFate::Panicked => {
            let words = String::from_utf8_lossy(reason);
            Some(Cause::Panicked(crate::worker::words::one_line(&words).into_owned()))
        }
        _ => None,
    }
}

/// The messages that have not come to their end, without those that are convicted, in bundles and in their order.
fn undone(all: impl Iterator<Item = Given>, convicted: &BTreeSet<u64>) -> Vec<Given> {
    let mut bundles = Vec::new();
    let (mut payload, mut messages) = (Vec::new(), Vec::new());
    for given in all {
        if given.refused.is_some() {
            if !messages.is_empty() {
                bundles.push(bundle(&mut payload, &mut messages));
            }
            bundles.push(given);
            continue;
        }
        for (index, held) in given.messages.iter().enumerate().skip(given.done) {
            if convicted.contains(&held.arrived.tag) {
                continue;
            }
            let bytes = given.bytes(index);
            let is_full = messages.len() >= AGAIN_MESSAGES || payload.len() + bytes.len() > AGAIN_BYTES;
            if is_full && !messages.is_empty() {
                bundles.push(bundle(&mut payload, &mut messages));
            }
            let start = payload.len();
            payload.extend_from_slice(&bytes);
            let arrived = Arrived { range: start..payload.len(), tag: held.arrived.tag };
            messages.push(Held { arrived, identity: held.identity });
        }
    }
    if !messages.is_empty() {
        bundles.push(bundle(&mut payload, &mut messages));
    }
    bundles
}

fn bundle(payload: &mut Vec<u8>, messages: &mut Vec<Held>) -> Given {
    Given { payload: std::mem::take(payload).into(), messages: std::mem::take(messages).into(), done: 0, refused: None }
}
