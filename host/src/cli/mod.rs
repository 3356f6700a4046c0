//! The command line. Each command has a file of its own; all of them end with an [`exit::Exit`].

mod app_file;
mod backtrace;
mod check;
mod doctor;
mod exit;
pub mod new;
mod out;
mod remote;
mod run;
mod serve;
mod service;

pub use backtrace::SYMBOLS_ROLE;
pub use backtrace::reader::main as read_symbols;

use crate::size;
use crate::worker::protocol::Isolation;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use exit::Exit;
use std::process::ExitCode;

/// Multi-tenant data ingestion whose ingestion logic is the tenants' own native code
#[derive(Parser, Debug)]
#[command(name = "mysimbdp", version, after_help = exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    New(new::command::New),
    Check(check::Check),
    Run(run::Run),
    Serve(serve::Serve),
    Config(serve::ConfigArgs),
    Submit(remote::submit::Submit),
    Status(remote::tenants::Status),
    Tasks(remote::tasks::Tasks),
    Streams(remote::streams::Streams),
    Publish(remote::publish::Publish),
    Apps(remote::apps::Apps),
    #[command(name = "deadletters")]
    DeadLetters(remote::letters::DeadLetters),
    Stats(remote::records::StatsArgs),
    Usage(remote::records::UsageArgs),
    Logs(remote::records::Logs),
    Tenants(remote::tenants::Tenants),
    Profiles(remote::tenants::Profiles),
    Tokens(remote::tokens::Tokens),
    Drain(remote::going::Drain),
    Shutdown(remote::going::Shutdown),
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How much of the sandbox is demanded.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum IsolationArg {
    /// All that this kernel has; refuses to run without landlock and seccomp
    Full,
    /// Only what is required on every kernel
    Reduced,
    /// None at all: the app can do whatever you can. For debuggers
    Insecure,
}

impl From<IsolationArg> for Isolation {
    fn from(arg: IsolationArg) -> Isolation {
        match arg {
            IsolationArg::Full => Isolation::Full,
            IsolationArg::Reduced => Isolation::Reduced,
            IsolationArg::Insecure => Isolation::Insecure,
        }
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let exit = match cli.command {
        Command::New(args) => new::command::run(&args),
        Command::Check(args) => block_on(check::run(&args)),
        Command::Run(args) => block_on(run::run(&args)),
        Command::Serve(args) => serve::run(&args),
        Command::Config(args) => serve::check(&args),
        Command::Submit(args) => block_on(remote::submit::run(&args)),
        Command::Status(args) => block_on(remote::tenants::status(&args)),
        Command::Tasks(args) => block_on(remote::tasks::run(&args)),
        Command::Streams(args) => block_on(remote::streams::run(&args)),
        Command::Publish(args) => block_on(remote::publish::run(&args)),
        Command::Apps(args) => block_on(remote::apps::run(&args)),
        Command::DeadLetters(args) => block_on(remote::letters::run(&args)),
        Command::Stats(args) => block_on(remote::records::stats(&args)),
        Command::Usage(args) => block_on(remote::records::usage(&args)),
        Command::Logs(args) => block_on(remote::records::logs(&args)),
        Command::Tenants(args) => block_on(remote::tenants::run(&args)),
        Command::Profiles(args) => block_on(remote::tenants::profiles(&args)),
        Command::Tokens(args) => block_on(remote::tokens::run(&args)),
        Command::Drain(args) => block_on(remote::going::drain(&args)),
        Command::Shutdown(args) => block_on(remote::going::shutdown(&args)),
        Command::Doctor(args) => block_on(doctor::run(&args)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "mysimbdp", &mut std::io::stdout());
            Exit::Done
        }
    };
    exit.into()
}

/// Runs a command on one thread: host work is short, the workers and the sink's thread have the other cores.
fn block_on(command: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            out::note(format_args!("the event loop cannot be started: {error}"));
            Exit::Failed
        }
    }
}

/// Says loudly that nothing is confined.
fn warn_if_insecure(isolation: IsolationArg) {
    if matches!(isolation, IsolationArg::Insecure) {
        out::note(
            "WARNING: --isolation insecure: this app is NOT confined; it can read, change and send whatever you can",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
