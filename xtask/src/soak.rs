//! `cargo xtask soak`: what the tests kill a few times at random moments, many more times: a daemon and its workers on the
//! embedded twins; daemon, workers, Redis and MongoDB.

use crate::servers;
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
    servers::need()?;
    // With the features of the tests, so that nothing is built twice.
    let programs = ["--workspace", "--test", "daemon", "--test", "outages"];
    let mut test = cargo(&[&["test"], &programs[..], &["no_kill", "--", "--nocapture", "--test-threads=1"]].concat());
    workshop::run(test.env("MYSIMBDP_TEST_KILL_ROUNDS", arguments.rounds.to_string()))
}
