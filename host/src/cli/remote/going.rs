//! `mysimbdp drain` and `mysimbdp shutdown`: how a host goes.

use super::super::exit::Exit;
use super::super::out;
use super::Remote;
use crate::api::client::ClientError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How often a host that is drained is asked what still runs.
const LOOK: Duration = Duration::from_millis(500);

/// Have the host take nothing more and finish what runs, until it is started anew
#[derive(clap::Args, Debug)]
pub(crate) struct Drain {
    /// Come back when nothing runs on it any more; fails where that cannot be told
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Have the host stop, as SIGTERM does: what runs is checkpointed and goes back into the queue
#[derive(clap::Args, Debug)]
pub(crate) struct Shutdown {
    #[command(flatten)]
    remote: Remote,
}

/// Runs `drain`.
pub(crate) async fn drain(args: &Drain) -> Exit {
    let drained = async {
        ask(&args.remote, "/v1/host/drain").await?;
        if args.wait { nothing_runs(&args.remote).await } else { Ok(Exit::Done) }
    };
    args.remote.end(drained.await)
}

/// Runs `shutdown`.
pub(crate) async fn shutdown(args: &Shutdown) -> Exit {
    args.remote.end(ask(&args.remote, "/v1/host/shutdown").await)
}

async fn ask(remote: &Remote, path: &str) -> Result<Exit, ClientError> {
    let going: Value = remote.client()?.post(path, &json!({})).await?;
    remote.tell(&going, |going| {
        let (state, running) = (going["state"].as_str().unwrap_or_default(), &going["running"]);
        out::line(format_args!("the host is {state}; {running} tasks run on it"));
    });
    Ok(Exit::Done)
}

/// What of a host's state is waited for.
#[derive(Deserialize)]
struct State {
    running: Vec<Value>,
}

/// Waits until nothing runs, and tells how many tasks do whenever that has changed.
async fn nothing_runs(remote: &Remote) -> Result<Exit, ClientError> {
    let client = remote.client()?;
    let mut told = None;
    loop {
        let State { running } = client.get("/v1/status", &()).await?;
        match running.len() {
            0 => break,
            left if told == Some(left) => {}
            left => {
                out::note(format_args!("{left} tasks run"));
                told = Some(left);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    out::note("nothing runs on it any more");
    Ok(Exit::Done)
}
