//! `mysimbdp doctor`: what works on this machine, and what to do about the rest.

use super::exit::Exit;
use super::out;
use crate::worker::process::{StartError, Worker, WorkerSpec};
use crate::worker::protocol::{GuestLimits, Isolation, Stage};
use crate::worker::spawner::Spawner;
use landlock::{Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Descriptors that a host with many workers needs.
const DESCRIPTORS: u64 = 4096;

/// Tell what works on this machine, and what to do about the rest
#[derive(clap::Args, Debug)]
pub(crate) struct Doctor {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Good,
    /// Something is missing that not everybody needs.
    Missing,
    /// mysimbdp cannot do its work.
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    mend: String,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Good, found: found.into(), mend: String::new() }
    }

    fn missing(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Missing, found: found.into(), mend: mend.into() }
    }

    fn bad(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, grade: Grade::Bad, found: found.into(), mend: mend.into() }
    }
}

/// Runs the command.
pub(crate) async fn run(args: &Doctor) -> Exit {
    let mut findings = vec![kernel(), landlock(), sandbox().await, descriptors(), files_for_apps()];
    findings.push(tool("cargo", "Rust apps are built with it", "install a Rust toolchain (rustup)"));
    findings.push(tool("cc", "C apps are built with it", "apt-get install build-essential"));
    findings.push(tool("sqlite3", "shows documents of the embedded sink", "apt-get install sqlite3"));
    for (server, mend) in [
        ("redis-server", "only for the Redis queue: apt-get install redis-server"),
        ("rabbitmq-server", "only for streams on RabbitMQ: apt-get install rabbitmq-server"),
        ("mongod", "only for the MongoDB sink: install a MongoDB server, or name one elsewhere"),
    ] {
        findings.push(tool(server, "a server that mysimbdp can use instead of its embedded twin", mend));
    }
    let bad = findings.iter().any(|finding| finding.grade == Grade::Bad);
    if args.json {
        out::json(&serde_json::json!({ "works": !bad, "findings": findings }));
    } else {
        for Finding { what, grade, found, mend } in &findings {
            let mark = match grade {
                Grade::Good => "ok     ",
                Grade::Missing => "missing",
                Grade::Bad => "BAD    ",
            };
            let mend = if mend.is_empty() { String::new() } else { format!(" -> {mend}") };
            out::line(format_args!("{mark} {what:<16} {found}{mend}"));
        }
        out::line(if bad { "mysimbdp cannot isolate apps on this machine" } else { "mysimbdp works on this machine" });
    }
    if bad { Exit::CannotIsolate } else { Exit::Done }
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let found = format!("Linux {} on {}", uname.release().to_string_lossy(), uname.machine().to_string_lossy());
    match uname.machine().to_bytes() {
        b"x86_64" | b"aarch64" => Finding::good("kernel", found),
        _ => Finding::bad("kernel", found, "use an x86_64 or aarch64 machine: the system call filter knows only these"),
    }
}

/// Confines a thread that ends at once, and asks what came of it.
fn landlock() -> Finding {
    let status = std::thread::spawn(|| {
        let rights = AccessFs::from_all(landlock::ABI::V1);
        let ruleset = Ruleset::default().handle_access(rights)?.create()?;
        Ok::<_, landlock::RulesetError>(ruleset.no_new_privs(true).restrict_self()?.landlock)
    });
    let mend = "boot a kernel of 5.13 or newer with landlock among its security modules (lsm=landlock,…)";
    match status.join() {
        Ok(Ok(LandlockStatus::Available { effective_abi, kernel_abi })) => {
            let newest = kernel_abi.map_or_else(|| format!("{effective_abi:?}"), |abi| format!("V{abi}"));
            Finding::good("landlock", format!("ABI {newest}: files are confined"))
        }
        Ok(Ok(LandlockStatus::NotEnabled)) => Finding::bad("landlock", "in the kernel, but not switched on", mend),
        Ok(Ok(LandlockStatus::NotImplemented)) => Finding::bad("landlock", "not in this kernel", mend),
        Ok(Err(error)) => Finding::bad("landlock", error.to_string(), mend),
        Err(_) => Finding::bad("landlock", "the probe panicked", mend),
    }
}

/// Starts a real worker with an empty app: that it complains about the app shows that the sandbox stood before.
async fn sandbox() -> Finding {
    let mend =
        "allow unprivileged seccomp filters and landlock for this process (a container's profile may forbid them)";
    let nothing = match memfd_create("nothing", MemfdFlags::CLOEXEC) {
        Ok(nothing) => nothing,
        Err(error) => return Finding::bad("sandbox", format!("no memory file: {error}"), mend),
    };
    let spawner = match Spawner::start(None) {
        Ok(spawner) => spawner,
        Err(error) => return Finding::bad("sandbox", format!("no thread: {error}"), mend),
    };
    let spec = WorkerSpec {
        app: Arc::new(nothing),
        label: "nothing".into(),
        isolation: Isolation::Full,
        limits: GuestLimits { memory: 64 * 1024 * 1024, cpu_seconds: None },
        config: None,
        preload_iconv: false,
        start_deadline: Duration::from_secs(5),
    };
    match Worker::start(&spawner, &spec).await {
        Err(StartError::Refused { stage: Stage::Load, .. }) => {
            Finding::good("sandbox", "a worker confines itself with landlock and a system call filter")
        }
        Err(error) => Finding::bad("sandbox", error.to_string(), mend),
        Ok(worker) => {
            worker.retire().await;
            Finding::bad("sandbox", "a worker loaded an empty file", "report this: it must not be possible")
        }
    }
}

fn descriptors() -> Finding {
    // `serve` opens as many as it may be allowed.
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let found = format!("{limit} open files allowed");
    if limit >= DESCRIPTORS {
        return Finding::good("open files", found);
    }
    Finding::missing(
        "open files",
        found,
        format!("for many tenants raise it: ulimit -Hn {DESCRIPTORS}, or LimitNOFILE="),
    )
}

fn files_for_apps() -> Finding {
    let zone = Path::new("/usr/share/zoneinfo");
    if zone.is_dir() {
        return Finding::good("time zones", "present; apps run with TZ=UTC");
    }
    Finding::missing(
        "time zones",
        "no /usr/share/zoneinfo",
        "only for apps that name time zones: apt-get install tzdata",
    )
}

fn tool(name: &'static str, purpose: &str, mend: &str) -> Finding {
    let Some(path) = on_path(name) else {
        return Finding::missing(name, "not on PATH", mend);
    };
    let version = Command::new(&path).arg("--version").output().ok().and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().next().map(str::to_owned)
    });
    let version = version.filter(|line| !line.is_empty()).unwrap_or_else(|| path.display().to_string());
    Finding::good(name, format!("{version} ({purpose})"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}
