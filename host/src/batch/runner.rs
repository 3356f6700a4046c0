//! One task from its first attempt to its report: does what the supervisor says.

use super::attempt::{self, Clerk, Outcome, Scene, Times};
use super::cast::{Cast, Slot};
use super::data_file::DataFile;
use super::death::{Cause, Death};
use super::intake::{Intake, Rejected};
use super::ledger::{Ledger, Row};
use super::report::{DeathReport, Resources, TaskOutcome, TaskReport, Timings};
use crate::sink::SinkError;
use crate::worker::process::{Remains, StartError, Worker};
use crate::worker::protocol::{Start, Task};
use crate::worker::recorder::ClaimedRow;
use crate::worker::supervisor::{self, Action, Event, Failure, Supervisor};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs one task to its end.
///
/// # Errors
/// The sink failed. What it had committed before is settled; running the task again doubles nothing.
pub async fn run(
    cast: &Arc<Cast>,
    slot: &mut Slot,
    file: &Arc<DataFile>,
    task_number: u64,
    observer: &mut dyn super::cast::Observer,
) -> Result<TaskReport, SinkError> {
    let began = Instant::now();
    let mut ledger = Ledger::new(task_number);
    let mut times = Times::default();
    let scene = Scene { cast, file, ledger: &mut ledger, times: &mut times, observer };
    let mut run = Run { scene, slot, deaths: Vec::new(), starting: Duration::ZERO, resources: Resources::default() };
    let verdict = run.play().await?;
    let Run { deaths, starting, resources, .. } = run;
    let (outcome, reason) = match verdict {
        Verdict::Done => (TaskOutcome::Done, None),
        Verdict::Partial(reason) => (TaskOutcome::Partial, Some(reason)),
        Verdict::Failed(reason) => (TaskOutcome::Failed, Some(reason)),
    };
    Ok(TaskReport {
        outcome,
        reason,
        file: file.name().to_owned(),
        bytes: file.size(),
        task: task_number,
        counts: *ledger.counts(),
        not_deterministic: ledger.is_differing(),
        deaths: deaths.iter().map(|death| tell(death, &cast.spec.label, file.name())).collect(),
        timings: Timings {
            total: began.elapsed().as_secs_f64(),
            start: starting.as_secs_f64(),
            app: times.app.as_secs_f64(),
            held_back: times.held_back.as_secs_f64(),
        },
        resources,
    })
}

fn tell(death: &Death, app: &str, file: &str) -> DeathReport {
    DeathReport {
        sentence: death.sentence(app, file),
        cause: death.cause.to_string(),
        row: death.row.map(|row| row.number),
        line: death.row.map(|row| row.line).filter(|line| *line > 0),
        alone: death.alone,
        frames: death.crash.as_ref().map(|crash| crash.frames.clone()).unwrap_or_default(),
    }
}

enum Verdict {
    Done,
    Partial(String),
    Failed(String),
}

/// What an attempt amounts to for the supervisor, or an end that it has no say in.
enum Ended {
    Event(Event, Option<Death>),
    Over(Verdict),
}

struct Run<'a, 'b> {
    scene: Scene<'a>,
    slot: &'b mut Slot,
    deaths: Vec<Death>,
    starting: Duration,
    resources: Resources,
}

impl Run<'_, '_> {
    async fn play(&mut self) -> Result<Verdict, SinkError> {
        let mut supervisor = Supervisor::new(self.scene.cast.policy);
        let mut actions = vec![Action::Attempt(Duration::ZERO)];
        let mut position = 0;
        let mut app_error = String::new();
        loop {
            let mut ended = None;
            for action in std::mem::take(&mut actions) {
                ended = match action {
                    Action::Convict(row) => {
                        self.convict(row).await?;
                        None
                    }
                    Action::Attempt(pause) => {
                        tokio::time::sleep(pause).await;
                        Some(self.attempt(&mut position, &mut app_error).await?)
                    }
                    Action::Alone(row, pause) => {
                        tokio::time::sleep(pause).await;
                        Some(self.alone(row).await?)
                    }
                    Action::Finish => return Ok(self.finish(position)),
                    Action::Fail(failure) => return Ok(Verdict::Failed(self.explain(failure, app_error))),
                };
            }
            match ended {
                Some(Ended::Over(verdict)) => return Ok(verdict),
                Some(Ended::Event(event, death)) => {
                    if let Some(death) = death {
                        let sentence = death.sentence(&self.scene.cast.spec.label, self.scene.file.name());
                        self.scene.observer.death(&sentence);
                        self.deaths.push(death);
                    }
                    actions = supervisor.judge(event);
                }
                None => return Ok(Verdict::Failed("the supervisor gave no further order".into())),
            }
        }
    }

    /// The whole file, or what is left of it.
    async fn attempt(&mut self, position: &mut u64, app_error: &mut String) -> Result<Ended, SinkError> {
        let mut worker = match self.slot.warm.take() {
            Some(worker) => worker,
            None => match self.start().await {
                Ok(worker) => worker,
                Err(ended) => return Ok(ended),
            },
        };
        let cpu_before = worker.cpu();
        let resume = self.scene.ledger.resume().filter(|_| worker.ready().rows_independent);
        let task = Task {
            name: self.scene.file.name().to_owned(),
            size: self.scene.file.size(),
            skip: self.scene.ledger.convicted().keys().copied().collect(),
            include: None,
            resume,
        };
        let intake = Intake::new(self.scene.ledger, self.scene.file.size(), resume);
        let outcome = match worker.begin(&task, self.scene.file.descriptor()).await {
            Ok(tag) => attempt::drive(&mut self.scene, &mut worker, tag, intake).await?,
            Err(_) => Outcome::Died(None),
        };
        worker.sample_memory();
        let ended = match outcome {
            Outcome::Finished { position: read_to } => {
                *position = read_to;
                Ended::Event(Event::Finished, None)
            }
            Outcome::AppError(reason) => {
                *app_error = reason;
                Ended::Event(Event::AppError, None)
            }
            Outcome::Died(cause) => return Ok(self.bury(worker, cause, None, cpu_before).await),
            Outcome::OutOfTime => {
                let seconds = self.scene.cast.deadlines.total.as_secs();
                self.stop(worker, cpu_before).await;
                return Ok(Ended::Over(Verdict::Failed(format!(
                    "it took longer than the {seconds} s that a task may take"
                ))));
            }
            Outcome::TooManyRejected(reason) => {
                self.stop(worker, cpu_before).await;
                return Ok(Ended::Over(Verdict::Failed(reason)));
            }
        };
        self.account(worker.cpu().saturating_sub(cpu_before), worker.peak_memory());
        self.slot.warm = Some(worker);
        Ok(ended)
    }

    /// One row by itself, in a fresh worker. Only whether it lives matters: its documents are thrown away.
    async fn alone(&mut self, row: u64) -> Result<Ended, SinkError> {
        let Some(suspect) = self.deaths.iter().rev().filter_map(|death| death.row).find(|named| named.number == row)
        else {
            return Ok(Ended::Event(Event::Finished, None));
        };
        let mut worker = match self.start().await {
            Ok(worker) => worker,
            Err(ended) => return Ok(ended),
        };
        let include = Start { number: row, offset: suspect.start, line: suspect.line };
        let task = Task {
            name: self.scene.file.name().to_owned(),
            size: self.scene.file.size(),
            skip: Vec::new(),
            include: Some(vec![include]),
            resume: None,
        };
        let outcome = match worker.begin(&task, self.scene.file.descriptor()).await {
            Ok(tag) => {
                let intake = Intake::alone(include, self.scene.file.size());
                attempt::watch(&mut self.scene, &mut worker, tag, intake).await
            }
            Err(_) => Outcome::Died(None),
        };
        match outcome {
            Outcome::Died(cause) => Ok(self.bury(worker, cause, Some(suspect), Duration::ZERO).await),
            Outcome::Finished { .. } | Outcome::AppError(_) | Outcome::OutOfTime | Outcome::TooManyRejected(_) => {
                self.stop(worker, Duration::ZERO).await;
                Ok(Ended::Event(Event::Finished, None))
            }
        }
    }

    async fn start(&mut self) -> Result<Worker, Ended> {
        let began = Instant::now();
        let started = Worker::start(&self.scene.cast.spawner, &self.scene.cast.spec).await;
        self.starting += began.elapsed();
        started.map_err(|error| match error {
            StartError::Host { .. } => Ended::Over(Verdict::Failed(error.to_string())),
            error => {
                let label = &self.scene.cast.spec.label;
                Ended::Over(Verdict::Failed(format!("app {label} cannot be started: {error}")))
            }
        })
    }

    async fn bury(
        &mut self,
        mut worker: Worker,
        cause: Option<Cause>,
        alone: Option<ClaimedRow>,
        cpu_before: Duration,
    ) -> Ended {
        if cause.is_some() && !matches!(cause, Some(Cause::Panicked(_))) {
            worker.kill();
        }
        let remains = worker.bury().await;
        self.account(remains.cpu.saturating_sub(cpu_before), remains.peak_memory);
        let size = self.scene.file.size();
        let row = match alone {
            // Alone, only that row can be named, wherever the page says it lies.
            Some(suspect) => remains.claim.clamped(size, |row| row != suspect.number).map(|_| suspect),
            None => remains.claim.clamped(size, |row| self.scene.ledger.is_settled(row)),
        };
        let death = self.death(remains, cause, row, alone.is_some());
        let event = Event::Died(supervisor::Death { row: row.map(|row| row.number) });
        Ended::Event(event, Some(death))
    }

    fn death(&self, remains: Remains, cause: Option<Cause>, row: Option<ClaimedRow>, alone: bool) -> Death {
        let by_itself = cause.is_none();
        let cause = cause.unwrap_or_else(|| Death::cause_of(&remains, self.scene.cast.spec.limits.memory));
        let crash = remains.claim.crash.filter(|_| by_itself);
        Death { cause, row, crash, alone }
    }

    async fn stop(&mut self, mut worker: Worker, cpu_before: Duration) {
        worker.kill();
        let remains = worker.bury().await;
        self.account(remains.cpu.saturating_sub(cpu_before), remains.peak_memory);
    }

    fn account(&mut self, cpu: Duration, memory: u64) {
        self.resources.worker_cpu += cpu.as_secs_f64();
        self.resources.worker_memory = self.resources.worker_memory.max(memory);
        self.resources.workers += 1;
    }

    async fn convict(&mut self, number: u64) -> Result<(), SinkError> {
        let named = self.deaths.iter().rev().find(|death| death.row.is_some_and(|row| row.number == number));
        let Some((row, cause)) = named.and_then(|death| Some((death.row?, death.cause.to_string()))) else {
            return Ok(());
        };
        let ClaimedRow { number, start, end, line } = row;
        let reason = format!("the app failed at this row, in its place and alone: {cause}");
        let rejected = Rejected { row: Row { number, start, end, line }, reason };
        let clerk = Clerk {
            cast: Arc::clone(self.scene.cast),
            file: Arc::clone(self.scene.file),
            task: self.scene.ledger.task(),
        };
        self.scene.cast.sink.keep(vec![clerk.letter(&rejected, 0)]).await?;
        self.scene.ledger.convict(row);
        self.scene.observer.rejected(&rejected);
        Ok(())
    }

    fn finish(&mut self, position: u64) -> Verdict {
        self.scene.ledger.close();
        let counts = *self.scene.ledger.counts();
        if !counts.balance() {
            return Verdict::Failed(format!("the counts do not balance, which is a mistake of the host: {counts:?}"));
        }
        if let Some(reason) = self.scene.cast.tolerance.exceeded(&counts, true) {
            return Verdict::Failed(reason);
        }
        let read_to = self.scene.ledger.settled().row.end.max(position);
        let size = self.scene.file.size();
        // Whatever the app says of how far it has read: what is not there any more it may not have seen.
        if let Some(now) = self.scene.file.shrunk_to() {
            return Verdict::Partial(format!(
                "the file shrank from {size} to {now} bytes while it was read: rows of it may be missing"
            ));
        }
        if read_to < size && !self.scene.file.only_blanks_from(read_to) {
            return Verdict::Partial(format!("the app ended at byte {read_to} of {size}: the rest was not read"));
        }
        Verdict::Done
    }

    fn explain(&self, failure: Failure, app_error: String) -> String {
        let last = || {
            let death = self.deaths.last();
            death.map_or_else(String::new, |death| death.sentence(&self.scene.cast.spec.label, self.scene.file.name()))
        };
        match failure {
            Failure::AppError => format!("app {} returned an error: {app_error}", self.scene.cast.spec.label),
            Failure::Deaths(deaths) => {
                format!("{deaths} workers died and no row that kills alone could be made out; the last: {}", last())
            }
            Failure::Convicted(rows) => {
                format!("{rows} rows kill the app, which is more than is borne; the last: {}", last())
            }
        }
    }
}
