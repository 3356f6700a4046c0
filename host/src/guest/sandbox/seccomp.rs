//! Puts the lists of [`syscalls`](super::syscalls) into force, in two stages.
//!
//! A filter of seccompiler knows one action for what it matches and one for the rest, so each list becomes a filter and
//! the filters are stacked. The kernel asks all of them and takes the hardest answer (kill, then trap, then error, then
//! allow), and among errors that of the youngest filter.
//!
//! ```text
//!   load():  kill    KILLING           seal():  EACCES  NO_FILES
//!            trap    CAUGHT                     EPERM   but ALLOWED (Always), ABSENT, NO_NETWORK, NO_FILES
//!            ENOSYS  ABSENT
//!            EACCES  NO_NETWORK
//!            EPERM   but ALLOWED (both stages), ABSENT, NO_NETWORK, CAUGHT
//! ```
//!
//! A list with an answer of its own is exempt from the allow-list's `EPERM`, and stands before it: the allow-list of
//! `seal` is the last filter that can be installed, since it takes the call for it away.
//!
//! Trap: a constructor may install a filter of its own that answers the calls of `seal` with a false "done". It keeps
//! what `load` allows and gains nothing, which is why everything that contains an app is in `load`.

use super::syscalls::{
    ABSENT, ALLOWED, Allowed, Argument, CAUGHT, KILLING, NO_FILES, NO_NETWORK, Special, Stage, Test,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

/// Confines the process while the app is loaded: from here on, hostile code may run.
pub(super) fn load() -> Result<(), seccompiler::Error> {
    answer(KILLING, SeccompAction::KillProcess)?;
    answer(CAUGHT, SeccompAction::Trap)?;
    answer(ABSENT, errno(libc::ENOSYS))?;
    answer(NO_NETWORK, errno(libc::EACCES))?;
    allow(|_| true, &[CAUGHT, ABSENT, NO_NETWORK])
}

/// Takes away what only the loader needed: no file can be opened, no code mapped.
pub(super) fn seal() -> Result<(), seccompiler::Error> {
    answer(NO_FILES, errno(libc::EACCES))?;
    allow(|entry| entry.stage == Stage::Always, &[CAUGHT, ABSENT, NO_NETWORK, NO_FILES])
}

/// Installs a filter that gives `action` to a list and lets everything else through.
fn answer(list: &[Special], action: SeccompAction) -> Result<(), seccompiler::Error> {
    let own = u64::from(std::process::id());
    let mut rules = BTreeMap::new();
    for special in list {
        rules.insert(special.number, alternatives(&[special.when], own)?);
    }
    install(rules, SeccompAction::Allow, action)
}

/// Installs a filter that lets the chosen entries and the `exempt` lists through and refuses everything else.
fn allow(chosen: impl Fn(&Allowed) -> bool, exempt: &[&[Special]]) -> Result<(), seccompiler::Error> {
    let own = u64::from(std::process::id());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for entry in ALLOWED.iter().filter(|entry| chosen(entry)) {
        rules.entry(entry.number).or_default().extend(alternatives(entry.ways, own)?);
    }
    for special in exempt.iter().copied().flatten() {
        // Replaces an entry with conditions: the list's own answer is harder than any condition.
        rules.insert(special.number, Vec::new());
    }
    install(rules, errno(libc::EPERM), SeccompAction::Allow)
}

/// Each way (all of its tests hold) as a rule. No way, or one without tests: any arguments, which is no rule at all.
fn alternatives(ways: &[&[Argument]], own: u64) -> Result<Vec<SeccompRule>, BackendError> {
    let tested = ways.iter().filter(|way| !way.is_empty());
    tested.map(|way| SeccompRule::new(way.iter().map(|test| condition(test, own)).collect::<Result<_, _>>()?)).collect()
}

fn condition(&(index, test): &Argument, own: u64) -> Result<SeccompCondition, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    let (length, operator, value) = match test {
        Test::Is(value) => (Dword, SeccompCmpOp::Eq, u64::from(value)),
        Test::Masked(mask, value) => (Dword, SeccompCmpOp::MaskedEq(u64::from(mask)), u64::from(value)),
        Test::Null => (Qword, SeccompCmpOp::Eq, 0),
        Test::Own => (Dword, SeccompCmpOp::Eq, own),
        Test::Foreign => (Dword, SeccompCmpOp::Ne, own),
    };
    SeccompCondition::new(index, length, operator, value)
}

/// `matched` for what the rules match, `other` for the rest; another architecture's calls kill.
fn install(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    other: SeccompAction,
    matched: SeccompAction,
) -> Result<(), seccompiler::Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram = SeccompFilter::new(rules, other, matched, architecture)?.try_into()?;
    seccompiler::apply_filter(&program)
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}
