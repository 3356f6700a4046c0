//! What host and worker say to each other, without any I/O. [`codec`](super::codec) puts it into bytes.
//!
//! The host trusts nothing that it reads here: lengths are capped before anything is allocated, tags must be
//! outstanding, rows must follow each other, documents are validated. The worker trusts the host.
//!
//! ```text
//!   host                                    worker
//!   Hello  (+ fds: app, recorder)  ─────▶   sandbox, dlopen, handshake, last seccomp stage
//!                                  ◀─────   Ready | Refused
//!   Task   (+ fd: data file)       ─────▶   app.ingest(..)
//!                                  ◀─────   (Rows | Tray)*, Log*, Progress*
//!                                  ◀─────   Done
//!   Deliver                        ─────▶   app.on_message(..) for each
//!                                  ◀─────   Outcomes+, Log*   (one outcome for each message)
//!   end of stream                  ─────▶   exit
//! ```
//!
//! A frame is `length: u32 | kind: u8 | 3 zero bytes | tag: u32 | payload` (little-endian; `length` counts the payload
//! alone). Control frames carry JSON, so a field can be added and an unknown one is passed over; what is hot
//! ([`Rows`](GuestKind::Rows), [`Deliver`](HostKind::Deliver), [`Outcomes`](GuestKind::Outcomes)) is binary.

use serde::{Deserialize, Serialize};

/// Version of the protocol. Host and worker are one binary, so another version means a mixed-up installation.
pub const VERSION: u32 = 1;

/// Bytes before each payload.
pub const HEADER_LEN: usize = 12;

/// Largest BSON document, as MongoDB has it: 16 MiB.
pub const MAX_DOCUMENT: usize = 16 * 1024 * 1024;
/// Most bytes of documents of one row: what a worker holds back until the row ends.
pub const MAX_ROW_BYTES: usize = 32 * 1024 * 1024;
/// Most documents of one row: what the two index bytes of a numbered `_id` can tell apart.
pub const MAX_ROW_DOCUMENTS: usize = 1 << 16;
/// A worker sends its rows when it holds this much: a file is begun to be stored, and kept account of, early.
pub const FLUSH_BYTES: usize = 64 * 1024;
/// A worker sends what became of messages when it holds this much: what a usual bundle makes is stored in one piece.
pub const OUTCOMES_FLUSH_BYTES: usize = 256 * 1024;
/// The rows of a large file, behind the first [`SMALL_FRAMES`]: little enough for the processor's caches, and so much that to
/// wake the host for it costs little beside the work on it.
pub const LARGE_FLUSH_BYTES: usize = 1024 * 1024;
/// Frames of a file that are full at [`FLUSH_BYTES`].
pub const SMALL_FRAMES: u32 = 32;
/// Largest payload of a [`GuestKind::Rows`] frame: a frame begun below [`LARGE_FLUSH_BYTES`] and one largest row.
pub const MAX_ROWS_PAYLOAD: usize = LARGE_FLUSH_BYTES + MAX_ROW_BYTES + ROW_HEADER_LEN + MAX_REASON;
/// Largest payload of a control frame.
pub const MAX_CONTROL_PAYLOAD: usize = 64 * 1024;
/// Largest payload that the host sends: a list of rows, or a batch of messages.
pub const MAX_HOST_PAYLOAD: usize = 64 * 1024 * 1024;
/// Longest reason or log line; a longer one is cut.
pub const MAX_REASON: usize = 4 * 1024;
/// Bytes of a [`RowHeader`].
pub const ROW_HEADER_LEN: usize = 48;
/// Bytes of the payload of a [`GuestKind::Tray`] frame.
pub const TRAY_WORD_LEN: usize = 4;
/// Row numbers from here on number documents that were emitted with no row open.
pub const LOOSE_ROWS: u64 = 1 << 39;

/// Kinds of frames from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HostKind {
    /// [`Hello`], JSON, with the app and the recorder as file descriptors.
    Hello = 1,
    /// [`Task`], JSON, with the data file as file descriptor.
    Task = 2,
    /// A batch of messages for a stream app, binary: see [`delivery`](super::delivery).
    Deliver = 3,
}

/// Kinds of frames from a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GuestKind {
    /// [`Ready`], JSON.
    Ready = 64,
    /// [`Refused`], JSON.
    Refused = 65,
    /// Finished rows and their documents, binary: see [`RowHeader`].
    Rows = 66,
    /// [`Log`], JSON.
    Log = 67,
    /// [`Progress`], JSON.
    Progress = 68,
    /// [`Done`], JSON.
    Done = 69,
    /// What became of messages of a [`HostKind::Deliver`], binary: see [`delivery`](super::delivery).
    Outcomes = 70,
    /// A frame of [`Rows`](GuestKind::Rows) whose payload lies in the [`tray`](super::tray): its length, binary.
    Tray = 71,
}

/// How much of the sandbox is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// All that this kernel has; refuses to run without landlock (ABI 1) and seccomp.
    #[default]
    Full,
    /// Only what is required everywhere: landlock ABI 1 and seccomp. For tests of that set.
    Reduced,
    /// None. For debuggers, and only when the operator says so.
    Insecure,
}

/// First frame from the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub protocol: u32,
    /// Features that the host understands.
    pub features: Vec<String>,
    /// How much of the sandbox is demanded.
    pub isolation: Isolation,
    /// Limits that the kernel enforces on the worker.
    pub limits: GuestLimits,
    /// Configuration of the app: a JSON object as text.
    pub config: Option<String>,
    /// The app uses iconv: load the common converters while files can still be opened.
    pub preload_iconv: bool,
    /// Where the app may be opened, for stack traces; never used to open it.
    pub app_label: String,
}

/// Limits that the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestLimits {
    /// Memory in bytes. The kernel refuses what would take an app's data above it (RLIMIT_DATA), so an app meets it as an
    /// allocation that fails; see also [`tolerated`](GuestLimits::tolerated).
    pub memory: u64,
    /// CPU seconds of the process before the kernel kills it; `None` where only the host's deadlines count.
    pub cpu_seconds: Option<u64>,
}

impl GuestLimits {
    /// The memory at which the host kills: a quarter above the limit, since it counts what the kernel's limit does not see
    /// (stacks, page tables, changed pages of libraries) and an app that stays below that limit must not die of it.
    pub fn tolerated(&self) -> u64 {
        self.memory.saturating_add(self.memory / 4)
    }
}

/// Why a worker could not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What it was doing.
    pub stage: Stage,
    /// One sentence.
    pub reason: String,
}

/// Steps of a worker's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reading the first frame.
    Hello,
    /// Confining itself.
    Sandbox,
    /// Loading the app and checking its table.
    Load,
}

/// A worker is ready for tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// [`VERSION`].
    pub protocol: u32,
    /// Features that the worker understands.
    pub features: Vec<String>,
    /// The app's name, as its table says.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Kinds it provides: `batch`, `stream`, `check`, `metadata`.
    pub kinds: Vec<String>,
    /// `mysimbdp_abi::flags::ROWS_INDEPENDENT` is set.
    pub rows_independent: bool,
    /// What confines it.
    pub sandbox: Confinement,
    /// From the first instruction of `__worker` to this frame, in microseconds.
    pub start_micros: u64,
}

/// What confines a worker: measured, not wished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Landlock ABI in force, 0 for none.
    pub landlock_abi: u32,
    /// Both seccomp stages are in force.
    pub seccomp: bool,
}

/// One file for a batch app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Name of the file, without a directory.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Rows that are passed over: they were convicted or must not run again. Rising.
    pub skip: Vec<u64>,
    /// Only these rows, in this order; `None` for all.
    pub include: Option<Vec<Start>>,
    /// Start here instead of at the first row (only for apps whose rows are independent).
    pub resume: Option<Start>,
}

/// A row, and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its number, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Line on which it starts, 0 where lines mean nothing.
    pub line: u64,
}

/// A line that the app logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// `mysimbdp_abi::level`.
    pub level: u32,
    /// The line.
    pub message: String,
}

/// How far an app without rows has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Offset in bytes.
    pub position: u64,
}

/// The end of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// How the app returned.
    pub ending: Ending,
    /// Time spent inside the app, waiting for the host not counted, in nanoseconds.
    pub app_nanos: u64,
    /// How far an app without rows has read, in bytes; the whole file where it took a view of all of it.
    pub position: u64,
}

/// How an app returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Without an error.
    Ok,
    /// With an error.
    Error {
        /// The app's words.
        reason: String,
    },
    /// By a panic that `export_app!` caught. The worker exits after this frame.
    Panic {
        /// Where and why.
        reason: String,
    },
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RowFate {
    /// It ended; its documents follow (none: it was passed over).
    Ended = 0,
    /// It was rejected; the reason follows.
    Rejected = 1,
    /// A document that was emitted with no row open; its `number` is [`LOOSE_ROWS`] and up. With `refused` 1 and no
    /// document: one that the worker refused.
    Loose = 2,
}

/// What stands before the documents (or the reason) of each row in a [`GuestKind::Rows`] payload:
///
/// ```text
///   number: u64 | start: u64 | end: u64 | line: u64 | refused: u32 | documents: u32 | bytes: u32 | fate: u8 | 3 zero bytes
/// ```
///
/// `bytes` counts what follows: `documents` BSON documents one after another, each beginning with its `_id` (twelve zero
/// bytes of an ObjectId where the host is to number it), or the reason as UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// Number of the row.
    pub number: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset just past its last byte, 0 where the app did not say.
    pub end: u64,
    /// Line on which it starts, 0 where lines mean nothing.
    pub line: u64,
    /// Documents of this row that the worker refused before they came here (not BSON, too large).
    pub refused: u32,
    /// How many documents follow.
    pub documents: u32,
    /// How many bytes follow.
    pub bytes: u32,
    /// What became of it.
    pub fate: RowFate,
}
