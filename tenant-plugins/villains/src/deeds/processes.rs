//! Ways to make processes and threads, and to reach those of others.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call, host_pid};
use std::io;
use std::time::Duration;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("fork_bomb", fork_bomb),
    ("clone3", clone3),
    ("thread_bomb", thread_bomb),
    ("execve", execve),
    ("spawn_shell", spawn_shell),
    ("kill_host", kill_host),
    ("kill_group", kill_group),
    ("pidfd_host", pidfd_host),
    ("ptrace_host", ptrace_host),
    ("process_vm_readv", read_host_memory),
    ("renice", renice),
    ("setsid", setsid),
    ("leaked_environment", environment),
];

/// Most children and threads: enough to show a hole, too few to hurt the machine.
const BOMB: usize = 300;

fn fork_bomb(_: &mut Scene<'_>) -> Outcome {
    let mut born = 0;
    for _ in 0..BOMB {
        // SAFETY: the child calls nothing but functions that are safe after a fork, and ends within seconds.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: as above.
                unsafe {
                    libc::sleep(5);
                    libc::_exit(0)
                }
            }
            child if child > 0 => born += 1,
            _ => {}
        }
    }
    counted("fork", born)
}

fn clone3(_: &mut Scene<'_>) -> Outcome {
    // `struct clone_args` with nothing but the exit signal: a plain fork.
    let mut args = [0_u8; 88];
    args[32] = 17;
    let answer = call(libc::SYS_clone3, [Arg::In(&args), Arg::Number(88)]);
    if matches!(answer, Ok(0)) {
        // SAFETY: this is the child; it ends at once.
        unsafe { libc::_exit(0) };
    }
    Outcome::must_fail("clone3", answer)
}

fn thread_bomb(_: &mut Scene<'_>) -> Outcome {
    let nap = || std::thread::sleep(Duration::from_secs(3));
    let born = (0..BOMB).filter(|_| std::thread::Builder::new().stack_size(64 << 10).spawn(nap).is_ok()).count();
    counted("thread::spawn", born)
}

fn execve(_: &mut Scene<'_>) -> Outcome {
    let empty = [0; 8];
    let run = [Arg::Text(c"/bin/true"), Arg::In(&empty), Arg::In(&empty)];
    Outcome::must_fail("execve", call(libc::SYS_execve, run))
}

fn spawn_shell(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("a shell", std::process::Command::new("/bin/sh").args(["-c", "true"]).status())
}

fn kill_host(_: &mut Scene<'_>) -> Outcome {
    let host = host_pid();
    if host <= 1 {
        return Outcome::Held("no parent to be seen".into());
    }
    let terminate = call(libc::SYS_kill, [Arg::Number(host), Arg::Number(15)]);
    let kill = call(libc::SYS_kill, [Arg::Number(host), Arg::Number(9)]);
    let one_thread = call(libc::SYS_tgkill, [Arg::Number(host), Arg::Number(host), Arg::Number(9)]);
    Outcome::worst([
        Outcome::must_fail("kill -TERM of the host", terminate),
        Outcome::must_fail("kill -KILL of the host", kill),
        Outcome::must_fail("tgkill of the host", one_thread),
    ])
}

/// Where this works it ends the worker itself, and nobody else: the worker leads a group of its own.
fn kill_group(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("kill of the process group", call(libc::SYS_kill, [Arg::Number(0), Arg::Number(9)]))
}

fn pidfd_host(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("pidfd_open of the host", call(libc::SYS_pidfd_open, [Arg::Number(host_pid()), Arg::Number(0)]))
}

fn ptrace_host(_: &mut Scene<'_>) -> Outcome {
    let seize = i64::from(libc::PTRACE_SEIZE);
    let answer = call(libc::SYS_ptrace, [Arg::Number(seize), Arg::Number(host_pid()), Arg::Number(0), Arg::Number(0)]);
    Outcome::must_fail("ptrace of the host", answer)
}

fn read_host_memory(_: &mut Scene<'_>) -> Outcome {
    let mut byte = [0_u8; 8];
    let local = iovec(byte.as_mut_ptr().addr(), 8);
    let remote = iovec(0x40_0000, 8);
    let one = Arg::Number(1);
    let answer = call(
        libc::SYS_process_vm_readv,
        [Arg::Number(host_pid()), Arg::In(&local), one, Arg::In(&remote), Arg::Number(1), Arg::Number(0)],
    );
    match answer {
        // The address was wrong, the permission was there.
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Outcome::Breached("may read the host".into()),
        other => Outcome::must_fail("process_vm_readv of the host", other),
    }
}

fn iovec(address: usize, length: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_ne_bytes());
    bytes[8..].copy_from_slice(&length.to_ne_bytes());
    bytes
}

fn renice(_: &mut Scene<'_>) -> Outcome {
    let highest = call(libc::SYS_setpriority, [Arg::Number(0), Arg::Number(0), Arg::Number(-20)]);
    Outcome::must_fail("setpriority", highest)
}

fn setsid(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("setsid", call::<0>(libc::SYS_setsid, []))
}

/// What the host's environment holds is nobody's business.
fn environment(_: &mut Scene<'_>) -> Outcome {
    let leaked: Vec<String> = std::env::vars().map(|(key, _)| key).filter(|key| key != "TZ").collect();
    if leaked.is_empty() {
        Outcome::Held("nothing but TZ".into())
    } else {
        Outcome::Breached(format!("sees {}", leaked.join(", ")))
    }
}

fn counted(what: &str, born: usize) -> Outcome {
    if born == 0 {
        Outcome::Held(format!("{what}: {}", io::Error::last_os_error()))
    } else {
        Outcome::Breached(format!("{born} times {what}"))
    }
}
