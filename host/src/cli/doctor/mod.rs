//! `mysimbdp doctor`: what works on this machine, and what to do about the rest.

mod machine;
mod places;
mod programs;

use super::exit::Exit;
use super::{out, serve};
use serde::Serialize;
use std::path::PathBuf;

/// Tell what works on this machine, and what to do about the rest
#[derive(clap::Args, Debug)]
pub(crate) struct Doctor {
    /// The configuration that `serve` is to have; without it the one that it would take here
    #[arg(long, env = "MYSIMBDP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Good,
    /// Something is missing that not everybody needs.
    Missing,
    /// mysimbdp cannot do its work.
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    mend: String,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Good, found: found.into(), mend: String::new() }
    }

    fn missing(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Missing, found: found.into(), mend: mend.into() }
    }

    fn bad(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Bad, found: found.into(), mend: mend.into() }
    }
}

/// Findings as they are made: told at once, since one that takes long is better known than waited for in silence.
struct Findings {
    json: bool,
    made: Vec<Finding>,
}

impl Findings {
    fn are_good(&self) -> bool {
        self.made.iter().all(|finding| finding.grade != Grade::Bad)
    }

    fn add(&mut self, finding: Finding) {
        if !self.json {
            let Finding { what, grade, found, mend } = &finding;
            let mark = match grade {
                Grade::Good => "ok     ",
                Grade::Missing => "missing",
                Grade::Bad => "BAD    ",
            };
            let mend = if mend.is_empty() { String::new() } else { format!(" -> {mend}") };
            out::line(format_args!("{mark} {what:<16} {found}{mend}"));
        }
        self.made.push(finding);
    }
}

/// Runs the command.
pub(crate) async fn run(args: &Doctor) -> Exit {
    let mut findings = Findings { json: args.json, made: Vec::new() };
    findings.add(machine::kernel());
    findings.add(machine::landlock());
    findings.add(machine::sandbox().await);
    let isolates = findings.are_good();
    findings.add(machine::descriptors());
    findings.add(machine::files_for_apps());
    let mistakes = match serve::read(args.config.as_deref()) {
        Ok((config, mistakes)) => {
            findings.add(places::directory("data", &config.data));
            findings.add(places::directory("staging", &config.staging));
            for finding in places::servers(&config).await {
                findings.add(finding);
            }
            mistakes
        }
        Err(mistakes) => mistakes.lines().map(str::to_owned).collect(),
    };
    for mistake in mistakes {
        findings.add(Finding::bad("configuration", mistake, ""));
    }
    for tool in programs::TOOLS {
        findings.add(programs::tool(tool).await);
    }
    for server in programs::SERVERS {
        findings.add(programs::server(server));
    }
    let works = findings.are_good();
    if args.json {
        out::json(&serde_json::json!({ "works": works, "findings": findings.made }));
    } else {
        out::line(match (isolates, works) {
            (true, true) => "mysimbdp works on this machine",
            (true, false) => "mysimbdp cannot be started so: what is BAD above says why",
            (false, _) => "mysimbdp cannot isolate apps on this machine",
        });
    }
    match (isolates, works) {
        (true, true) => Exit::Done,
        (true, false) => Exit::Failed,
        (false, _) => Exit::CannotIsolate,
    }
}
