//! `mysimbdp stats`, `usage` and `logs`: what is on record.

use super::{Remote, told};
use crate::api::client::ClientError;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::journal::Event;
use crate::journal::stats::{self, Stats};
use crate::quota::UsageLine;
use crate::tenant::{AppName, StreamName, TenantId};
use crate::worker::words::json_line;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

/// Statistics of tasks: how many, how long, how fast, and why they failed
#[derive(clap::Args, Debug)]
pub(crate) struct StatsArgs {
    /// Of this tenant; without it, of the platform
    tenant: Option<TenantId>,
    /// Of what ended since then (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    #[command(flatten)]
    remote: Remote,
}

/// What tenants have used, by day: documents, bytes, CPU seconds, memory, storage
#[derive(clap::Args, Debug)]
pub(crate) struct UsageArgs {
    /// Of this tenant; without it, of all
    tenant: Option<TenantId>,
    /// From this day on
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// Up to and with this day
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What happened: the journal of a tenant, or the general one
#[derive(clap::Args, Debug)]
pub(crate) struct Logs {
    /// Of this tenant; without it, the general journal
    tenant: Option<TenantId>,
    /// The audit log: what operators asked for, by whatever tenants do not pushed out
    #[arg(long, conflicts_with_all = ["tenant", "follow"])]
    audit: bool,
    /// Go on with what happens from now on
    #[arg(short, long)]
    follow: bool,
    /// Only these events, such as task_ended,app_live
    #[arg(long, value_name = "EVENTS")]
    event: Option<String>,
    /// Of this app
    #[arg(long)]
    app: Option<AppName>,
    /// Of this task
    #[arg(long)]
    task: Option<u64>,
    /// Of this stream
    #[arg(long)]
    stream: Option<StreamName>,
    /// Since then (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// The last so many
    #[arg(short = 'n', long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Runs `stats`.
pub(crate) async fn stats(args: &StatsArgs) -> Exit {
    let asked = async {
        let query = json!({ "tenant": args.tenant, "since": args.since });
        let stats: Stats = args.remote.client()?.get("/v1/stats", &query).await?;
        args.remote.tell(&stats, |stats| out::line(stats::table(stats).trim_end()));
        Ok(Exit::Done)
    };
    args.remote.end(asked.await)
}

/// Runs `usage`.
pub(crate) async fn usage(args: &UsageArgs) -> Exit {
    let asked = async {
        let query = json!({ "tenant": args.tenant, "from": args.from, "to": args.to });
        let lines: Vec<UsageLine> = args.remote.client()?.get("/v1/usage", &query).await?;
        if args.csv {
            out::line(UsageLine::csv_head().trim_end());
            lines.iter().for_each(|line| out::line(line.csv().trim_end()));
        } else {
            args.remote.tell(&lines, |lines| {
                super::table(&UsageLine::HEAD, &lines.iter().map(UsageLine::cells).collect::<Vec<_>>());
            });
        }
        Ok(Exit::Done)
    };
    args.remote.end(asked.await)
}

/// Runs `logs`. Each event is a line of text, or with `--json` one JSON object on one line.
pub(crate) async fn logs(args: &Logs) -> Exit {
    args.remote.end(tell_logs(args).await)
}

async fn tell_logs(args: &Logs) -> Result<Exit, ClientError> {
    let Logs { tenant, event, app, task, stream, since, limit, .. } = args;
    let mut query =
        json!({ "tenant": tenant, "event": event, "app": app, "task": task, "stream": stream, "since": since });
    let client = args.remote.client()?;
    if !args.follow {
        query["audit"] = json!(args.audit);
        let events: Vec<Event> = client.last("/v1/logs", &query, *limit).await?;
        for event in &events {
            args.remote.tell(event, |event| out::line(told::line(event)));
        }
        return Ok(Exit::Done);
    }
    query["limit"] = json!(limit);
    let mut lines = client.stream("/v1/logs/follow", &query).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = lines.chunk().await.map_err(|error| ClientError::Broken(error.to_string()))? {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            // What this version does not know is shown as it came.
            match serde_json::from_slice::<Event>(&line) {
                Ok(event) if !args.remote.json => out::line(told::line(&event)),
                _ => out::line(json_line(String::from_utf8_lossy(&line).trim_end())),
            }
        }
    }
    Ok(Exit::Done)
}
