//! `cargo xtask test`: every test there is, on a machine that has a Rust toolchain and nothing else of ours.
//!
//! 1. `cc` and `make`, a Redis, a RabbitMQ, a MongoDB and a Chromium: installed where we are root, asked for where we are not.
//! 2. Everything that the tests start (the host, every app) is built once, and `MYSIMBDP_PREBUILT=1` tells the tests so:
//!    no test waits for a cargo of its own.
//! 3. Unit, integration and end-to-end tests, and the examples in the documentation.
//! 4. The tests of the daemon once more, on a Redis, a RabbitMQ and a MongoDB instead of their embedded twins; but for those
//!    that are about the twins, which libtest counts as filtered out.
//! 5. The host is compiled for aarch64 where that target is installed. Where it is not, that is said at the end:
//!    nothing is skipped silently.

use crate::workshop::{self, cargo, need_c_compiler, step};
use crate::{plugins, servers};
use anyhow::Result;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Handed on to the test programs after `--`, such as a part of a test's name
    #[arg(last = true)]
    more: Vec<String>,
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    servers::need()?;
    servers::need_browser()?;
    step("build");
    // With the same targets as the tests, so that both agree on the features of each crate and nothing is built twice.
    workshop::run(&mut cargo(&["build", "--workspace", "--lib", "--bins", "--examples"]))?;
    plugins::build_c_apps()?;

    step("test");
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.env("MYSIMBDP_PREBUILT", "1");
    if !arguments.more.is_empty() {
        tests.arg("--").args(&arguments.more);
    }
    workshop::run(&mut tests)?;

    step("test: the daemon on a Redis, a RabbitMQ and a MongoDB");
    let mut again = cargo(&["test", "--workspace", "--no-fail-fast", "--test", "daemon"]);
    again.env("MYSIMBDP_PREBUILT", "1").env("MYSIMBDP_TEST_SERVERS", "1");
    // What is about the twins themselves has run above.
    again.args(["--", "--skip", "embedded_twins"]).args(&arguments.more);
    workshop::run(&mut again)?;

    step("all tests passed");
    check_aarch64()
}

fn check_aarch64() -> Result<()> {
    if !target_is_installed(AARCH64) {
        println!(
            "  Not done: compiling for {AARCH64}, whose standard library is not installed (rustup target add {AARCH64})."
        );
        return Ok(());
    }
    step("compile for aarch64");
    let mut check = cargo(&["check", "--target", AARCH64, "-p", "mysimbdp", "-p", "mysimbdp-plugin-api"]);
    if !workshop::has("aarch64-linux-gnu-gcc") {
        // `check` compiles all that is Rust and links nothing, so what becomes of SQLite's C does not matter to it: a
        // compiler that does nothing will do, and no cross compiler has to be installed.
        check.env("CC_aarch64_unknown_linux_gnu", "true").env("AR_aarch64_unknown_linux_gnu", "true");
    }
    workshop::run(&mut check)
}

fn target_is_installed(target: &str) -> bool {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let Ok(libraries) = libraries else { return false };
    let folder = String::from_utf8_lossy(&libraries.stdout).trim().to_owned();
    libraries.status.success() && std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some())
}
