//! The thread that starts worker processes.
//!
//! A worker asks the kernel to kill it when its parent goes (`PR_SET_PDEATHSIG`). The kernel means the parent *thread*:
//! a worker started from a pool thread dies when the pool shrinks. So one thread that lives as long as the program
//! starts them all.
//!
//! What it hands out is a [`Process`], which no path of the program can lose: dropped, it is killed and reaped.

use rustix::process::{Pid, WaitOptions, waitpid};
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use tokio::sync::oneshot;

/// Hidden argument that turns this binary into a worker.
pub const WORKER_ROLE: &str = "__worker";

/// Handle of the thread. Clones share it; it ends with the last clone.
#[derive(Clone, Debug)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    socket: OwnedFd,
    answer: oneshot::Sender<io::Result<Process>>,
}

/// A worker's process. Whoever drops it before its end was waited for ends it.
#[derive(Debug)]
pub struct Process(Child);

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Buried already, or ended and reaped by this very call.
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let pid = Pid::from_child(&self.0);
        let _ = self.0.kill();
        // The kernel may take its time to end it, which nobody who drops a worker should have to wait for. Until it is
        // reaped the pid cannot be another's.
        let reap = move || while let Err(rustix::io::Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {};
        if thread::Builder::new().name("reaper".into()).spawn(reap).is_err() {
            let _ = self.0.wait();
        }
    }
}

impl Spawner {
    /// Starts the thread. `program` is the mysimbdp binary; `None` for the one that is running, even where its file has
    /// been replaced since.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(program: Option<&Path>) -> io::Result<Spawner> {
        let program = program.map_or_else(|| PathBuf::from("/proc/self/exe"), Path::to_path_buf);
        let (requests, queue) = mpsc::channel::<Request>();
        thread::Builder::new().name("spawner".into()).spawn(move || {
            for request in queue {
                // Where nobody waits for it any more, this drops it.
                let _ = request.answer.send(spawn(&program, request.socket));
            }
        })?;
        Ok(Spawner { requests })
    }

    /// Starts a worker whose standard input is `socket`, with an empty environment and piped output.
    ///
    /// # Errors
    /// The process cannot be started.
    pub async fn spawn(&self, socket: OwnedFd) -> io::Result<Process> {
        let (answer, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts workers has ended");
        self.requests.send(Request { socket, answer }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn spawn(program: &Path, socket: OwnedFd) -> io::Result<Process> {
    let child = Command::new(program)
        .arg(WORKER_ROLE)
        .arg(std::process::id().to_string())
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(Process(child))
}
