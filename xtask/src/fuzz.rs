//! `cargo xtask fuzz`: what reads hostile bytes (the codec, the BSON check) is fed with mutated input, in release.
//!
//! The fuzzer itself is an example of the host, `host/examples/fuzz.rs`; the tests run a short turn of the same code.

use crate::workshop::{self, cargo, need_c_compiler, step};
use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many inputs are tried
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Handed on to the fuzzer, after `--`
    #[arg(last = true)]
    more: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    step(&format!("fuzzing the parsers of hostile bytes: {} executions", arguments.executions));
    let executions = arguments.executions.to_string();
    let mut command = cargo(&["run", "--release", "-p", "mysimbdp", "--example", "fuzz", "--", "--executions"]);
    workshop::run(command.arg(executions).args(&arguments.more))
}
