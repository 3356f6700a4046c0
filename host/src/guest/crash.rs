//! What a dying app leaves: the signal, the address and the call chain, in the flight recorder.
//!
//! The handler runs on a stack of its own (the app's may be what overflowed), walks the stack with the unwinder of
//! libgcc, and dies of the same signal with its default action, so that the host sees the true cause. It is a courtesy to
//! the app's author and not a safeguard: the app can replace it, and can write what it likes to the page.
//!
//! Traps:
//! - The Rust runtime installs its own SIGSEGV and SIGBUS handlers before `main`, for a message about overflows; they
//!   are replaced.
//! - The unwinder may fault on a wrecked stack. Each frame is written as it is found, with the count last, and
//!   SA_RESETHAND has put the default action back, so a second fault ends the process with what is there.
//! - The first entry is the faulting instruction itself, from the registers. The unwinder starts in this handler, so its
//!   frames are dropped up to the one that it names the same.
//! - While constructors run the app's base is not known yet: addresses are absolute then.

use super::machine;
use super::recorder::Recorder;
use crate::worker::recorder::{MAX_FRAMES, Page};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};
use std::io;

/// Signals that mean "this process is broken".
const SIGNALS: [c_int; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTRAP];
/// Enough for the unwinder, which keeps every register of every frame it looks at.
const STACK_BYTES: usize = 64 * 1024;
/// `_URC_NO_REASON`: go on to the next frame.
const GO_ON: c_int = 0;
/// `_URC_END_OF_STACK`: any other answer ends the walk.
const ENOUGH: c_int = 5;

static PAGE: AtomicPtr<Page> = AtomicPtr::new(core::ptr::null_mut());

type Visitor = extern "C" fn(frame: *mut c_void, walk: *mut c_void) -> c_int;

unsafe extern "C" {
    fn _Unwind_Backtrace(visitor: Visitor, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// Installs the handler for all of them.
pub(super) fn install(recorder: Recorder) -> io::Result<()> {
    PAGE.store(recorder.page(), Ordering::Relaxed);
    let stack = Box::leak(vec![0u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the memory was leaked, so it stays; nothing else uses it.
    if unsafe { libc::sigaltstack(&raw const stack, core::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = on_crash as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    for signal in SIGNALS {
        // SAFETY: `action` is complete and `on_crash` has the signature that SA_SIGINFO asks for.
        if unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

struct Walk {
    page: *mut Page,
    signal: u64,
    fault: u64,
    count: usize,
    found: bool,
    seen: usize,
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let page = PAGE.load(Ordering::Relaxed);
    if !page.is_null() {
        // SAFETY: the kernel gives a handler with SA_SIGINFO a valid `ucontext_t` and `siginfo_t`; for the signals that
        // have no address, the field holds other numbers of the same union.
        let (fault, address) =
            unsafe { (machine::instruction(&*context.cast::<libc::ucontext_t>()), (*info).si_addr() as u64) };
        // SAFETY: the page stays mapped; see `Recorder`. Volatile, as everywhere.
        unsafe { (&raw mut (*page).fault_at).write_volatile(address) };
        let mut walk = Walk { page, signal: u64::from(signal.unsigned_abs()), fault, count: 0, found: false, seen: 0 };
        keep(&mut walk, fault);
        // SAFETY: `visit` takes what it is given here. Whatever the walk does to a wrecked stack ends the process.
        unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    }
    // Blocked while this handler runs, so it arrives when it returns, with the default action.
    // SAFETY: a call without memory.
    unsafe { libc::raise(signal) };
}

extern "C" fn visit(frame: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: `walk` is what `on_crash` passed, and lives until the walk ends.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    // SAFETY: `frame` is the unwinder's own, valid during this call.
    let address = unsafe { _Unwind_GetIP(frame) } as u64;
    walk.seen += 1;
    if walk.found {
        keep(walk, address);
    } else {
        walk.found = address == walk.fault;
    }
    // A chain that bites its own tail must end too.
    if walk.count >= MAX_FRAMES || walk.seen >= 4 * MAX_FRAMES { ENOUGH } else { GO_ON }
}

/// Writes one address, then the count.
fn keep(walk: &mut Walk, address: u64) {
    // SAFETY: the page stays mapped, and the count is below MAX_FRAMES: the walk ends there.
    unsafe { (&raw mut (*walk.page).frames).cast::<u64>().add(walk.count).write_volatile(address) };
    walk.count += 1;
    // SAFETY: as above.
    unsafe { (&raw mut (*walk.page).fault).write_volatile(walk.signal << 32 | walk.count as u64) };
}
