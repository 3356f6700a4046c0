//! `mysimbdp streams …`: what they do, and starting and stopping them; what is settled for them is `stream_settings`'s part.

use super::stream_settings::Settle;
use super::{Remote, table};
use crate::api::client::ClientError;
use crate::broker::{Credentials, StreamKey};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::StreamLine;
use crate::size;
use crate::stream::OnHost;
use crate::stream::window::WindowReport;
use crate::tenant::TenantId;
use crate::worker::words::one_line;
use serde_json::json;
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How often the live table is drawn anew.
const LOOK: Duration = Duration::from_secs(1);

/// List streams; start, stop, watch, create, change and delete them
#[derive(clap::Args, Debug)]
pub(crate) struct Streams {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List streams, with what they have done since the hosts are up
    List {
        /// Of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Start a stream: its consumers take what waits in its queue
    Start {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
    /// Stop a stream; messages wait in its queue until it is started
    Stop {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
    /// Throw away what waits in a stream's queue
    Purge {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show the last windows of a stream in which something had happened on this host, oldest first
    Windows {
        /// The stream, as tenant/stream
        stream: StreamKey,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
        #[command(flatten)]
        remote: Remote,
    },
    #[command(flatten)]
    Settle(Settle),
    /// Show what a tenant's clients need to publish: address, exchange, user
    Credentials {
        /// The tenant
        tenant: TenantId,
        /// Make another password; the one before holds no longer
        #[arg(long)]
        rotate: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show what streams do, drawn anew each second, until interrupted
    Watch {
        /// Of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Runs the command.
pub(crate) async fn run(args: &Streams) -> Exit {
    match &args.what {
        What::List { tenant, remote } => remote.end(list(remote, tenant.as_ref()).await),
        What::Start { stream, remote } => remote.end(change(remote, stream, "start").await),
        What::Stop { stream, remote } => remote.end(change(remote, stream, "stop").await),
        What::Purge { stream, remote } => remote.end(purge(remote, stream).await),
        What::Windows { stream, limit, remote } => remote.end(windows(remote, stream, *limit).await),
        What::Settle(settle) => settle.run().await,
        What::Credentials { tenant, rotate, remote } => remote.end(credentials(remote, tenant, *rotate).await),
        What::Watch { tenant, remote } => remote.end(watch(remote, tenant.as_ref()).await),
    }
}

/// Where a stream is in the API.
pub(super) fn path(StreamKey { tenant, stream }: &StreamKey, what: &str) -> String {
    format!("/v1/tenants/{tenant}/streams/{stream}/{what}")
}

async fn ask(remote: &Remote, tenant: Option<&TenantId>) -> Result<Vec<StreamLine>, ClientError> {
    remote.client()?.all("/v1/streams", &json!({ "tenant": tenant })).await
}

async fn list(remote: &Remote, tenant: Option<&TenantId>) -> Result<Exit, ClientError> {
    let streams = ask(remote, tenant).await?;
    remote.tell(&streams, |streams| show(streams, &HashMap::new()));
    Ok(Exit::Done)
}

async fn change(remote: &Remote, key: &StreamKey, what: &str) -> Result<Exit, ClientError> {
    let line: StreamLine = remote.client()?.post(&path(key, what), &json!({})).await?;
    remote.tell(&line, |line| {
        let (state, consumers) = (line.state.name(), line.consumers);
        out::line(format_args!(
            "stream {key} is {state}, with {consumers} consumers; {} messages wait",
            count(line.waiting)
        ));
    });
    Ok(Exit::Done)
}

async fn purge(remote: &Remote, key: &StreamKey) -> Result<Exit, ClientError> {
    let answer: serde_json::Value = remote.client()?.post(&path(key, "purge"), &json!({})).await?;
    remote.tell(&answer, |answer| out::line(format_args!("{} messages of stream {key} are gone", answer["purged"])));
    Ok(Exit::Done)
}

async fn windows(remote: &Remote, key: &StreamKey, limit: u16) -> Result<Exit, ClientError> {
    let reports: Vec<WindowReport> = remote.client()?.get(&path(key, "windows"), &json!({ "limit": limit })).await?;
    remote.tell(&reports, |reports| {
        let row = |report: &WindowReport| {
            let counts = &report.counts;
            vec![
                report.at.to_string(),
                format!("{:.1}", report.seconds),
                counts.messages.to_string(),
                size::show(counts.bytes),
                counts.stored.to_string(),
                (counts.rejected + counts.refused).to_string(),
                counts.errors.to_string(),
                report.consumers.to_string(),
            ]
        };
        let head = ["closed", "seconds", "messages", "bytes", "documents", "dead", "errors", "consumers"];
        table(&head, &reports.iter().map(row).collect::<Vec<_>>());
    });
    Ok(Exit::Done)
}

async fn credentials(remote: &Remote, tenant: &TenantId, rotate: bool) -> Result<Exit, ClientError> {
    let asked = json!({ "rotate": rotate });
    let found: Credentials = remote.client()?.post(&format!("/v1/tenants/{tenant}/credentials"), &asked).await?;
    remote.tell(&found, |found| {
        let Credentials { url, vhost, exchange, user, password, ca, note } = found;
        out::line(format_args!("url       {url}"));
        out::line(format_args!("vhost     {vhost}"));
        out::line(format_args!("exchange  {exchange}"));
        for (what, value) in [("user    ", user), ("password", password)] {
            if let Some(value) = value {
                out::line(format_args!("{what}  {value}"));
            }
        }
        if let Some(ca) = ca {
            out::line(format_args!("ca        {}", ca.display()));
        }
        out::note(note);
    });
    Ok(Exit::Done)
}

async fn watch(remote: &Remote, tenant: Option<&TenantId>) -> Result<Exit, ClientError> {
    let mut before: Option<(Instant, HashMap<StreamKey, u64>)> = None;
    loop {
        let (now, streams) = (Instant::now(), ask(remote, tenant).await?);
        let counts = streams.iter().map(|line| (key(line), line.counts.messages)).collect();
        let mut rates = HashMap::new();
        if let Some((then, counted)) = &before {
            let seconds = now.duration_since(*then).as_secs_f64();
            for line in &streams {
                let since = line.counts.messages.saturating_sub(counted.get(&key(line)).copied().unwrap_or_default());
                #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
                rates.insert(key(line), since as f64 / seconds);
            }
        }
        if remote.json {
            out::json(&streams);
        } else {
            if std::io::stdout().is_terminal() {
                // Home, and everything below it erased.
                out::line("\x1b[H\x1b[2J");
            }
            show(&streams, &rates);
        }
        before = Some((now, counts));
        tokio::time::sleep(LOOK).await;
    }
}

fn key(line: &StreamLine) -> StreamKey {
    StreamKey { tenant: line.tenant.clone(), stream: line.stream.clone() }
}

fn show(streams: &[StreamLine], rates: &HashMap<StreamKey, f64>) {
    let head = [
        "stream",
        "app",
        "sink",
        "state",
        "consumers",
        "waiting",
        "messages/s",
        "messages",
        "documents",
        "dead",
        "errors",
    ];
    let row = |line: &StreamLine| {
        let counts = &line.counts;
        vec![
            key(line).to_string(),
            line.app.to_string(),
            line.sink.to_string(),
            line.state.name().to_owned(),
            format!("{} ({}-{})", line.consumers, line.bounds.0, line.bounds.1),
            count(line.waiting),
            rates.get(&key(line)).map_or_else(String::new, |rate| format!("{rate:.0}")),
            counts.messages.to_string(),
            counts.stored.to_string(),
            (counts.rejected + counts.refused).to_string(),
            counts.errors.to_string(),
        ]
    };
    let rows = streams.iter().flat_map(|line| std::iter::once(row(line)).chain(line.hosts.iter().map(on_host)));
    table(&head, &rows.collect::<Vec<_>>());
    for line in streams {
        if let Some(trouble) = &line.trouble {
            out::note(one_line(&format!("{}: {trouble}", key(line))));
        }
    }
}

/// What there is of a stream on one of several hosts, under the same head.
fn on_host(host: &OnHost) -> Vec<String> {
    let OnHost { host, consumers, messages, stored } = host;
    let mut row = vec![String::new(); 11];
    row[0] = format!("  on {host}");
    row[4] = consumers.to_string();
    row[7] = messages.to_string();
    row[8] = stored.to_string();
    row
}

pub(super) fn count(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}
