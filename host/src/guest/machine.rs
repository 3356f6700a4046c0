//! What differs between processors: registers of an interrupted program.

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the worker knows the registers and system calls of x86_64 and aarch64 only");

/// A system call that a filter trapped.
pub(super) struct TrappedCall {
    /// Its number.
    pub(super) number: i64,
    /// Its first four arguments.
    pub(super) arguments: [u64; 4],
}

/// The call that stands in the registers of a `SIGSYS`.
#[cfg(target_arch = "x86_64")]
pub(super) fn trapped_call(context: &libc::ucontext_t) -> TrappedCall {
    let register = |index: i32| context.uc_mcontext.gregs[index as usize];
    let arguments = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10].map(|index| register(index) as u64);
    TrappedCall { number: register(libc::REG_RAX), arguments }
}

/// The call that stands in the registers of a `SIGSYS`.
#[cfg(target_arch = "aarch64")]
pub(super) fn trapped_call(context: &libc::ucontext_t) -> TrappedCall {
    let registers = &context.uc_mcontext.regs;
    TrappedCall { number: registers[8] as i64, arguments: [registers[0], registers[1], registers[2], registers[3]] }
}

/// Puts the answer of a trapped call where the program expects it.
#[cfg(target_arch = "x86_64")]
pub(super) fn answer(context: &mut libc::ucontext_t, value: i64) {
    let accumulator = libc::REG_RAX as usize;
    context.uc_mcontext.gregs[accumulator] = value;
}

/// Puts the answer of a trapped call where the program expects it.
#[cfg(target_arch = "aarch64")]
pub(super) fn answer(context: &mut libc::ucontext_t, value: i64) {
    context.uc_mcontext.regs[0] = value as u64;
}

/// The instruction that a signal interrupted.
#[cfg(target_arch = "x86_64")]
pub(super) fn instruction(context: &libc::ucontext_t) -> u64 {
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as u64
}

/// The instruction that a signal interrupted.
#[cfg(target_arch = "aarch64")]
pub(super) fn instruction(context: &libc::ucontext_t) -> u64 {
    context.uc_mcontext.pc
}
