//! Files by landlock: a worker can open the system's libraries and data of the C library for reading, and nothing else.
//!
//! ABI 1 (Linux 5.13) is demanded. Where the kernel has more, more is taken away: truncation, device ioctls, TCP (no
//! rule allows any port) and reaching processes outside by signals or abstract sockets. The landlock crate is
//! best-effort by default and would "succeed" without any confinement, so ABI 1 is marked as a hard requirement and the
//! status is looked at all the same.
//!
//! The app's own file: a memfd lives on no mount and needs no rule (adding one is refused with EBADFD). A file of the
//! content store gets a rule on its own descriptor, so that `/proc/self/fd/N` can be opened; its directory gets none.
//! What landlock does not confine (`stat`, existence, other kinds of sockets) is the filter's part.

use crate::worker::protocol::Isolation;
use landlock::{
    ABI, Access, AccessFs, AccessNet, AddRuleError, AddRulesError, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::os::fd::BorrowedFd;

/// Directories of libraries (with the converters of iconv): the loader reads and maps them.
const LIBRARIES: &[&str] = &["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// What the loader and the C library read besides.
const READABLE: &[&str] = &["/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/i18n"];

/// Why files could not be confined.
#[derive(Debug, thiserror::Error)]
pub(in crate::guest) enum LandlockError {
    /// The kernel has no landlock, or it is switched off.
    #[error(
        "this machine cannot confine an app to its files, because its kernel has no landlock; run Linux 5.13 or newer \
         with `landlock` among the modules of its `lsm=` boot parameter"
    )]
    Missing,
    /// The kernel has it, and still refuses.
    #[error("this machine cannot confine an app to its files: {0}; `mysimbdp doctor` tells what its kernel has")]
    Refused(#[from] RulesetError),
}

/// Confines the process. Answers the ABI in force.
pub(super) fn confine(isolation: Isolation, app: BorrowedFd<'_>) -> Result<u32, LandlockError> {
    let newest = if isolation == Isolation::Reduced { ABI::V1 } else { ABI::V9 };
    let mut ruleset = create(newest).map_err(missing_or_refused)?;
    let readable = AccessFs::ReadFile.into();
    add_paths(&mut ruleset, LIBRARIES, readable | AccessFs::Execute)?;
    add_paths(&mut ruleset, READABLE, readable)?;
    match (&mut ruleset).add_rule(PathBeneath::new(app, readable | AccessFs::Execute)) {
        Err(error) if !is_a_memfd(&error) => return Err(error.into()),
        _ => {}
    }
    let status = ruleset.restrict_self()?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Err(LandlockError::Missing),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok((effective_abi as u32).min(newest as u32)),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => Err(LandlockError::Missing),
    }
}

fn create(newest: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort);
    if newest != ABI::V1 {
        ruleset = ruleset
            .handle_access(AccessFs::from_all(newest))?
            .handle_access(AccessNet::from_all(newest))?
            .scope(Scope::from_all(newest))?;
    }
    ruleset.create()
}

/// A path that this machine does not have needs no rule.
fn add_paths(ruleset: &mut RulesetCreated, paths: &[&str], access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
    for path in paths {
        if let Ok(found) = PathFd::new(path) {
            (&mut *ruleset).add_rule(PathBeneath::new(found, access))?;
        }
    }
    Ok(())
}

/// What the hard requirement answers where there is no landlock at all.
fn missing_or_refused(error: RulesetError) -> LandlockError {
    match error {
        RulesetError::CreateRuleset(_) => LandlockError::Refused(error),
        _ => LandlockError::Missing,
    }
}

fn is_a_memfd(error: &RulesetError) -> bool {
    let RulesetError::AddRules(AddRulesError::Fs(AddRuleError::AddRuleCall { source, .. })) = error else {
        return false;
    };
    source.raw_os_error() == Some(libc::EBADFD)
}
