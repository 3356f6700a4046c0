//! Ways to play with signals: to outlive a polite end, or to hide how one died.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("ignore_sigterm", ignore_and_spin),
    ("block_all_signals", block_and_spin),
    ("segfault_hidden_by_a_handler", hide_a_crash),
    ("segfault_without_alternate_stack", crash_without_stack),
    ("segfault_ignored", ignore_a_crash),
    ("alarm", alarm),
    ("setitimer", setitimer),
    ("timer_create", timer_create),
    ("raise_sigkill", raise_sigkill),
    ("sigqueue_host", sigqueue_host),
];

fn ignore_and_spin(_: &mut Scene<'_>) -> Outcome {
    for signal in 1..32 {
        // SAFETY: an ignored signal runs no code; for SIGKILL and SIGSTOP the call fails.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    loop {
        std::hint::spin_loop();
    }
}

fn block_and_spin(_: &mut Scene<'_>) -> Outcome {
    let all = [0xff_u8; 8];
    let _ = call(libc::SYS_rt_sigprocmask, [Arg::Number(0), Arg::In(&all), Arg::Number(0), Arg::Number(8)]);
    loop {
        std::hint::spin_loop();
    }
}

extern "C" fn leave_quietly(_: libc::c_int) {
    // SAFETY: allowed in a signal handler.
    unsafe { libc::_exit(0) }
}

fn crash() -> Outcome {
    let nowhere = std::ptr::without_provenance_mut::<u8>(std::hint::black_box(8));
    // SAFETY: none: this is the crash that the test asks for.
    unsafe { nowhere.write_volatile(1) };
    Outcome::Breached("wrote to address 8".into())
}

/// Takes the place of the worker's crash handler and ends with status 0.
fn hide_a_crash(_: &mut Scene<'_>) -> Outcome {
    let handler: extern "C" fn(libc::c_int) = leave_quietly;
    // SAFETY: the handler only ends the process.
    unsafe { libc::signal(libc::SIGSEGV, handler as *const () as libc::sighandler_t) };
    crash()
}

/// Takes away the stack that the crash handler runs on, and overflows the other.
fn crash_without_stack(_: &mut Scene<'_>) -> Outcome {
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: `none` is a valid description of no stack.
    unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) };
    crash()
}

fn ignore_a_crash(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: an ignored signal runs no code; the kernel kills all the same where it raises it itself.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_IGN) };
    crash()
}

/// A clock that would kill the worker later, in a row that did nothing.
fn alarm(_: &mut Scene<'_>) -> Outcome {
    // `alarm` cannot fail by itself: that it reports no error tells nothing, so ask how much is left.
    // SAFETY: takes a number.
    let left = unsafe {
        libc::alarm(1);
        libc::alarm(0)
    };
    if left == 1 { Outcome::Breached("an alarm was set".into()) } else { Outcome::Held("no alarm was set".into()) }
}

fn setitimer(_: &mut Scene<'_>) -> Outcome {
    let nothing = [0_u8; 32];
    Outcome::must_fail("setitimer", call(libc::SYS_setitimer, [Arg::Number(0), Arg::In(&nothing), Arg::Number(0)]))
}

fn timer_create(_: &mut Scene<'_>) -> Outcome {
    let mut id = [0_u8; 8];
    Outcome::must_fail(
        "timer_create",
        call(libc::SYS_timer_create, [Arg::Number(1), Arg::Number(0), Arg::Out(&mut id)]),
    )
}

/// Dies as if the kernel had run out of memory.
fn raise_sigkill(_: &mut Scene<'_>) -> Outcome {
    let own = i64::from(std::process::id());
    Outcome::may_work("killing itself", call(libc::SYS_kill, [Arg::Number(own), Arg::Number(9)]))
}

fn sigqueue_host(_: &mut Scene<'_>) -> Outcome {
    let mut info = [0_u8; 128];
    info[8] = 0xff;
    let queue = [Arg::Number(crate::syscall::host_pid()), Arg::Number(0), Arg::In(&info)];
    Outcome::must_fail("rt_sigqueueinfo to the host", call(libc::SYS_rt_sigqueueinfo, queue))
}
