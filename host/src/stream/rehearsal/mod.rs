//! A file of messages through a stream app, once and without a broker: what `mysimbdp run` does for stream apps.
//!
//! ```text
//!   lines ─▶ load ─▶ worker ─▶ outcomes ─▶ sink ─▶ counted      one load after another
//!              ▲        │
//!              └─ rest ─┴─ died at a message: that one alone, a dead letter where it kills there too
//! ```
//!
//! Checking, numbering and judging are those of the real consumers ([`outcomes`], [`identity`](super::identity),
//! the supervisor), so what happens here happens there. Two things differ: nothing goes back to a queue, and an app that *fails*
//! (an error that is no rejection) is told so at once, where a consumer would try again for ever. The report is that of a file, its
//! rows being messages.

mod ending;
mod lines;

use super::identity::Identities;
use super::letters::Clerk;
use super::outcomes::{self, BrokeOff, Delivery};
use super::session::Fall;
use super::watch::{TICK, Watch};
use crate::batch::cast::{Cast, Observer, Slot};
use crate::batch::data_file::DataFile;
use crate::batch::death::{Cause, Death};
use crate::batch::intake::Rejected;
use crate::batch::report::{DeathReport, Resources, TaskReport, Timings};
use crate::broker::StreamKey;
use crate::sink::{DeadLetter, SinkError, Written};
use crate::task::{Counts, Row};
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::{Remains, Worker};
use crate::worker::protocol::{Done, Ending};
use crate::worker::supervisor::{self, Action, Event, Supervisor};
use lines::{Lines, Load};
use std::time::{Duration, Instant};

/// Why a rehearsal came to no report. What the sink had committed before is stored.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(String, std::io::Error),
    /// A line is longer than a message may be.
    #[error("line {line} of {file} is longer than the 16 MiB that a message may have: split it")]
    TooLong {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// The sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// How it ended before the end of the file: what that is called in statistics, and why.
type Over = (&'static str, String);

struct Rehearsal<'a> {
    cast: &'a Cast,
    slot: &'a mut Slot,
    file: &'a DataFile,
    observer: &'a mut dyn Observer,
    clerk: Clerk,
    supervisor: Supervisor,
    counts: Counts,
    deaths: Vec<DeathReport>,
    /// Messages that had come to their end at the last death.
    come_to: u64,
    differing: bool,
    began: Instant,
    timings: Timings,
    resources: Resources,
}

/// Runs the messages of a file.
///
/// # Errors
/// See [`RehearsalError`].
pub async fn run(
    cast: &Cast,
    slot: &mut Slot,
    file: &DataFile,
    key: &StreamKey,
    observer: &mut dyn Observer,
) -> Result<TaskReport, RehearsalError> {
    let mut lines = Lines::of(file, Identities::of(key))?;
    let clerk = Clerk { app: cast.spec.label.clone(), stream: file.name().to_owned() };
    let mut rehearsal = Rehearsal {
        cast,
        slot,
        file,
        observer,
        clerk,
        supervisor: Supervisor::new(cast.policy),
        counts: Counts::default(),
        deaths: Vec::new(),
        come_to: 0,
        differing: false,
        began: Instant::now(),
        timings: Timings::default(),
        resources: Resources::default(),
    };
    let mut over = None;
    while let (None, Some(load)) = (&over, lines.next()?) {
        over = rehearsal.play(load).await?;
    }
    Ok(rehearsal.report(over))
}

impl Rehearsal<'_> {
    /// Brings all messages of a load to their end.
    async fn play(&mut self, mut load: Load) -> Result<Option<Over>, RehearsalError> {
        let mut actions = vec![Action::Attempt(Duration::ZERO)];
        loop {
            let mut event = None;
            for action in std::mem::take(&mut actions) {
                let ended = match action {
                    Action::Convict(number) => {
                        self.convict(&load, number).await?;
                        load = load.rest(Some(number));
                        continue;
                    }
                    Action::Attempt(pause) => {
                        tokio::time::sleep(pause).await;
                        load = load.rest(None);
                        self.attempt(&mut load).await?
                    }
                    Action::Alone(number, pause) => {
                        tokio::time::sleep(pause).await;
                        self.alone(&load, number).await?
                    }
                    Action::Finish => return Ok(self.intolerable(false)),
                    Action::Fail(failure) => return Ok(Some(self.explain(&failure))),
                };
                match ended {
                    Ok(happened) => event = Some(happened),
                    Err(over) => return Ok(Some(over)),
                }
            }
            let Some(event) = event else { return Ok(Some(("host", "the supervisor gave no further order".into()))) };
            actions = self.supervisor.judge(event);
        }
    }

    /// The whole load, or what is left of it.
    async fn attempt(&mut self, load: &mut Load) -> Result<Result<Event, Over>, RehearsalError> {
        if load.given.is_done() {
            return Ok(Ok(Event::Finished));
        }
        let (mut worker, cpu_before) = match self.slot.warm.take() {
            Some(mut worker) => {
                worker.sample_memory();
                let cpu = worker.cpu();
                (worker, cpu)
            }
            None => match self.start().await {
                Ok(worker) => (worker, Duration::ZERO),
                Err(over) => return Ok(Err(over)),
            },
        };
        let (tag, fell) = self.drive(&mut worker, load, true).await?;
        let Some(fall) = fell else {
            worker.sample_memory();
            self.account(worker.cpu().saturating_sub(cpu_before), worker.peak_memory());
            self.slot.warm = Some(worker);
            return Ok(self.in_time());
        };
        let first_undone = load.places.get(load.given.done).copied();
        let (cause, remains) = self.bury(worker, fall, cpu_before).await;
        let (cause, named) = match cause {
            Err(reason) => {
                let place = first_undone.map_or_else(String::new, |place| format!(" at {}", self.described(place)));
                let label = &self.cast.spec.label;
                return Ok(Err(("app_error", format!("app {label} failed{place}: {reason}"))));
            }
            Ok(cause @ Cause::Panicked(_)) => (cause, first_undone),
            Ok(cause) => {
                let claimed = remains.claim.row.filter(|row| row.line == u64::from(tag));
                let index = claimed.and_then(|row| usize::try_from(row.number.checked_sub(1)?).ok());
                let named = index.filter(|index| *index >= load.given.done).and_then(|index| load.places.get(index));
                (cause, named.copied())
            }
        };
        let progressed = std::mem::replace(&mut self.come_to, self.counts.rows.read) != self.counts.rows.read;
        self.mourn(cause, named, &remains, false);
        Ok(Ok(Event::Died(supervisor::Death { row: named.map(|place| place.number), progressed })))
    }

    /// One message by itself, in a fresh worker. Only whether that lives matters: what it says is thrown away.
    async fn alone(&mut self, load: &Load, number: u64) -> Result<Result<Event, Over>, RehearsalError> {
        let mut only = load.only(number);
        let mut worker = match self.start().await {
            Ok(worker) => worker,
            Err(over) => return Ok(Err(over)),
        };
        let (_, fell) = self.drive(&mut worker, &mut only, false).await?;
        let Some(fall @ (Fall::Died(_) | Fall::Panicked(_))) = fell else {
            worker.sample_memory();
            let remains = worker.retire().await;
            self.account(remains.cpu, remains.peak_memory);
            return Ok(self.in_time());
        };
        let by_itself = matches!(fall, Fall::Died(None));
        let (Ok(cause), remains) = self.bury(worker, fall, Duration::ZERO).await else {
            return Ok(Ok(Event::Finished));
        };
        // Alone, only that message can be named.
        let is_named = remains.claim.row.is_some() || !by_itself;
        let named = only.places.first().copied().filter(|_| is_named);
        self.mourn(cause, named, &remains, true);
        let row = named.map(|place| place.number);
        Ok(Ok(Event::Died(supervisor::Death { row, progressed: false })))
    }

    /// Gives the load to a worker and hears what becomes of it. The tag it was given under, and how the worker fell.
    async fn drive(
        &mut self,
        worker: &mut Worker,
        load: &mut Load,
        keep: bool,
    ) -> Result<(u32, Option<Fall>), RehearsalError> {
        let tag = worker.deliver(load.given.payload.clone());
        let (limits, stall) = (self.cast.spec.limits, self.cast.deadlines.stall);
        let broke = |how: String| Some(Fall::Died(Some(Cause::BrokeProtocol(how))));
        let mut watch = Watch::new();
        while !load.given.is_done() {
            if let Some(cause) = watch.look(worker, limits, stall) {
                return Ok((tag, Some(Fall::Died(Some(cause)))));
            }
            let received = tokio::select! {
                biased;
                received = worker.receive() => received,
                () = tokio::time::sleep(TICK) => continue,
            };
            let fell = match received {
                Ok(Some((_, Frame::Log(line)))) => {
                    self.observer.log(line.level, &line.message);
                    None
                }
                Ok(Some((came, frame))) if came != tag => {
                    broke(format!("it sent a {:?} frame with the tag {came}, where {tag} comes next", frame.kind()))
                }
                Ok(Some((_, Frame::Outcomes(payload)))) => {
                    watch.progressed();
                    match outcomes::take(&mut load.given, payload) {
                        Ok(mut delivery) => {
                            let broke_off = delivery.broke_off.take();
                            if keep {
                                self.settle(load, delivery).await?;
                            }
                            watch.progressed();
                            broke_off.map(|how| match how {
                                BrokeOff::Failed(reason) => Fall::Failed(reason),
                                BrokeOff::Panicked(reason) => Fall::Panicked(reason),
                            })
                        }
                        Err(violation) => broke(violation.to_string()),
                    }
                }
                Ok(Some((
                    _,
                    Frame::Done(Done { ending: Ending::Error { reason } | Ending::Panic { reason }, .. }),
                ))) => Some(Fall::Failed(reason)),
                Ok(Some((_, frame))) => broke(format!("it sent a {:?} frame while it had messages", frame.kind())),
                Ok(None) | Err(LinkError::Io(_) | LinkError::Half { .. }) => Some(Fall::Died(None)),
                Err(error) => broke(error.to_string()),
            };
            if fell.is_some() {
                return Ok((tag, fell));
            }
        }
        Ok((tag, None))
    }

    /// What has come to its end goes into the sink, and is counted.
    async fn settle(&mut self, load: &Load, delivery: Delivery) -> Result<(), RehearsalError> {
        let Delivery { messages, batch, rejected, tally, .. } = delivery;
        let at = |message: usize| load.places[message];
        let mut letters: Vec<(Row, DeadLetter)> = Vec::new();
        for (message, reason) in rejected {
            letters.push((at(message), self.clerk.letter(&load.given, message, 0, reason)));
        }
        let mut written = Written::default();
        if !batch.documents.is_empty() {
            written = self.cast.sink.write(batch.clone()).await?;
            let owner = |index: usize| usize::try_from(batch.documents[index].row).unwrap_or(0);
            let places: Vec<Row> = written.refused.iter().map(|(index, _)| at(owner(*index))).collect();
            letters.extend(places.into_iter().zip(self.clerk.refused(&load.given, &batch, &written.refused)));
        }
        self.post(letters).await?;
        let Counts { rows, documents } = &mut self.counts;
        rows.read += tally.messages;
        rows.ingested += tally.ingested;
        rows.passed_over += tally.passed_over;
        rows.rejected += tally.rejected;
        documents.emitted += tally.emitted;
        documents.stored += written.stored;
        documents.duplicate += written.duplicates;
        documents.refused += tally.refused + written.refused.len() as u64;
        self.differing |= written.differing > 0;
        let nanos: u64 = tally.nanos.iter().copied().map(u64::from).sum();
        self.timings.app += Duration::from_nanos(nanos).as_secs_f64();
        if let Some(last) = messages.last() {
            self.observer.progress(&self.counts, at(last).end);
        }
        Ok(())
    }

    /// Keeps dead letters, and tells of them.
    async fn post(&mut self, letters: Vec<(Row, DeadLetter)>) -> Result<(), RehearsalError> {
        if letters.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(letters.len());
        for (row, mut letter) in letters {
            (letter.start, letter.line) = (row.start, row.line);
            self.observer.rejected(&Rejected { row, reason: letter.reason.clone() });
            kept.push(letter);
        }
        Ok(self.cast.sink.keep(kept).await?)
    }

    /// The message becomes a dead letter.
    async fn convict(&mut self, load: &Load, number: u64) -> Result<(), RehearsalError> {
        let Some(index) = load.index(number) else { return Ok(()) };
        let cause = self.deaths.last().map_or("", |death| death.cause.as_str());
        let reason = format!("the app failed at this message, in its place and alone: {cause}");
        let letter = self.clerk.letter(&load.given, index, 0, reason);
        self.post(vec![(load.places[index], letter)]).await?;
        self.counts.rows.read += 1;
        self.counts.rows.rejected += 1;
        Ok(())
    }

    async fn start(&mut self) -> Result<Worker, Over> {
        let began = Instant::now();
        let started = Worker::start(&self.cast.spawner, &self.cast.spec).await;
        self.timings.start += began.elapsed().as_secs_f64();
        self.resources.workers += 1;
        let label = &self.cast.spec.label;
        started.map_err(|error| ("start", format!("app {label} cannot be started: {error}")))
    }

    /// Waits for the end of a worker that has fallen. What it died of, or (`Err`) how the app failed; and what is left.
    async fn bury(&mut self, mut worker: Worker, fall: Fall, cpu_before: Duration) -> (Result<Cause, String>, Remains) {
        worker.sample_memory();
        if matches!(fall, Fall::Failed(_) | Fall::Died(Some(_))) {
            worker.kill();
        }
        let remains = worker.bury().await;
        self.account(remains.cpu.saturating_sub(cpu_before), remains.peak_memory);
        let cause = match fall {
            Fall::Failed(reason) => Err(reason),
            Fall::Panicked(reason) => Ok(Cause::Panicked(reason)),
            Fall::Died(Some(cause)) => Ok(cause),
            Fall::Died(None) => Ok(Death::cause_of(&remains, self.cast.spec.limits.memory)),
        };
        (cause, remains)
    }
}
