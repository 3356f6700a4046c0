//! Imported functions that will not work in the sandbox. They prove no use, so they are warnings: a library may carry
//! code that it never calls.
//!
//! What is listed was held against real builds: a plain Rust cdylib imports, whether it uses them or not, `open64`,
//! `stat64`, `readlink`, `realpath`, `getcwd`, `mmap64`, `syscall`, `exit` and the like (std's backtraces and
//! `abi_stable` do), but `pthread_create` only when something in it spawns a thread, `fork` and `posix_spawnp` only with
//! `std::process`, `socket` only with `std::net`. Weak imports are passed over: C++'s run-time refers to threads weakly.

use std::collections::BTreeSet;

use super::dynamic::Dynamic;
use super::elf::Elf;
use super::finding::Finding;
use super::interface::Door;
use super::words::listed;

/// Most functions in one sentence.
const MOST: usize = 4;
/// Longest name that is compared with those below.
const MAX_FUNCTION: usize = 64;
/// How much of a table of names is searched for thread pools.
const MAX_SEARCHED: usize = 8 * 1024 * 1024;

/// Functions for one purpose that the sandbox refuses.
struct Group {
    code: &'static str,
    /// What the app seems to do: fits after "it has code that ".
    what: &'static str,
    /// Why that does not work.
    why: &'static str,
    mend: &'static str,
    functions: &'static [&'static str],
    /// Functions that only count in a C app: every Rust app imports them.
    c_functions: &'static [&'static str],
    prefixes: &'static [&'static str],
}

const THREADS: &str = "threads";

const GROUPS: &[Group] = &[
    Group {
        code: THREADS,
        what: "starts threads",
        why: "apps are single-threaded, and a thread cannot be started in the sandbox",
        mend: "do the work in the calling thread: the host runs an app's files in several workers at once, \
               so a thread pool gains nothing",
        functions: &["pthread_create", "thrd_create"],
        c_functions: &[],
        prefixes: &["GOMP_parallel", "__kmpc_fork", "_ZNSt6thread15_M_start_thread"],
    },
    Group {
        code: "processes",
        what: "starts other processes",
        why: "no process can be started in the sandbox",
        mend: "do the work inside the app",
        functions: &[
            "fork",
            "vfork",
            "_Fork",
            "clone",
            "daemon",
            "system",
            "popen",
            "posix_spawn",
            "posix_spawnp",
            "execl",
            "execle",
            "execlp",
            "execv",
            "execve",
            "execveat",
            "execvp",
            "execvpe",
            "fexecve",
            "wordexp",
        ],
        c_functions: &[],
        prefixes: &[],
    },
    Group {
        code: "network",
        what: "uses the network or sockets",
        why: "there is no network in the sandbox",
        mend: "emit documents and let the host send them; put what the app must look up into its configuration",
        functions: &[
            "socket",
            "socketpair",
            "connect",
            "bind",
            "listen",
            "accept",
            "accept4",
            "getaddrinfo",
            "gethostbyname",
            "gethostbyname_r",
            "getnameinfo",
        ],
        c_functions: &[],
        prefixes: &[],
    },
    Group {
        code: "signals",
        what: "sends signals to or looks into other processes",
        why: "neither is possible in the sandbox",
        mend: "remove it; return an error from the app to end its run",
        functions: &[
            "kill",
            "killpg",
            "tgkill",
            "sigqueue",
            "pidfd_send_signal",
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
        ],
        c_functions: &[],
        prefixes: &[],
    },
    Group {
        code: "files",
        what: "opens or changes files by path",
        why: "no file can be opened in the sandbox; the input comes through a descriptor",
        mend: "read the input that `ingest` is given; compile tables that the app needs into it (include_bytes!)",
        functions: &[
            "opendir",
            "mkdir",
            "mkdirat",
            "rmdir",
            "unlink",
            "unlinkat",
            "rename",
            "renameat",
            "link",
            "linkat",
            "symlink",
            "symlinkat",
            "chmod",
            "fchmodat",
            "chown",
            "lchown",
            "mkstemp",
            "mkstemp64",
            "mkdtemp",
            "tmpfile",
            "tmpfile64",
            "truncate",
            "truncate64",
            "scandir",
            "scandir64",
            "nftw",
            "nftw64",
        ],
        c_functions: &["open", "open64", "openat", "openat64", "creat", "creat64", "fopen", "fopen64", "freopen"],
        prefixes: &[],
    },
    Group {
        code: "loads-libraries",
        what: "loads further libraries while it runs",
        why: "no code can be loaded in the sandbox once the app is",
        mend: "link what it needs when it is built",
        functions: &["dlopen", "dlmopen"],
        c_functions: &[],
        prefixes: &[],
    },
    Group {
        code: "shared-memory",
        what: "shares memory or semaphores with other processes",
        why: "that is not possible in the sandbox",
        mend: "keep state in the app's instance",
        functions: &["shm_open", "shmget", "shmat", "sem_open", "semget", "mq_open", "msgget", "memfd_create"],
        c_functions: &[],
        prefixes: &[],
    },
];

/// Thread pools by traces they leave: in mangled names, and in the paths of panic messages.
const POOLS: &[(&str, &[&[u8]])] = &[
    ("rayon", &[b"10rayon_core", b"/rayon-core-"]),
    ("tokio", &[b"5tokio7runtime", b"/tokio-1."]),
    ("async-std", &[b"9async_std", b"/async-std-1."]),
    ("threadpool", &[b"10threadpool", b"/threadpool-1."]),
];

/// Warns of imports that will not work in the sandbox.
pub(super) fn check(elf: &Elf<'_>, dynamic: &Dynamic<'_>, door: Option<Door>, findings: &mut Vec<Finding>) {
    let strong = dynamic.imports().filter(|import| !import.is_weak && import.name.len() <= MAX_FUNCTION);
    let imports: BTreeSet<&str> = strong.filter_map(|import| core::str::from_utf8(import.name).ok()).collect();
    for group in GROUPS {
        let used: Vec<&str> = imports.iter().copied().filter(|import| group.has(import, door)).collect();
        if used.is_empty() {
            continue;
        }
        let pool = if group.code == THREADS { thread_pool(elf) } else { None };
        let through = pool.map(|name| format!(", through {name}")).unwrap_or_default();
        findings.push(Finding::warning(
            group.code,
            format!("it has code that {} (it imports {}{through}): {}", group.what, listed(&used, MOST), group.why),
            group.mend,
        ));
    }
}

/// Whether it converts character sets with the C library.
pub(super) fn uses_iconv(dynamic: &Dynamic<'_>) -> bool {
    dynamic.imports().any(|import| import.name == b"iconv_open")
}

impl Group {
    fn has(&self, import: &str, door: Option<Door>) -> bool {
        self.functions.contains(&import)
            || (door == Some(Door::C) && self.c_functions.contains(&import))
            || self.prefixes.iter().any(|prefix| import.starts_with(prefix))
    }
}

/// The thread pool that the library was built with, where its names give one away.
fn thread_pool(elf: &Elf<'_>) -> Option<&'static str> {
    let tables = [".strtab", ".rodata"].map(|name| {
        let table = elf.section_named(name).unwrap_or_default();
        table.get(..MAX_SEARCHED).unwrap_or(table)
    });
    let is_there = |traces: &[&[u8]]| tables.iter().any(|table| traces.iter().any(|trace| contains(table, trace)));
    POOLS.iter().find(|(_, traces)| is_there(traces)).map(|(name, _)| *name)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
