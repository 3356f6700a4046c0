//! `cargo xtask lint`: format, clippy, documentation; a warning is an error in each.

use crate::workshop::{self, cargo, need_c_compiler, step};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    need_c_compiler()?;
    step("format");
    workshop::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    step("clippy");
    workshop::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("documentation");
    workshop::run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
