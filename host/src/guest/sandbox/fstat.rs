//! Answers `fstat` for code that asks for it by `newfstatat(fd, "", .., AT_EMPTY_PATH)`, as glibc does.
//!
//! That call takes a path, and a filter cannot see whether the path is empty, so letting it through would let an app
//! look at every path of the machine, whatever landlock says: it does not confine `stat`. The filter therefore traps it;
//! the handler here looks at the path, asks `fstat`, which takes none, and puts the answer where the call's would be.
//! The dynamic loader needs this once for each library, and C code for `fstat` and `fdopen`.
//!
//! An app that replaces the handler, or calls with a path, gets an error or dies of the trap. It never gets the call.

use super::super::machine;
use core::ffi::{c_int, c_void};
use std::io;

/// Installs the handler.
pub(super) fn emulate() -> io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = on_trap as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: `action` is complete and `on_trap` has the signature that SA_SIGINFO asks for.
    match unsafe { libc::sigaction(libc::SIGSYS, &raw const action, core::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn on_trap(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid `ucontext_t` that nobody else uses meanwhile.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let call = machine::trapped_call(context);
    if call.number != libc::SYS_newfstatat {
        machine::answer(context, -i64::from(libc::ENOSYS));
        return;
    }
    let [descriptor, path, buffer, flags] = call.arguments;
    let path = path as *const u8;
    // SAFETY: a path that is not readable makes this handler fault, as it would have made the call fail: the app's doing.
    let empty = path.is_null() || unsafe { path.read() } == 0;
    if !empty || flags & (libc::AT_EMPTY_PATH as u64) == 0 {
        machine::answer(context, -i64::from(libc::EACCES));
        return;
    }
    // SAFETY: `fstat` writes a `struct stat`, the same that the trapped call would have written, to the caller's buffer;
    // the kernel checks the pointer. The call is made by number so that no C library turns it into the trapped one.
    let answer = unsafe { libc::syscall(libc::SYS_fstat, descriptor, buffer) };
    let answer = if answer == 0 { 0 } else { -i64::from(errno()) };
    machine::answer(context, answer);
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EPERM)
}
