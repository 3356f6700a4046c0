//! The sandbox, tried from inside: each way out, in both sets, from a running app and from a constructor.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Carrier, Compiled, Options, compile, spawn, start_with};
use mysimbdp::worker::protocol::{Ending, Isolation};

const PROBES: &str = include_str!("fixtures/probes.c");

/// What each probe meets, in the order of the probes: while the app is loaded, and once it runs.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("open /etc/passwd", "EACCES", "EACCES"),
    ("open /proc/self/maps", "EACCES", "EACCES"),
    ("open / as path", "EPERM", "EACCES"),
    ("open /tmp/out for writing", "EPERM", "EACCES"),
    ("open by openat2", "EPERM", "EACCES"),
    ("stat", "EACCES", "EACCES"),
    ("lstat", "EACCES", "EACCES"),
    ("fstatat", "EACCES", "EACCES"),
    ("fstatat of the working directory", "EBADF", "EBADF"),
    ("statx", "ENOSYS", "ENOSYS"),
    ("access", "EPERM", "EACCES"),
    ("readlink", "EPERM", "EACCES"),
    ("getcwd", "EPERM", "EPERM"),
    ("chdir", "EPERM", "EPERM"),
    ("unlink", "EPERM", "EPERM"),
    ("mkdir", "EPERM", "EPERM"),
    ("tcp", "EACCES", "EACCES"),
    ("udp", "EACCES", "EACCES"),
    ("tcp6", "EACCES", "EACCES"),
    ("unix", "EACCES", "EACCES"),
    ("netlink", "EACCES", "EACCES"),
    ("socketpair", "EACCES", "EACCES"),
    ("sendmsg", "EPERM", "EPERM"),
    ("pipe", "EPERM", "EPERM"),
    ("fork", "EPERM", "EPERM"),
    ("clone", "EPERM", "EPERM"),
    ("clone3", "ENOSYS", "ENOSYS"),
    ("thread", "EPERM", "EPERM"),
    ("memfd", "EPERM", "EPERM"),
    ("shared memory", "EPERM", "EPERM"),
    ("shared memory of System V", "EPERM", "EPERM"),
    ("memory that grows downwards", "EPERM", "EPERM"),
    ("huge pages", "EPERM", "EPERM"),
    ("locked memory", "EPERM", "EPERM"),
    ("reserved memory", "ok", "ok"),
    ("executable memory", "EPERM", "EPERM"),
    ("memory made executable", "EPERM", "EPERM"),
    ("dumpable", "EPERM", "EPERM"),
    ("death signal", "EPERM", "EPERM"),
    ("session", "EPERM", "EPERM"),
    ("limit", "EPERM", "EPERM"),
    ("priority", "EPERM", "EPERM"),
    ("uid", "EPERM", "EPERM"),
    ("non-blocking wire", "EPERM", "EPERM"),
    ("lock", "EPERM", "EPERM"),
    ("terminal input", "EPERM", "EPERM"),
    ("affinity", "EPERM", "EPERM"),
    ("landlock", "EPERM", "EPERM"),
];

const KILLERS: &[&str] = &[
    "execve",
    "kill the host",
    "kill the group",
    "kill all",
    "tgkill",
    "sigqueue",
    "ptrace",
    "read the host",
    "bpf",
    "io_uring",
    "userfaultfd",
    "perf",
    "unshare",
    "pidfd",
    "mount",
    #[cfg(target_arch = "x86_64")]
    "32-bit calls",
];

fn with(isolation: Isolation) -> Options {
    Options { isolation, ..Options::default() }
}

fn probed(app: &Compiled, isolation: Isolation) -> Vec<String> {
    let (mut worker, ready) = start_with(&app.path, &with(isolation));
    assert!(ready.sandbox.seccomp);
    let run = worker.run(b"x");
    assert_eq!(run.done.as_ref().map(|done| &done.ending), Some(&Ending::Ok));
    run.log_lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn no_probe_gets_out_of_a_running_app_in_either_set() {
    let app = compile(PROBES, &[]);
    let expected: Vec<String> = EXPECTED.iter().map(|(name, _, running)| format!("{name} {running}")).collect();
    for isolation in [Isolation::Full, Isolation::Reduced] {
        assert_eq!(probed(&app, isolation), expected, "{isolation:?}");
    }
}

#[test]
fn no_probe_gets_out_of_a_constructor_in_either_set() {
    let app = compile(PROBES, &["-DIN_CONSTRUCTOR"]);
    let expected: Vec<String> = EXPECTED.iter().map(|(name, loading, _)| format!("{name} {loading}")).collect();
    for isolation in [Isolation::Full, Isolation::Reduced] {
        assert_eq!(probed(&app, isolation), expected, "{isolation:?}");
    }
}

#[test]
fn a_call_that_only_an_attacker_makes_kills_with_a_signal_that_names_it() {
    let app = compile(PROBES, &[]);
    for isolation in [Isolation::Full, Isolation::Reduced] {
        for killer in KILLERS {
            let options = Options { config: Some((*killer).to_owned()), ..with(isolation) };
            let (mut worker, _) = start_with(&app.path, &options);
            let run = worker.run(b"x");
            assert_eq!(run.done, None, "{killer}, {isolation:?}");
            assert_eq!(worker.signal(), Some(libc::SIGSYS), "{killer}, {isolation:?}");
        }
    }
}

#[test]
fn such_a_call_kills_in_a_constructor_too() {
    for killer in ["execve", "kill the host", "ptrace"] {
        let app = compile(PROBES, &["-DIN_CONSTRUCTOR", &format!("-DKILLER=\"{killer}\"")]);
        let (mut worker, first) = spawn(&app.path, &Options::default());
        assert!(first.is_none(), "{killer}");
        assert_eq!(worker.signal(), Some(libc::SIGSYS), "{killer}");
    }
}

#[test]
fn the_set_that_is_in_force_is_the_set_that_is_told() {
    let app = compile(PROBES, &[]);
    let (_, full) = start_with(&app.path, &with(Isolation::Full));
    let (_, reduced) = start_with(&app.path, &with(Isolation::Reduced));
    let (_, insecure) = start_with(&app.path, &with(Isolation::Insecure));
    assert!(full.sandbox.landlock_abi >= 1 && full.sandbox.seccomp);
    assert_eq!((reduced.sandbox.landlock_abi, reduced.sandbox.seccomp), (1, true));
    assert_eq!((insecure.sandbox.landlock_abi, insecure.sandbox.seccomp), (0, false));
}

#[test]
fn an_app_is_loaded_from_memory_and_from_a_content_store_alike() {
    let app = compile(PROBES, &[]);
    for carrier in [Carrier::Memfd, Carrier::File] {
        for isolation in [Isolation::Full, Isolation::Reduced] {
            let (worker, ready) = start_with(&app.path, &Options { carrier, ..with(isolation) });
            assert_eq!(ready.name, "probes");
            assert_eq!(worker.finish().code(), Some(0));
        }
    }
}

#[test]
fn ordinary_code_works_after_the_last_stage() {
    let app = compile(include_str!("fixtures/citizen.c"), &[]);
    let options = Options { preload_iconv: true, ..Options::default() };
    let (mut worker, _) = start_with(&app.path, &options);
    let run = worker.run(b"x");
    let expected = [
        "time 2024-02-29 12:00:00 UTC",
        "random 1",
        "sorted 1",
        "terminal 0",
        "signal 1",
        "slept 1",
        "iconv UTF-16 2",
        "iconv CP1252 3",
        "iconv KOI8-R none",
        "alive 1",
    ];
    assert_eq!(run.log_lines(), expected);
    assert_eq!(worker.finish().code(), Some(0));
}

#[test]
fn memory_above_the_limit_is_refused_and_below_it_is_not() {
    let app = guest_support::batch_app(
        r#"
        size_t kept = 0;
        while (kept < 1024) {
            char *block = malloc(1 << 20);
            if (!block) break;
            memset(block, 1, 1 << 20);
            kept++;
        }
        mysimbdp_log(host, 3, "%d", (int)kept);
        return MYSIMBDP_OK;"#,
    );
    let (mut worker, _) = start_with(&app.path, &Options { memory: 64 << 20, ..Options::default() });
    let megabytes: usize = worker.run(b"x").log_lines()[0].parse().unwrap();
    assert!((56..=64).contains(&megabytes), "{megabytes}");
}

#[test]
fn a_worker_that_burns_its_processor_time_is_killed_by_the_kernel() {
    let app = guest_support::batch_app("for (;;) ; return 0;");
    let (mut worker, _) = start_with(&app.path, &Options { cpu_seconds: Some(1), ..Options::default() });
    assert_eq!(worker.run(b"x").done, None);
    assert_eq!(worker.signal(), Some(libc::SIGXCPU));
}

#[test]
fn a_worker_steps_back_and_leaves_nothing_of_its_host_open() {
    let app = guest_support::batch_app(
        r#"
        for (int fd = 0; fd < 64; fd++)
            if (read(fd, NULL, 0) == 0 || errno != EBADF || write(fd, NULL, 0) == 0) mysimbdp_log(host, 3, "%d", fd);
        return 0;"#,
    );
    let (mut worker, _) = start_with(&app.path, &Options::default());
    let id = worker.child.id().to_string();
    let of = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap();
    assert_eq!(of("oom_score_adj").trim(), "1000");
    let status = of("status");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:"), field("Threads:")), ("1".into(), "2".into(), "1".into()));
    assert_eq!(worker.run(b"x").log_lines(), ["0", "1", "2", "3", "4"], "the wire is 3, the data file 4");
    let stat = of("stat");
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((fields[2], fields[3]), (id.as_str(), id.as_str()), "a process group and session of its own");
    assert_eq!(fields[16], "2", "nice");
}

#[test]
fn a_worker_dies_with_the_thread_that_spawned_it() {
    let app = guest_support::batch_app("return 0;");
    let path = app.path.clone();
    let mut worker = std::thread::spawn(move || start_with(&path, &Options::default()).0).join().unwrap();
    assert_eq!(worker.signal(), Some(libc::SIGKILL));
}
