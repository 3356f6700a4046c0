//! What the tests run: the `mysimbdp` binary, the apps in Rust and the villains in C.
//!
//! Cargo builds each test program for itself and knows nothing of the artefacts that it starts, so the first test that
//! asks builds them with the same cargo into the same target directory. A file lock keeps test programs that run at the
//! same time from building twice, a flag per process keeps tests from asking cargo again. `MYSIMBDP_PREBUILT=1` says that
//! binary and apps are there already (`cargo xtask test` sets it); the few artefacts that a plain `cargo build` cannot
//! make (C, `panic=abort`) are built all the same.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

/// Packages whose libraries or binaries the tests start.
const PACKAGES: &[&str] =
    &["mysimbdp", "villains", "citizen", "clientbatchingestapp-csv", "clientstreamingestapp-json"];
/// Apps that are a `.so` of their own: package and example.
const EXAMPLES: &[(&str, &str)] =
    &[("villains", "twin_a"), ("villains", "twin_b"), ("villains", "liar"), ("citizen", "rows")];

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// `target/<profile>`: where the running test program was built.
///
/// # Panics
/// Where the test program was moved out of its target directory.
#[expect(clippy::expect_used, reason = "a test cannot go on without")]
pub fn profile_dir() -> PathBuf {
    let program = std::env::current_exe().expect("a test program knows its own path");
    let deps = program.parent().expect("a test program lies in a directory");
    deps.parent().expect("test programs lie in target/<profile>/deps").to_owned()
}

/// The `mysimbdp` binary.
pub fn binary() -> PathBuf {
    build_workspace();
    profile_dir().join("mysimbdp")
}

/// The batch app that misbehaves on demand.
pub fn villains() -> PathBuf {
    rust_app("villains")
}

/// Every deed that [`villains`] knows, from the tables of its source.
///
/// # Panics
/// Where they cannot be read.
pub fn deeds() -> Vec<String> {
    let read = || -> Result<Vec<String>> {
        let mut deeds = Vec::new();
        for file in fs::read_dir(root().join("tenant-plugins/villains/src/deeds"))? {
            let text = fs::read_to_string(file?.path())?;
            let tables = text.split("DEEDS: &[(&str, Deed)] = &[").skip(1);
            let entries = tables.filter_map(|rest| rest.split_once("\n];")).flat_map(|(table, _)| table.lines());
            let names = entries.filter_map(|line| line.strip_prefix("    (\"")?.split_once('"'));
            deeds.extend(names.map(|(name, _)| name.to_owned()));
        }
        ensure!(deeds.len() > 150, "only {} deeds were found", deeds.len());
        deeds.sort();
        Ok(deeds)
    };
    read().unwrap_or_else(|error| panic!("the deeds of the villains: {error:#}"))
}

/// The app that shows that ordinary code works.
pub fn citizen() -> PathBuf {
    rust_app("citizen")
}

/// The example app for CSV files.
pub fn csv_app() -> PathBuf {
    rust_app("clientbatchingestapp-csv")
}

/// The example app for JSON messages.
pub fn json_app() -> PathBuf {
    rust_app("clientstreamingestapp-json")
}

/// The app that takes any CSV as it comes: one document per row, types inferred.
pub fn rows() -> PathBuf {
    example("rows")
}

/// One of the small apps of `tenant-plugins/*/examples`: `twin_a`, `twin_b`, `liar`, `rows`.
pub fn example(name: &str) -> PathBuf {
    build_workspace();
    profile_dir().join("examples").join(format!("lib{name}.so"))
}

/// The villain that was built with `panic=abort`.
pub fn aborts() -> PathBuf {
    build_once("aborts", |place| {
        let out = cargo(&["rustc", "--quiet", "-p", "villains", "--example", "aborts"])
            .args(["--", "-C", "panic=abort"])
            .output()
            .context("cannot start cargo")?;
        succeeded("cargo rustc", &out)?;
        // A later `cargo build --all-targets` overwrites it with one that unwinds.
        fs::copy(profile_dir().join("examples/libaborts.so"), place)?;
        Ok(())
    })
}

/// The same in C.
pub fn csv_app_in_c() -> PathBuf {
    build_once("clientbatchingestapp-csv-c", |place| {
        let source = root().join("tenant-plugins/clientbatchingestapp-csv-c/app.c");
        compile(cc().arg("-fvisibility=hidden").arg("-o").arg(place).arg(source))
    })
}

/// The example app in C for messages.
pub fn fixed_app_in_c() -> PathBuf {
    build_once("clientstreamingestapp-fixed-c", |place| {
        let source = root().join("tenant-plugins/clientstreamingestapp-fixed-c/app.c");
        compile(cc().arg("-fvisibility=hidden").arg("-o").arg(place).arg(source))
    })
}

/// One of `tenant-plugins/villains/c/`, by its name without `.c`.
pub fn c_villain(name: &str) -> PathBuf {
    build_once(name, |place| {
        let source = root().join("tenant-plugins/villains/c");
        let mut app = cc();
        app.arg("-o").arg(place).arg(source.join(format!("{name}.c")));
        if let Some((stub, soname, map)) = stub_of(name) {
            let library = place.with_extension("stub");
            let mut other = cc();
            other.arg(format!("-Wl,-soname,{soname}"));
            if let Some(map) = map {
                other.arg(format!("-Wl,--version-script={}", source.join(map).display()));
            }
            compile(other.arg("-o").arg(&library).arg(source.join(stub)))?;
            app.arg(library);
        }
        compile(&mut app)
    })
}

/// The stream app that does what messages say, `tenant-plugins/villains/c/obeys_messages.c`. Each build is a generation of its
/// own.
pub fn obeys_messages(build: u32) -> PathBuf {
    build_once(&format!("obeys_messages-{build}"), |place| {
        let source = root().join("tenant-plugins/villains/c/obeys_messages.c");
        compile(cc().arg(format!("-DBUILD={build}")).arg("-o").arg(place).arg(source))
    })
}

/// What some C villains are linked against: source, the name it pretends to have, version script.
fn stub_of(name: &str) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    match name {
        "glibc_too_new" => Some(("glibc_of_the_future.c", "libc.so.6", Some("glibc_of_the_future.map"))),
        "needs_a_library" => Some(("library_of_nobody.c", "libnobody.so.7", None)),
        _ => None,
    }
}

fn cc() -> Command {
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-D_GNU_SOURCE", "-O1", "-g", "-fPIC", "-shared", "-I"]);
    cc.arg(root().join("plugin-api/include"));
    cc
}

fn compile(cc: &mut Command) -> Result<()> {
    let out = cc.output().context("cannot start cc: install a C compiler (apt-get install gcc)")?;
    succeeded("cc", &out)
}

fn rust_app(package: &str) -> PathBuf {
    build_workspace();
    profile_dir().join(format!("lib{}.so", package.replace('-', "_")))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    if let Some(target) = profile_dir().parent() {
        cargo.arg("--target-dir").arg(target);
    }
    if profile_dir().ends_with("release") {
        cargo.arg("--release");
    }
    cargo
}

fn build_workspace() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        if std::env::var_os("MYSIMBDP_PREBUILT").is_some_and(|value| value == "1") {
            return;
        }
        let build = || -> Result<()> {
            let _lock = lock()?;
            let mut build = cargo(&["build", "--quiet"]);
            for package in PACKAGES {
                build.args(["-p", package]);
            }
            succeeded("cargo build", &build.output().context("cannot start cargo")?)?;
            let mut examples = cargo(&["build", "--quiet"]);
            for (package, example) in EXAMPLES {
                examples.args(["-p", package, "--example", example]);
            }
            succeeded("cargo build", &examples.output().context("cannot start cargo")?)
        };
        if let Err(error) = build() {
            panic!("the artefacts of the tests cannot be built: {error:#}");
        }
    });
}

/// Builds an artefact unless this process has, and answers where it lies. It appears under its name only when whole:
/// another test program may be using the one from before.
fn build_once(name: &str, build: impl FnOnce(&Path) -> Result<()>) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let make = || -> Result<PathBuf> {
        let folder = profile_dir().join("test-artefacts");
        fs::create_dir_all(&folder)?;
        let _lock = lock()?;
        let place = folder.join(format!("{name}.so"));
        let fresh = folder.join(format!("{name}.{}.new", std::process::id()));
        build(&fresh)?;
        fs::rename(&fresh, &place)?;
        Ok(place)
    };
    let path = make().unwrap_or_else(|error| panic!("the artefact {name} cannot be built: {error:#}"));
    built.insert(name.to_owned(), path.clone());
    path
}

/// Held until the file is dropped.
fn lock() -> Result<File> {
    let path = profile_dir().join(".test-artefacts.lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn succeeded(what: &str, out: &Output) -> Result<()> {
    ensure!(out.status.success(), "{what} failed:\n{}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}
