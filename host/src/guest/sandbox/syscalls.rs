//! The system calls of a worker, as data: what is let through and when, what is answered how, what kills. Each entry
//! says what needs it; a test demands that.
//!
//! Two questions decide about an entry. Does ordinary single-threaded code (a hash map, a date library, an allocator)
//! need it? Then it is let through. Would only somebody who is trying to get out need it? Then it kills, so that the
//! host can name it. Everything else is answered with an error that the caller can live with: code probes.
//!
//! Invariants:
//! - Nothing here takes a path, but `openat` while loading, and landlock stands behind that. (What is left to a constructor
//!   by it: to tell a path that exists, by EACCES, from one that does not, by ENOENT.)
//! - No memory is shared, grows downwards or is huge: all of these escape RLIMIT_DATA.
//! - `Loading` is where constructors run, so all that contains a hostile app must hold there already. `Running` only
//!   takes away what the dynamic loader needed.

use libc::{
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, MAP_ANONYMOUS, MAP_DENYWRITE, MAP_FIXED, MAP_FIXED_NOREPLACE,
    MAP_NORESERVE, MAP_POPULATE, MAP_PRIVATE, MAP_STACK, O_CLOEXEC, O_NOFOLLOW, PR_GET_NAME, PR_SET_NAME,
    PR_SET_NO_NEW_PRIVS, PROT_EXEC, PROT_WRITE, TCGETS,
};

/// When an entry is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Only while the app is loaded.
    Loading,
    /// While it is loaded and ever after.
    Always,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Its low 32 bits are these.
    Is(u32),
    /// Its low 32 bits, masked by the first, are the second.
    Masked(u32, u32),
    /// All 64 bits are zero.
    Null,
    /// It names this process, which has one thread.
    Own,
    /// It names any other process.
    Foreign,
}

/// A test of the argument with that index.
pub(super) type Argument = (u8, Test);

/// A system call that is let through.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Its name.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the list, and for its tests"))]
    pub(super) name: &'static str,
    /// Its number.
    pub(super) number: i64,
    /// When.
    pub(super) stage: Stage,
    /// The ways to be let through; none for "with any arguments".
    pub(super) ways: &'static [&'static [Argument]],
    /// Who needs it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the list, and for its tests"))]
    pub(super) why: &'static str,
}

/// A system call that is answered otherwise than with `EPERM`, or that kills.
#[derive(Debug)]
pub(super) struct Special {
    /// Its name.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the list, and for its tests"))]
    pub(super) name: &'static str,
    /// Its number.
    pub(super) number: i64,
    /// The arguments it takes; none for "any".
    pub(super) when: &'static [Argument],
    /// Why not `EPERM`.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the list, and for its tests"))]
    pub(super) why: &'static str,
}

macro_rules! allowed {
    ($stage:ident $number:ident, $why:literal) => {
        allowed!($stage $number if &[], $why)
    };
    ($stage:ident $number:ident if $ways:expr, $why:literal) => {
        Allowed { name: stringify!($number), number: libc::$number, stage: Stage::$stage, ways: $ways, why: $why }
    };
}

macro_rules! special {
    ($number:ident, $why:literal) => {
        special!($number if &[], $why)
    };
    ($number:ident if $when:expr, $why:literal) => {
        Special { name: stringify!($number), number: libc::$number, when: $when, why: $why }
    };
}

const fn bits(flags: i32) -> u32 {
    flags as u32
}

/// Private, and of the other flags only those that change nothing about what counts: a mapping that grows downwards is
/// taken for a stack, which RLIMIT_DATA leaves out, and huge pages are in no sum but their own.
const PRIVATE: Argument = (3, Test::Masked(!bits(HARMLESS), bits(MAP_PRIVATE)));
const HARMLESS: i32 =
    MAP_ANONYMOUS | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_STACK | MAP_POPULATE | MAP_DENYWRITE;
const OF_A_FILE: Argument = (3, Test::Masked(bits(MAP_ANONYMOUS), 0));
const NOT_EXECUTABLE: Argument = (2, Test::Masked(bits(PROT_EXEC), 0));
const NOT_WRITABLE: Argument = (2, Test::Masked(bits(PROT_WRITE), 0));
/// `O_LARGEFILE` as the kernel has it: the C library says 0 where it is always on.
const O_LARGEFILE: u32 = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };
/// No writing, creating or truncating; and no `O_PATH`, which landlock does not see and `fstat` would look through.
const ONLY_READ: Argument = (2, Test::Masked(!(bits(O_CLOEXEC | O_NOFOLLOW) | O_LARGEFILE), 0));
/// `PR_SET_VMA`, which names anonymous mappings.
const PR_SET_VMA: u32 = 0x5356_4d41;
#[expect(clippy::cast_possible_truncation, reason = "0x5401")]
const IS_A_TERMINAL: u32 = TCGETS as u32;

/// What is let through.
pub(super) static ALLOWED: &[Allowed] = &[
    // The wire to the host, the data file, stdout and stderr: descriptors that the host handed over.
    allowed!(Always SYS_read, "the data file, read in order"),
    allowed!(Always SYS_readv, "the data file, by readers with two buffers"),
    allowed!(Always SYS_pread64, "the data file; the loader reads program headers"),
    allowed!(Always SYS_preadv, "the data file, by readers with two buffers"),
    allowed!(Always SYS_preadv2, "what newer C libraries make of preadv"),
    allowed!(Always SYS_lseek, "the data file, for code that seeks"),
    allowed!(Always SYS_write, "frames to the host; stdout and stderr, which the host drains with a cap"),
    allowed!(Always SYS_writev, "stdout and stderr, as standard libraries write them"),
    allowed!(Always SYS_recvmsg, "frames and data files from the host"),
    allowed!(Always SYS_close, "data files and private copies of descriptors"),
    allowed!(Always SYS_fstat, "the size of the data file, by its descriptor: no path"),
    allowed!(Always SYS_dup, "C code that wraps a copy of the data file in a FILE"),
    allowed!(Always SYS_fcntl if &[
        &[(1, Test::Is(bits(F_GETFD)))],
        &[(1, Test::Is(bits(F_SETFD)))],
        &[(1, Test::Is(bits(F_GETFL)))],
        &[(1, Test::Is(bits(F_DUPFD)))],
        &[(1, Test::Is(bits(F_DUPFD_CLOEXEC)))],
    ], "fdopen and try_clone; no locks, leases, seals, signals or pipe sizes"),
    allowed!(Always SYS_ioctl if &[&[(1, Test::Is(IS_A_TERMINAL))]], "isatty of stdout, by every standard library"),
    allowed!(Always SYS_fadvise64, "readers that tell how they will read the data file"),
    #[cfg(target_arch = "x86_64")]
    allowed!(Always SYS_poll, "code that waits for nothing but time"),
    allowed!(Always SYS_ppoll, "code that waits for nothing but time"),
    // Memory.
    allowed!(Always SYS_brk, "malloc of small blocks"),
    allowed!(Always SYS_mmap if &[&[NOT_EXECUTABLE, PRIVATE]], "malloc, and a view of the data file"),
    allowed!(Always SYS_munmap, "free of large blocks"),
    allowed!(Always SYS_mremap, "realloc of large blocks"),
    allowed!(Always SYS_madvise, "free, and readers of a mapped file; without capabilities it harms nobody else"),
    allowed!(Always SYS_mprotect if &[&[NOT_EXECUTABLE]], "malloc's arenas, guard pages, relocations made read-only"),
    // Time, chance and what the process may know about itself.
    allowed!(Always SYS_clock_gettime, "clocks where the vDSO cannot answer"),
    allowed!(Always SYS_clock_getres, "resolution of clocks"),
    allowed!(Always SYS_gettimeofday, "older clocks where the vDSO cannot answer"),
    #[cfg(target_arch = "x86_64")]
    allowed!(Always SYS_time, "older clocks where the vDSO cannot answer"),
    allowed!(Always SYS_nanosleep, "sleep: a deadline ends it"),
    allowed!(Always SYS_clock_nanosleep, "sleep: a deadline ends it"),
    allowed!(Always SYS_getrandom, "keys of hash maps, uuids; without it a HashMap panics"),
    allowed!(Always SYS_uname, "code that asks for the kernel's version"),
    allowed!(Always SYS_sysinfo, "qsort, which asks how much memory there is"),
    allowed!(Always SYS_getpid, "abort and raise; code that logs it"),
    allowed!(Always SYS_getppid, "code that logs it; nothing can be done with it"),
    allowed!(Always SYS_gettid, "abort and raise; locks that know their owner"),
    allowed!(Always SYS_getuid, "code that looks for a home directory"),
    allowed!(Always SYS_geteuid, "secure_getenv and its like"),
    allowed!(Always SYS_getgid, "code that asks who it is"),
    allowed!(Always SYS_getegid, "secure_getenv and its like"),
    allowed!(Always SYS_getrusage, "code that measures itself"),
    allowed!(Always SYS_times, "clock() of older C libraries"),
    allowed!(Always SYS_sched_getaffinity, "available_parallelism; the answer does not help to a thread"),
    allowed!(Always SYS_sched_yield, "spin locks"),
    allowed!(Always SYS_getcpu, "allocators with a cache per processor"),
    allowed!(Always SYS_prlimit64 if &[&[(0, Test::Is(0)), (2, Test::Null)]], "asking for the stack's limit, not setting it"),
    #[cfg(target_arch = "x86_64")]
    allowed!(Always SYS_getrlimit, "asking for a limit"),
    allowed!(Always SYS_prctl if &[
        &[(0, Test::Is(bits(PR_SET_NAME)))],
        &[(0, Test::Is(bits(PR_GET_NAME)))],
        &[(0, Test::Is(PR_SET_VMA))],
    ], "names of threads and mappings; nothing about death signals, dumps or privileges"),
    // The one thread, its signals and its end.
    allowed!(Always SYS_futex, "locks and once-cells of standard libraries"),
    allowed!(Always SYS_set_robust_list, "locks of the C library"),
    allowed!(Always SYS_rseq, "registration of the C library"),
    allowed!(Always SYS_membarrier, "locks of newer C libraries"),
    allowed!(Always SYS_sigaltstack, "the stack of crash handlers"),
    allowed!(Always SYS_rt_sigaction, "handlers of its own signals"),
    allowed!(Always SYS_rt_sigprocmask, "abort, setjmp"),
    allowed!(Always SYS_rt_sigreturn, "the way back from every handler"),
    allowed!(Always SYS_restart_syscall, "a sleep that goes on after a signal"),
    allowed!(Always SYS_kill if &[&[(0, Test::Own)]], "raise of older C libraries"),
    allowed!(Always SYS_tkill if &[&[(0, Test::Own)]], "raise of older C libraries"),
    allowed!(Always SYS_tgkill if &[&[(0, Test::Own), (1, Test::Own)]], "abort and raise"),
    allowed!(Always SYS_exit, "the end of the thread"),
    allowed!(Always SYS_exit_group, "the end of the process"),
    // The dynamic loader, until the last stage.
    allowed!(Loading SYS_openat if &[&[ONLY_READ]], "the loader opens the app and its libraries; landlock says which"),
    allowed!(Loading SYS_mmap if &[&[NOT_WRITABLE, PRIVATE, OF_A_FILE]], "the loader maps code, from files alone"),
    allowed!(Loading SYS_prctl if &[&[(0, Test::Is(bits(PR_SET_NO_NEW_PRIVS)))]], "the next stage sets it once more"),
    allowed!(Loading SYS_seccomp, "the next stage; a filter can only take away"),
];

/// What kills the process: only a way out needs these.
pub(super) static KILLING: &[Special] = &[
    special!(SYS_execve, "starts another program"),
    special!(SYS_execveat, "starts another program"),
    special!(SYS_ptrace, "takes over another process"),
    special!(SYS_process_vm_readv, "reads another process"),
    special!(SYS_process_vm_writev, "writes into another process"),
    special!(SYS_process_madvise, "acts on another process's memory"),
    special!(SYS_process_mrelease, "acts on another process's memory"),
    special!(SYS_kcmp, "compares other processes"),
    special!(SYS_kill if &[(0, Test::Foreign)], "signals others"),
    special!(SYS_tkill if &[(0, Test::Foreign)], "signals others"),
    special!(SYS_tgkill if &[(0, Test::Foreign)], "signals others"),
    special!(SYS_rt_sigqueueinfo, "signals others, with a forged sender"),
    special!(SYS_rt_tgsigqueueinfo, "signals others, with a forged sender"),
    special!(SYS_pidfd_open, "gets hold of another process"),
    special!(SYS_pidfd_getfd, "takes another process's descriptors"),
    special!(SYS_pidfd_send_signal, "signals others"),
    special!(SYS_bpf, "loads code into the kernel"),
    special!(SYS_perf_event_open, "watches others; many holes"),
    special!(SYS_userfaultfd, "a tool of kernel exploits"),
    special!(SYS_io_uring_setup, "system calls past the filter"),
    special!(SYS_io_uring_enter, "system calls past the filter"),
    special!(SYS_io_uring_register, "system calls past the filter"),
    special!(SYS_mount, "changes what paths mean"),
    special!(SYS_umount2, "changes what paths mean"),
    special!(SYS_pivot_root, "changes what paths mean"),
    special!(SYS_chroot, "changes what paths mean"),
    special!(SYS_open_tree, "changes what paths mean"),
    special!(SYS_move_mount, "changes what paths mean"),
    special!(SYS_fsopen, "changes what paths mean"),
    special!(SYS_fsconfig, "changes what paths mean"),
    special!(SYS_fsmount, "changes what paths mean"),
    special!(SYS_fspick, "changes what paths mean"),
    special!(SYS_mount_setattr, "changes what paths mean"),
    special!(SYS_open_by_handle_at, "opens files past their paths"),
    special!(SYS_setns, "changes namespaces"),
    special!(SYS_unshare, "changes namespaces"),
    special!(SYS_kexec_load, "replaces the kernel"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_kexec_file_load, "replaces the kernel"),
    special!(SYS_init_module, "loads code into the kernel"),
    special!(SYS_finit_module, "loads code into the kernel"),
    special!(SYS_delete_module, "unloads code of the kernel"),
    special!(SYS_reboot, "stops the machine"),
    special!(SYS_swapon, "changes the machine's memory"),
    special!(SYS_swapoff, "changes the machine's memory"),
    special!(SYS_acct, "changes the machine's accounting"),
    special!(SYS_settimeofday, "changes the machine's clock"),
    special!(SYS_clock_settime, "changes the machine's clock"),
    special!(SYS_adjtimex, "changes the machine's clock"),
    special!(SYS_clock_adjtime, "changes the machine's clock"),
    special!(SYS_add_key, "the kernel's keys"),
    special!(SYS_request_key, "the kernel's keys"),
    special!(SYS_keyctl, "the kernel's keys"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_iopl, "talks to devices"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_ioperm, "talks to devices"),
];

/// What is caught and answered by [`fstat`](super::fstat): the C library's `fstat` comes as this call with an empty path.
pub(super) static CAUGHT: &[Special] =
    &[special!(SYS_newfstatat, "takes a path, but fstat(fd) of glibc comes this way")];

/// What is answered with `ENOSYS`: the caller knows another way.
pub(super) static ABSENT: &[Special] = &[
    special!(SYS_clone3, "the C library falls back to clone, which is refused with a clear EPERM"),
    special!(SYS_statx, "standard libraries fall back to fstat, which works for descriptors"),
];

/// What is answered with `EACCES`: the network.
pub(super) static NO_NETWORK: &[Special] = &[
    special!(SYS_socket, "every kind of socket begins here"),
    special!(SYS_socketpair, "sockets between oneself"),
    special!(SYS_connect, "an inherited socket"),
    special!(SYS_bind, "an inherited socket"),
    special!(SYS_listen, "an inherited socket"),
    special!(SYS_accept, "an inherited socket"),
    special!(SYS_accept4, "an inherited socket"),
];

/// What is answered with `EACCES` once the app is loaded: files.
pub(super) static NO_FILES: &[Special] = &[
    #[cfg(target_arch = "x86_64")]
    special!(SYS_open, "opens a path"),
    special!(SYS_openat, "opens a path"),
    special!(SYS_openat2, "opens a path"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_creat, "creates a path"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_stat, "looks at a path"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_lstat, "looks at a path"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_access, "looks at a path"),
    special!(SYS_faccessat, "looks at a path"),
    special!(SYS_faccessat2, "looks at a path"),
    #[cfg(target_arch = "x86_64")]
    special!(SYS_readlink, "looks at a path"),
    special!(SYS_readlinkat, "looks at a path"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn specials() -> impl Iterator<Item = &'static Special> {
        [KILLING, CAUGHT, ABSENT, NO_NETWORK, NO_FILES].into_iter().flatten()
    }

    #[test]
    fn every_entry_has_a_reason() {
        for entry in ALLOWED {
            assert!(entry.why.len() >= 10, "say who needs {}", entry.name);
        }
        for entry in specials() {
            assert!(entry.why.len() >= 10, "say why {} is not answered with EPERM", entry.name);
        }
    }

    #[test]
    fn what_is_let_through_with_any_arguments_is_in_no_other_list() {
        for entry in ALLOWED.iter().filter(|entry| entry.ways.is_empty() && entry.stage == Stage::Always) {
            assert!(specials().all(|special| special.number != entry.number), "{} is in two lists", entry.name);
        }
    }

    #[test]
    fn no_call_stands_twice_for_the_same_stage() {
        for (index, entry) in ALLOWED.iter().enumerate() {
            let twin =
                ALLOWED[index + 1..].iter().find(|twin| twin.number == entry.number && twin.stage == entry.stage);
            assert!(twin.is_none(), "{} stands twice", entry.name);
        }
        let mut numbers: Vec<i64> = specials().map(|special| special.number).collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }

    #[test]
    fn what_makes_threads_files_sockets_or_shared_memory_is_never_let_through() {
        let never = [
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_memfd_create,
            libc::SYS_socket,
            libc::SYS_sendmsg,
            libc::SYS_sendto,
            libc::SYS_ftruncate,
            libc::SYS_shmget,
            libc::SYS_shmat,
            libc::SYS_pipe2,
            libc::SYS_landlock_restrict_self,
            libc::SYS_setsid,
            libc::SYS_personality,
            libc::SYS_pkey_mprotect,
            libc::SYS_remap_file_pages,
        ];
        for entry in ALLOWED {
            assert!(!never.contains(&entry.number), "{}", entry.name);
        }
    }
}
