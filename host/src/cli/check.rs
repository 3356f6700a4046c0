//! `mysimbdp check`: everything that can be told about a `.so` before it goes live.
//!
//! First its bytes, without running any of it; then, if nothing forbids it, a throw-away worker loads it in the sandbox.

use super::app_file::AppFile;
use super::exit::Exit;
use super::out;
use crate::apps::probe::{self, PROBE_LIMITS, ProbeError};
use crate::staging::candidate::Finding;
use crate::worker::process::StartError;
use crate::worker::protocol::{Isolation, Ready, Stage};
use crate::worker::spawner::Spawner;
use serde::Serialize;
use std::path::PathBuf;

/// Examine an app's .so, then load it once in the sandbox
#[derive(clap::Args, Debug)]
pub(crate) struct Check {
    /// The app
    app: PathBuf,
    /// How much of the sandbox the probe demands
    #[arg(long, value_enum, default_value_t = super::IsolationArg::Full)]
    isolation: super::IsolationArg,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    verdict: &'static str,
    sentence: String,
    file: String,
    generation: Option<&'a str>,
    findings: &'a [Finding],
    probe: Option<&'a Ready>,
}

/// Runs the command.
pub(crate) async fn run(args: &Check) -> Exit {
    let file = args.app.display().to_string();
    let app = match AppFile::open(&args.app) {
        Ok(app) => app,
        Err(error) => {
            let sentence = format!("{file} is refused: {error}");
            let report = Report { verdict: "refused", sentence, file, generation: None, findings: &[], probe: None };
            return tell(args.json, &report, Exit::Failed);
        }
    };
    let examination = app.examination();
    let probed = if examination.is_accepted() { Some(load_once(&app, args.isolation.into()).await) } else { None };
    let (verdict, sentence, exit) = match (&probed, examination.refusals().next()) {
        (_, Some(refusal)) => ("refused", format!("{file} is refused: {}", refusal.sentence), Exit::Failed),
        (Some(Err(ProbeError::Disagrees { reason, .. })), None) => {
            ("refused", format!("{file} is refused: {reason}"), Exit::Failed)
        }
        (Some(Err(error)), None) => {
            let exit = match error {
                ProbeError::Start(StartError::Refused { stage: Stage::Sandbox, .. }) => Exit::CannotIsolate,
                _ => Exit::Failed,
            };
            ("refused", format!("{file} is refused: app {} cannot be started: {error}", app.label()), exit)
        }
        (Some(Ok(ready)), None) => {
            let kinds = ready.kinds.join(", ");
            (
                "accepted",
                format!("{file} is accepted: app {} {}, kinds: {kinds}", app.label(), ready.version),
                Exit::Done,
            )
        }
        (None, None) => ("refused", format!("{file} is refused"), Exit::Failed),
    };
    let report = Report {
        verdict,
        sentence,
        file,
        generation: Some(&examination.generation),
        findings: &examination.findings,
        probe: probed.as_ref().and_then(|probed| match probed {
            Ok(ready) => Some(ready),
            Err(ProbeError::Disagrees { ready, .. }) => Some(ready),
            Err(ProbeError::Start(_)) => None,
        }),
    };
    tell(args.json, &report, exit)
}

async fn load_once(app: &AppFile, isolation: Isolation) -> Result<Ready, ProbeError> {
    let spawner =
        Spawner::start(None).map_err(|source| StartError::Host { what: "start a thread for workers", source })?;
    let spec = app.worker_spec(isolation, PROBE_LIMITS, None);
    probe::probe(&spawner, &spec, app.examination().descriptor.as_ref()).await
}

fn tell(json: bool, report: &Report<'_>, exit: Exit) -> Exit {
    if json {
        out::json(report);
        return exit;
    }
    for finding in report.findings {
        out::line(finding);
    }
    if let Some(ready) = report.probe {
        let sandbox = &ready.sandbox;
        let filter = if sandbox.seccomp { "on" } else { "OFF" };
        out::line(format_args!(
            "probe: ready after {:.1} ms, landlock ABI {}, system call filter {filter}",
            f64::from(u32::try_from(ready.start_micros).unwrap_or(u32::MAX)) / 1000.0,
            sandbox.landlock_abi,
        ));
    }
    if exit == Exit::Done {
        out::line(&report.sentence);
    } else {
        out::note(&report.sentence);
    }
    exit
}
