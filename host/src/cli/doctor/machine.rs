//! What the machine itself has: kernel, sandbox, open files.

use super::Finding;
use crate::worker::process::{StartError, Worker, WorkerSpec};
use crate::worker::protocol::{GuestLimits, Isolation, Stage};
use crate::worker::spawner::Spawner;
use landlock::{Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, getrlimit};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Descriptors that a host with many workers needs.
const DESCRIPTORS: u64 = 4096;

pub(super) fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let found = format!("Linux {} on {}", uname.release().to_string_lossy(), uname.machine().to_string_lossy());
    match uname.machine().to_bytes() {
        b"x86_64" | b"aarch64" => Finding::good("kernel", found),
        _ => Finding::bad("kernel", found, "use an x86_64 or aarch64 machine: the system call filter knows only these"),
    }
}

/// Confines a thread that ends at once, and asks what came of it.
pub(super) fn landlock() -> Finding {
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
pub(super) async fn sandbox() -> Finding {
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

pub(super) fn descriptors() -> Finding {
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

pub(super) fn files_for_apps() -> Finding {
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
