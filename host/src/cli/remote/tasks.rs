//! `mysimbdp tasks …`: lists tasks, retries, cancels and reruns them.

use super::submit::sentence;
use super::{Remote, table};
use crate::api::client::ClientError;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::TaskView;
use crate::queue::TaskFilter;
use crate::task::{BatchId, ShownTask, TaskState};
use crate::tenant::{AppName, TenantId};
use crate::worker::words::one_line;
use serde_json::json;

/// List tasks, and retry, cancel or rerun them
#[derive(clap::Args, Debug)]
pub(crate) struct Tasks {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List tasks, the newest first
    List {
        /// Of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Of this app
        #[arg(long)]
        app: Option<AppName>,
        /// Of this batch
        #[arg(long)]
        batch: Option<BatchId>,
        /// In this state: waiting, running, done, partial, parked or cancelled
        #[arg(long, value_parser = state)]
        state: Option<TaskState>,
        /// Older than this task
        #[arg(long, value_name = "TASK")]
        after: Option<u64>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        remote: Remote,
    },
    /// Put a task that is parked, partial or cancelled back into the queue; it goes on from its checkpoint
    Retry {
        /// Its number
        task: u64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Cancel a task; documents that it has stored stay
    Cancel {
        /// Its number
        task: u64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Erase what a task that is over has stored, and run it again from nothing
    Rerun {
        /// Its number
        task: u64,
        /// On the generation that it ran on, instead of the one that is live now
        #[arg(long)]
        same_generation: bool,
        #[command(flatten)]
        remote: Remote,
    },
}

fn state(text: &str) -> Result<TaskState, String> {
    let names = TaskState::ALL.map(TaskState::name);
    TaskState::ALL
        .into_iter()
        .find(|state| state.name() == text)
        .ok_or_else(|| format!("{text} is no state of a task; the states are {}", names.join(", ")))
}

/// Runs the command.
pub(crate) async fn run(args: &Tasks) -> Exit {
    match &args.what {
        What::List { tenant, app, batch, state, after, limit, remote } => {
            let (tenant, app, batch, state, after) = (tenant.clone(), app.clone(), *batch, *state, *after);
            let filter = TaskFilter { tenant, app, batch, state, after, newest_first: true };
            remote.end(list(remote, &filter, *limit).await)
        }
        What::Retry { task, remote } => remote.end(act(remote, *task, "retry", &json!({})).await),
        What::Cancel { task, remote } => remote.end(act(remote, *task, "cancel", &json!({})).await),
        What::Rerun { task, same_generation, remote } => {
            let how = json!({ "same_generation": same_generation });
            remote.end(act(remote, *task, "rerun", &how).await)
        }
    }
}

async fn list(remote: &Remote, filter: &TaskFilter, limit: usize) -> Result<Exit, ClientError> {
    #[derive(serde::Serialize)]
    struct Query<'a> {
        #[serde(flatten)]
        filter: &'a TaskFilter,
        limit: usize,
    }
    let tasks: Vec<TaskView> = remote.client()?.get("/v1/tasks", &Query { filter, limit }).await?;
    remote.tell(&tasks, |tasks| {
        let row = |view: &TaskView| {
            let ShownTask { number, tenant, app, state, file, reason, .. } = &view.task;
            let counts = view.running.as_ref().map_or(view.task.checkpoint.counts, |running| running.counts);
            vec![
                number.to_string(),
                tenant.to_string(),
                app.to_string(),
                state.to_string(),
                counts.rows.read.to_string(),
                counts.documents.stored.to_string(),
                (counts.rows.rejected + counts.documents.refused).to_string(),
                file.name.clone(),
                reason.clone().unwrap_or_default(),
            ]
        };
        let head = ["task", "tenant", "app", "state", "rows", "stored", "dead", "file", "reason"];
        table(&head, &tasks.iter().map(row).collect::<Vec<_>>());
    });
    Ok(Exit::Done)
}

async fn act(remote: &Remote, task: u64, what: &str, how: &serde_json::Value) -> Result<Exit, ClientError> {
    let task: ShownTask = remote.client()?.post(&format!("/v1/tasks/{task}/{what}"), how).await?;
    remote.tell(&task, |task| {
        let view = TaskView { task: task.clone(), running: None };
        out::line(one_line(&sentence(&view)));
    });
    Ok(Exit::Done)
}
