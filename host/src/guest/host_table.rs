//! The functions that an app may call: `extern "C"` over a [`Context`], nothing else.
//!
//! The app gets a pointer to the table and, in it, a pointer to the context. The process has one thread, and the worker
//! keeps no reference to the context while the app runs, so each call here has it for itself.

use super::context::Context;
use core::ffi::c_void;
use core::ptr::NonNull;
use mysimbdp_abi::{Bytes, HostV1, RowV1, StartV1, status};

/// The table and the context behind it, which lives as long as the process.
#[derive(Debug)]
pub(super) struct HostTable {
    context: NonNull<Context>,
    table: Box<HostV1>,
}

impl HostTable {
    pub(super) fn new(context: Context) -> HostTable {
        let context = NonNull::from(Box::leak(Box::new(context)));
        let size = size_of::<HostV1>();
        let ctx = context.as_ptr().cast();
        let table = Box::new(HostV1 {
            size,
            ctx,
            emit,
            row_begin,
            row_end,
            row_reject,
            next_start,
            log,
            progress,
            fail,
            last_error,
        });
        HostTable { context, table }
    }

    /// What the app's entries are given.
    pub(super) fn table(&self) -> *const HostV1 {
        &raw const *self.table
    }

    /// The context, between two calls of the app.
    #[inline]
    pub(super) fn context(&mut self) -> &mut Context {
        // SAFETY: it was leaked by `new` and is never freed; this borrow of `self` ends before the app is called, which
        // is the only other way to it.
        unsafe { self.context.as_mut() }
    }
}

/// # Safety
/// `ctx` is the pointer from the table, and no other reference to the context lives: see the module.
#[inline]
unsafe fn context<'a>(ctx: *mut c_void) -> &'a mut Context {
    // SAFETY: as the caller vouches. An app that passes something else destroys its own process and nothing more.
    unsafe { &mut *ctx.cast() }
}

unsafe extern "C" fn emit(ctx: *mut c_void, document: Bytes) -> i32 {
    // SAFETY: the table's contract: the context is ours, the bytes are readable during the call.
    let (context, document) = unsafe { (context(ctx), document.get()) };
    context.emit(document.unwrap_or_default())
}

unsafe extern "C" fn row_begin(ctx: *mut c_void, row: *const RowV1) -> i32 {
    // SAFETY: the table's contract: the context is ours, `row` is null or a valid row during the call.
    let (context, row) = unsafe { (context(ctx), row.as_ref()) };
    context.row_begin(row)
}

unsafe extern "C" fn row_end(ctx: *mut c_void, end: u64) -> i32 {
    // SAFETY: the table's contract: the context is ours.
    unsafe { context(ctx) }.row_end(end)
}

unsafe extern "C" fn row_reject(ctx: *mut c_void, reason: Bytes) -> i32 {
    // SAFETY: the table's contract: the context is ours, the bytes are readable during the call.
    let (context, reason) = unsafe { (context(ctx), reason.get()) };
    context.row_reject(reason.unwrap_or_default())
}

unsafe extern "C" fn next_start(ctx: *mut c_void, start: *mut StartV1) -> i32 {
    // SAFETY: the table's contract: the context is ours.
    let place = match unsafe { context(ctx) }.next_start() {
        Ok(place) => place,
        Err(status) => return status,
    };
    if !start.is_null() {
        // SAFETY: the table's contract: `start`, when it is not null, is a place for the answer.
        unsafe { start.write(StartV1 { number: place.number, offset: place.offset, line: place.line }) };
    }
    status::JUMP
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: Bytes) {
    // SAFETY: the table's contract: the context is ours, the bytes are readable during the call.
    let (context, message) = unsafe { (context(ctx), message.get()) };
    context.log(level, message.unwrap_or_default());
}

unsafe extern "C" fn progress(ctx: *mut c_void, position: u64) -> i32 {
    // SAFETY: the table's contract: the context is ours.
    unsafe { context(ctx) }.progress(position)
}

unsafe extern "C" fn fail(ctx: *mut c_void, reason: Bytes) {
    // SAFETY: the table's contract: the context is ours, the bytes are readable during the call.
    let (context, reason) = unsafe { (context(ctx), reason.get()) };
    context.fail(reason.unwrap_or_default());
}

unsafe extern "C" fn last_error(ctx: *mut c_void) -> Bytes {
    // SAFETY: the table's contract: the context is ours. The text stays where it is until the next call.
    Bytes::new(unsafe { context(ctx) }.last_error().as_bytes())
}
