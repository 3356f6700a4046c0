//! Picks the role of the one binary. `__worker` branches off before anything else happens: no thread, no runtime, no
//! parsed command line may exist in a process that will confine itself.

use mysimbdp::worker::spawner::WORKER_ROLE;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|role| role == WORKER_ROLE) {
        return mysimbdp::guest::main(arguments.next().as_deref());
    }
    mysimbdp::cli::main()
}
