//! `mysimbdp drain` and `mysimbdp shutdown`: how a host goes.

use super::super::exit::Exit;
use super::super::out;
use super::Remote;
use crate::api::client::ClientError;
use serde_json::{Value, json};

/// Have the host take nothing more and finish what runs, until it is started anew
#[derive(clap::Args, Debug)]
pub(crate) struct Drain {
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
    args.remote.end(ask(&args.remote, "/v1/host/drain").await)
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
