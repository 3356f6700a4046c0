//! The command line. Each command has a file of its own; all of them end with an [`exit::Exit`].

mod app_file;
mod backtrace;
mod check;
mod doctor;
mod exit;
pub mod new;
mod out;
mod run;
mod size;

pub use backtrace::SYMBOLS_ROLE;
pub use backtrace::reader::main as read_symbols;

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
    // One thread: host work is short, the workers and the sink's thread have the other cores.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::note(format_args!("the event loop cannot be started: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = match cli.command {
        Command::New(args) => new::command::run(&args),
        Command::Check(args) => runtime.block_on(check::run(&args)),
        Command::Run(args) => runtime.block_on(run::run(&args)),
        Command::Doctor(args) => runtime.block_on(doctor::run(&args)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "mysimbdp", &mut std::io::stdout());
            Exit::Done
        }
    };
    exit.into()
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
