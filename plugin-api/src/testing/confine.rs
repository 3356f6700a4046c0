//! A thread that cannot start others, as an app's thread in the real worker.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;
use std::sync::Once;
use std::thread;

/// Calls `work` on a thread of its own, which cannot start others.
///
/// # Panics
/// No thread can be started, or `work` panics.
pub(super) fn on_a_lone_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    utc();
    let filters = filters();
    let worked = thread::scope(|scope| {
        let lone = thread::Builder::new().name("app".to_owned()).spawn_scoped(scope, move || {
            for filter in &filters {
                // A kernel without seccomp runs the test without it: what is tested is the app, not the sandbox.
                let _ = seccompiler::apply_filter(filter);
            }
            work()
        });
        lone.map(thread::ScopedJoinHandle::join)
    });
    match worked {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => panic!("the test cannot start a thread: {error}"),
    }
}

/// `clone3` does not exist, so that libc falls back to `clone`, which is not permitted.
fn filters() -> Vec<BpfProgram> {
    let answers = [(libc::SYS_clone3, libc::ENOSYS), (libc::SYS_clone, libc::EPERM)];
    answers.into_iter().filter_map(|(call, errno)| filter(call, errno)).collect()
}

fn filter(call: libc::c_long, errno: libc::c_int) -> Option<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    let rules = BTreeMap::from([(call, Vec::new())]);
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, errno, arch).ok()?.try_into().ok()
}

/// Sets `TZ=UTC`, once, for this process.
fn utc() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("TZ").is_none_or(|zone| zone != "UTC") {
            // SAFETY: `std` guards the environment against its own readers. A C library that reads it at this very
            // moment on another thread of the test process is not guarded against; it happens once, before any app
            // runs, and a test process that must exclude it can set TZ=UTC itself.
            unsafe { std::env::set_var("TZ", "UTC") };
        }
    });
}
