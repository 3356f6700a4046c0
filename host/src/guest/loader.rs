//! Loads the app, by either door of the table, and checks what it shows before anything is called.
//!
//! - The file is opened as `/proc/self/fd/N`: what the host checked is what is mapped, whatever happens to paths.
//! - `RTLD_NOW`: a missing function is one sentence now and not a death in the middle of a file.
//! - The Rust door is `abi_stable`'s checked root module. It is taken through the library's own header symbol, never by
//!   `load_from_file` (which remembers the first plugin per type and returns it for every later path). Its errors are
//!   dumps of both layouts, thousands of lines long: [`layout`](super::layout) finds what differs.
//! - The C door is a data symbol. Nothing vouches for its layout, so its words are read as numbers first: a null entry
//!   in a Rust struct of function pointers would be undefined behaviour to look at.
//!
//! By the time `dlopen` returns, the app's constructors have run: all of this happens inside the sandbox.

use super::layout;
use super::recorder::Recorder;
use super::table::{self, TableError};
use abi_stable::library::{AbiHeaderRef, LibraryError};
use core::ffi::{CStr, c_char, c_void};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use mysimbdp_abi::{C_SYMBOL, PluginV1, RUST_SYMBOL, RootV1Ref};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Why a file is not an app that this host can run.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The dynamic loader refused it.
    #[error("the system cannot load {label}: {reason}")]
    Open { label: String, reason: String },
    /// It exports neither door.
    #[error(
        "{0} is a library but no mysimbdp app: it exports neither what `export_app!` makes (Rust) nor the symbol \
         `{C_SYMBOL}` (C); was `export_app!` left out, or the symbol hidden?"
    )]
    NoDoor(String),
    /// The checked root module does not fit.
    #[error(
        "{label} was built against another ABI than this host has: {reason}; rebuild it with this host's plugin-api"
    )]
    Layout { label: String, reason: String },
    /// The table is not what it must be.
    #[error("{label} shows a broken table: {source}")]
    Table { label: String, source: TableError },
}

/// Loads the app behind `file`. `label` is what people know it by. The library stays loaded until the process ends.
pub(super) fn load(file: BorrowedFd<'_>, label: &str, recorder: Recorder) -> Result<&'static PluginV1, LoadError> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: this runs the library's constructors. They are hostile, and the sandbox they run in is what contains them.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| LoadError::Open {
        label: label.to_owned(),
        reason: layout::one_line(&source_of(&error)).replace(&path, "the file"),
    })?;
    // Never closed: tables, statics and destructors of the app point into it.
    let library = std::mem::ManuallyDrop::new(library);
    let plugin = match rust_door(&library) {
        Some(found) => found.map_err(|error| LoadError::Layout {
            label: label.to_owned(),
            reason: layout::what_differs(&error.to_string()),
        })?,
        None => c_door(&library).ok_or_else(|| LoadError::NoDoor(label.to_owned()))?,
    };
    // SAFETY: `plugin` is a symbol of the library or came out of its root module, and the library stays loaded.
    let plugin =
        unsafe { table::check(plugin) }.map_err(|source| LoadError::Table { label: label.to_owned(), source })?;
    recorder.set_base(load_bias(&library));
    Ok(plugin)
}

/// `None` where the library has no such door.
fn rust_door(library: &Library) -> Option<Result<*const PluginV1, LibraryError>> {
    // SAFETY: a symbol of this name is `abi_stable`'s header; its magic and version are checked by `upgrade`.
    let header = unsafe { library.get::<AbiHeaderRef>(RUST_SYMBOL.as_bytes()) }.ok()?;
    let root = (*header).upgrade().and_then(|header| header.init_root_module::<RootV1Ref>());
    Some(root.map(|root| core::ptr::from_ref(root.plugin())))
}

fn c_door(library: &Library) -> Option<*const PluginV1> {
    // SAFETY: only the symbol's address is taken; `table::check` looks at what is there.
    let symbol = unsafe { library.get::<*const PluginV1>(C_SYMBOL.as_bytes()) }.ok()?;
    Some(*symbol)
}

/// What the loader added to the addresses in the file: what symbols are looked up by.
fn load_bias(library: &std::mem::ManuallyDrop<Library>) -> u64 {
    #[repr(C)]
    struct LinkMap {
        bias: usize,
        name: *const c_char,
    }
    let mut map: *const LinkMap = core::ptr::null();
    // SAFETY: the copy of the handle is used for this one question and, like the original, never closed.
    let handle = unsafe { core::ptr::read(&raw const **library) }.into_raw();
    // SAFETY: the handle is that of a loaded library; RTLD_DI_LINKMAP writes one pointer to where it is told to.
    let told = unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast::<c_void>()) };
    if told != 0 || map.is_null() {
        return 0;
    }
    // SAFETY: the dynamic loader's entry of a loaded library begins with these two fields, and stays.
    let LinkMap { bias, name } = unsafe { map.read() };
    // SAFETY: a name in that entry is null or a terminated text.
    debug_assert!(name.is_null() || unsafe { CStr::from_ptr(name) }.to_bytes().starts_with(b"/proc/self/fd/"));
    bias as u64
}

fn source_of(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
