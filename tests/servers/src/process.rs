//! A server process, whichever server it is.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, set_parent_process_death_signal, waitid};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(60);

/// A server could not be started. The sentence says which, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its program is not installed.
    #[error("there is no {program} on this machine: {remedy}")]
    Missing {
        /// Which.
        program: &'static str,
        /// How to get it.
        remedy: &'static str,
    },
    /// It could not be started.
    #[error("{program} could not be started: {reason}")]
    Start {
        /// Which.
        program: String,
        /// Why, with the end of what it printed.
        reason: String,
    },
    /// No directory, or no port.
    #[error("a server cannot be given a directory and a port: {0}")]
    Place(#[from] io::Error),
}

/// How a server is told what to do.
#[derive(Debug)]
pub(crate) struct Launch {
    /// By arguments.
    pub(crate) arguments: Vec<String>,
    /// By variables of its environment, besides ours.
    pub(crate) environment: Vec<(String, String)>,
}

impl From<Vec<String>> for Launch {
    fn from(arguments: Vec<String>) -> Launch {
        Launch { arguments, environment: Vec::new() }
    }
}

/// A server that runs, or was killed and can be started again on the same data and port.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    launch: Launch,
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl Server {
    /// Starts `program` as `launch` makes of its directory and port, and waits until it listens.
    ///
    /// # Errors
    /// It does not start, or does not listen within a minute.
    pub(crate) fn start<L: Into<Launch>>(
        program: &Path,
        launch: impl FnOnce(&Path, u16) -> L,
    ) -> Result<Server, ServerError> {
        let folder = tempfile::Builder::new().prefix("mysimbdp-server-").tempdir()?;
        // Another process may take the port in between; then the server says so and the start fails.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let launch = launch(folder.path(), port).into();
        let mut server = Server { program: program.to_owned(), launch, port, child: None, folder };
        server.restart()?;
        Ok(server)
    }

    /// Has the next start be with this argument too.
    pub(crate) fn add_argument(&mut self, argument: &str) {
        self.launch.arguments.push(argument.to_owned());
    }

    /// The port on loopback that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it at once (`SIGKILL`), if it runs.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it at once and removes its folder, for one that is not dropped: it cannot be started again.
    pub(crate) fn end_for_good(&self) {
        self.signal(Signal::KILL);
        if let Some(pid) = self.child.as_ref().map(Pid::from_child) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
        let _ = std::fs::remove_dir_all(self.folder.path());
    }

    /// Stops it in the middle of what it does (`SIGSTOP`): connections stay open and nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        // One of its threads has to hear the signal first, and on a busy machine the others go on until then.
        if let Some(pid) = self.child.as_ref().map(Pid::from_child) {
            let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = waitid(WaitId::Pid(pid), stopped);
        }
    }

    /// Lets it go on after [`pause`](Server::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.as_ref().map(Pid::from_child) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Starts it again with the same data and port (killing it first, if it runs), and waits until it listens.
    ///
    /// # Errors
    /// As for the first start.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill();
        let words = self.folder.path().join("server.log");
        let log = File::create(&words)?;
        let mut command = Command::new(&self.program);
        command.args(&self.launch.arguments).current_dir(self.folder.path());
        command.envs(self.launch.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn(command).map_err(|error| self.failed(error.to_string()))?;
        let child = self.child.insert(child);
        let began = Instant::now();
        loop {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            let ended = child.try_wait()?;
            if ended.is_some() || began.elapsed() > START {
                let printed = std::fs::read_to_string(&words).unwrap_or_default();
                let last: Vec<&str> = printed.lines().rev().take(5).collect();
                let how =
                    ended.map_or_else(|| format!("it does not listen after {START:?}"), |ended| ended.to_string());
                let reason = format!("{how}; it said: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / "));
                self.kill();
                return Err(self.failed(reason));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn failed(&self, reason: String) -> ServerError {
        ServerError::Start { program: self.program.display().to_string(), reason }
    }
}

/// Starts a process that is killed when this one ends, however that comes about: a static is never dropped, and a test
/// program may be killed itself. The kernel goes by the *thread* that started it, so one thread starts all, and stays.
fn spawn(mut command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static STARTER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let die_with_us = || set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
    // SAFETY: between fork and exec it makes one system call and touches no memory.
    unsafe { command.pre_exec(die_with_us) };
    let (answer, answered) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that starts servers is gone");
    STARTER.send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is paused is killed all the same.
        self.kill();
    }
}
