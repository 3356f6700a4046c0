//! One worker, one task, from the first row to its end or the worker's.
//!
//! The host reads only while little waits for the sink ([`flights`](super::flights)): a slow sink fills the socket, and then
//! the app's `emit` blocks. Deadlines run only while the host is the one that waits ([`watchdog`](super::watchdog)). Whatever
//! the sink has been given is settled before an attempt ends, in the order it came, so the next attempt starts from books
//! that are true. Only a sink that does not come to an end although the task was told to stop is left alone
//! ([`Stop::finish`]); what it was given comes again in the next run.

use super::assignment::{Keeper, RunError};
use super::cast::{Cast, Observer};
use super::data_file::DataFile;
use super::death::Cause;
use super::flights::{Clerk, Flights, Landed};
use super::intake::{Delivery, Intake};
use super::ledger::Ledger;
use super::stop::Stop;
use super::watchdog::{TICK, Watchdog};
use crate::sink::DeadLetter;
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::Worker;
use crate::worker::protocol::{Done, Ending, Log, Start};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Most lines of an app's log that are passed on for one task.
const MAX_LOG_LINES: u64 = 10_000;
const NEXT_LOG_LINE: u64 = MAX_LOG_LINES + 1;
/// The level of what the host adds to that log, as in the plugin ABI.
const WARN: u32 = 2;

/// How often a checkpoint is kept while rows are settled, at most: what a kill costs is about so much work.
const KEEP_EVERY: Duration = Duration::from_millis(250);

/// What a task may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Longest time without a finished row.
    pub stall: Duration,
    /// Longest time in all: attempts, starts and pauses; less what the sink held it back.
    pub total: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// The app came to its end.
    Finished {
        /// Offset in bytes that it says it has read to.
        position: u64,
    },
    /// The app returned an error.
    AppError(String),
    /// The worker is dead or dying of this; `None` where only its remains can tell.
    Died(Option<Cause>),
    /// The task has reached a limit, and will again whatever is tried.
    OverLimit {
        /// Its name, as statistics call it.
        name: &'static str,
        /// What was measured, and the limit.
        sentence: String,
    },
    /// The task was told to stop.
    Stopped,
}

/// What the attempts of a task measured.
#[derive(Clone, Debug)]
pub(super) struct Times {
    /// When the task began.
    pub(super) began: Instant,
    /// Inside the app, as the worker says.
    pub(super) app: Duration,
    /// The host could not read, because the sink was behind.
    pub(super) held_back: Duration,
    /// Lines that the app logged.
    pub(super) log_lines: u64,
    /// Bytes of rows that dead letters quote.
    pub(super) quoted: Arc<AtomicU64>,
    /// Documents that were stored.
    pub(super) new_documents: u64,
    /// CPU time of workers that are done with the task.
    pub(super) cpu: Duration,
    /// CPU time that the worker had used before it was given the task.
    pub(super) cpu_before: Duration,
    /// Bytes of memory times seconds.
    pub(super) memory_byte_seconds: f64,
    /// When the next checkpoint may be kept.
    keep_at: Instant,
    /// Something has been settled that is not kept.
    unkept: bool,
}

impl Times {
    /// A task that begins now.
    pub(super) fn new() -> Times {
        let (now, none) = (Instant::now(), Duration::ZERO);
        Times {
            began: now,
            app: none,
            held_back: none,
            log_lines: 0,
            quoted: Arc::default(),
            new_documents: 0,
            cpu: none,
            cpu_before: none,
            memory_byte_seconds: 0.0,
            keep_at: now + KEEP_EVERY,
            unkept: false,
        }
    }
}

/// What every part of an attempt looks at.
pub(super) struct Scene<'a> {
    pub(super) cast: &'a Arc<Cast>,
    pub(super) file: &'a Arc<DataFile>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) times: &'a mut Times,
    pub(super) observer: &'a mut dyn Observer,
    /// Where checkpoints are kept.
    pub(super) keeper: &'a mut dyn Keeper,
    /// Tells when to stop.
    pub(super) stop: Stop,
    /// The rows of a replay; `None` for the whole file.
    pub(super) rows: Option<Vec<Start>>,
}

impl Scene<'_> {
    /// The task has used up its time.
    pub(super) fn out_of_time(&self) -> Option<Outcome> {
        let total = self.cast.deadlines.total;
        (self.times.began.elapsed().saturating_sub(self.times.held_back) > total).then(|| {
            let seconds = total.as_secs_f64();
            let sentence = format!("it took longer than the {seconds} s that a task may take (wall_seconds)");
            Outcome::OverLimit { name: "time", sentence }
        })
    }

    /// Its workers have used up their CPU time; the one at work has used `cpu` since it was started.
    pub(super) fn out_of_cpu(&self, cpu: Duration) -> Option<Outcome> {
        let used = self.times.cpu + cpu.saturating_sub(self.times.cpu_before);
        let bound = self.cast.bounds.cpu;
        (used > bound).then(|| {
            let seconds = bound.as_secs_f64();
            let sentence =
                format!("its workers used more than the {seconds} CPU seconds that a task may use (cpu_seconds)");
            Outcome::OverLimit { name: "cpu", sentence }
        })
    }

    /// There would be more rows or documents than the task may have, if this delivery landed beside those that fly.
    fn over_bounds(&self, flights: &Flights, delivery: &Delivery) -> Option<Outcome> {
        let mut counts = flights.promised(*self.ledger.counts());
        counts.rows.read += delivery.rows.read;
        counts.documents.emitted += delivery.emitted;
        let (name, sentence) = self.cast.bounds.exceeded(&counts)?;
        Some(Outcome::OverLimit { name, sentence })
    }

    /// More has become dead letters than is borne.
    fn too_many_letters(&self) -> Option<Outcome> {
        let sentence = self.cast.tolerance.exceeded(self.ledger.counts(), false)?;
        Some(Outcome::OverLimit { name: "dead_letters", sentence })
    }

    fn is_keep_due(&self) -> bool {
        self.times.unkept && Instant::now() >= self.times.keep_at
    }

    /// Keeps how far the task has come, unless it is told to stop meanwhile: then its report says how far it has come.
    /// Answers how long that took, which counts as held back.
    pub(super) async fn keep(&mut self) -> Result<Duration, RunError> {
        let began = Instant::now();
        let checkpoint = self.ledger.checkpoint();
        let kept = self.stop.finish(self.keeper.keep(&checkpoint)).await;
        let took = began.elapsed();
        self.times.held_back += took;
        // A keeper that is slow gets no more than half of the time.
        (self.times.keep_at, self.times.unkept) = (Instant::now() + KEEP_EVERY.max(took), false);
        match kept {
            // Whoever keeps for others finds out by this that the claim is lost.
            Some(Err(sentence)) if !self.stop.is_lost() => Err(RunError::State(sentence)),
            Some(Ok(()) | Err(_)) | None => Ok(took),
        }
    }

    /// Keeps a dead letter. `false` where the task is told to stop and the sink did not come to it.
    pub(super) async fn keep_letter(&mut self, letter: DeadLetter) -> Result<bool, RunError> {
        let began = Instant::now();
        let kept = self.stop.finish(self.cast.sink.keep(vec![letter])).await;
        self.times.held_back += began.elapsed();
        Ok(kept.transpose()?.is_some())
    }

    /// Whether the task has anything to do with this row.
    pub(super) fn is_wanted(&self, row: u64) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.iter().any(|wanted| wanted.number == row))
    }

    /// Who writes dead letters of this task.
    pub(super) fn clerk(&self) -> Clerk {
        Clerk {
            cast: Arc::clone(self.cast),
            file: Arc::clone(self.file),
            task: self.ledger.task(),
            quoted: Arc::clone(&self.times.quoted),
        }
    }

    /// Passes a line of the app's log on, up to [`MAX_LOG_LINES`] of a task.
    fn hear(&mut self, level: u32, message: &str) {
        self.times.log_lines += 1;
        match self.times.log_lines {
            ..=MAX_LOG_LINES => self.observer.log(level, message),
            NEXT_LOG_LINE => {
                let told = format!("more than {MAX_LOG_LINES} lines; those that follow are dropped");
                self.observer.log(WARN, &told);
            }
            _ => {}
        }
    }

    fn settle(&mut self, landed: Landed) {
        let Landed { delivery, written } = landed;
        let Delivery { rows, emitted, refused, reached, differs, own_ids, .. } = delivery;
        if differs {
            self.ledger.note_differing();
        }
        self.ledger.note_own_ids(own_ids);
        self.times.new_documents += written.stored;
        self.times.unkept = true;
        let position = reached.row.end;
        self.ledger.settle(&rows, emitted, refused, reached, &written);
        for rejected in delivery.rejected.iter().chain(delivery.refused_by_sink.iter().map(|(rejected, _)| rejected)) {
            self.observer.rejected(rejected);
        }
        self.observer.progress(self.ledger.counts(), position);
    }
}

/// Drives `worker` through the task that it was given under `tag`.
///
/// # Errors
/// The sink or the keeper failed; what the sink had committed before is settled.
pub(super) async fn drive(
    scene: &mut Scene<'_>,
    worker: &mut Worker,
    tag: u32,
    mut intake: Intake,
) -> Result<Outcome, RunError> {
    let mut flights = Flights::default();
    let mut watchdog = Watchdog::new();
    let outcome = read_to_the_end(scene, worker, tag, &mut intake, &mut flights, &mut watchdog).await?;
    watchdog.close(scene, worker);
    if matches!(outcome, Outcome::Stopped | Outcome::OverLimit { .. }) {
        // Nothing more is wanted of it, while the sink may still take its time.
        worker.kill();
    }
    let mut stop = scene.stop.clone();
    let settled = stop.finish(settle_all(scene, &mut flights)).await;
    if settled.transpose()?.is_none() {
        return Ok(Outcome::Stopped);
    }
    if matches!(outcome, Outcome::Finished { .. }) && intake.falls_short() {
        scene.ledger.note_differing();
    }
    Ok(outcome)
}

/// Waits for everything that is on its way into the sink.
async fn settle_all(scene: &mut Scene<'_>, flights: &mut Flights) -> Result<(), RunError> {
    while let Some(landed) = flights.land().await {
        scene.settle(landed?);
        if scene.is_keep_due() {
            scene.keep().await?;
        }
    }
    Ok(())
}

async fn read_to_the_end(
    scene: &mut Scene<'_>,
    worker: &mut Worker,
    tag: u32,
    intake: &mut Intake,
    flights: &mut Flights,
    watchdog: &mut Watchdog,
) -> Result<Outcome, RunError> {
    let mut stop = scene.stop.clone();
    loop {
        let room = flights.room();
        if let Some(outcome) = watchdog.turn(scene, worker, room) {
            return Ok(outcome);
        }
        if scene.is_keep_due() {
            watchdog.excuse(scene.keep().await?);
        }
        let received = tokio::select! {
            biased;
            _ = stop.wait() => return Ok(Outcome::Stopped),
            Some(landed) = flights.land(), if flights.any() => {
                scene.settle(landed?);
                if let Some(outcome) = scene.too_many_letters() {
                    return Ok(outcome);
                }
                continue;
            }
            received = worker.receive(), if room => received,
            () = sleep(TICK) => continue,
        };
        match heard(received, tag) {
            Err(outcome) => return Ok(outcome),
            Ok(Frame::Rows(payload)) => match intake.take(payload) {
                Ok(delivery) => {
                    watchdog.progressed();
                    if let Some(outcome) = scene.over_bounds(flights, &delivery) {
                        return Ok(outcome);
                    }
                    flights.launch(scene, delivery);
                }
                Err(violation) => return Ok(broke(violation.to_string())),
            },
            Ok(Frame::Progress(progress)) => {
                let position = progress.position.min(scene.file.size());
                watchdog.read_to(position);
                scene.observer.progress(scene.ledger.counts(), position);
            }
            Ok(Frame::Log(Log { level, message })) => scene.hear(level, &message),
            Ok(Frame::Done(done)) => {
                scene.times.app += Duration::from_nanos(done.app_nanos);
                return Ok(ended(done, scene.file.size()));
            }
            Ok(Frame::Ready(_) | Frame::Refused(_) | Frame::Outcomes(_)) => return Ok(out_of_place()),
        }
    }
}

/// Watches a worker that runs one row alone: only how it ends matters. What it sends has to be in order, then it is dropped.
pub(super) async fn watch(scene: &mut Scene<'_>, worker: &mut Worker, tag: u32, mut intake: Intake) -> Outcome {
    let mut watchdog = Watchdog::new();
    let outcome = watch_to_the_end(scene, worker, tag, &mut intake, &mut watchdog).await;
    watchdog.close(scene, worker);
    outcome
}

async fn watch_to_the_end(
    scene: &mut Scene<'_>,
    worker: &mut Worker,
    tag: u32,
    intake: &mut Intake,
    watchdog: &mut Watchdog,
) -> Outcome {
    let mut stop = scene.stop.clone();
    loop {
        if let Some(outcome) = watchdog.turn(scene, worker, true) {
            return outcome;
        }
        let received = tokio::select! {
            biased;
            _ = stop.wait() => return Outcome::Stopped,
            received = worker.receive() => received,
            () = sleep(TICK) => continue,
        };
        match heard(received, tag) {
            Err(outcome) => return outcome,
            Ok(Frame::Done(done)) => return ended(done, scene.file.size()),
            Ok(Frame::Rows(payload)) => {
                if let Err(violation) = intake.take(payload) {
                    return broke(violation.to_string());
                }
            }
            Ok(Frame::Log(_) | Frame::Progress(_)) => {}
            Ok(Frame::Ready(_) | Frame::Refused(_) | Frame::Outcomes(_)) => return out_of_place(),
        }
    }
}

/// The frame, or the end that what was received amounts to.
fn heard(received: Result<Option<(u32, Frame)>, LinkError>, tag: u32) -> Result<Frame, Outcome> {
    match received {
        Ok(Some((of, frame))) if of == tag => Ok(frame),
        Ok(Some((of, _))) => Err(broke(format!("it sent a frame with the tag {of}, which is not outstanding"))),
        // Half a frame is what a crash leaves; a worker that goes on living after it is stopped by its burial.
        Ok(None) | Err(LinkError::Half { .. } | LinkError::Io(_)) => Err(Outcome::Died(None)),
        Err(error) => Err(broke(error.to_string())),
    }
}

fn ended(done: Done, size: u64) -> Outcome {
    match done.ending {
        Ending::Ok => Outcome::Finished { position: done.position.min(size) },
        Ending::Error { reason } => Outcome::AppError(reason),
        Ending::Panic { reason } => Outcome::Died(Some(Cause::Panicked(reason))),
    }
}

fn out_of_place() -> Outcome {
    broke("it sent a frame that has no place in a task".into())
}

fn broke(how: String) -> Outcome {
    Outcome::Died(Some(Cause::BrokeProtocol(how)))
}
