//! `mysimbdp run`: ingests files in the real sandbox, on the developer's own machine, with no server.
//!
//! For a stream app each line of a file is a message ([`rehearsal`]).

mod telling;

use super::app_file::AppFile;
use super::backtrace::Symbols;
use super::exit::Exit;
use super::{IsolationArg, out, size, warn_if_insecure};
use crate::app::{self, OpenSink, TaskKey};
use crate::batch::attempt::Deadlines;
use crate::batch::cast::{Bounds, Cast, Slot, Tolerance};
use crate::batch::data_file::DataFile;
use crate::batch::report::{TaskOutcome, TaskReport};
use crate::batch::runner::{self, Assignment, ForgetfulKeeper};
use crate::batch::stop::Stop;
use crate::broker::StreamKey;
use crate::stream::rehearsal;
use crate::task::Checkpoint;
use crate::worker::process::{StartError, Worker};
use crate::worker::protocol::{GuestLimits, Ready, Stage};
use crate::worker::spawner::Spawner;
use crate::worker::supervisor::Policy;
use crate::worker::words::one_line;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use telling::{Listener, Told};

/// Ingest files with an app, in the sandbox
#[derive(clap::Args, Debug)]
pub(crate) struct Run {
    /// The app
    app: PathBuf,
    /// The files; each is a task of its own. For a stream app, files of messages: one on each line
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// Where documents go: a file that is kept, or `null` to validate and forget; without it a throw-away file
    #[arg(long, value_name = "FILE|null")]
    sink: Option<PathBuf>,
    /// Collection of the sink
    #[arg(long, default_value = "documents")]
    collection: String,
    /// Configuration of the app: a JSON object
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// Take each line for a message, also with an app that takes files as well
    #[arg(long)]
    messages: bool,
    /// How many of the new documents to show (throw-away sink only)
    #[arg(long, default_value_t = 3, value_name = "N")]
    show: usize,
    /// Longest time without a finished row before the worker is stopped
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    stall_seconds: f64,
    /// Longest time for one file
    #[arg(long, default_value_t = 3600.0, value_name = "SECONDS")]
    total_seconds: f64,
    /// Memory that a worker may use
    #[arg(long, default_value = "512M", value_parser = size::parse, value_name = "SIZE")]
    memory: u64,
    /// Dead letters above which a file fails
    #[arg(long, default_value_t = 100_000, value_name = "ROWS")]
    max_dead_rows: u64,
    /// Share of dead letters above which a file fails
    #[arg(long, default_value_t = 100.0, value_name = "PERCENT")]
    max_dead_percent: f64,
    /// Rows that may kill the app before a file fails
    #[arg(long, default_value_t = 100, value_name = "ROWS")]
    max_killing_rows: u32,
    /// How much of the sandbox is demanded
    #[arg(long, value_enum, default_value_t = IsolationArg::Full)]
    isolation: IsolationArg,
    /// Print one JSON object for each file instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: &Run) -> Exit {
    warn_if_insecure(args.isolation);
    match Prepared::prepare(args).await {
        Ok(prepared) => prepared.ingest_all(args).await,
        Err((reason, exit)) => {
            if args.json {
                out::json(&serde_json::json!({ "outcome": "failed", "reason": reason }));
            }
            out::note(one_line(&reason));
            exit
        }
    }
}

/// The app is loaded, the sink is open, the first worker is ready.
struct Prepared {
    app: AppFile,
    symbols: Symbols,
    ready: Ready,
    sink: OpenSink,
    cast: Arc<Cast>,
    slot: Slot,
    host_cpu: Duration,
    /// Each line is a message.
    by_message: bool,
}

impl Prepared {
    async fn prepare(args: &Run) -> Result<Prepared, (String, Exit)> {
        let failed = |reason: String| (reason, Exit::Failed);
        let seconds = |name: &str, value: f64| {
            Duration::try_from_secs_f64(value)
                .map_err(|_| (format!("--{name} {value} is not a time: give seconds, such as 30"), Exit::Usage))
        };
        let deadlines = Deadlines {
            stall: seconds("stall-seconds", args.stall_seconds)?,
            total: seconds("total-seconds", args.total_seconds)?,
        };
        if let Some(config) = &args.config {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(config)
                .map_err(|error| (format!("--config is not a JSON object: {error}"), Exit::Usage))?;
        }
        let name = args.app.display();
        let app = AppFile::open(&args.app).map_err(|error| failed(format!("{name} is refused: {error}")))?;
        if let Some(refusal) = app.examination().refusals().next() {
            return Err(failed(format!("{name} is refused: {}; {}", refusal.sentence, refusal.mend)));
        }
        let limits = GuestLimits { memory: args.memory, cpu_seconds: None };
        let spec = app.worker_spec(args.isolation.into(), limits, args.config.clone());
        let spawner = Spawner::start(None).map_err(|error| failed(format!("no thread for workers: {error}")))?;
        let worker = Worker::start(&spawner, &spec).await.map_err(|error| {
            let exit = match error {
                StartError::Refused { stage: Stage::Sandbox, .. } => Exit::CannotIsolate,
                _ => Exit::Failed,
            };
            (format!("{name} is refused: app {} cannot be started: {error}", app.label()), exit)
        })?;
        let ready = worker.ready().clone();
        if let Err(reason) = app.agrees_with(&ready) {
            worker.retire().await;
            return Err(failed(format!("{name} is refused: {reason}")));
        }
        let is = |wanted: &str| ready.kinds.iter().any(|kind| kind == wanted);
        let by_message = args.messages || !is("batch");
        if !is("stream") && by_message {
            let (label, kinds) = (app.label(), ready.kinds.join(", "));
            let (what, wanted) = if args.messages { ("no stream app", "stream") } else { ("no batch app", "batch") };
            worker.retire().await;
            return Err(failed(format!(
                "app {label} is {what} (its kinds: {kinds}): export one with `{wanted}: …` in export_app!"
            )));
        }
        let sink =
            app::open_sink(args.sink.as_deref(), &args.collection).await.map_err(|error| failed(error.to_string()))?;
        let policy = Policy { max_convicted: args.max_killing_rows, ..Policy::default() };
        let tolerance = Tolerance { rows: args.max_dead_rows, percent: args.max_dead_percent };
        let cast = Arc::new(Cast {
            spawner,
            spec,
            sink: Arc::clone(sink.port()),
            deadlines,
            policy,
            tolerance,
            bounds: Bounds::default(),
        });
        let (symbols, slot) = (app.symbols(), Slot::with(worker));
        Ok(Prepared { symbols, app, ready, sink, cast, slot, host_cpu: cpu_time(), by_message })
    }

    async fn ingest_all(mut self, args: &Run) -> Exit {
        let mut exit = Exit::Done;
        for path in &args.data {
            exit = exit.worst(self.ingest(args, path).await);
        }
        self.slot.close().await;
        if let Err(error) = self.sink.close() {
            out::note(error);
            exit = exit.worst(Exit::Failed);
        }
        exit
    }

    async fn ingest(&mut self, args: &Run, path: &std::path::Path) -> Exit {
        let file = match DataFile::open(path) {
            Ok(file) => Arc::new(file),
            Err(error) => return self.tell_failure(args, path, error.to_string()),
        };
        let mut listener = Listener::new(&file, args.json);
        let result = match self.by_message {
            true => self.messages(&file, &mut listener).await,
            false => self.rows(&file, &mut listener).await,
        };
        let dead_letters = listener.finish();
        let report = match result {
            Ok(report) => report,
            Err(reason) => return self.tell_failure(args, path, reason),
        };
        let exit = exit_of(&report);
        let cpu = cpu_time();
        let host_cpu = cpu.saturating_sub(std::mem::replace(&mut self.host_cpu, cpu));
        let stacks: Vec<&[u64]> = report.deaths.iter().map(|death| death.frames.as_slice()).collect();
        let backtraces = self.symbols.tell(&stacks).await;
        let told = Told {
            report: &report,
            app: &self.app,
            ready: &self.ready,
            dead_letters: &dead_letters,
            backtraces,
            sample: self.sink.sample(Some(report.task).filter(|_| !self.by_message), args.show),
            host_cpu: host_cpu.as_secs_f64(),
            sink: self.sink.place(),
            unit: if self.by_message { "message" } else { "row" },
        };
        if args.json {
            out::json(&told.json())
        } else {
            told.print()
        }
        exit
    }

    async fn rows(&mut self, file: &Arc<DataFile>, listener: &mut Listener) -> Result<TaskReport, String> {
        let task = self.task_number(file).await?;
        let assignment = Assignment {
            cast: &self.cast,
            slot: &mut self.slot,
            file,
            task,
            from: Checkpoint::default(),
            rows: None,
            keeper: &mut ForgetfulKeeper,
            stop: Stop::never(),
        };
        runner::run(assignment, listener).await.map_err(|error| error.to_string())
    }

    async fn messages(&mut self, file: &Arc<DataFile>, listener: &mut Listener) -> Result<TaskReport, String> {
        let key: StreamKey = format!("run/{}", self.ready.name).parse()?;
        let report = rehearsal::run(&self.cast, &mut self.slot, file, &key, listener).await;
        report.map_err(|error| error.to_string())
    }

    async fn task_number(&mut self, file: &DataFile) -> Result<u64, String> {
        let Prepared { sink, ready, app, .. } = self;
        let key = || {
            let content_hash =
                file.content_hash().map_err(|error| format!("{} cannot be read: {error}", file.name()))?;
            Ok(TaskKey {
                app: ready.name.clone(),
                generation: app.examination().generation.clone(),
                source: file.name().to_owned(),
                content_hash,
            })
        };
        sink.task_number(key).await
    }

    fn tell_failure(&self, args: &Run, path: &std::path::Path, reason: String) -> Exit {
        if args.json {
            let file = path.display().to_string();
            out::json(&serde_json::json!({ "outcome": "failed", "reason": reason, "file": file }));
        }
        out::note(one_line(&reason));
        Exit::Failed
    }
}

/// CPU time of this process, all its threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn exit_of(report: &TaskReport) -> Exit {
    match report.outcome {
        TaskOutcome::Failed | TaskOutcome::Interrupted => Exit::Failed,
        TaskOutcome::Partial => Exit::Partial,
        TaskOutcome::Done if report.counts.rows.rejected > 0 || report.counts.documents.refused > 0 => {
            Exit::DeadLetters
        }
        TaskOutcome::Done => Exit::Done,
    }
}
