//! `mysimbdp serve`: runs the platform until it is told to stop.

use super::exit::Exit;
use super::out;
use super::service::Manager;
use crate::app::daemon::Daemon;
use crate::app::preflight;
use crate::config::{Config, variables};
use crate::telemetry;
use crate::tenant::{SettleError, Tenants};
use crate::worker::protocol::Isolation;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long the last of a start that was broken off is waited for.
const LAST: Duration = Duration::from_secs(1);

/// Run the platform: watch staging, ingest what comes, until stopped (SIGTERM or Ctrl-C)
#[derive(clap::Args, Debug)]
pub(crate) struct Serve {
    /// The configuration; without it ./mysimbdp.toml where there is one, else everything embedded
    #[arg(long, env = "MYSIMBDP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the log as JSON lines
    #[arg(long)]
    log_json: bool,
}

/// Look at the configuration
#[derive(clap::Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Read it, tell every mistake in it, and print what it comes to; and what of it was settled otherwise at run time
    Check {
        /// The file; without it the one that `serve` would take
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs `config check`.
pub(crate) fn check(args: &ConfigArgs) -> Exit {
    let What::Check { file, json } = &args.what;
    let config = match load(file.as_deref()) {
        Ok(config) => config,
        Err(mistakes) => {
            out::note(mistakes);
            return Exit::Usage;
        }
    };
    if *json {
        out::json(&config)
    } else {
        out::line(config.summary().trim_end())
    }
    tell_overrides(config)
}

/// Says what of the configuration does nothing where it was changed at run time, if that can be seen from here.
fn tell_overrides(config: Config) -> Exit {
    let path = config.data.join(Tenants::FILE);
    if !path.exists() {
        return Exit::Done;
    }
    match Tenants::open(Arc::new(config), &path) {
        Ok(tenants) => tenants.overrides().iter().for_each(out::note),
        // What was settled does not go with it: the daemon would not start.
        Err(error @ SettleError::Mistakes(_)) => {
            out::note(error);
            return Exit::Usage;
        }
        Err(error) => out::note(error),
    }
    Exit::Done
}

/// The configuration that `serve` would take, and what will not do of the files that it names.
///
/// # Errors
/// All that is wrong with the configuration itself, a line each.
pub(super) fn read(file: Option<&Path>) -> Result<(Config, Vec<String>), String> {
    let environment = variables();
    let file = Config::find(file, environment.clone());
    let config = Config::load(file.as_deref(), environment).map_err(|mistakes| mistakes.to_string())?;
    let place = file.map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
    let mistakes = preflight::mistakes(&config).iter().map(|mistake| format!("{place}: {mistake}")).collect();
    Ok((config, mistakes))
}

/// The same, where all of it will do.
fn load(file: Option<&Path>) -> Result<Config, String> {
    match read(file)? {
        (config, mistakes) if mistakes.is_empty() => Ok(config),
        (_, mistakes) => Err(mistakes.join("\n")),
    }
}

/// Runs `serve`.
pub(crate) fn run(args: &Serve) -> Exit {
    let config = match load(args.config.as_deref()) {
        Ok(config) => config,
        Err(mistakes) => {
            out::note(mistakes);
            return Exit::Usage;
        }
    };
    telemetry::init(args.log_json);
    open_as_many_files_as_allowed();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(serve(config));
            // A start that was broken off may still wait for an answer of some server.
            runtime.shutdown_timeout(LAST);
            exit
        }
        Err(error) => {
            out::note(format_args!("the event loop cannot be started: {error}"));
            Exit::Failed
        }
    }
}

/// Connections, workers and apps each hold files open, and the usual limit of 1,024 is one for interactive programs.
fn open_as_many_files_as_allowed() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "no more than the usual number of files can be open at once (LimitNOFILE, ulimit -n)");
    }
}

async fn serve(config: Config) -> Exit {
    if config.isolation == Isolation::Insecure {
        tracing::warn!(
            "isolation = \"insecure\": apps are NOT confined; they can read, change and send whatever this host can"
        );
    }
    let where_things_are = [
        format!("drop apps and files into {}/<tenant>/", config.staging.display()),
        format!("documents, logs and the control socket are in {}", config.data.display()),
    ];
    // Before anything is started: a stop that comes meanwhile is not lost.
    let (mut stop, mut hangup) = match signals() {
        Ok(signals) => signals,
        Err(error) => {
            out::note(format_args!("signals cannot be received: {error}"));
            return Exit::Failed;
        }
    };
    let started = tokio::select! {
        started = Daemon::start(config) => started,
        () = stop.comes() => {
            out::note("stopped before everything was started: what was begun by then goes on at the next start");
            return Exit::Done;
        }
    };
    let daemon = match started {
        Ok(daemon) => daemon,
        Err(error) => {
            out::note(&error);
            return if error.is_of_the_configuration() { Exit::Usage } else { Exit::Failed };
        }
    };
    for line in where_things_are {
        tracing::info!("{line}");
    }
    if let Some(address) = daemon.address() {
        let open =
            if daemon.is_open() { "; no token was issued yet: whoever is on this machine is an operator" } else { "" };
        tracing::info!("HTTP is served on {address}{open}");
    }
    let mut manager = Manager::of_the_environment();
    manager.ready();
    loop {
        tokio::select! {
            () = stop.comes() => break,
            () = daemon.platform().leaving() => break,
            _ = hangup.recv() => renew(&daemon),
            () = manager.tick() => {}
        }
    }
    manager.stopping();
    tracing::info!("stopping: what runs is checkpointed; a second signal ends at once");
    tokio::select! {
        () = daemon.stop() => Exit::Done,
        () = stop.comes() => Exit::Failed,
    }
}

/// What comes at SIGHUP.
fn renew(daemon: &Daemon) {
    match daemon.renew_certificate() {
        Ok(true) => tracing::info!("SIGHUP: api.certificate and api.key were read again; new connections get them"),
        Ok(false) => tracing::info!(
            "SIGHUP: HTTP has no certificate to read again; going on (the configuration is read at a start)"
        ),
        Err(error) => tracing::error!("SIGHUP: {error}; going on with the certificate that was read before"),
    }
}

/// That this process is to stop: SIGTERM, or Ctrl-C.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Comes when it is.
    async fn comes(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn signals() -> std::io::Result<(Stop, Signal)> {
    let stop = Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    Ok((stop, signal(SignalKind::hangup())?))
}
