//! One worker, one task, from the first row to its end or the worker's.
//!
//! The host reads only while little waits for the sink ([`flights`](super::flights)): a slow sink fills the socket, and then
//! the app's `emit` blocks. Deadlines run only while the host is the one that waits ([`watchdog`](super::watchdog)). Whatever
//! the sink has been given is settled before an attempt ends, in the order it came, so the next attempt starts from books
//! that are true.

use super::cast::{Cast, Observer};
use super::data_file::DataFile;
use super::death::Cause;
use super::flights::{Clerk, Flights, Landed};
use super::intake::{Delivery, Intake};
use super::ledger::Ledger;
use super::watchdog::{TICK, Watchdog};
use crate::sink::SinkError;
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::Worker;
use crate::worker::protocol::{Done, Ending, Log};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Most lines of an app's log that are passed on for one task.
const MAX_LOG_LINES: u64 = 10_000;
const NEXT_LOG_LINE: u64 = MAX_LOG_LINES + 1;
/// The level of what the host adds to that log, as in the plugin ABI.
const WARN: u32 = 2;

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
    /// The task has used up its time.
    OutOfTime,
    /// Too many rows became dead letters.
    TooManyRejected(String),
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
}

impl Times {
    /// A task that begins now.
    pub(super) fn new() -> Times {
        let (app, held_back) = (Duration::ZERO, Duration::ZERO);
        Times { began: Instant::now(), app, held_back, log_lines: 0, quoted: Arc::default() }
    }
}

/// What every part of an attempt looks at.
pub(super) struct Scene<'a> {
    pub(super) cast: &'a Arc<Cast>,
    pub(super) file: &'a Arc<DataFile>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) times: &'a mut Times,
    pub(super) observer: &'a mut dyn Observer,
}

impl Scene<'_> {
    /// The task has used up its time.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.times.began.elapsed().saturating_sub(self.times.held_back) > self.cast.deadlines.total
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
        let Delivery { rows, emitted, refused, reached, differs, .. } = delivery;
        if differs {
            self.ledger.note_differing();
        }
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
/// The sink failed; what it had committed before is settled.
pub(super) async fn drive(
    scene: &mut Scene<'_>,
    worker: &mut Worker,
    tag: u32,
    mut intake: Intake,
) -> Result<Outcome, SinkError> {
    let mut flights = Flights::default();
    let outcome = read_to_the_end(scene, worker, tag, &mut intake, &mut flights).await?;
    while let Some(landed) = flights.land().await {
        scene.settle(landed?);
    }
    Ok(outcome)
}

async fn read_to_the_end(
    scene: &mut Scene<'_>,
    worker: &mut Worker,
    tag: u32,
    intake: &mut Intake,
    flights: &mut Flights,
) -> Result<Outcome, SinkError> {
    let mut watchdog = Watchdog::new();
    loop {
        let room = flights.room();
        if let Some(outcome) = watchdog.turn(scene, worker, room) {
            return Ok(outcome);
        }
        let received = tokio::select! {
            biased;
            Some(landed) = flights.land(), if flights.any() => {
                scene.settle(landed?);
                if let Some(reason) = scene.cast.tolerance.exceeded(scene.ledger.counts(), false) {
                    return Ok(Outcome::TooManyRejected(reason));
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
    loop {
        if let Some(outcome) = watchdog.turn(scene, worker, true) {
            return outcome;
        }
        let received = tokio::select! {
            biased;
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
