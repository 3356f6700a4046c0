//! `cargo xtask servers`: the servers that tests, demo and benchmarks start, installed where they are missing.
//!
//! | server | where it comes from |
//! |---|---|
//! | Redis | `redis-server` on PATH; else Debian's package of that name, where we are root |
//! | RabbitMQ | `rabbitmq-server` and `epmd` on PATH; else Debian's package `rabbitmq-server`, where we are root |
//! | MongoDB | `mongod` or `secantusd-rs` on PATH; else `SecantusDB` from the Python package index, in a virtual environment of its own |
//! | pika, a client of RabbitMQ | the Python package index, in a virtual environment of its own |
//! | S3 | `moto` from the Python package index, likewise |
//! | Schemathesis, which holds the HTTP API to its description | the Python package index, likewise |
//! | openssl, no server: it makes certificates as the operator's guide says | `openssl` on PATH; else Debian's package, where we are root |
//! | Chromium and its driver | `chromium` and `chromedriver` on PATH; else Debian's packages `chromium` and `chromium-driver`, where we are root |
//!
//! ```text
//!   target/servers/secantus/bin/secantusd-py
//!   target/servers/pika/bin/python3
//!   target/servers/s3/bin/moto_server
//!   target/servers/schemathesis/bin/schemathesis
//! ```
//!
//! Nothing is started here (a package that would start its server is kept from it), and nothing is changed outside of `target/`
//! but by `apt-get`. A virtual environment has its own path in its scripts, so it is made where it stays; one whose making was
//! interrupted lacks the mark that it is whole, and is made anew.

use crate::workshop::{self, has, is_root, need as need_packages, run, shown, step};
use anyhow::{Context as _, Result, bail};
use mysimbdp_servers::RabbitMq;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed into the virtual environment.
const PACKAGE: &str = "SecantusDB";
/// Its server.
const PROGRAM: &str = "bin/secantusd-py";
/// Stands in the environment when it is whole.
const WHOLE: &str = "whole";

/// The client of RabbitMQ in Python that tests publish with, and where it is put.
const CLIENT: &str = "pika";

/// What holds the HTTP API to its description. What it tries changes with its version.
const PROBER: &str = "schemathesis==4.32.5";

/// Makes sure that there is the browser that the dashboard is tested in.
pub(crate) fn need_browser() -> Result<()> {
    need_packages(
        &["chromium", "chromedriver"],
        &["chromium", "chromium-driver"],
        "as the browser that the dashboard is tested in",
    )
}

/// Makes sure that there are a Redis, a RabbitMQ with a client in Python, a MongoDB, and an S3.
pub(crate) fn need() -> Result<()> {
    need_packages(&["redis-server"], &["redis-server"], "as the task queue of several hosts")?;
    need_packages(&["openssl"], &["openssl"], "for certificates as the operator's guide makes them")?;
    need_rabbitmq()?;
    need_mongodb()?;
    environment(&workshop::target().join("servers").join(CLIENT), &[CLIENT], "bin/python3")?;
    environment(&workshop::target().join("servers/s3"), &["moto[server,s3]"], "bin/moto_server")
        .context("cannot install moto, the S3 that what hosts share is tested with")?;
    environment(&workshop::target().join("servers/schemathesis"), &[PROBER], "bin/schemathesis")
        .context("cannot install Schemathesis, which the HTTP API is tested with")
}

fn need_mongodb() -> Result<()> {
    if has("mongod") || has("secantusd-rs") || is_whole(&folder(), PROGRAM) {
        return Ok(());
    }
    step(&format!("there is no mongod or secantusd-rs on PATH: installing {PACKAGE} into {}", shown(&folder())));
    install(&folder(), &[PACKAGE], PROGRAM).with_context(|| {
        format!(
            "cannot install {PACKAGE}. Any of these will do instead: a mongod on PATH, or `cargo install secantus-mdb`"
        )
    })
}

/// It is not asked for its version as others are: asked anything, its script starts it.
fn need_rabbitmq() -> Result<()> {
    if RabbitMq::is_installed() {
        return Ok(());
    }
    let install = "apt-get install -y rabbitmq-server";
    if !is_root() || !has("apt-get") {
        bail!(
            "rabbitmq-server is missing, which is needed as the broker of streams. On Debian or Ubuntu: sudo {install} (and sudo systemctl disable --now rabbitmq-server, if it is not to run by itself)"
        );
    }
    step(&format!("rabbitmq-server is missing, which is needed as the broker of streams: {install}"));
    let quiet = NoServices::begin()?;
    let installed = workshop::install_packages(&["rabbitmq-server"]);
    drop(quiet);
    installed.with_context(|| format!("cannot install it; try by hand: {install}"))?;
    if !RabbitMq::is_installed() {
        bail!("`{install}` went well, but rabbitmq-server or epmd is still missing.");
    }
    Ok(())
}

/// While it lives, packages that are installed do not start their services: Debian's scripts ask this file.
struct NoServices {
    is_ours: bool,
}

impl NoServices {
    const ASKED: &str = "/usr/sbin/policy-rc.d";

    fn begin() -> Result<NoServices> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(NoServices::ASKED);
        match made {
            Ok(mut file) => {
                let no_services = NoServices { is_ours: true };
                // 101: not allowed.
                file.write_all(b"#!/bin/sh\nexit 101\n").context("cannot keep packages from starting services")?;
                Ok(no_services)
            }
            // Somebody has a policy already: a container, most likely, where nothing is started.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(NoServices { is_ours: false }),
            Err(error) => Err(error).context("cannot keep packages from starting services"),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(NoServices::ASKED);
        }
    }
}

fn folder() -> PathBuf {
    workshop::target().join("servers/secantus")
}

/// Makes a virtual environment with these packages where it is missing; `program` is what must come out of them.
pub(crate) fn environment(folder: &Path, packages: &[&str], program: &str) -> Result<()> {
    if is_whole(folder, program) {
        return Ok(());
    }
    step(&format!("installing {} into {}", packages.join(", "), shown(folder)));
    install(folder, packages, program)
}

fn is_whole(folder: &Path, program: &str) -> bool {
    folder.join(WHOLE).is_file() && folder.join(program).is_file()
}

/// Python with `venv`, which Debian has in a package of its own.
fn need_python() -> Result<()> {
    let works = || {
        let tried = Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    if works() {
        return Ok(());
    }
    let install = "apt-get install -y python3-venv";
    if !is_root() || !has("apt-get") {
        bail!(
            "python3 with its venv module is missing, which is needed to install servers and what they are compared with. On Debian or Ubuntu: sudo {install}"
        );
    }
    step(&format!("python3 with its venv module is missing: {install}"));
    workshop::install_packages(&["python3-venv"]).with_context(|| format!("cannot install it; try by hand: {install}"))
}

fn install(folder: &Path, packages: &[&str], program: &str) -> Result<()> {
    need_python()?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", shown(folder)))?;
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", shown(parent)))?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin/pip");
    run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    if !folder.join(program).is_file() {
        bail!("{} is installed, but has no {program}", packages.join(", "));
    }
    fs::write(folder.join(WHOLE), "").with_context(|| format!("cannot write to {}", shown(folder)))
}
