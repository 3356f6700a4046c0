//! `mysimbdp publish`: a file of JSON lines as messages, one for each line; or a whole file as one message.
//!
//! Lines are sent some hundreds at a time, each portion durable before the next is sent. Every message has an id made of the
//! run's and the line's number, so a portion that is sent again (because its answer was lost, or because the whole command is
//! run again with the same `--ids`) doubles no document.

use super::Remote;
use super::streams::path;
use crate::api::client::ClientError;
use crate::broker::StreamKey;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::PublishAnswer;
use crate::worker::words::one_line;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Lines and bytes of a portion. One larger line is a portion of its own.
const LINES: u64 = 1_000;
const BYTES: usize = 1 << 20;
/// Refusals that are printed.
const SHOWN: usize = 10;
/// Tries of a portion that the broker cannot take just now.
const TRIES: u32 = 5;

/// Publish a file of JSON lines to a stream, one message for each line; or any file as one message
#[derive(clap::Args, Debug)]
pub(crate) struct Publish {
    /// The stream, as tenant/stream
    stream: StreamKey,
    /// The file; - for standard input
    file: PathBuf,
    /// What message ids begin with. Give the one of an earlier run to go on with it: nothing is stored twice
    #[arg(long, value_name = "PREFIX")]
    ids: Option<String>,
    /// Publish without message ids: what is delivered twice is then stored twice
    #[arg(long, conflicts_with = "ids")]
    no_ids: bool,
    /// Messages per second, at most
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Publish the file as it is, as one message
    #[arg(long, conflicts_with_all = ["ids", "no_ids", "rate"])]
    message: bool,
    /// The id of the one message: what is delivered twice under it is stored once
    #[arg(long, requires = "message")]
    id: Option<String>,
    /// The routing key of the one message; without it, the first of its stream
    #[arg(long, requires = "message", value_name = "KEY")]
    routing_key: Option<String>,
    /// The content type of the one message, such as application/json
    #[arg(long, requires = "message", value_name = "TYPE")]
    content_type: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// What was published.
#[derive(Debug, Default, Serialize)]
struct Total {
    /// What message ids begin with.
    ids: Option<String>,
    accepted: u64,
    refused: u64,
    seconds: f64,
}

/// Runs the command.
pub(crate) async fn run(args: &Publish) -> Exit {
    args.remote.end(if args.message { publish_one(args).await } else { publish(args).await })
}

async fn publish(args: &Publish) -> Result<Exit, ClientError> {
    let mut file = open(&args.file)?;
    let ids = match (&args.ids, args.no_ids) {
        (_, true) => None,
        (Some(ids), _) => Some(ids.clone()),
        (None, _) => Some(uuid::Uuid::now_v7().to_string()),
    };
    let client = args.remote.client()?;
    let bar = bar(&args.file, args.remote.json);
    let mut total = Total { ids: ids.clone(), ..Total::default() };
    let (began, mut first) = (Instant::now(), 1);
    loop {
        let (portion, lines) = portion(&mut file, args.rate).map_err(|error| unreadable(&args.file, &error))?;
        if portion.is_empty() {
            break;
        }
        let query = serde_json::json!({ "ids": ids, "first": first });
        let bytes = portion.len() as u64;
        let answer = send(&client, &path(&args.stream, "lines"), &query, portion).await?;
        for (place, why) in
            answer.refused.iter().take(SHOWN.saturating_sub(usize::try_from(total.refused).unwrap_or(SHOWN)))
        {
            out::note(one_line(&format!("line {}: {why}", first + *place as u64)));
        }
        total.accepted += answer.accepted;
        total.refused += answer.refused_in_all;
        bar.inc(bytes);
        bar.set_message(format!("{} messages", total.accepted));
        first += lines;
        if let Some(rate) = args.rate {
            #[expect(clippy::cast_precision_loss, reason = "a pause needs no more than 52 bits")]
            let due = began + Duration::from_secs_f64((first - 1) as f64 / rate.max(0.001));
            tokio::time::sleep_until(due.into()).await;
        }
    }
    bar.finish_and_clear();
    total.seconds = began.elapsed().as_secs_f64();
    args.remote.tell(&total, |total| {
        let Total { accepted, refused, seconds, .. } = total;
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        let rate = *accepted as f64 / seconds.max(0.001);
        out::line(format_args!(
            "{}: {accepted} messages accepted, {refused} refused, in {seconds:.2} s ({rate:.0} messages/s)",
            args.stream
        ));
    });
    Ok(if total.refused > 0 { Exit::DeadLetters } else { Exit::Done })
}

/// Publishes the file as one message. Without an id it is tried once: whether it was taken is not known where an answer is lost.
async fn publish_one(args: &Publish) -> Result<Exit, ClientError> {
    let mut body = Vec::new();
    open(&args.file)?.read_to_end(&mut body).map_err(|error| unreadable(&args.file, &error))?;
    let query = serde_json::json!({ "id": args.id, "routing_key": args.routing_key });
    let (client, path) = (args.remote.client()?, path(&args.stream, "messages"));
    let mut tries = 1;
    let answer: PublishAnswer = loop {
        match client.post_content(&path, &query, args.content_type.as_deref(), body.clone().into()).await {
            Err(error) if args.id.is_some() && error.may_pass() && tries < TRIES => {
                tokio::time::sleep(Duration::from_millis(250) * tries).await;
                tries += 1;
            }
            answer => break answer?,
        }
    };
    if let Some((_, why)) = answer.refused.first() {
        args.remote.tell(&answer, |_| ());
        out::note(one_line(&format!("{}: the message is refused: {why}", args.stream)));
        return Ok(Exit::DeadLetters);
    }
    args.remote.tell(&answer, |_| {
        out::line(format_args!("{}: a message of {} bytes is accepted", args.stream, body.len()));
    });
    Ok(Exit::Done)
}

async fn send(
    client: &crate::api::client::Client,
    path: &str,
    query: &serde_json::Value,
    portion: Vec<u8>,
) -> Result<PublishAnswer, ClientError> {
    let mut tries = 1;
    loop {
        match client.post_bytes(path, query, portion.clone()).await {
            Err(error) if error.may_pass() && tries < TRIES => {
                tokio::time::sleep(Duration::from_millis(250) * tries).await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, ClientError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(BufReader::with_capacity(BYTES, file)))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ClientError {
    ClientError::Broken(format!("{} cannot be read: {error}", path.display()))
}

/// The next lines, and how many they are. With a rate, so many as may go in a twentieth of a second.
fn portion(file: &mut dyn BufRead, rate: Option<f64>) -> std::io::Result<(Vec<u8>, u64)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to its bounds")]
    let most = rate.map_or(LINES, |rate| ((rate / 20.0) as u64).clamp(1, LINES));
    let (mut portion, mut lines) = (Vec::new(), 0);
    while lines < most && portion.len() < BYTES {
        if file.read_until(b'\n', &mut portion)? == 0 {
            break;
        }
        lines += 1;
    }
    Ok((portion, lines))
}

fn bar(path: &Path, quiet: bool) -> ProgressBar {
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if quiet || bytes == 0 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {msg} {elapsed}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_prefix(one_line(&path.display().to_string()).into_owned())
}
