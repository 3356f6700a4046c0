//! One worker process: started, watched, killed and buried.
//!
//! The process is reaped only in [`Worker::bury`] (or where a worker is dropped, which kills it), so its pid cannot be somebody else's while we hold it, and its
//! `/proc` entries can be read after its death.

use super::link::{Frame, Link, LinkError};
use super::output::{self, Tail};
use super::protocol::{GuestLimits, Hello, HostKind, Isolation, Ready, Stage, Task, VERSION};
use super::recorder::{self, Claim, Page};
use super::spawner::{Process, Spawner};
use super::tray::{SHARED_BYTES, Tray};
use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Bytes that may lie on the way from a worker: a few flushes, so that it goes on while the host validates.
const FROM_WORKER: usize = 1024 * 1024;
/// Bytes that may lie on the way to a worker: a few batches of messages, so that the host goes on meanwhile.
const TO_WORKER: usize = 256 * 1024;
/// How long a worker whose socket has closed may take to end by itself.
const GRACE: Duration = Duration::from_millis(250);
/// How often the memory of a worker that is starting is looked at.
const SAMPLE: Duration = Duration::from_millis(25);
/// What counts as a worker's memory: what the kernel keeps for this process alone (of its app's pages, which the host
/// holds as well, those that it touched).
const MEMORY: [&[u8]; 4] = [b"RssAnon:", b"RssShmem:", b"VmPTE:", b"HugetlbPages:"];

/// Something that holds an app's bytes open and unchangeable.
pub trait AppSource: AsFd + Send + Sync + std::fmt::Debug {}

impl<T: AsFd + Send + Sync + std::fmt::Debug> AppSource for T {}

/// What a worker is started with.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// The app's `.so`: a sealed memory file or a file of the content store. Never a path that a tenant can reach.
    pub app: Arc<dyn AppSource>,
    /// What people call it: file name and generation.
    pub label: String,
    /// How much of the sandbox is demanded.
    pub isolation: Isolation,
    /// Limits that the kernel enforces.
    pub limits: GuestLimits,
    /// Configuration of the app: a JSON object as text.
    pub config: Option<String>,
    /// The app imports iconv.
    pub preload_iconv: bool,
    /// How long it may take to become ready.
    pub start_deadline: Duration,
}

/// Why a worker did not become ready. Each sentence fits after "the app cannot be started: ".
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system refused something that the host needs.
    #[error("the host could not {what}: {source}")]
    Host {
        /// What it was about to do.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The worker said why not.
    #[error("{reason}")]
    Refused {
        /// What it was doing.
        stage: Stage,
        /// Its sentence.
        reason: String,
    },
    /// It ended before it was ready.
    #[error(
        "it {ending} before it was ready: a constructor of the library ends the process{}",
        said(.output)
    )]
    Ended {
        /// How it ended.
        ending: String,
        /// What it wrote.
        output: Box<Tail>,
    },
    /// It took too long.
    #[error("it was not ready after {} ms: a constructor of the library hangs, or waits for what it cannot have", .0.as_millis())]
    Late(Duration),
    /// It used more memory than it may.
    #[error("it used {} MiB of memory before it was ready, its limit is {} MiB, and was stopped", used >> 20, limit >> 20)]
    OutOfMemory {
        /// Bytes that were seen.
        used: u64,
        /// Bytes that it may use.
        limit: u64,
    },
    /// It broke the protocol.
    #[error("it broke the protocol while it was starting: {0}")]
    Protocol(String),
}

fn said(tail: &Tail) -> String {
    tail.last_line().map_or_else(String::new, |line| format!(" (its last words: {line})"))
}

/// A process that runs one generation for one tenant.
#[derive(Debug)]
pub struct Worker {
    child: Process,
    link: Link,
    /// Flight recorder and tray.
    shared: Arc<OwnedFd>,
    stdout: JoinHandle<Tail>,
    stderr: JoinHandle<Tail>,
    ready: Ready,
    next_tag: u32,
    peak_memory: u64,
}

/// What is left of a worker.
#[derive(Clone, Debug)]
pub struct Remains {
    /// How it ended.
    pub status: ExitStatus,
    /// What its flight recorder says. A claim: clamp it.
    pub claim: Claim,
    /// CPU time it used.
    pub cpu: Duration,
    /// Most memory that was seen, in bytes.
    pub peak_memory: u64,
    /// End of its standard output.
    pub stdout: Tail,
    /// End of its standard error.
    pub stderr: Tail,
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// See [`StartError`]; nothing of the process is left then.
    pub async fn start(spawner: &Spawner, spec: &WorkerSpec) -> Result<Worker, StartError> {
        let mut starting = Worker::spawn(spawner).await?;
        let hello = Hello {
            protocol: VERSION,
            features: Vec::new(),
            isolation: spec.isolation,
            limits: spec.limits,
            config: spec.config.clone(),
            preload_iconv: spec.preload_iconv,
            app_label: spec.label.clone(),
        };
        let greeted = timeout(spec.start_deadline, starting.greet(&hello, spec.app.as_fd())).await;
        let error = match greeted {
            Ok(Ok(Greeting::Ready(ready))) => {
                starting.ready = ready;
                return Ok(starting);
            }
            Ok(Ok(Greeting::Refused { stage, reason })) => StartError::Refused { stage, reason },
            Ok(Err(LinkError::Half { .. } | LinkError::Io(_))) | Ok(Ok(Greeting::Nothing)) => {
                let remains = starting.bury().await;
                let ending = describe_status(remains.status);
                return Err(StartError::Ended { ending, output: Box::new(remains.stderr) });
            }
            Ok(Ok(Greeting::TooLarge(used))) => StartError::OutOfMemory { used, limit: spec.limits.memory },
            Ok(Err(error)) => StartError::Protocol(error.to_string()),
            Err(_) => StartError::Late(spec.start_deadline),
        };
        starting.kill();
        starting.bury().await;
        Err(error)
    }

    async fn spawn(spawner: &Spawner) -> Result<Worker, StartError> {
        let host = |what| move |source: io::Error| StartError::Host { what, source };
        let shared = Arc::new(share().map_err(host("make a flight recorder"))?);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(host("make a socket pair"))?;
        ours.set_nonblocking(true).map_err(host("make a socket pair"))?;
        // Where the system allows less, it is less.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&theirs, FROM_WORKER);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&ours, TO_WORKER);
        let mut child = spawner.spawn(theirs.into()).await.map_err(host("start a worker process"))?;
        let parts = (|| {
            let link = Link::new(UnixStream::from_std(ours)?, Tray::new(Arc::clone(&shared)));
            let pipes = child.stdout.take().zip(child.stderr.take());
            let (stdout, stderr) = pipes.ok_or_else(|| io::Error::other("its output is not piped"))?;
            let stdout = output::drain(ChildStdout::from_std(stdout)?);
            let stderr = output::drain(ChildStderr::from_std(stderr)?);
            io::Result::Ok((link, stdout, stderr))
        })();
        match parts {
            Ok((link, stdout, stderr)) => {
                let (next_tag, peak_memory, ready) = (1, 0, nobody());
                Ok(Worker { child, link, shared, stdout, stderr, ready, next_tag, peak_memory })
            }
            Err(source) => {
                // Dropping the child ends it.
                Err(StartError::Host { what: "watch a worker process", source })
            }
        }
    }

    async fn greet(&mut self, hello: &Hello, app: BorrowedFd<'_>) -> Result<Greeting, LinkError> {
        let fds = [app, self.shared.as_fd()];
        // A worker that is gone already has more to say by its end than by a broken pipe.
        let _ = self.link.send(HostKind::Hello, 0, hello, &fds).await;
        let mut tick = interval(SAMPLE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Constructors run meanwhile, so their memory counts like any other.
        let received = loop {
            tokio::select! {
                biased;
                received = self.link.receive() => break received?,
                _ = tick.tick() => {
                    let used = self.sample_memory();
                    if used > hello.limits.tolerated() {
                        return Ok(Greeting::TooLarge(used));
                    }
                }
            }
        };
        match received {
            Some((0, Frame::Ready(ready))) if ready.protocol == VERSION => Ok(Greeting::Ready(ready)),
            Some((0, Frame::Refused(refused))) => {
                Ok(Greeting::Refused { stage: refused.stage, reason: refused.reason })
            }
            Some((_, frame)) => Err(LinkError::NotReady(frame.kind())),
            None => Ok(Greeting::Nothing),
        }
    }

    /// What it said of itself.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Gives it a file. Returns the tag that every frame of this task carries.
    ///
    /// # Errors
    /// The socket failed: it is dead.
    pub async fn begin(&mut self, task: &Task, data: BorrowedFd<'_>) -> io::Result<u32> {
        let tag = self.next_tag;
        self.next_tag = self.next_tag.wrapping_add(1).max(1);
        self.link.send(HostKind::Task, tag, task, &[data]).await?;
        Ok(tag)
    }

    /// Gives it a batch of messages, a payload made by [`Message::encode`](super::delivery::Message::encode). It leaves while
    /// [`receive`](Worker::receive) is awaited. Returns the tag that the outcomes carry.
    pub fn deliver(&mut self, messages: Bytes) -> u32 {
        let tag = self.next_tag;
        self.next_tag = self.next_tag.wrapping_add(1).max(1);
        self.link.post(HostKind::Deliver, tag, messages);
        tag
    }

    /// The next frame. Cancel-safe.
    ///
    /// # Errors
    /// See [`Link::receive`].
    pub async fn receive(&mut self) -> Result<Option<(u32, Frame)>, LinkError> {
        self.link.receive().await
    }

    /// Samples its memory, in bytes; 0 once it is dead.
    pub fn sample_memory(&mut self) -> u64 {
        // Bytes: the name in it is the app's to choose.
        let status = fs::read(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let bytes = memory_in(&status);
        self.peak_memory = self.peak_memory.max(bytes);
        bytes
    }

    /// Most memory that was seen so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.peak_memory
    }

    /// CPU time it has used.
    pub fn cpu(&self) -> Duration {
        let schedstat = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap_or_default();
        let nanos = schedstat.split_whitespace().next().and_then(|number| number.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        // It can only fail where it has ended already; it is not reaped, so the pid is still its own.
        let _ = self.child.kill();
    }

    /// Lets it end: tells it that nothing more comes, waits a moment, kills it if it must.
    pub async fn retire(mut self) -> Remains {
        self.link.finish().await;
        self.bury().await
    }

    /// Waits for its end (and brings it about where it does not come), then reads what it left.
    pub async fn bury(mut self) -> Remains {
        let pid = Pid::from_child(&self.child);
        // Waits without reaping, so that what /proc tells of the dead can still be read.
        let mut end = tokio::task::spawn_blocking(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        });
        if timeout(GRACE, &mut end).await.is_err() {
            self.kill();
            // SIGKILL cannot be refused; a process in an uninterruptible read still takes its time.
            let _ = end.await;
        }
        let cpu = self.cpu();
        let status = self.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        let stdout = last_words(self.stdout).await;
        let stderr = last_words(self.stderr).await;
        Remains { status, claim: read_recorder(&self.shared), cpu, peak_memory: self.peak_memory, stdout, stderr }
    }
}

enum Greeting {
    Ready(Ready),
    Refused {
        stage: Stage,
        reason: String,
    },
    /// It uses this many bytes.
    TooLarge(u64),
    Nothing,
}

/// The sum of [`MEMORY`] in a `/proc/PID/status`, in bytes.
fn memory_in(status: &[u8]) -> u64 {
    let fields = status.split(|byte| *byte == b'\n').filter_map(|line| {
        let rest = MEMORY.iter().find_map(|field| line.strip_prefix(*field))?;
        let digits = rest.trim_ascii().strip_suffix(b" kB")?;
        std::str::from_utf8(digits).ok()?.trim().parse::<u64>().ok()
    });
    fields.fold(0, u64::saturating_add).saturating_mul(1024)
}

/// Stands in until the worker has said who it is.
fn nobody() -> Ready {
    Ready {
        protocol: VERSION,
        features: Vec::new(),
        name: String::new(),
        version: String::new(),
        kinds: Vec::new(),
        rows_independent: false,
        sandbox: super::protocol::Confinement::default(),
        start_micros: 0,
    }
}

/// The pipe's other end is closed by the death; only a descriptor that leaked elsewhere could hold it open.
async fn last_words(mut tail: JoinHandle<Tail>) -> Tail {
    match timeout(GRACE, &mut tail).await {
        Ok(Ok(tail)) => tail,
        Ok(Err(_)) => Tail::default(),
        Err(_) => {
            tail.abort();
            Tail::default()
        }
    }
}

/// The memory that is shared with a worker: the recorder's page, and the tray.
fn share() -> io::Result<OwnedFd> {
    let page = memfd_create("mysimbdp-recorder", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&page, SHARED_BYTES as u64)?;
    fcntl_add_seals(&page, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    rustix::io::pwrite(&page, &recorder::MAGIC.to_ne_bytes(), 0)?;
    Ok(page)
}

fn read_recorder(page: &OwnedFd) -> Claim {
    let mut bytes = [0; recorder::LEN];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::pread(page, &mut bytes[filled..], filled as u64) {
            Ok(read) if read > 0 => filled += read,
            Ok(_) | Err(_) => break,
        }
    }
    Page::from_bytes(&bytes).claim()
}

/// How a process ended, in words that fit after "it".
pub fn describe_status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by {}", signal_name(signal)),
        (None, None) => "ended".into(),
    }
}

/// A signal as people know it.
pub fn signal_name(signal: i32) -> String {
    let known = match signal {
        libc::SIGSEGV => "a segmentation fault (SIGSEGV)",
        libc::SIGBUS => "a bus error (SIGBUS)",
        libc::SIGILL => "an illegal instruction (SIGILL)",
        libc::SIGFPE => "an arithmetic fault (SIGFPE)",
        libc::SIGABRT => "an abort (SIGABRT)",
        libc::SIGSYS => "a forbidden system call (SIGSYS)",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "its CPU limit (SIGXCPU)",
        libc::SIGPIPE => "a broken pipe (SIGPIPE)",
        libc::SIGALRM => "a timer of its own (SIGALRM)",
        libc::SIGTRAP => "a trap (SIGTRAP)",
        other => return format!("signal {other}"),
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_whatever_the_process_calls_itself() {
        let status = b"Name:\t\xff\xfeRssAnon:\t7 kB\nVmPTE:\t     52 kB\nRssAnon:\t  1000 kB\nRssFile:\t 9999 kB\n\
            RssShmem:\t  4 kB\nHugetlbPages:\t  2048 kB\nVmSwap:\t 0 kB\n";
        assert_eq!(memory_in(status), (52 + 1000 + 4 + 2048) * 1024);
        assert_eq!(memory_in(b""), 0);
        assert_ne!(memory_in(&fs::read("/proc/self/status").unwrap()), 0);
    }
}
