//! The smallest host there can be: it counts rows and hands each document on, where it lies, to whoever wants it.

use mysimbdp_abi::{Bytes, HostV1, RowV1, StartV1, status};
use std::ffi::c_void;

/// Takes the documents of an app.
pub trait Taker {
    /// One document, as the app emitted it. An error ends the run.
    ///
    /// # Errors
    /// One sentence, kept in [`Bare::failure`].
    fn take(&mut self, document: &[u8]) -> Result<(), String>;
}

/// What is behind the table while an app runs.
#[derive(Debug)]
pub struct Bare<T> {
    /// Who takes the documents.
    pub taker: T,
    /// Rows that were begun.
    pub rows: u64,
    /// Rows that were rejected.
    pub rejected: u64,
    /// Why the run ended.
    pub failure: Option<String>,
}

impl<T: Taker> Bare<T> {
    /// Nothing counted yet.
    pub fn new(taker: T) -> Bare<T> {
        Bare { taker, rows: 0, rejected: 0, failure: None }
    }

    /// The table to hand to an app. It borrows `self` for as long as the app runs.
    pub fn table(&mut self) -> HostV1 {
        HostV1 {
            size: size_of::<HostV1>(),
            ctx: std::ptr::from_mut(self).cast(),
            emit: emit::<T>,
            row_begin: row_begin::<T>,
            row_end,
            row_reject: row_reject::<T>,
            next_start,
            log,
            progress,
            fail: fail::<T>,
            last_error,
        }
    }
}

/// # Safety
/// `ctx` is the one that [`Bare::table`] gave, and nobody else uses the `Bare` meanwhile: the app that calls runs inside
/// [`App::ingest`](crate::app::App::ingest), on the only thread.
unsafe fn bare<'a, T>(ctx: *mut c_void) -> &'a mut Bare<T> {
    // SAFETY: what the caller promises.
    unsafe { &mut *ctx.cast::<Bare<T>>() }
}

unsafe extern "C" fn emit<T: Taker>(ctx: *mut c_void, document: Bytes) -> i32 {
    // SAFETY: called by an app with the ctx it was given, see `bare`.
    let bare = unsafe { bare::<T>(ctx) };
    // SAFETY: the app vouches for its bytes until this call returns.
    let document = unsafe { document.get() }.unwrap_or_default();
    match bare.taker.take(document) {
        Ok(()) => status::OK,
        Err(why) => {
            bare.failure = Some(why);
            status::STOP
        }
    }
}

unsafe extern "C" fn row_begin<T: Taker>(ctx: *mut c_void, _row: *const RowV1) -> i32 {
    // SAFETY: as in `emit`.
    unsafe { bare::<T>(ctx) }.rows += 1;
    status::OK
}

unsafe extern "C" fn row_end(_ctx: *mut c_void, _end: u64) -> i32 {
    status::OK
}

unsafe extern "C" fn row_reject<T: Taker>(ctx: *mut c_void, _reason: Bytes) -> i32 {
    // SAFETY: as in `emit`.
    unsafe { bare::<T>(ctx) }.rejected += 1;
    status::OK
}

unsafe extern "C" fn next_start(_ctx: *mut c_void, _start: *mut StartV1) -> i32 {
    status::OK
}

unsafe extern "C" fn log(_ctx: *mut c_void, _level: u32, _message: Bytes) {}

unsafe extern "C" fn progress(_ctx: *mut c_void, _position: u64) -> i32 {
    status::OK
}

unsafe extern "C" fn fail<T: Taker>(ctx: *mut c_void, reason: Bytes) {
    // SAFETY: as in `emit`, for both.
    let (bare, reason) = unsafe { (bare::<T>(ctx), reason.get()) };
    bare.failure = reason.map(|reason| String::from_utf8_lossy(reason).into_owned());
}

unsafe extern "C" fn last_error(_ctx: *mut c_void) -> Bytes {
    Bytes::ABSENT
}
