//! Picks the role of the one binary. `__worker` branches off before anything else happens: no thread, no runtime, no
//! parsed command line may exist in a process that will confine itself. `__symbols` does so for the same reason.

use mysimbdp::cli::{SYMBOLS_ROLE, read_symbols};
use mysimbdp::worker::spawner::WORKER_ROLE;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(role) if role == WORKER_ROLE => mysimbdp::guest::main(arguments.next().as_deref()),
        Some(role) if role == SYMBOLS_ROLE => read_symbols(arguments),
        _ => mysimbdp::cli::main(),
    }
}
