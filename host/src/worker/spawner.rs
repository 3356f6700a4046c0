//! The thread that starts worker processes.
//!
//! A worker asks the kernel to kill it when its parent goes (`PR_SET_PDEATHSIG`). The kernel means the parent *thread*:
//! a worker started from a pool thread dies when the pool shrinks. So one thread that lives as long as the program
//! starts them all.

use std::io;
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
    answer: oneshot::Sender<io::Result<Child>>,
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
                let child = spawn(&program, request.socket);
                if let Err(Ok(mut child)) = request.answer.send(child) {
                    // Nobody waits for it any more. Its socket is closed, so it is ending; it must not stay a zombie.
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        })?;
        Ok(Spawner { requests })
    }

    /// Starts a worker whose standard input is `socket`, with an empty environment and piped output.
    ///
    /// # Errors
    /// The process cannot be started.
    pub async fn spawn(&self, socket: OwnedFd) -> io::Result<Child> {
        let (answer, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts workers has ended");
        self.requests.send(Request { socket, answer }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn spawn(program: &Path, socket: OwnedFd) -> io::Result<Child> {
    Command::new(program)
        .arg(WORKER_ROLE)
        .arg(std::process::id().to_string())
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}
