//! The v1 function table between the mysimbdp host and a tenant's app.
//!
//! One table, two doors. A Rust app exports it through `abi_stable`'s checked root module ([`RootV1`], whose layout is
//! compared field by field when it is loaded); a C, C++ or Zig app exports it as the data symbol
//! [`C_SYMBOL`] described by `include/mysimbdp_plugin.h`. Behind either door lies the same [`PluginV1`].
//!
//! ```text
//!   host                                        app (.so)
//!   HostV1 { ctx, emit, row_begin, .. }  ──▶    PluginV1 ─┬─ batch:    BatchV1    { create, ingest, destroy }
//!     functions the app may call                          ├─ stream:   StreamV1   { create, on_message, destroy }
//!     while one of its entries runs                       ├─ check:    CheckV1    { create, input, document, message, destroy }
//!                                                         └─ metadata: MetadataV1 { create, begin, observe, finish, destroy }
//! ```
//!
//! # Rules of the boundary
//! - Everything that crosses is a number, a pointer to one of the structs below, or [`Bytes`]. Nothing crosses ownership:
//!   what a [`Bytes`] points to belongs to the side that made it and is valid until the call returns.
//! - No panic, exception or `longjmp` crosses. `export_app!` of `mysimbdp-plugin-api` catches panics inside the app.
//! - All calls of one instance come from one thread, the only one the process has.
//! - Every entry of a kind that the app does not provide is null.
//!
//! # Stability
//! This crate's name and version (`mysimbdp-abi` 1.0.0) and the layout below are frozen with the first release:
//! `abi_stable` compares both, and a newer host would refuse an app built against an older layout, even for a field
//! added at the end. What is new gets a new root type and a new symbol beside these; a host tries the newest first.
//! `golden/v1.txt` pins the layout, `docs/plugin-abi.md` tells what may change and how.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use core::ffi::c_void;

#[doc(hidden)]
pub use abi_stable;

/// The version of this table: `PluginV1::major`. A host refuses another one.
pub const MAJOR: u32 = 1;
/// Grows when a constant or a flag is given a meaning it did not have; never changes the layout.
pub const MINOR: u32 = 0;

/// The data symbol (a [`PluginV1`], not a function) that a C app exports.
pub const C_SYMBOL: &str = "mysimbdp_plugin_v1";
/// The data symbol that `abi_stable` gives to the checked root module of a Rust app.
pub const RUST_SYMBOL: &str = "_1as_0lib_1header_0root_bmodule_bloader";
/// The symbol and the ELF section that hold the descriptor: text that is read without running any code.
pub const DESCRIPTOR_SYMBOL: &str = "mysimbdp_descriptor";
/// See [`DESCRIPTOR_SYMBOL`].
pub const DESCRIPTOR_SECTION: &str = ".mysimbdp";
/// First line of a descriptor; `key=value` lines follow: `api name version kinds compiler panic`, in any order.
pub const DESCRIPTOR_MAGIC: &str = "mysimbdp-descriptor 1";

/// What a call answers. Other values count as [`status::ERROR`].
pub mod status {
    /// Done; go on.
    pub const OK: i32 = 0;
    /// From an app: it failed, [`HostV1::fail`](super::HostV1::fail) said why.
    pub const ERROR: i32 = 1;
    /// From a stream or check app: this message, document or input is rejected, `fail` said why.
    pub const REJECT: i32 = 2;
    /// From `export_app!`: the app panicked, `fail` said where. The instance is used no more.
    pub const PANIC: i32 = 3;
    /// From the host's `row_begin`: pass this row over without reading it.
    pub const SKIP: i32 = 4;
    /// From the host: the run is over (cancelled, a limit, no more rows wanted). Return at once.
    pub const STOP: i32 = 5;
    /// From the host: this call was refused, `last_error` tells why; the app may go on.
    pub const REFUSED: i32 = 6;
    /// From the host's `next_start`: go on at the place written to `StartV1`.
    pub const JUMP: i32 = 7;
}

/// Log levels of [`HostV1::log`].
pub mod level {
    /// Something failed.
    pub const ERROR: u32 = 1;
    /// Something looks wrong but was dealt with.
    pub const WARN: u32 = 2;
    /// What the app's user wants to read.
    pub const INFO: u32 = 3;
    /// What the app's author wants to read.
    pub const DEBUG: u32 = 4;
}

/// Bits of [`PluginV1::flags`].
pub mod flags {
    /// The app keeps nothing from one row to the next, so a rerun may start in the middle of a file.
    pub const ROWS_INDEPENDENT: u64 = 1;
}

/// Bits of [`PropertiesV1::present`].
pub mod property {
    /// `delivery_mode` is set.
    pub const DELIVERY_MODE: u32 = 1;
    /// `priority` is set.
    pub const PRIORITY: u32 = 2;
    /// `timestamp` is set.
    pub const TIMESTAMP: u32 = 4;
}

/// Borrowed bytes. A null `ptr` means "absent"; text is UTF-8 and not terminated.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct Bytes {
    /// First byte, or null.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

// SAFETY: `Bytes` is a pointer and a length without any access of its own; whoever dereferences it proves that it may.
unsafe impl Send for Bytes {}
// SAFETY: as above: sharing the two numbers between threads reads nothing behind them.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// No bytes: "absent" wherever a value is optional.
    pub const ABSENT: Bytes = Bytes { ptr: core::ptr::null(), len: 0 };

    /// Borrows `bytes`.
    pub const fn new(bytes: &[u8]) -> Bytes {
        Bytes { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes, or `None` where they are absent.
    ///
    /// # Safety
    /// `ptr` must be null or point to `len` readable bytes that nobody changes during `'a`.
    pub unsafe fn get<'a>(self) -> Option<&'a [u8]> {
        if self.ptr.is_null() {
            return None;
        }
        // SAFETY: not null, and the caller vouches for the rest.
        Some(unsafe { core::slice::from_raw_parts(self.ptr, self.len) })
    }
}

/// A row (or another unit that an app declares): what the flight recorder keeps while the app works on it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, StableAbi)]
pub struct RowV1 {
    /// Number of the row in the file, from 1; 0 lets the host count on from the row before.
    pub number: u64,
    /// Offset of its first byte in the file.
    pub start: u64,
    /// Offset just past its last byte; 0 where it is not known yet.
    pub end: u64,
    /// Line on which it starts, from 1; 0 where lines mean nothing.
    pub line: u64,
}

/// Where an iterator is to go on: the answer of [`HostV1::next_start`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, StableAbi)]
pub struct StartV1 {
    /// Number of the row that starts there, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Line on which it starts, from 1; 0 where lines mean nothing.
    pub line: u64,
}

/// A file to be ingested.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct InputV1 {
    /// The file's name, without any directory.
    pub name: Bytes,
    /// Its size in bytes when the run began.
    pub size: u64,
    /// A descriptor opened for reading, owned by the host: use `pread` or a private, read-only `mmap`, do not close it.
    pub fd: i32,
}

/// Where a message came in: the first of the four arguments of a RabbitMQ callback.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct ChannelV1 {
    /// Name of the tenant's stream.
    pub stream: Bytes,
    /// Tag of the consumer that took the message.
    pub consumer_tag: Bytes,
    /// Number of the channel.
    pub number: u16,
}

/// How a message was delivered: the second argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct DeliveryV1 {
    /// Tag of the delivery on its channel.
    pub delivery_tag: u64,
    /// 1 where the broker has delivered it before.
    pub redelivered: u8,
    /// Exchange it was published to.
    pub exchange: Bytes,
    /// Routing key it was published with.
    pub routing_key: Bytes,
}

/// The basic properties of AMQP 0-9-1: the third argument. Texts are absent where their pointer is null.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct PropertiesV1 {
    /// Which of the numbers below are set: bits of [`property`].
    pub present: u32,
    /// 1 transient, 2 persistent.
    pub delivery_mode: u8,
    /// 0 to 9.
    pub priority: u8,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
    /// MIME type of the body.
    pub content_type: Bytes,
    /// MIME encoding of the body.
    pub content_encoding: Bytes,
    /// The header table as one BSON document.
    pub headers: Bytes,
    /// For the application: which request this answers.
    pub correlation_id: Bytes,
    /// For the application: where an answer goes.
    pub reply_to: Bytes,
    /// Time to live in milliseconds, as text.
    pub expiration: Bytes,
    /// The publisher's identity of the message.
    pub message_id: Bytes,
    /// For the application: the message's type.
    pub kind: Bytes,
    /// Who published it, as checked by the broker.
    pub user_id: Bytes,
    /// Which application published it.
    pub app_id: Bytes,
}

/// A message: the four arguments of a RabbitMQ callback in one struct.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct MessageV1 {
    /// Where it came in.
    pub channel: ChannelV1,
    /// How it was delivered.
    pub delivery: DeliveryV1,
    /// Its basic properties.
    pub properties: PropertiesV1,
    /// Its content.
    pub body: Bytes,
}

/// What an app may call while one of its entries runs. Valid only during that call.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct HostV1 {
    /// `sizeof` this struct.
    pub size: usize,
    /// First argument of every function below.
    pub ctx: *mut c_void,
    /// Hands over one BSON document of the current row (or, with no row open, a document of its own).
    /// `_id` is the host's unless the document has one. Blocks while the sink is slow.
    /// `OK`, `REFUSED` (not BSON, too large), `STOP`.
    pub emit: unsafe extern "C" fn(ctx: *mut c_void, document: Bytes) -> i32,
    /// Opens a row: from here on a death is this row's. An open row is closed first. `OK`, `SKIP`, `STOP`, `REFUSED`.
    pub row_begin: unsafe extern "C" fn(ctx: *mut c_void, row: *const RowV1) -> i32,
    /// Closes the row: its documents leave the process together. `end` is the offset past it, 0 where `row_begin` told.
    /// `OK`, `STOP`, `REFUSED`.
    pub row_end: unsafe extern "C" fn(ctx: *mut c_void, end: u64) -> i32,
    /// Rejects the open row: its documents are discarded, it becomes a dead letter with this reason. `OK`, `STOP`.
    pub row_reject: unsafe extern "C" fn(ctx: *mut c_void, reason: Bytes) -> i32,
    /// Where to go on before the next row is read: `OK` (right here; need not be asked again), `JUMP` (at `start`;
    /// ask again before the row after it), `STOP` (no more rows are wanted).
    pub next_start: unsafe extern "C" fn(ctx: *mut c_void, start: *mut StartV1) -> i32,
    /// Writes one line to the tenant's log. `level` is one of [`level`].
    pub log: unsafe extern "C" fn(ctx: *mut c_void, level: u32, message: Bytes),
    /// An app without rows tells how far it has read, in bytes. `OK`, `STOP`.
    pub progress: unsafe extern "C" fn(ctx: *mut c_void, position: u64) -> i32,
    /// Why the entry that is about to return fails or rejects.
    pub fail: unsafe extern "C" fn(ctx: *mut c_void, reason: Bytes),
    /// Why the last call of this table was `REFUSED`. Valid until the next call.
    pub last_error: unsafe extern "C" fn(ctx: *mut c_void) -> Bytes,
}

/// Makes an instance: `config` is the app's configuration as a JSON object, absent where there is none.
/// The instance is written to `instance`. `OK`, `ERROR`, `PANIC`.
pub type CreateV1 = unsafe extern "C" fn(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32;

/// A batch app: `clientbatchingestapp`.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct BatchV1 {
    /// See [`CreateV1`].
    pub create: unsafe extern "C" fn(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32,
    /// Ingests one file. `OK`, `ERROR`, `PANIC`.
    pub ingest: unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, input: *const InputV1) -> i32,
    /// Ends the instance.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
}

/// A stream app: `clientstreamingestapp`.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct StreamV1 {
    /// See [`CreateV1`].
    pub create: unsafe extern "C" fn(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32,
    /// Takes one message. `OK`, `REJECT`, `ERROR`, `PANIC`.
    pub on_message: unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, message: *const MessageV1) -> i32,
    /// Ends the instance.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
}

/// A data-quality gate. Each of the three questions may be null; all answer `OK`, `REJECT`, `ERROR` or `PANIC`.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct CheckV1 {
    /// See [`CreateV1`].
    pub create: unsafe extern "C" fn(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32,
    /// May this file be ingested at all?
    pub input: Option<unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, input: *const InputV1) -> i32>,
    /// May this message be ingested at all?
    pub message:
        Option<unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, message: *const MessageV1) -> i32>,
    /// May this document (BSON) be stored?
    pub document: Option<unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, document: Bytes) -> i32>,
    /// Ends the instance.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
}

/// A producer of metadata about what was ingested: `begin`, `observe` once per stored document, `finish`, which emits.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct MetadataV1 {
    /// See [`CreateV1`].
    pub create: unsafe extern "C" fn(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32,
    /// What is about to be ingested: a file name or a stream's name, and the size in bytes (0 for a stream).
    pub begin: unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, subject: Bytes, size: u64) -> i32,
    /// One stored document (BSON). May be null.
    pub observe: Option<unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1, document: Bytes) -> i32>,
    /// The end of the file or window: metadata documents are emitted here.
    pub finish: unsafe extern "C" fn(instance: *mut c_void, host: *const HostV1) -> i32,
    /// Ends the instance.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
}

/// What an app provides, behind either door.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct PluginV1 {
    /// [`MAJOR`].
    pub major: u32,
    /// [`MINOR`] of the header or crate it was built with.
    pub minor: u32,
    /// `sizeof` this struct.
    pub size: usize,
    /// Name of the app: 1 to 64 of `a-z 0-9 - _`, the first a letter.
    pub name: Bytes,
    /// Its version, for people.
    pub version: Bytes,
    /// Bits of [`flags`].
    pub flags: u64,
    /// Null unless it is a batch app.
    pub batch: Option<&'static BatchV1>,
    /// Null unless it is a stream app.
    pub stream: Option<&'static StreamV1>,
    /// Null unless it is a check.
    pub check: Option<&'static CheckV1>,
    /// Null unless it produces metadata.
    pub metadata: Option<&'static MetadataV1>,
}

/// The checked root module of a Rust app: one pointer to the table that C apps export directly.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootV1Ref, prefix_fields = RootV1Prefix)))]
#[sabi(missing_field(panic))]
pub struct RootV1 {
    /// The table.
    #[sabi(last_prefix_field)]
    pub plugin: &'static PluginV1,
}

impl RootModule for RootV1Ref {
    abi_stable::declare_root_module_statics! {RootV1Ref}

    const BASE_NAME: &'static str = "mysimbdp_app";
    const NAME: &'static str = "mysimbdp app";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rust_door_has_the_name_that_abi_stable_gives_it() {
        assert_eq!(RUST_SYMBOL, abi_stable::library::ROOT_MODULE_LOADER_NAME);
    }
}
