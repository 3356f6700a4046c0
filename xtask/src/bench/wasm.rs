//! The rival: the app in C as a native `.so` on the platform, and as WebAssembly under wasmtime.
//!
//! No Rust target for WebAssembly can be had from a distribution, but Debian's clang compiles C for it, so the app in C
//! stands for both. The runner is a crate of its own outside the workspace, `xtask/bench-wasm`.

use super::isolation::{same_work, table_row};
use super::measure;
use super::pairs::alternate;
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, cargo, root, step, target};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Documents per second, as a multiple of wasmtime's.
const PROMISED: f64 = 1.5;
/// Debian's, and what of them is called.
const PACKAGES: &[&str] = &["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];
const PROGRAMS: &[&str] = &["clang", "wasm-ld"];

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("The rival: the app in C as WebAssembly under wasmtime");
    let runner = build_runner()?;
    let (module, compile) = build_module(shop)?;
    let data = shop.usual_data()?;
    let wasmtime = || {
        let mut command = Command::new(&runner);
        command.arg("run").arg(&module).arg(&data);
        command
    };
    let platform = || shop.platform(&shop.c_app, &data, Path::new("null"));
    let commands = vec![compile, workshop::line(&platform()), workshop::line(&wasmtime())];
    let pairs = alternate(shop.pairs, || measure::run(&mut platform(), DONE), || measure::run(&mut wasmtime(), DONE))?;
    let rows = same_work(&pairs)?;
    let ratio = pairs.ratio(|run| run.wall_seconds).inverse();
    Ok(Section {
        title: "Beside WebAssembly",
        meaning: format!(
            "The app in C, from one source: as a native `.so` in the platform's sandbox, and as WebAssembly under \
             wasmtime with epoch interruption, compiled ahead of time. Both end at validated documents in the host, \
             without a sink. WebAssembly is given its best: the host's side of rows is inside the module, so that only \
             finished documents cross, and nothing is numbered, positioned or timed. Of the CPU the platform needs \
             {:.2} times as much as wasmtime: it has two processes, which work at the same time.",
            pairs.ratio(|run| run.cpu_seconds).median
        ),
        commands,
        head: vec!["", "CPU s per million rows", "wall s per million rows", "documents/s"],
        rows: vec![
            table_row("platform", rows, pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            table_row(
                "wasmtime",
                rows,
                pairs.of_second(|run| run.cpu_seconds),
                pairs.of_second(|run| run.wall_seconds),
            ),
        ],
        figures: vec![Figure {
            name: "documents/s, over the same app under wasmtime".to_owned(),
            measured: ratio.to_string(),
            promised: format!("\u{2265} {PROMISED}\u{d7}"),
            kept: ratio.median >= PROMISED,
        }],
    })
}

fn build_runner() -> Result<PathBuf> {
    let manifest = root().join("xtask/bench-wasm/Cargo.toml");
    let place = target().join("bench-wasm");
    let mut build = cargo(&["build", "--release", "--manifest-path"]);
    workshop::run(build.arg(manifest).arg("--target-dir").arg(&place))?;
    Ok(place.join("release/mysimbdp-bench-wasm"))
}

/// Compiles the app to WebAssembly, and that ahead of time to machine code. Answers the latter, and the compiler's line.
fn build_module(shop: &Shop) -> Result<(PathBuf, String)> {
    workshop::need(PROGRAMS, PACKAGES, "to compile the app in C to WebAssembly")?;
    let (module, compiled) = (shop.folder.join("app.wasm"), shop.folder.join("app.cwasm"));
    let mut clang = Command::new("clang");
    clang.args([
        "--target=wasm32-wasi",
        "-mexec-model=reactor",
        "-ftls-model=local-exec",
        "-O2",
        "-mbulk-memory",
        "-std=c99",
        "-D_GNU_SOURCE",
    ]);
    clang.arg("-I").arg(root().join("plugin-api/include"));
    clang.args(super::shop::c_files(&shop.c_source)?).arg(root().join("xtask/bench-wasm/shim.c"));
    clang.arg("-o").arg(&module);
    workshop::run(&mut clang)?;
    let runner = target().join("bench-wasm/release/mysimbdp-bench-wasm");
    workshop::run(Command::new(runner).arg("compile").arg(&module).arg(&compiled))?;
    Ok((compiled, workshop::line(&clang)))
}
