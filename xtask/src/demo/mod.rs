//! `cargo xtask demo`: the whole way of a file, on this machine, with nothing installed but a Rust toolchain.
//!
//! Two tenants, `acme` and `globex`, have five CSV files of 4.3 MB each. The CSV app is checked as an operator checks
//! what a tenant hands in, then it runs in the sandbox on each tenant's files, into one embedded sink per tenant.
//! Everything it makes is under `target/demo/`; running it again starts from nothing.

mod ingest;

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
const CANNOT_ISOLATE: &str =
    "This machine cannot isolate an app, so nothing was run; `target/release/mysimbdp doctor` tells what is missing.";

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
    check(&host, &app)?;

    for tenant in &tenants {
        step(&format!("The files of {}, through the sandbox into its sink", tenant.name));
        ingest::ingest(&host, &app, tenant)?;
    }
    where_to_look(&tenants, &folder);
    Ok(())
}

struct Tenant {
    name: &'static str,
    /// Where its files are.
    folder: PathBuf,
    files: Vec<PathBuf>,
    sink: PathBuf,
    /// Rows of its files, bad ones included.
    rows: u64,
    bad_rows: u64,
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
        let mut tenant = Tenant {
            name,
            folder: folder.join("data").join(name),
            files: Vec::new(),
            sink: folder.join("sinks").join(format!("{name}.sqlite")),
            rows: 0,
            bad_rows: 0,
        };
        for number in 1..=FILES_OF_A_TENANT {
            seed += 1;
            let path = tenant.folder.join(format!("trips-{number}.csv"));
            let options = Options { size: Size::Bytes(FILE_BYTES), seed, bad_rows: BAD_ROWS_OF_A_FILE };
            let written = generate::file(&path, &options)?;
            tenant.rows += written.rows;
            tenant.bad_rows += written.bad_lines.len() as u64;
            tenant.files.push(path);
        }
        println!(
            "  {name}: {} files, {} rows, {} of them bad on purpose",
            tenant.files.len(),
            tenant.rows,
            tenant.bad_rows
        );
        tenants.push(tenant);
    }
    Ok(tenants)
}

/// Runs `mysimbdp check` and fails where the app is not accepted.
fn check(host: &Path, app: &Path) -> Result<()> {
    let mut command = Command::new(host);
    command.arg("check").arg(shown(app));
    println!("  $ {}\n", workshop::line(&command));
    let status = command.status().with_context(|| format!("cannot start `{}`", workshop::line(&command)))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(EXIT_CANNOT_ISOLATE) => bail!("{CANNOT_ISOLATE}"),
        _ => bail!("`{}` ended with {status}; its own words are above.", workshop::line(&command)),
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
    if !workshop::has("sqlite3") {
        println!("  (The shell `sqlite3` is not installed here: apt-get install sqlite3)");
    }
    println!("  The data files and everything else of this demo: {}", shown(folder));
    println!("  The app that did it, in safe Rust:  tenant-plugins/{APP}/src/lib.rs");
    println!("  Write your own:                     {} new my-app", shown(&Profile::Release.folder().join("mysimbdp")));
    println!("  How it works: README.md, ARCHITECTURE.md, docs/");
}
