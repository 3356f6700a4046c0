//! The sandbox of a worker, from the outside in. Each step has its place:
//!
//! 1. **rlimits** first: they need no confinement and hold whatever comes after, `Insecure` included.
//! 2. **no new privileges**: landlock and seccomp demand it of a process without privileges, and a set-uid program
//!    could never be started afterwards anyway.
//! 3. **capabilities** away: a worker of a root host is not root. Before the filter, which refuses `capset`. Dropping
//!    them does not reset the parent-death signal, since the new set is a subset of the old one.
//! 4. **landlock** before seccomp: its calls are not in the allow-list, and it opens the paths it makes rules of.
//! 5. **`fstat` by trap**, then **seccomp `load`**: from here on hostile code may run (constructors, at dlopen).
//! 6. dlopen, handshake: see [`loader`](super::loader).
//! 7. **seccomp `seal`**: what only the dynamic loader needed goes away: opening files, mapping code.
//!
//! Required are landlock ABI 1 and both filters ([`Isolation::Reduced`] stops there); the filters alone close the
//! network, signals, ptrace, threads and processes, and newer landlock ABIs only double that.

mod fstat;
mod landlock;
mod rlimits;
mod seccomp;
mod syscalls;

use crate::worker::protocol::{Confinement, GuestLimits, Isolation};
use rustix::process::DumpableBehavior;
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::os::fd::BorrowedFd;

/// Why a worker could not confine itself. Each sentence tells what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// A limit was refused.
    #[error("the kernel refuses this worker's limits: {0}; look at the limits that the host itself was started with")]
    Limits(rustix::io::Errno),
    /// Privileges could not be given up.
    #[error("this worker cannot give up its privileges: {0}")]
    Privileges(rustix::io::Errno),
    /// Files could not be confined.
    #[error(transparent)]
    Landlock(#[from] landlock::LandlockError),
    /// System calls could not be confined.
    #[error(
        "this machine cannot confine an app to its system calls: {0}; its kernel needs CONFIG_SECCOMP_FILTER, and a \
         container around the host must allow the seccomp call"
    )]
    Seccomp(#[from] seccompiler::Error),
    /// The handler of the trap was refused.
    #[error("the handler for trapped system calls was refused: {0}")]
    Trap(std::io::Error),
}

/// Steps 1 to 5. What it answers is what is in force, not what was wished.
pub(super) fn confine(
    isolation: Isolation,
    limits: &GuestLimits,
    app: BorrowedFd<'_>,
) -> Result<Confinement, SandboxError> {
    rlimits::apply(limits).map_err(SandboxError::Limits)?;
    if isolation == Isolation::Insecure {
        // For debuggers: they attach only to what may be dumped.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(SandboxError::Privileges)?;
        return Ok(Confinement::default());
    }
    give_up_privileges().map_err(SandboxError::Privileges)?;
    let landlock_abi = landlock::confine(isolation, app)?;
    fstat::emulate().map_err(SandboxError::Trap)?;
    seccomp::load()?;
    Ok(Confinement { landlock_abi, seccomp: false })
}

/// Step 7. Completes what [`confine`] answered.
pub(super) fn seal(isolation: Isolation, confinement: &mut Confinement) -> Result<(), SandboxError> {
    if isolation != Isolation::Insecure {
        seccomp::seal()?;
        confinement.seccomp = true;
    }
    Ok(())
}

fn give_up_privileges() -> rustix::io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets)
}
