//! `mysimbdp streams show | set | reset | delete`: settled while the host runs.

use super::super::exit::Exit;
use super::super::out;
use super::Remote;
use super::settlements::{patch, tell_settings};
use super::streams::{count, path};
use crate::api::client::ClientError;
use crate::broker::StreamKey;
use crate::platform::StreamLine;
use serde_json::json;

/// What is to be done with one.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Settle {
    /// Show what is settled for a stream, and what it does
    Show {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
    /// Create a stream, or change what is settled for it: key=value, with the keys of its table in the configuration
    Set {
        /// The stream, as tenant/stream
        stream: StreamKey,
        /// Such as app=clicks, consumers_max=2 or routing_keys=["a","b"]; without a value, what is settled goes
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have what the configuration file says of a stream hold again, whatever was settled since
    Reset {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
    /// Delete a stream: its queue goes with whatever waits in it, its documents and dead letters stay
    Delete {
        /// The stream, as tenant/stream
        stream: StreamKey,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Settle {
    /// Does it.
    pub(crate) async fn run(&self) -> Exit {
        let (Settle::Show { remote, .. }
        | Settle::Set { remote, .. }
        | Settle::Reset { remote, .. }
        | Settle::Delete { remote, .. }) = self;
        remote.end(self.done(remote).await)
    }

    async fn done(&self, remote: &Remote) -> Result<Exit, ClientError> {
        let client = remote.client()?;
        let line: StreamLine = match self {
            Settle::Show { stream, .. } => client.get(&place(stream), &json!({})).await?,
            Settle::Set { stream, settings, .. } => {
                client.settle(&place(stream), &patch(settings).map_err(ClientError::Wrong)?).await?
            }
            Settle::Reset { stream, .. } => client.post(&path(stream, "reset"), &json!({})).await?,
            Settle::Delete { stream, .. } => {
                client.remove(&place(stream)).await?;
                let told = json!({ "deleted": stream.to_string() });
                remote.tell(&told, |_| out::line(format_args!("stream {stream} is deleted, with its queue")));
                return Ok(Exit::Done);
            }
        };
        remote.tell(&line, tell);
        Ok(Exit::Done)
    }
}

/// Where a stream is in the API.
fn place(StreamKey { tenant, stream }: &StreamKey) -> String {
    format!("/v1/tenants/{tenant}/streams/{stream}")
}

fn tell(line: &StreamLine) {
    let name = format!("{}/{}", line.tenant, line.stream);
    if let Some(settings) = &line.settings {
        tell_settings(&name, line.version, settings);
    }
    out::note(format_args!(
        "stream {name} is {} ({}), with {} consumers; {} messages wait",
        line.state.name(),
        line.reason,
        line.consumers,
        count(line.waiting)
    ));
}
