//! A tiny host: spawns the real worker, speaks the protocol over the socket pair, and keeps what came back. Synchronous,
//! one worker at a time, every read with a time limit, so that a worker that hangs is a failed test.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use mysimbdp::worker::codec::{self, RowCursor};
use mysimbdp::worker::delivery::{Message, OutcomeHead};
use mysimbdp::worker::protocol::{
    Done, GuestKind, GuestLimits, HEADER_LEN, Hello, HostKind, Isolation, Log, Progress, Ready, Refused, RowHeader,
    Start, Task, VERSION,
};
use mysimbdp::worker::recorder::{Claim, LEN, Page};
use rustix::fs::MemfdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_mysimbdp");
const PATIENCE: Duration = Duration::from_secs(30);

/// Compiles C sources against the public headers into an app of its own directory.
pub(crate) struct Compiled {
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

/// What every C app of the tests begins with.
const PRELUDE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "mysimbdp_plugin.h"
#include "mysimbdp_bson.h"
typedef mysimbdp_host_v1_t host_t;
typedef mysimbdp_input_v1_t input_t;
typedef mysimbdp_bytes_t bytes_t;
/* `{ _id: <placeholder>, n: n }` */
static inline int32_t emit_number(const host_t *host, int64_t n) {
    mysimbdp_bson_t doc;
    int32_t status;
    mysimbdp_bson_init(&doc);
    mysimbdp_bson_begin(&doc);
    mysimbdp_bson_int64(&doc, "n", n);
    status = mysimbdp_bson_emit(&doc, host);
    mysimbdp_bson_free(&doc);
    return status;
}
static inline int32_t begin(const host_t *host, uint64_t number, uint64_t start, uint64_t end) {
    mysimbdp_row_v1_t row = {number, start, end, 0};
    return host->row_begin(host->ctx, &row);
}
"#;

pub(crate) fn compile(source: &str, flags: &[&str]) -> Compiled {
    let directory = tempfile::tempdir().unwrap();
    let (code, path) = (directory.path().join("app.c"), directory.path().join("app.so"));
    std::fs::write(&code, format!("{PRELUDE}\n#line 1 \"app.c\"\n{source}")).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O1", "-g", "-fPIC", "-shared", "-fno-omit-frame-pointer", "-Wno-unused-function"]);
    compiler.arg("-I").arg(include).arg("-o").arg(&path).arg(&code).args(flags);
    let output = compiler.output().expect("the tests need a C compiler: install gcc or clang");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Compiled { path, _directory: directory }
}

/// A batch app whose `ingest` has this body.
pub(crate) fn batch_app(body: &str) -> Compiled {
    compile(
        &format!(
            "static int32_t ingest(void *instance, const host_t *host, const input_t *input) {{\n{body}\n}}\n\
             MYSIMBDP_EXPORT_BATCH(\"test-app\", \"1.2.3\", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"
        ),
        &[],
    )
}

/// How the app's file reaches the worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A copy in memory.
    Memfd,
    /// The file itself, as from a content store.
    File,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) isolation: Isolation,
    pub(crate) carrier: Carrier,
    pub(crate) memory: u64,
    pub(crate) cpu_seconds: Option<u64>,
    pub(crate) config: Option<String>,
    pub(crate) preload_iconv: bool,
    pub(crate) protocol: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            isolation: Isolation::Full,
            carrier: Carrier::Memfd,
            memory: 256 << 20,
            cpu_seconds: None,
            config: None,
            preload_iconv: false,
            protocol: VERSION,
        }
    }
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) kind: GuestKind,
    pub(crate) tag: u32,
    pub(crate) payload: Vec<u8>,
}

/// What a task left.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) rows: Vec<(RowHeader, Vec<u8>)>,
    pub(crate) frames: usize,
    pub(crate) logs: Vec<Log>,
    pub(crate) progress: Vec<Progress>,
    /// `None`: the worker died.
    pub(crate) done: Option<Done>,
}

impl Run {
    pub(crate) fn log_lines(&self) -> Vec<&str> {
        self.logs.iter().map(|log| log.message.as_str()).collect()
    }

    /// All documents of a row.
    pub(crate) fn documents(&self, number: u64) -> Vec<bson::Document> {
        let (_, mut bytes) = self.rows.iter().find(|(row, _)| row.number == number).map(|(r, b)| (r, &b[..])).unwrap();
        let mut documents = Vec::new();
        while !bytes.is_empty() {
            documents.push(bson::Document::from_reader(&mut bytes).unwrap());
        }
        documents
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.rows.iter().map(|(row, _)| row.number).collect()
    }
}

pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) wire: UnixStream,
    page: memmap2::MmapRaw,
    tag: u32,
}

/// Spawns a worker and reads its first frame.
pub(crate) fn spawn(app: &Path, options: &Options) -> (Worker, Option<Received>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let memory = rustix::fs::memfd_create("recorder", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&memory, LEN as u64).unwrap();
    let page = memmap2::MmapRaw::map_raw(&memory).unwrap();
    // SAFETY: the mapping is as large as a page, and nobody else has it yet.
    unsafe { page.as_mut_ptr().cast::<Page>().write_volatile(Page::EMPTY) };
    let child = Command::new(WORKER)
        .args(["__worker", &std::process::id().to_string()])
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut worker = Worker { child, wire: ours, page, tag: 0 };
    let hello = Hello {
        protocol: options.protocol,
        features: Vec::new(),
        isolation: options.isolation,
        limits: GuestLimits { memory: options.memory, cpu_seconds: options.cpu_seconds },
        config: options.config.clone(),
        preload_iconv: options.preload_iconv,
        app_label: "app.so".to_owned(),
    };
    let file = std::fs::File::open(app).unwrap();
    let app = match options.carrier {
        Carrier::File => OwnedFd::from(file),
        Carrier::Memfd => in_memory(&std::fs::read(app).unwrap()),
    };
    worker.send(HostKind::Hello, &serde_json::to_vec(&hello).unwrap(), &[app.as_fd(), memory.as_fd()]);
    let first = worker.receive();
    (worker, first)
}

pub(crate) fn start_with(app: &Path, options: &Options) -> (Worker, Ready) {
    let (worker, first) = spawn(app, options);
    let first = first.expect("the worker died before its first frame");
    assert_eq!(first.kind, GuestKind::Ready, "{}", String::from_utf8_lossy(&first.payload));
    (worker, serde_json::from_slice(&first.payload).unwrap())
}

pub(crate) fn start(app: &Compiled) -> Worker {
    start_with(&app.path, &Options::default()).0
}

/// The refusal of an app that cannot be started.
pub(crate) fn refusal(app: &Path, options: &Options) -> Refused {
    let first = spawn(app, options).1.expect("the worker died before its first frame");
    assert_eq!(first.kind, GuestKind::Refused, "{}", String::from_utf8_lossy(&first.payload));
    serde_json::from_slice(&first.payload).unwrap()
}

pub(crate) fn in_memory(bytes: &[u8]) -> OwnedFd {
    let memory = rustix::fs::memfd_create("file", MemfdFlags::CLOEXEC).unwrap();
    std::fs::File::from(memory.try_clone().unwrap()).write_all(bytes).unwrap();
    // What a host hands over can be read and nothing else.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memory));
    OwnedFd::from(std::fs::File::open(path).unwrap())
}

impl Worker {
    pub(crate) fn send(&mut self, kind: HostKind, payload: &[u8], fds: &[BorrowedFd<'_>]) {
        let mut frame = codec::encode_header(kind as u8, self.tag, payload.len()).to_vec();
        frame.extend_from_slice(payload);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let sent = rustix::net::sendmsg(&self.wire, &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL);
        self.wire.write_all(&frame[sent.unwrap()..]).unwrap();
    }

    /// The next frame; `None` where the worker is gone.
    pub(crate) fn receive(&mut self) -> Option<Received> {
        let mut header = [0; HEADER_LEN];
        match self.wire.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the worker says nothing"),
            Err(_) => return None,
        }
        let header = codec::decode_guest_header(&header).unwrap();
        let mut payload = vec![0; header.length];
        self.wire.read_exact(&mut payload).ok()?;
        Some(Received { kind: header.kind, tag: header.tag, payload })
    }

    pub(crate) fn run(&mut self, data: &[u8]) -> Run {
        self.run_task(data, |_| {})
    }

    /// Hands over a file and reads until the task has ended or the worker is gone.
    pub(crate) fn run_task(&mut self, data: &[u8], change: impl FnOnce(&mut Task)) -> Run {
        self.tag += 1;
        let size = data.len() as u64;
        let mut task = Task { name: "data.txt".to_owned(), size, skip: Vec::new(), include: None, resume: None };
        change(&mut task);
        let file = in_memory(data);
        self.send(HostKind::Task, &serde_json::to_vec(&task).unwrap(), &[file.as_fd()]);
        let mut run = Run::default();
        while let Some(frame) = self.receive() {
            assert_eq!(frame.tag, self.tag);
            match frame.kind {
                GuestKind::Rows => {
                    run.frames += 1;
                    let mut cursor = RowCursor::new();
                    while let Some((row, range)) = cursor.next(&frame.payload).unwrap() {
                        run.rows.push((row, frame.payload[range].to_vec()));
                    }
                }
                GuestKind::Log => run.logs.push(serde_json::from_slice(&frame.payload).unwrap()),
                GuestKind::Progress => run.progress.push(serde_json::from_slice(&frame.payload).unwrap()),
                GuestKind::Done => {
                    run.done = Some(serde_json::from_slice(&frame.payload).unwrap());
                    return run;
                }
                other => panic!("a {other:?} in a task"),
            }
        }
        run
    }

    /// Delivers messages and reads as many outcomes, with what belongs to each; fewer where the worker is gone or done.
    pub(crate) fn deliver(&mut self, messages: &[Message<'_>]) -> (Vec<(OutcomeHead, Vec<u8>)>, Option<Done>) {
        self.tag += 1;
        let mut payload = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut payload).unwrap());
        self.send(HostKind::Deliver, &payload, &[]);
        let mut outcomes = Vec::new();
        while outcomes.len() < messages.len() {
            let Some(frame) = self.receive() else { return (outcomes, None) };
            assert_eq!(frame.tag, self.tag);
            match frame.kind {
                GuestKind::Outcomes => {
                    let mut rest = frame.payload.as_slice();
                    while let Some((head, bytes)) = OutcomeHead::decode(&mut rest).unwrap() {
                        outcomes.push((head, bytes.to_vec()));
                    }
                }
                GuestKind::Log => {}
                GuestKind::Done => return (outcomes, Some(serde_json::from_slice(&frame.payload).unwrap())),
                other => panic!("a {other:?} in a delivery"),
            }
        }
        (outcomes, None)
    }

    /// Hangs up and waits for the end.
    pub(crate) fn finish(mut self) -> ExitStatus {
        self.wire.shutdown(std::net::Shutdown::Write).unwrap();
        self.wait()
    }

    /// Waits for the end of a worker that ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(std::time::Instant::now() < deadline, "the worker does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The signal that it died of.
    pub(crate) fn signal(&mut self) -> Option<i32> {
        self.wait().signal()
    }

    pub(crate) fn standard_output(&mut self) -> String {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The flight recorder.
    pub(crate) fn page(&self) -> Page {
        // SAFETY: the mapping is as large as a page, and any bits are valid for it.
        unsafe { self.page.as_ptr().cast::<Page>().read_volatile() }
    }

    pub(crate) fn claim(&self) -> Claim {
        self.page().claim()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn place(number: u64, offset: u64) -> Start {
    Start { number, offset, line: number }
}
