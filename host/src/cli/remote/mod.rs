//! Commands that ask a running host over its control socket, or from afar over HTTP: one file by subject. Each prints text for
//! people, or with `--json` what the host answered, as it is.

pub(crate) mod apps;
pub(crate) mod going;
pub(crate) mod letters;
pub(crate) mod publish;
pub(crate) mod records;
pub(crate) mod settlements;
pub(crate) mod stream_settings;
pub(crate) mod streams;
pub(crate) mod submit;
pub(crate) mod tasks;
pub(crate) mod tenants;
pub(crate) mod tokens;
mod told;

use super::exit::Exit;
use super::out;
use crate::api::client::{Client, ClientError, Server};
use crate::tenant::{MAX_NAME, is_name};
use crate::worker::words::one_line;
use serde::Serialize;
use std::path::PathBuf;

/// Where the host is, and how its answers are told.
#[derive(clap::Args, Debug)]
pub(crate) struct Remote {
    /// Control socket of the host
    #[arg(long, env = "MYSIMBDP_SOCKET", default_value = "data/control.sock", value_name = "FILE")]
    socket: PathBuf,
    /// Ask over HTTP instead: the host's address
    #[arg(long, env = "MYSIMBDP_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The token that HTTP needs; better in the environment, where no list of processes shows it
    #[arg(long, env = "MYSIMBDP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// PEM file of the authorities to trust with --server, instead of the system's
    #[arg(long, env = "MYSIMBDP_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl Remote {
    pub(crate) fn client(&self) -> Result<Client, ClientError> {
        match self.server.clone() {
            None => Client::new(&self.socket),
            Some(url) => Client::of(Server { url, token: self.token.clone(), ca: self.ca.clone() }),
        }
    }

    /// Prints an answer: as JSON, or as `text` tells it.
    fn tell<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T)) {
        if self.json { out::json(answer) } else { text(answer) }
    }

    /// Ends a command: what went wrong is told on standard error, and with `--json` on standard output too.
    fn end(&self, done: Result<Exit, ClientError>) -> Exit {
        match done {
            Ok(exit) => exit,
            Err(error) => {
                if self.json {
                    match &error {
                        ClientError::Refused(problem) => out::json(problem),
                        other => out::json(&serde_json::json!({ "code": "no_answer", "detail": other.to_string() })),
                    }
                }
                out::note(one_line(&error.to_string()));
                Exit::Failed
            }
        }
    }
}

/// A name of a tenant or a profile, as a part of a path: nothing else is pasted into one.
fn name(text: &str) -> Result<String, String> {
    let rule = || format!("a name has 1 to {MAX_NAME} of a-z, 0-9, - and _, and starts with a letter");
    if is_name(text) { Ok(text.to_owned()) } else { Err(rule()) }
}

/// Columns as wide as what stands in them.
fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out::line(cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(&mut head.iter().copied());
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| one_line(cell).into_owned()).collect();
        line(&mut cells.iter().map(String::as_str));
    }
}
