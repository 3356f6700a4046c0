//! The guard around every entry: no panic crosses the boundary, and the host is told where it happened.
//!
//! A panic hook notes the place, because the payload that `catch_unwind` returns no longer knows it. The hook is that of
//! the library's own copy of `std`, so it concerns nobody else; where the app runs inside a unit test, panics outside of
//! a guarded call go to the hook that was there before.

use crate::error::{AppError, Reject};
use crate::host;
use mysimbdp_abi::{HostV1, status};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// How an entry ends other than well.
pub(super) enum Failure {
    /// The run fails, or the host ended it.
    Error(AppError),
    /// This message, document or input is not taken.
    Reject(String),
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Failure {
        Failure::Error(error)
    }
}

impl From<Reject> for Failure {
    fn from(reject: Reject) -> Failure {
        match reject.into_reason() {
            Ok(reason) => Failure::Reject(reason),
            Err(error) => Failure::Error(error),
        }
    }
}

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `entry`, and makes a status of what comes out of it.
///
/// # Safety
/// `host` points to a table that may be called now.
#[inline]
pub(super) unsafe fn guarded(host: *const HostV1, entry: impl FnOnce() -> Result<(), Failure>) -> i32 {
    match catch(entry) {
        Ok(Ok(())) => status::OK,
        // SAFETY: the caller vouches for the table.
        Ok(Err(failure)) => unsafe { fail(host, failure) },
        Err(place) => {
            // SAFETY: as above.
            unsafe { host::fail(host, &place) };
            status::PANIC
        }
    }
}

/// Calls `entry`; a panic is returned as a sentence.
#[inline]
pub(super) fn catch<T>(entry: impl FnOnce() -> T) -> Result<T, String> {
    GUARDED.set(GUARDED.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(entry));
    GUARDED.set(GUARDED.get() - 1);
    result.map_err(describe)
}

#[cold]
unsafe fn fail(host: *const HostV1, failure: Failure) -> i32 {
    let (status, reason) = match failure {
        Failure::Error(error) => (status::ERROR, error.to_string()),
        Failure::Reject(reason) => (status::REJECT, reason),
    };
    // SAFETY: the caller vouches for the table.
    unsafe { host::fail(host, &reason) };
    status
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> String {
    let noted = PANIC.with(|note| note.try_borrow_mut().ok().and_then(|mut note| note.take()));
    let said = noted.unwrap_or_else(|| format!("panicked: {}", message(payload.as_ref())));
    // Dropping what an app threw runs its code once more, and that may panic as well.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    said
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().map_or("(a value that is not text)", String::as_str),
    }
}

/// Installs the hook, once.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if GUARDED.try_with(Cell::get).unwrap_or(0) == 0 {
                return before(info);
            }
            note(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let said = message(info.payload());
    let text = match info.location() {
        Some(place) => format!("panicked at {}:{}:{}: {said}", place.file(), place.line(), place.column()),
        None => format!("panicked: {said}"),
    };
    // A destructor that panics during the unwinding aborts the process anyway; the first panic is the one to tell.
    let _ = PANIC.try_with(|note| {
        if let Ok(mut note) = note.try_borrow_mut() {
            *note = Some(text);
        }
    });
}
