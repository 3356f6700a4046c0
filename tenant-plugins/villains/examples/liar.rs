//! A villain behind the C door: it fills the table by hand and calls the host's functions as nobody should.
//!
//! Its file has one deed per line, and each line is a row. `none` does it properly: open the row, emit `{line}`, close it.
//! What a misuse was answered goes into the row's document: `{line, answer}`.

#![allow(missing_docs, reason = "an app has no public items of its own")]

use mysimbdp_abi::{BatchV1, Bytes, HostV1, InputV1, MAJOR, MINOR, PluginV1, RowV1, StartV1, status};
use std::ffi::c_void;
use std::ptr;

/// The table as the C door wants it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the symbol's name is given")]
pub static mysimbdp_plugin_v1: PluginV1 = PluginV1 {
    major: MAJOR,
    minor: MINOR,
    size: size_of::<PluginV1>(),
    name: Bytes::new(b"liar"),
    version: Bytes::new(b"1.0.0"),
    flags: 0,
    batch: Some(&BATCH),
    stream: None,
    check: None,
    metadata: None,
};

const DESCRIPTOR: &[u8] =
    b"mysimbdp-descriptor 1\napi=1.0\nname=liar\nversion=1.0.0\nkinds=batch\ncompiler=by hand\npanic=none\n\0";

/// The descriptor, read without running code.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".mysimbdp")]
#[used]
#[allow(non_upper_case_globals, reason = "the symbol's name is given")]
pub static mysimbdp_descriptor: [u8; DESCRIPTOR.len()] = {
    let mut text = [0; DESCRIPTOR.len()];
    text.copy_from_slice(DESCRIPTOR);
    text
};

static BATCH: BatchV1 = BatchV1 { create, ingest, destroy };

unsafe extern "C" fn create(_: *const HostV1, _: Bytes, instance: *mut *mut c_void) -> i32 {
    // SAFETY: the host hands a place for one pointer.
    unsafe { *instance = Box::into_raw(Box::new(Liar { host: ptr::null(), late: false })).cast() };
    status::OK
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: `create` made it, and the host destroys it once.
    let liar = unsafe { Box::from_raw(instance.cast::<Liar>()) };
    if liar.late {
        // SAFETY: none: the table is not valid any more, which is the misuse that the test asks for.
        unsafe { ((*liar.host).emit)((*liar.host).ctx, Bytes::new(b"\x05\0\0\0\0")) };
    }
}

unsafe extern "C" fn ingest(instance: *mut c_void, host: *const HostV1, input: *const InputV1) -> i32 {
    // SAFETY: the host passes what `create` made, its table, and a valid input.
    let (liar, table, input) = unsafe { (&mut *instance.cast::<Liar>(), *host, *input) };
    liar.host = host;
    let mut text = vec![0_u8; usize::try_from(input.size).unwrap_or(0)];
    // SAFETY: `text` has the length that is told.
    unsafe { libc::pread(input.fd, text.as_mut_ptr().cast(), text.len(), 0) };
    let mut start = 0;
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = start + line.len() as u64;
        let row = RowV1 { number: index as u64 + 1, start, end, line: index as u64 + 1 };
        let deed = String::from_utf8_lossy(line);
        let answer = Call { table, row }.perform(deed.trim_end(), liar);
        if answer == status::STOP {
            break;
        }
        start = end;
    }
    status::OK
}

struct Liar {
    host: *const HostV1,
    late: bool,
}

struct Call {
    table: HostV1,
    row: RowV1,
}

const NULL_BUT_LONG: Bytes = Bytes { ptr: ptr::null(), len: 1 << 20 };

impl Call {
    /// Does the deed for this row, and settles the row one way or another.
    ///
    /// What the calls have in common: the table is valid during `ingest`. What is wrong with their arguments is what the
    /// test asks for; that the worker crashes of it is one right answer.
    fn perform(&self, deed: &str, liar: &mut Liar) -> i32 {
        let HostV1 { ctx, .. } = self.table;
        let RowV1 { number, start, end, line } = self.row;
        let mut answer = status::OK;
        match deed {
            "row_again" => answer = self.open(RowV1 { number: 1, start: 0, end: 1, line: 1 }),
            "row_far_ahead" => answer = self.open(RowV1 { number: number + 1_000_000, ..self.row }),
            "row_number_max" => answer = self.open(RowV1 { number: u64::MAX, ..self.row }),
            "row_loose_number" => answer = self.open(RowV1 { number: 1 << 39, ..self.row }),
            "row_outside" => answer = self.open(RowV1 { start: u64::MAX - 1, end: u64::MAX, ..self.row }),
            "row_ends_before_it_starts" => answer = self.open(RowV1 { start: end, end: start, ..self.row }),
            "row_line_max" => answer = self.open(RowV1 { line: u64::MAX, ..self.row }),
            // SAFETY: as told above.
            "row_null" => answer = unsafe { (self.table.row_begin)(ctx, ptr::null()) },
            // SAFETY: as told above.
            "end_without_row" => answer = unsafe { (self.table.row_end)(ctx, end) },
            // SAFETY: as told above.
            "reject_without_row" => answer = unsafe { (self.table.row_reject)(ctx, Bytes::new(b"nothing")) },
            "emit_without_row" => answer = self.emit(&numbered("loose", line, 0)),
            // SAFETY: as told above.
            "next_start_null" => answer = unsafe { (self.table.next_start)(ctx, ptr::null_mut()) },
            "next_start_a_thousand_times" => {
                let mut at = StartV1::default();
                for _ in 0..1000 {
                    // SAFETY: as told above.
                    answer = unsafe { (self.table.next_start)(ctx, &raw mut at) };
                }
            }
            // SAFETY: as told above.
            "progress_max" => answer = unsafe { (self.table.progress)(ctx, u64::MAX) },
            // SAFETY: as told above.
            "log_null" => unsafe { (self.table.log)(ctx, 99, NULL_BUT_LONG) },
            // SAFETY: as told above.
            "log_not_utf8" => unsafe { (self.table.log)(ctx, 0, Bytes::new(b"\xff\xfe\0")) },
            // SAFETY: as told above.
            "fail_and_go_on" => unsafe { (self.table.fail)(ctx, Bytes::new(b"just kidding")) },
            "call_after_the_end" => liar.late = true,
            "row_never_ended" => {
                answer = self.open(self.row);
                return if answer == status::OK { self.emit(&numbered("line", line, 0)) } else { answer };
            }
            _ => {}
        }
        let opened = self.open(self.row);
        if opened != status::OK {
            return opened;
        }
        match deed {
            // SAFETY: as told above.
            "emit_null" => answer = unsafe { (self.table.emit)(ctx, NULL_BUT_LONG) },
            // SAFETY: as told above.
            "emit_absent" => answer = unsafe { (self.table.emit)(ctx, Bytes::ABSENT) },
            "emit_endless" => {
                let endless = Bytes { ptr: DESCRIPTOR.as_ptr(), len: usize::MAX };
                // SAFETY: as told above.
                answer = unsafe { (self.table.emit)(ctx, endless) };
            }
            // SAFETY: as told above.
            "reject_not_utf8" => return unsafe { (self.table.row_reject)(ctx, Bytes::new(b"\xff\xfe")) },
            // SAFETY: as told above.
            "reject_absent" => return unsafe { (self.table.row_reject)(ctx, Bytes::ABSENT) },
            "emit_without_id" => answer = self.emit(b"\x0c\0\0\0\x10n\0\x07\0\0\0\0"),
            "emit_with_id_last" => answer = self.emit(b"\x15\0\0\0\x10n\0\x07\0\0\0\x10_id\0\x09\0\0\0\0"),
            // SAFETY: as told above.
            "end_outside" => return unsafe { (self.table.row_end)(ctx, u64::MAX) },
            _ => {}
        }
        self.emit(&numbered("line", line, answer));
        // SAFETY: as told above.
        unsafe { (self.table.row_end)(ctx, 0) }
    }

    fn open(&self, row: RowV1) -> i32 {
        // SAFETY: the table is valid during `ingest`; `row` lives until the call returns.
        unsafe { (self.table.row_begin)(self.table.ctx, &raw const row) }
    }

    fn emit(&self, document: &[u8]) -> i32 {
        // SAFETY: the table is valid during `ingest`; the bytes live until the call returns.
        unsafe { (self.table.emit)(self.table.ctx, Bytes::new(document)) }
    }
}

/// `{<key>: line, answer}`, as BSON.
fn numbered(key: &str, line: u64, answer: i32) -> Vec<u8> {
    let mut document = vec![0; 4];
    document.push(0x12);
    document.extend_from_slice(key.as_bytes());
    document.push(0);
    document.extend(line.to_le_bytes());
    document.push(0x10);
    document.extend_from_slice(b"answer\0");
    document.extend(answer.to_le_bytes());
    document.push(0);
    let length = i32::try_from(document.len()).unwrap_or(0);
    document[..4].copy_from_slice(&length.to_le_bytes());
    document
}
