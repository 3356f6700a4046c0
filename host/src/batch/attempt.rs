//! One worker, one task, from the first row to its end or the worker's.
//!
//! The host reads only while less than [`MAX_IN_FLIGHT`] bytes wait for the sink: a slow sink fills the socket, and then the
//! app's `emit` blocks. Deadlines run only while the host is the one that waits. Whatever the sink has been given is
//! settled before an attempt ends, in the order it came, so the next attempt starts from books that are true.

use super::cast::{Cast, Observer};
use super::data_file::DataFile;
use super::death::Cause;
use super::intake::{self, Delivery, Intake, Rejected};
use super::ledger::Ledger;
use crate::sink::{DeadLetter, SinkError, Written};
use crate::worker::link::{Frame, LinkError};
use crate::worker::process::Worker;
use crate::worker::protocol::{Ending, LOOSE_ROWS, Log};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Most bytes of documents that wait for the sink, before the host stops reading.
const MAX_IN_FLIGHT: usize = 8 * 1024 * 1024;
/// Most lines of an app's log that are passed on for one task.
const MAX_LOG_LINES: u64 = 10_000;
const NEXT_LOG_LINE: u64 = MAX_LOG_LINES + 1;
/// The level of what the host adds to that log, as in the plugin ABI.
const WARN: u32 = 2;
/// How often memory and deadlines are looked at.
const TICK: Duration = Duration::from_millis(25);

/// What an attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Longest time without a finished row.
    pub stall: Duration,
    /// Longest time in all, attempts added up.
    pub total: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// The app came to its end, having read this far.
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Inside the app, as the worker says.
    pub app: Duration,
    /// The host waited for the worker.
    pub waiting: Duration,
    /// The host could not read, because the sink was behind.
    pub held_back: Duration,
    /// Lines that the app logged.
    pub log_lines: u64,
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
        settle(scene, landed?);
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
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since_row = Duration::ZERO;
    let mut turn = Instant::now();
    loop {
        let room = flights.bytes < MAX_IN_FLIGHT;
        let received = tokio::select! {
            biased;
            Some(landed) = flights.land(), if flights.any() => {
                scene.times.held_back += if room { Duration::ZERO } else { lap(&mut turn) };
                settle(scene, landed?);
                if let Some(reason) = scene.cast.tolerance.exceeded(scene.ledger.counts(), false) {
                    return Ok(Outcome::TooManyRejected(reason));
                }
                continue;
            }
            received = worker.receive(), if room => received,
            _ = tick.tick() => {
                if room {
                    let waited = lap(&mut turn);
                    since_row += waited;
                    scene.times.waiting += waited;
                }
                if let Some(outcome) = overdue(scene, worker, since_row) {
                    return Ok(outcome);
                }
                continue;
            }
        };
        scene.times.waiting += lap(&mut turn);
        let (frame_tag, frame) = match received {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(Outcome::Died(None)),
            // Half a frame is what a crash leaves; a worker that goes on living after it is stopped by its burial.
            Err(LinkError::Half { .. } | LinkError::Io(_)) => {
                return Ok(Outcome::Died(None));
            }
            Err(error) => return Ok(broke(error.to_string())),
        };
        if frame_tag != tag {
            return Ok(broke(format!("it sent a frame with the tag {frame_tag}, which is not outstanding")));
        }
        match frame {
            Frame::Rows(payload) => match intake.take(payload) {
                Ok(delivery) => {
                    since_row = Duration::ZERO;
                    flights.launch(scene, delivery);
                }
                Err(violation) => return Ok(broke(violation.to_string())),
            },
            Frame::Progress(progress) => {
                since_row = Duration::ZERO;
                scene.observer.progress(scene.ledger.counts(), progress.position.min(scene.file.size()));
            }
            Frame::Log(Log { level, message }) => scene.hear(level, &message),
            Frame::Done(done) => {
                scene.times.app += Duration::from_nanos(done.app_nanos);
                return Ok(match done.ending {
                    Ending::Ok => Outcome::Finished { position: done.position.min(scene.file.size()) },
                    Ending::Error { reason } => Outcome::AppError(reason),
                    Ending::Panic { reason } => Outcome::Died(Some(Cause::Panicked(reason))),
                });
            }
            Frame::Ready(_) | Frame::Refused(_) | Frame::Outcomes(_) => {
                return Ok(broke("it sent a frame that has no place in a task".into()));
            }
        }
    }
}

/// Watches a worker that runs one row alone: only how it ends matters. What it sends has to be in order, then it is dropped.
pub(super) async fn watch(scene: &mut Scene<'_>, worker: &mut Worker, tag: u32, mut intake: Intake) -> Outcome {
    let mut tick = interval(TICK);
    let began = Instant::now();
    loop {
        let received = tokio::select! {
            biased;
            received = worker.receive() => received,
            _ = tick.tick() => match overdue(scene, worker, began.elapsed()) {
                Some(outcome) => return outcome,
                None => continue,
            },
        };
        match received {
            Ok(Some((of, Frame::Done(done)))) if of == tag => {
                return match done.ending {
                    Ending::Ok => Outcome::Finished { position: done.position },
                    Ending::Error { reason } => Outcome::AppError(reason),
                    Ending::Panic { reason } => Outcome::Died(Some(Cause::Panicked(reason))),
                };
            }
            Ok(Some((of, Frame::Rows(payload)))) if of == tag => {
                if let Err(violation) = intake.take(payload) {
                    return broke(violation.to_string());
                }
            }
            Ok(Some((of, Frame::Log(_) | Frame::Progress(_)))) if of == tag => {}
            Ok(Some(_)) => return broke("it sent a frame that has no place in a task".into()),
            Ok(None) | Err(LinkError::Half { .. } | LinkError::Io(_)) => return Outcome::Died(None),
            Err(error) => return broke(error.to_string()),
        }
    }
}

/// Memory and deadlines.
fn overdue(scene: &Scene<'_>, worker: &mut Worker, since_row: Duration) -> Option<Outcome> {
    let limit = scene.cast.spec.limits.memory;
    let used = worker.sample_memory();
    if used > limit {
        return Some(Outcome::Died(Some(Cause::OutOfMemory { used, limit })));
    }
    if scene.times.waiting > scene.cast.deadlines.total {
        return Some(Outcome::OutOfTime);
    }
    (since_row > scene.cast.deadlines.stall).then(|| Outcome::Died(Some(Cause::Stalled(scene.cast.deadlines.stall))))
}

fn broke(how: String) -> Outcome {
    Outcome::Died(Some(Cause::BrokeProtocol(how)))
}

fn lap(since: &mut Instant) -> Duration {
    let now = Instant::now();
    let lap = now - *since;
    *since = now;
    lap
}

/// Deliveries on their way into the sink, oldest first.
#[derive(Default)]
struct Flights {
    bytes: usize,
    queue: VecDeque<(JoinHandle<Result<Landed, SinkError>>, usize)>,
}

struct Landed {
    delivery: Delivery,
    written: Written,
}

/// Writes dead letters: what the worker said, and the raw bytes from the host's own view of the file.
pub(super) struct Clerk {
    pub(super) cast: Arc<Cast>,
    pub(super) file: Arc<DataFile>,
    pub(super) task: u64,
}

impl Clerk {
    fn letters(&self, delivery: &Delivery) -> Vec<DeadLetter> {
        let rows = delivery.rejected.iter().map(|rejected| self.letter(rejected, 0));
        let documents = delivery.refused_by_sink.iter().map(|(rejected, part)| self.letter(rejected, *part));
        rows.chain(documents).collect()
    }

    pub(super) fn letter(&self, rejected: &Rejected, part: u32) -> DeadLetter {
        let Rejected { row, reason } = rejected;
        let (raw, raw_len) = if row.number < LOOSE_ROWS { self.file.row(row.start, row.end) } else { (Vec::new(), 0) };
        DeadLetter {
            task: self.task,
            row: row.number,
            part,
            app: self.cast.spec.label.clone(),
            source: self.file.name().to_owned(),
            start: row.start,
            line: row.line,
            reason: reason.clone(),
            raw,
            raw_len,
        }
    }
}

impl Flights {
    fn any(&self) -> bool {
        !self.queue.is_empty()
    }

    fn launch(&mut self, scene: &Scene<'_>, mut delivery: Delivery) {
        let batch = std::mem::take(&mut delivery.batch);
        let bytes = batch.bytes.len();
        let clerk = Clerk { cast: Arc::clone(scene.cast), file: Arc::clone(scene.file), task: scene.ledger.task() };
        let sink = Arc::clone(&scene.cast.sink);
        let flight = async move {
            let written =
                if batch.documents.is_empty() { Written::default() } else { sink.write(batch.clone()).await? };
            for (index, reason) in &written.refused {
                delivery.refused_by_sink.push(intake::refused_document(&batch, *index, reason));
            }
            // Kept before anything relies on it: a settled row is never looked at again.
            let letters = clerk.letters(&delivery);
            if !letters.is_empty() {
                sink.keep(letters).await?;
            }
            Ok(Landed { delivery, written })
        };
        self.bytes += bytes;
        self.queue.push_back((tokio::spawn(flight), bytes));
    }

    /// Waits for the oldest. Cancel-safe.
    async fn land(&mut self) -> Option<Result<Landed, SinkError>> {
        let (flight, bytes) = self.queue.front_mut()?;
        let landed = match flight.await {
            Ok(landed) => landed,
            Err(error) => Err(SinkError::Permanent { sink: "documents".into(), reason: error.to_string() }),
        };
        self.bytes -= *bytes;
        self.queue.pop_front();
        Some(landed)
    }
}

fn settle(scene: &mut Scene<'_>, landed: Landed) {
    let Landed { delivery, written } = landed;
    let Delivery { rows, emitted, refused, reached, differs, .. } = delivery;
    if differs {
        scene.ledger.note_differing();
    }
    let position = reached.row.end;
    scene.ledger.settle(&rows, emitted, refused, reached, &written);
    for rejected in delivery.rejected.iter().chain(delivery.refused_by_sink.iter().map(|(rejected, _)| rejected)) {
        scene.observer.rejected(rejected);
    }
    scene.observer.progress(scene.ledger.counts(), position);
}
