//! `mysimbdp deadletters …`: what did not become a document, and another try.

use super::{Remote, table};
use crate::api::client::ClientError;
use crate::broker::StreamKey;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::{LetterLine, LetterPage, ReplayAnswer, StreamReplay};
use crate::tenant::{SinkName, StreamName, TenantId};
use serde_json::json;

/// Bytes of a raw row that a table shows.
const SHOWN: usize = 80;
/// Letters that are asked for at once.
const PAGE: usize = 500;

/// List, export and replay dead letters
#[derive(clap::Args, Debug)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Args, Debug)]
struct Which {
    /// The tenant
    tenant: TenantId,
    /// Of this task
    #[arg(long)]
    task: Option<u64>,
    /// Messages of this stream
    #[arg(long)]
    stream: Option<StreamName>,
    /// In this sink; without it, the tenant's default one
    #[arg(long)]
    sink: Option<SinkName>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List them
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Print all of them, one JSON object on each line, with their raw bytes
    Export {
        #[command(flatten)]
        which: Which,
    },
    /// Run rows or messages that are dead letters once more, on the generation that is live now
    Replay {
        /// The task whose rows they are
        #[arg(required_unless_present = "stream")]
        task: Option<u64>,
        /// Numbers of the rows; without them, all that are dead letters
        #[arg(long, value_delimiter = ',', value_name = "ROWS", requires = "task")]
        rows: Vec<u64>,
        /// The stream whose messages they are, as tenant/stream: all of them go back into its queue
        #[arg(long, conflicts_with = "task")]
        stream: Option<StreamKey>,
        /// Of the stream these letters alone, each as task.row.part, as the list has them with --json
        #[arg(long, value_delimiter = ',', value_name = "LETTERS", requires = "stream")]
        letters: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Runs the command.
pub(crate) async fn run(args: &DeadLetters) -> Exit {
    match &args.what {
        What::List { which, limit } => which.remote.end(list(which, *limit).await),
        What::Export { which } => which.remote.end(export(which).await),
        What::Replay { task, rows, stream, letters, remote } => remote.end(match (stream, task) {
            (Some(stream), _) => replay_messages(remote, stream, letters).await,
            (None, Some(task)) => replay(remote, *task, rows).await,
            // Refused when the command line is read.
            (None, None) => Ok(Exit::Failed),
        }),
    }
}

async fn page(which: &Which, after: Option<(u64, u64, u32)>, limit: usize) -> Result<LetterPage, ClientError> {
    let after = after.map(|(task, row, part)| format!("{task}.{row}.{part}"));
    let query =
        json!({ "task": which.task, "sink": which.sink, "stream": which.stream, "after": after, "limit": limit });
    which.remote.client()?.get(&format!("/v1/tenants/{}/dead-letters", which.tenant), &query).await
}

async fn list(which: &Which, limit: usize) -> Result<Exit, ClientError> {
    let mut page = page(which, None, limit).await?;
    // A page ends early where its rows are long.
    while page.letters.len() < limit
        && let Some(next) = page.next
    {
        let more = self::page(which, Some(next), limit - page.letters.len()).await?;
        page.letters.extend(more.letters);
        page.next = more.next;
    }
    which.remote.tell(&page, |page| {
        let row = |letter: &LetterLine| {
            let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
            let raw = letter.text.as_deref().or(letter.base64.as_deref()).unwrap_or_default();
            let is_row = letter.stream.is_none();
            vec![
                if is_row { letter.task.to_string() } else { String::new() },
                if is_row { number(letter.row) } else { letter.message_id.clone().unwrap_or_default() },
                number(letter.line),
                letter.source.clone(),
                letter.reason.clone(),
                crate::worker::words::short_line(raw.trim_end(), SHOWN).into_owned(),
            ]
        };
        table(
            &["task", "row or id", "line", "file or stream", "reason", "raw"],
            &page.letters.iter().map(row).collect::<Vec<_>>(),
        );
        out::note(format_args!("{} of {} dead letters", page.letters.len(), page.count));
    });
    Ok(Exit::Done)
}

async fn export(which: &Which) -> Result<Exit, ClientError> {
    let mut after = None;
    loop {
        let LetterPage { letters, next, .. } = page(which, after, PAGE).await?;
        letters.iter().for_each(out::json);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(Exit::Done),
        }
    }
}

async fn replay(remote: &Remote, task: u64, rows: &[u64]) -> Result<Exit, ClientError> {
    let answer: ReplayAnswer =
        remote.client()?.post(&format!("/v1/tasks/{task}/replay"), &json!({ "rows": rows })).await?;
    remote.tell(&answer, |answer| {
        out::line(format_args!("task {} runs {} rows of task {task} once more", answer.task, answer.rows));
    });
    Ok(Exit::Done)
}

async fn replay_messages(remote: &Remote, key: &StreamKey, letters: &[String]) -> Result<Exit, ClientError> {
    let wanted = json!({ "letters": letters });
    let answer: StreamReplay = remote.client()?.post(&super::streams::path(key, "replay"), &wanted).await?;
    remote.tell(&answer, |answer| {
        out::line(format_args!("{} messages of stream {key} run once more", answer.messages));
        if answer.cut > 0 {
            out::note(format_args!(
                "{} dead letters stay: only the beginning of such large messages was kept; publish them again",
                answer.cut
            ));
        }
    });
    Ok(Exit::Done)
}
