//! Ways to the kernel's wider surface, and attempts to loosen the sandbox itself.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("setrlimit_raise", raise_limits),
    ("prctl_dumpable", |_| control("PR_SET_DUMPABLE", libc::PR_SET_DUMPABLE, 1)),
    ("prctl_pdeathsig", |_| control("PR_SET_PDEATHSIG", libc::PR_SET_PDEATHSIG, 0)),
    ("prctl_name", rename_itself),
    ("seccomp_again", seccomp),
    ("landlock_again", landlock),
    ("io_uring", io_uring),
    ("bpf", |_| bare("bpf", libc::SYS_bpf)),
    ("perf_event_open", |_| bare("perf_event_open", libc::SYS_perf_event_open)),
    ("userfaultfd", |_| bare("userfaultfd", libc::SYS_userfaultfd)),
    ("keyctl", keyctl),
    ("unshare", |_| must("unshare", libc::SYS_unshare, i64::from(libc::CLONE_NEWUSER))),
    ("personality", |_| must("personality", libc::SYS_personality, 0x040_0000)),
    ("setuid", |_| must("setuid", libc::SYS_setuid, 65534)),
    ("shm_sysv", |_| bare3("shmget", libc::SYS_shmget, [0, 4096, 0o1600])),
    ("sem_sysv", |_| bare3("semget", libc::SYS_semget, [0, 1, 0o1600])),
    ("msg_sysv", |_| bare3("msgget", libc::SYS_msgget, [0, 0o1600, 0])),
    ("mq_open", mq_open),
    ("inotify", |_| must("inotify_init1", libc::SYS_inotify_init1, 0)),
    ("eventfd", |_| must("eventfd2", libc::SYS_eventfd2, 0)),
    ("getrandom", getrandom),
];

fn must(what: &str, number: std::ffi::c_long, argument: i64) -> Outcome {
    Outcome::must_fail(what, call(number, [Arg::Number(argument), Arg::Number(0), Arg::Number(0)]))
}

fn bare3(what: &str, number: std::ffi::c_long, [a, b, c]: [i64; 3]) -> Outcome {
    Outcome::must_fail(what, call(number, [Arg::Number(a), Arg::Number(b), Arg::Number(c)]))
}

/// A call that would fail for its empty arguments anyway: only an answer that comes from a filter counts as held.
fn bare(what: &str, number: std::ffi::c_long) -> Outcome {
    match call(number, [Arg::Number(0), Arg::Number(0), Arg::Number(0), Arg::Number(0), Arg::Number(0)]) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EACCES)) => {
            Outcome::Held(format!("{what}: {error}"))
        }
        Err(error) => Outcome::Breached(format!("{what} reached the kernel: {error}")),
        Ok(_) => Outcome::Breached(format!("{what} worked")),
    }
}

/// Raises each limit that matters to "unlimited".
fn raise_limits(_: &mut Scene<'_>) -> Outcome {
    let unlimited = [0xff; 16];
    let kinds = [libc::RLIMIT_DATA, libc::RLIMIT_CPU, libc::RLIMIT_NOFILE, libc::RLIMIT_FSIZE, libc::RLIMIT_CORE];
    Outcome::worst(kinds.map(|kind| {
        let set = [Arg::Number(0), Arg::Number(i64::from(kind)), Arg::In(&unlimited), Arg::Number(0)];
        Outcome::must_fail("raising a limit", call(libc::SYS_prlimit64, set))
    }))
}

fn control(what: &str, option: i32, value: i64) -> Outcome {
    let arguments = [Arg::Number(option.into()), Arg::Number(value), Arg::Number(0), Arg::Number(0), Arg::Number(0)];
    Outcome::must_fail(what, call(libc::SYS_prctl, arguments))
}

/// Its own name is the app's to choose; it is how some libraries name themselves.
fn rename_itself(_: &mut Scene<'_>) -> Outcome {
    let named = [Arg::Number(libc::PR_SET_NAME.into()), Arg::Text(c"mysimbdp serve"), Arg::Number(0)];
    Outcome::may_work("PR_SET_NAME", call(libc::SYS_prctl, named))
}

/// A filter can only be made tighter, and must not be made at all: it could hide from the host what happened.
fn seccomp(_: &mut Scene<'_>) -> Outcome {
    must("seccomp", libc::SYS_seccomp, 1)
}

fn landlock(_: &mut Scene<'_>) -> Outcome {
    let version = [Arg::Number(0), Arg::Number(0), Arg::Number(1)];
    Outcome::may_work("asking for the landlock version", call(libc::SYS_landlock_create_ruleset, version))
}

fn io_uring(_: &mut Scene<'_>) -> Outcome {
    let mut parameters = [0; 120];
    Outcome::must_fail("io_uring_setup", call(libc::SYS_io_uring_setup, [Arg::Number(4), Arg::Out(&mut parameters)]))
}

fn keyctl(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("keyctl", call(libc::SYS_keyctl, [Arg::Number(0), Arg::Number(-3), Arg::Number(0)]))
}

fn mq_open(_: &mut Scene<'_>) -> Outcome {
    let flags = i64::from(libc::O_CREAT | libc::O_RDWR);
    let open = [Arg::Text(c"villain"), Arg::Number(flags), Arg::Number(0o600), Arg::Number(0)];
    Outcome::must_fail("mq_open", call(libc::SYS_mq_open, open))
}

/// Ordinary code needs it: hash maps, random ids.
fn getrandom(_: &mut Scene<'_>) -> Outcome {
    let mut bytes = [0; 16];
    match call(libc::SYS_getrandom, [Arg::Out(&mut bytes), Arg::Number(16), Arg::Number(0)]) {
        Ok(16) => Outcome::Harmless("sixteen random bytes".into()),
        other => Outcome::Breached(format!("getrandom must work in the sandbox, but: {other:?}")),
    }
}
