//! `mysimbdp submit`: sends files to a host and, unless told otherwise, waits for what becomes of them.

use super::Remote;
use crate::api::client::{Client, ClientError};
use crate::batch::data_file::DataFile;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::{BatchView, OpenBatch, OpenedBatch, PlannedFile, TaskView};
use crate::task::{BatchId, StoredFile, TaskState};
use crate::tenant::{AppName, TenantId};
use crate::worker::words::one_line;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{IsTerminal, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a batch that runs is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes of a file that are sent at once.
const CHUNK: usize = 64 * 1024;

/// Submit files to an app of a tenant, as one batch
#[derive(clap::Args, Debug)]
pub(crate) struct Submit {
    /// The tenant
    tenant: TenantId,
    /// The app that is to read the files
    app: AppName,
    /// The files; each becomes a task
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Do not wait: end when the batch is in the queue
    #[arg(long)]
    no_wait: bool,
    /// Id of the batch (a UUID): submitting again under the same id is the same batch
    #[arg(long, value_name = "UUID")]
    batch: Option<BatchId>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the command.
pub(crate) async fn run(args: &Submit) -> Exit {
    args.remote.end(submit(args).await)
}

async fn submit(args: &Submit) -> Result<Exit, ClientError> {
    let mut files = Vec::new();
    for path in &args.files {
        match DataFile::open(path) {
            Ok(file) => files.push(PlannedFile { name: file.name().to_owned(), bytes: file.size() }),
            Err(error) => {
                out::note(one_line(&error.to_string()));
                return Ok(Exit::Failed);
            }
        }
    }
    let client = args.remote.client()?;
    let bars = Bars::new(&files, args.remote.json);
    let plan = OpenBatch { batch: args.batch, tenant: args.tenant.clone(), app: args.app.clone(), files };
    let OpenedBatch { batch } = client.post("/v1/batches", &plan).await?;
    for (index, (path, planned)) in args.files.iter().zip(&plan.files).enumerate() {
        send(&client, batch, index, path, planned, &bars).await?;
    }
    let none = serde_json::json!({});
    let _tasks: serde_json::Value = client.post(&format!("/v1/batches/{batch}/commit"), &none).await?;
    let path = format!("/v1/batches/{batch}");
    let mut view: BatchView =
        if args.no_wait { client.get(&path, &none).await? } else { wait(&client, &path, &bars).await? };
    // Of large batches that is the first page.
    view.tasks = client.all("/v1/tasks", &serde_json::json!({ "batch": batch })).await?;
    bars.clear();
    args.remote.tell(&view, |view| view.tasks.iter().for_each(|task| out::line(one_line(&sentence(task)))));
    Ok(view.tasks.iter().map(exit_of).fold(Exit::Done, Exit::worst))
}

async fn send(
    client: &Client,
    batch: BatchId,
    index: usize,
    path: &Path,
    planned: &PlannedFile,
    bars: &Bars,
) -> Result<(), ClientError> {
    let bar = bars.of(index);
    bar.set_message("sending");
    let sent = bar.clone();
    let content = content_of(path, move |bytes| sent.inc(bytes))?;
    let _stored: StoredFile = client.put(&format!("/v1/batches/{batch}/files/{index}"), content).await?;
    bar.set_position(0);
    bar.set_message(if planned.bytes == 0 { "empty" } else { "waiting" });
    Ok(())
}

/// The content of a file, to be sent as it is read; `sent` is told of each piece of it.
pub(super) fn content_of(path: &Path, sent: impl Fn(u64) + Send + 'static) -> Result<reqwest::Body, ClientError> {
    let unreadable = |error: std::io::Error| ClientError::Broken(format!("{} cannot be read: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    // Read where it is sent, on the one thread there is, which has nothing else to do.
    let chunks = std::iter::from_fn(move || {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        sent(chunk.len() as u64);
        read.map(|read| (read > 0).then_some(chunk)).transpose()
    });
    Ok(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks)))
}

/// Tasks whose bars are kept up to date.
const BARS: usize = 1_000;

async fn wait(client: &Client, path: &str, bars: &Bars) -> Result<BatchView, ClientError> {
    let query = serde_json::json!({ "limit": BARS });
    loop {
        let view: BatchView = client.get(path, &query).await?;
        for (index, task) in view.tasks.iter().enumerate() {
            bars.show(index, task);
        }
        if view.is_over {
            return Ok(view);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A bar for each file, on standard error where that is a terminal and the output is for people.
struct Bars(Vec<ProgressBar>);

impl Bars {
    fn new(files: &[PlannedFile], quiet: bool) -> Bars {
        let all = MultiProgress::new();
        let visible = !quiet && std::io::stderr().is_terminal();
        let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {msg}";
        let bar = |file: &PlannedFile| {
            if !visible {
                return ProgressBar::hidden();
            }
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(file.bytes).with_style(style).with_prefix(one_line(&file.name).into_owned());
            all.add(bar)
        };
        Bars(files.iter().map(bar).collect())
    }

    fn of(&self, index: usize) -> ProgressBar {
        self.0.get(index).cloned().unwrap_or_else(ProgressBar::hidden)
    }

    fn show(&self, index: usize, view: &TaskView) {
        let (bar, task) = (self.of(index), &view.task);
        let (counts, position) = match &view.running {
            Some(running) => (&running.counts, running.position),
            None => (&task.checkpoint.counts, task.checkpoint.settled.row.end),
        };
        bar.set_position(if task.state == TaskState::Done { task.file.bytes } else { position });
        bar.set_message(format!("{} · {} documents", task.state, counts.documents.stored));
    }

    fn clear(&self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// A task in one line, with its books.
pub(super) fn sentence(view: &TaskView) -> String {
    let task = &view.task;
    let counts = view.running.as_ref().map_or(task.checkpoint.counts, |running| running.counts);
    let (rows, documents) = (counts.rows, counts.documents);
    let reason = task.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
    format!(
        "{}: task {} {}; {} rows = {} ingested + {} passed over + {} rejected; {} documents = {} stored + {} duplicate + \
         {} refused{reason}",
        task.file.name,
        task.number,
        task.state,
        rows.read,
        rows.ingested,
        rows.passed_over,
        rows.rejected,
        documents.emitted,
        documents.stored,
        documents.duplicate,
        documents.refused,
    )
}

fn exit_of(view: &TaskView) -> Exit {
    let counts = view.task.checkpoint.counts;
    match view.task.state {
        TaskState::Parked | TaskState::Cancelled => Exit::Failed,
        TaskState::Partial => Exit::Partial,
        TaskState::Done if counts.rows.rejected + counts.documents.refused > 0 => Exit::DeadLetters,
        TaskState::Done | TaskState::Waiting | TaskState::Running => Exit::Done,
    }
}
