//! One task from its first attempt to its report: does what the supervisor says.

use super::attempt::{self, Outcome, Scene, Times};
use super::cast::{Observer, Slot};
use super::death::{Cause, Death};
use super::ending::{self, Verdict};
use super::intake::{Intake, Rejected};
use super::ledger::{Ledger, Row};
use super::report::{DeathReport, Resources, TaskReport, Timings};
use crate::failpoint;
use crate::worker::process::{Remains, StartError, Worker};
use crate::worker::protocol::{Start, Task};
use crate::worker::recorder::ClaimedRow;
use crate::worker::supervisor::{self, Action, Event, Policy, Supervisor};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use tokio::time::timeout;

pub use super::assignment::{Assignment, ForgetfulKeeper, Keeper, RunError};

/// Runs a task to its end, or until it is told to stop.
///
/// # Errors
/// See [`RunError`].
pub async fn run(assignment: Assignment<'_>, observer: &mut dyn Observer) -> Result<TaskReport, RunError> {
    let Assignment { cast, slot, file, task, from, mut rows, keeper, stop } = assignment;
    if let Some(rows) = &mut rows {
        rows.sort_unstable_by_key(|row| row.number);
        rows.dedup_by_key(|row| row.number);
    }
    let mut ledger = Ledger::new(task, &from);
    let mut times = Times::new();
    let come_to = (from.settled.row.number, from.settled.loose);
    let scene = Scene { cast, file, ledger: &mut ledger, times: &mut times, observer, keeper, stop, rows };
    let (starting, resources) = (Duration::ZERO, Resources::default());
    let mut run = Run { scene, slot, deaths: Vec::new(), come_to, starting, resources };
    let verdict = run.play().await?;
    let Run { deaths, starting, mut resources, .. } = run;
    resources.memory_byte_seconds = times.memory_byte_seconds;
    let (outcome, cause, reason) = verdict.told();
    Ok(TaskReport {
        outcome,
        reason,
        cause,
        file: file.name().to_owned(),
        bytes: file.size(),
        task,
        counts: *ledger.counts(),
        new_documents: times.new_documents,
        checkpoint: ledger.checkpoint(),
        not_deterministic: ledger.is_differing(),
        deaths: deaths.iter().map(|death| tell(death, &cast.spec.label, file.name())).collect(),
        timings: Timings {
            total: times.began.elapsed().as_secs_f64(),
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

/// What an attempt amounts to for the supervisor, or an end that it has no say in.
enum Ended {
    Event(Event, Option<Death>),
    Over(Verdict),
}

struct Run<'a, 'b> {
    scene: Scene<'a>,
    slot: &'b mut Slot,
    deaths: Vec<Death>,
    /// Row and loose documents that were settled at the last death.
    come_to: (u64, u64),
    starting: Duration,
    resources: Resources,
}

impl Run<'_, '_> {
    async fn play(&mut self) -> Result<Verdict, RunError> {
        // Rows that an earlier run has convicted count as well.
        let policy = self.scene.cast.policy;
        let convicted = u32::try_from(self.scene.ledger.convicted().len()).unwrap_or(u32::MAX);
        let max_convicted = policy.max_convicted.saturating_sub(convicted);
        let mut supervisor = Supervisor::new(Policy { max_convicted, ..policy });
        let mut actions = vec![Action::Attempt(Duration::ZERO)];
        let mut position = 0;
        let mut app_error = String::new();
        loop {
            let mut ended = None;
            for action in std::mem::take(&mut actions) {
                // What has come to its end is judged by it, whoever wanted it stopped; unless nobody may speak for it any more.
                if self.scene.stop.is_lost() || (action != Action::Finish && self.scene.stop.why().is_some()) {
                    return Ok(ending::cut_short(&self.scene.stop, Outcome::Stopped));
                }
                ended = match action {
                    Action::Convict(row) => {
                        self.convict(row).await?;
                        None
                    }
                    Action::Attempt(pause) => {
                        self.pause(pause).await;
                        Some(self.attempt(&mut position, &mut app_error).await?)
                    }
                    Action::Alone(row, pause) => {
                        self.pause(pause).await;
                        Some(self.alone(row).await?)
                    }
                    Action::Finish => return Ok(ending::finish(&mut self.scene, position)),
                    Action::Fail(failure) => {
                        return Ok(ending::explain(&self.scene, failure, &self.deaths, &app_error));
                    }
                };
            }
            match ended {
                Some(Ended::Over(verdict)) => return Ok(verdict),
                Some(Ended::Event(event, death)) => {
                    if let Some(death) = death {
                        let sentence = death.sentence(&self.scene.cast.spec.label, self.scene.file.name());
                        self.scene.observer.death(&sentence);
                        self.deaths.push(death);
                        self.scene.keep().await?;
                    }
                    actions = supervisor.judge(event);
                }
                None => return Ok(Verdict::Failed("host", "the supervisor gave no further order".into())),
            }
        }
    }

    /// The whole file, or what is left of it.
    async fn attempt(&mut self, position: &mut u64, app_error: &mut String) -> Result<Ended, RunError> {
        let (mut worker, begun, intake, cpu_before) = match self.hand_over().await {
            Ok(handed) => handed,
            Err(ended) => return Ok(ended),
        };
        let outcome = match begun {
            Ok(tag) => attempt::drive(&mut self.scene, &mut worker, tag, intake).await?,
            Err(outcome) => outcome,
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
            outcome @ (Outcome::OverLimit { .. } | Outcome::Stopped) => {
                self.stop(worker, cpu_before).await;
                return Ok(Ended::Over(ending::cut_short(&self.scene.stop, outcome)));
            }
        };
        self.account(worker.cpu().saturating_sub(cpu_before), worker.peak_memory());
        self.slot.warm = Some(worker);
        Ok(ended)
    }

    /// Gives what is left to a worker: the warm one, if it still lives. One that died while it waited did not die of this
    /// task.
    async fn hand_over(&mut self) -> Result<(Worker, Result<u32, Outcome>, Intake, Duration), Ended> {
        loop {
            let warm = self.slot.warm.take();
            let is_warm = warm.is_some();
            let mut worker = match warm {
                Some(worker) => worker,
                None => self.start().await?,
            };
            let cpu_before = if is_warm { worker.cpu() } else { Duration::ZERO };
            self.scene.times.cpu_before = cpu_before;
            let (task, intake) = self.what_is_left(worker.ready().rows_independent);
            let begun = self.begin(&mut worker, &task).await;
            if !is_warm || !matches!(begun, Err(Outcome::Died(None))) {
                return Ok((worker, begun, intake, cpu_before));
            }
        }
    }

    /// What an attempt that begins now has to do.
    fn what_is_left(&self, rows_independent: bool) -> (Task, Intake) {
        let (ledger, size) = (&*self.scene.ledger, self.scene.file.size());
        let convicted = ledger.convicted();
        let mut task = Task {
            name: self.scene.file.name().to_owned(),
            size,
            skip: convicted.keys().copied().collect(),
            include: None,
            resume: None,
        };
        match &self.scene.rows {
            Some(rows) => {
                let settled = ledger.settled().row.number;
                let is_left = |row: &&Start| row.number > settled && !convicted.contains_key(&row.number);
                task.include = Some(rows.iter().filter(is_left).copied().collect());
                task.skip.clear();
                let intake = Intake::replay(ledger, size, rows);
                (task, intake)
            }
            None => {
                task.resume = ledger.resume().filter(|_| rows_independent);
                let intake = Intake::new(ledger, size, task.resume);
                (task, intake)
            }
        }
    }

    /// Waits, unless the task is told to stop.
    async fn pause(&mut self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.scene.stop.wait() => {}
        }
    }

    /// One row by itself, in a fresh worker. Only whether it lives matters: its documents are thrown away.
    async fn alone(&mut self, row: u64) -> Result<Ended, RunError> {
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
        self.scene.times.cpu_before = Duration::ZERO;
        let outcome = match self.begin(&mut worker, &task).await {
            Ok(tag) => {
                let intake = Intake::alone(include, self.scene.file.size());
                attempt::watch(&mut self.scene, &mut worker, tag, intake).await
            }
            Err(outcome) => outcome,
        };
        match outcome {
            Outcome::Died(cause) => Ok(self.bury(worker, cause, Some(suspect), Duration::ZERO).await),
            outcome @ (Outcome::OverLimit { .. } | Outcome::Stopped) => {
                self.stop(worker, Duration::ZERO).await;
                Ok(Ended::Over(ending::cut_short(&self.scene.stop, outcome)))
            }
            Outcome::Finished { .. } | Outcome::AppError(_) => {
                self.stop(worker, Duration::ZERO).await;
                Ok(Ended::Event(Event::Finished, None))
            }
        }
    }

    /// Hands the task over. A worker that does not read it is as good as dead.
    async fn begin(&mut self, worker: &mut Worker, task: &Task) -> Result<u32, Outcome> {
        let Ok(data) = self.scene.file.descriptor() else { return Err(Outcome::Died(None)) };
        let begun = tokio::select! {
            biased;
            _ = self.scene.stop.wait() => return Err(Outcome::Stopped),
            begun = timeout(self.scene.cast.deadlines.stall, worker.begin(task, data.as_fd())) => begun,
        };
        match begun {
            Ok(Ok(tag)) => Ok(tag),
            Ok(Err(_)) => Err(Outcome::Died(None)),
            Err(_) => {
                let how = "it does not read what it is sent".to_owned();
                Err(Outcome::Died(Some(Cause::BrokeProtocol(how))))
            }
        }
    }

    async fn start(&mut self) -> Result<Worker, Ended> {
        if let Some(outcome) = self.scene.out_of_time() {
            return Err(Ended::Over(ending::cut_short(&self.scene.stop, outcome)));
        }
        let began = Instant::now();
        let mut stop = self.scene.stop.clone();
        let started = tokio::select! {
            biased;
            _ = stop.wait() => return Err(Ended::Over(ending::cut_short(&self.scene.stop, Outcome::Stopped))),
            started = Worker::start(&self.scene.cast.spawner, &self.scene.cast.spec) => started,
        };
        self.starting += began.elapsed();
        started.map_err(|error| match error {
            StartError::Host { .. } => Ended::Over(Verdict::Failed("start", error.to_string())),
            error => {
                let label = &self.scene.cast.spec.label;
                Ended::Over(Verdict::Failed("start", format!("app {label} cannot be started: {error}")))
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
            None => remains.claim.clamped(size, |row| self.scene.ledger.is_settled(row) || !self.scene.is_wanted(row)),
        };
        let death = self.death(remains, cause, row, alone.is_some());
        let settled = self.scene.ledger.settled();
        let come_to = (settled.row.number, settled.loose);
        let progressed = std::mem::replace(&mut self.come_to, come_to) != come_to;
        let event = Event::Died(supervisor::Death { row: row.map(|row| row.number), progressed });
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
        self.scene.times.cpu += cpu;
        self.resources.worker_cpu += cpu.as_secs_f64();
        self.resources.worker_memory = self.resources.worker_memory.max(memory);
        self.resources.workers += 1;
    }

    async fn convict(&mut self, number: u64) -> Result<(), RunError> {
        let named = self.deaths.iter().rev().find(|death| death.row.is_some_and(|row| row.number == number));
        let Some((row, cause)) = named.and_then(|death| Some((death.row?, death.cause.to_string()))) else {
            return Ok(());
        };
        let ClaimedRow { number, start, line, .. } = row;
        let end = if row.end > start { row.end } else { self.scene.file.end_of_line(start) };
        let reason = format!("the app failed at this row, in its place and alone: {cause}");
        let rejected = Rejected { row: Row { number, start, end, line }, reason };
        let letter = self.scene.clerk().letter(&rejected, 0, true);
        // The letter first, then the skip list, then whatever passes the row over.
        if !self.scene.keep_letter(letter).await? {
            return Ok(());
        }
        failpoint::cross("work.letter_kept");
        self.scene.ledger.convict(ClaimedRow { end, ..row });
        self.scene.keep().await?;
        self.scene.observer.rejected(&rejected);
        Ok(())
    }
}
