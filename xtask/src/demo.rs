//! `cargo xtask demo`: the whole way of a file, on this machine, with nothing installed but a Rust toolchain.
//!
//! Two tenants, `acme` and `globex`, have five CSV files of 4.3 MB each. The CSV app is checked as an operator checks
//! what a tenant hands in, then it runs in the sandbox on each tenant's files, into one embedded sink per tenant.
//! Everything it makes is under `target/demo/`; running it again starts from nothing.

use crate::generate;
use crate::plugins::Profile;
use crate::workshop::{self, cargo, need_c_compiler, shown, step, target};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::data::{Options, Size};

const TENANTS: [&str; 2] = ["acme", "globex"];
const FILES_OF_A_TENANT: u64 = 5;
const FILE_BYTES: u64 = 4_300_000;
const BAD_ROWS_OF_A_FILE: u64 = 3;
const APP: &str = "clientbatchingestapp-csv";

/// `mysimbdp run` ends with this where all went well except that some rows became dead letters.
const EXIT_WITH_DEAD_LETTERS: i32 = 3;
/// `mysimbdp` ends with this where the kernel cannot isolate an app.
const EXIT_CANNOT_ISOLATE: i32 = 5;

pub(crate) fn run() -> Result<()> {
    need_c_compiler()?;
    let folder = target().join("demo");
    step("Building the host and the CSV app in release (the first time takes a few minutes)");
    workshop::run(&mut cargo(&["build", "--release", "-p", "mysimbdp", "-p", APP]))?;
    let built = Profile::Release.folder();
    let host = built.join("mysimbdp");
    let app = built.join(format!("lib{}.so", APP.replace('-', "_")));
    for file in [&host, &app] {
        if !file.is_file() {
            bail!("{} should be there after the build, and is not; please report this.", shown(file));
        }
    }
    clear(&folder)?;

    step("Writing ten files of taxi trips, five for each of two tenants");
    let tenants = write_files(&folder)?;

    step("What an operator does with an app that a tenant hands in: check it");
    expect_exit(Command::new(&host).arg("check").arg(&app), &[0])?;

    for tenant in &tenants {
        step(&format!("Ingesting the {} files of {} in the sandbox", tenant.files.len(), tenant.name));
        let mut command = Command::new(&host);
        command.arg("run").arg(&app).args(&tenant.files).arg("--sink").arg(&tenant.sink);
        expect_exit(&mut command, &[0, EXIT_WITH_DEAD_LETTERS])?;
    }
    where_to_look(&tenants, &folder);
    Ok(())
}

struct Tenant {
    name: &'static str,
    files: Vec<PathBuf>,
    sink: PathBuf,
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", shown(folder)))?;
    }
    fs::create_dir_all(folder.join("sinks")).with_context(|| format!("cannot make {}", shown(folder)))
}

fn write_files(folder: &Path) -> Result<Vec<Tenant>> {
    let mut tenants = Vec::new();
    let mut seed = 0;
    for name in TENANTS {
        let mut files = Vec::new();
        let mut rows = 0;
        for number in 1..=FILES_OF_A_TENANT {
            seed += 1;
            let path = folder.join("data").join(name).join(format!("trips-{number}.csv"));
            let options = Options { size: Size::Bytes(FILE_BYTES), seed, bad_rows: BAD_ROWS_OF_A_FILE };
            rows += generate::file(&path, &options)?.rows;
            files.push(path);
        }
        let bad = FILES_OF_A_TENANT * BAD_ROWS_OF_A_FILE;
        println!("  {name}: {} files, {rows} rows, {bad} of them bad on purpose", files.len());
        tenants.push(Tenant { name, files, sink: folder.join("sinks").join(format!("{name}.sqlite")) });
    }
    Ok(tenants)
}

/// Runs the host and fails where it ends with another code than one of `expected`.
fn expect_exit(command: &mut Command, expected: &[i32]) -> Result<()> {
    println!("  $ {}\n", workshop::line(command));
    let status = command.status().with_context(|| format!("cannot start `{}`", workshop::line(command)))?;
    match status.code() {
        Some(code) if expected.contains(&code) => Ok(()),
        Some(EXIT_CANNOT_ISOLATE) => {
            bail!("This machine cannot isolate an app, so nothing was run; `mysimbdp doctor` tells what is missing.")
        }
        _ => bail!("`{}` ended with {status}; its own words are above.", workshop::line(command)),
    }
}

fn where_to_look(tenants: &[Tenant], folder: &Path) {
    step("Where to look");
    for tenant in tenants {
        let sink = shown(&tenant.sink);
        println!("  {} has its own sink, {sink}", tenant.name);
        println!("    sqlite3 {sink} \"select doc from documents limit 3\"");
        println!("    sqlite3 {sink} \"select source, line, reason from _dead_letters\"");
    }
    println!("  The data files and everything else of this demo: {}", shown(folder));
    println!("  The app that did it, in 20 lines of safe Rust:    tenant-plugins/{APP}/src/lib.rs");
    println!(
        "  Write your own:                                    {}",
        shown(&Profile::Release.folder().join("mysimbdp new my-app"))
    );
    println!("  How it works: README.md, ARCHITECTURE.md, docs/");
}
