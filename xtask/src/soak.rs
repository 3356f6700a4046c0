//! `cargo xtask soak`: the daemon and its workers are killed at random moments, many more times than in the tests.

use crate::workshop::{self, cargo, need_c_compiler, step};
use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many kills
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    step(&format!("{} kills at random moments, and the documents in the end", arguments.rounds));
    let mut test = cargo(&["test", "-p", "mysimbdp-tests", "--test", "daemon", "kills", "--", "--nocapture"]);
    workshop::run(test.env("MYSIMBDP_KILL_ROUNDS", arguments.rounds.to_string()))
}
