//! `mysimbdp tokens`: who may ask over HTTP.

use super::super::exit::Exit;
use super::super::out;
use super::{Remote, table};
use crate::api::client::{Client, ClientError};
use crate::identity::token::ID;
use crate::identity::tokens::MAX_LIFE;
use serde::{Deserialize, Serialize};

/// Issue, list and revoke tokens: who may ask over HTTP
#[derive(clap::Args, Debug)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Issue a token; it is shown this once
    Issue {
        /// What it is for
        name: String,
        /// The tenant whose things it reaches; without it, it is an operator's
        #[arg(long)]
        tenant: Option<String>,
        /// It may only look
        #[arg(long)]
        read_only: bool,
        /// Days until it expires [default: 90]
        #[arg(long, value_parser = days)]
        days: Option<u16>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show all tokens, without their secrets
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Revoke a token: it lets nobody in any more
    Revoke {
        /// Its id, as the list shows it, or as much of its beginning (4 characters at least) as no other has
        #[arg(value_parser = id)]
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Debug, Serialize)]
struct Wanted<'a> {
    name: &'a str,
    tenant: Option<&'a str>,
    read_only: bool,
    days: Option<u16>,
}

/// As the host tells of one.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    id: String,
    name: String,
    scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    read_only: bool,
    issued: String,
    issued_by: String,
    expires: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<String>,
    good: bool,
}

/// Runs `tokens`.
pub(crate) async fn run(args: &Tokens) -> Exit {
    let (What::Issue { remote, .. } | What::List { remote } | What::Revoke { remote, .. }) = &args.what;
    remote.end(done(&args.what, remote).await)
}

async fn done(what: &What, remote: &Remote) -> Result<Exit, ClientError> {
    let client = remote.client()?;
    match what {
        What::Issue { name, tenant, read_only, days, .. } => {
            let wanted = Wanted { name, tenant: tenant.as_deref(), read_only: *read_only, days: *days };
            let line: Line = client.post("/v1/tokens", &wanted).await?;
            let is_first = client.all::<Line>("/v1/tokens", &()).await.is_ok_and(|all| all.len() == 1);
            remote.tell(&line, |line| {
                out::line(line.secret.as_deref().unwrap_or_default());
                let whose = whose(line);
                out::note(format_args!(
                    "this is shown once: token {} ({}) of {whose}, good until {}; use it as `MYSIMBDP_TOKEN=…`, or as \
                     `Authorization: Bearer …`",
                    line.id, line.name, line.expires
                ));
                if is_first {
                    out::note(
                        "it is the first: from now on HTTP asks for a token, on this machine, too; where api.listen names more \
                         than loopback, start the host again, and it is served there",
                    );
                }
            });
        }
        What::List { .. } => {
            let lines: Vec<Line> = client.all("/v1/tokens", &()).await?;
            remote.tell(&lines, |lines| {
                let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
                table(&["ID", "OF", "MAY", "STATE", "EXPIRES", "ISSUED BY", "NAME"], &rows);
            });
        }
        What::Revoke { id, .. } => {
            let id = &whole(&client, id).await?;
            let line: Line = client.delete(&format!("/v1/tokens/{id}")).await?;
            remote.tell(&line, |line| {
                out::line(format_args!("token {} ({}) lets nobody in any more", line.id, line.name))
            });
        }
    }
    Ok(Exit::Done)
}

fn days(text: &str) -> Result<u16, String> {
    let most = u16::try_from(MAX_LIFE.as_hours() / 24).unwrap_or(u16::MAX);
    let days = text.parse().ok().filter(|days| (1..=most).contains(days));
    days.ok_or_else(|| format!("a token lives for 1 to {most} days: ask for so many"))
}

/// The id that begins so, if it is one alone; what is whole, or too short to be meant, is left as it is.
async fn whole(client: &Client, id: &str) -> Result<String, ClientError> {
    const LEAST: usize = 4;
    if id.len() >= ID || id.len() < LEAST {
        return Ok(id.to_owned());
    }
    let all: Vec<Line> = client.all("/v1/tokens", &()).await?;
    let mut meant = all.into_iter().map(|line| line.id).filter(|known| known.starts_with(id));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(ClientError::Wrong(format!(
            "{id:?} begins the ids of several tokens, such as {one} and {other}: name more of it"
        ))),
        (None, _) => Ok(id.to_owned()),
    }
}

fn whose(line: &Line) -> String {
    line.tenant.as_ref().map_or_else(|| "an operator".to_owned(), |tenant| format!("tenant {tenant}"))
}

fn row(line: &Line) -> Vec<String> {
    let state = match (&line.revoked, line.good) {
        (Some(_), _) => "revoked",
        (None, true) => "good",
        (None, false) => "expired",
    };
    let may = if line.read_only { "read" } else { "read, write" };
    vec![
        line.id.clone(),
        whose(line),
        may.to_owned(),
        state.to_owned(),
        line.expires.clone(),
        line.issued_by.clone(),
        line.name.clone(),
    ]
}

/// What can be the id of a token, as a part of a path.
fn id(text: &str) -> Result<String, String> {
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(text.to_owned()) } else { Err("no id of a token: `mysimbdp tokens list` shows them".to_owned()) }
}
