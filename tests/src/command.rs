//! One run of the binary: in a directory of its own, in a process group of its own, with a deadline.

use crate::artefacts;
use crate::leftovers;
use crate::report::Report;
use crate::sink::Sink;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No command of a test takes longer, however slow the machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A command about to be run.
#[derive(Debug)]
pub struct Mysimbdp {
    directory: TempDir,
    arguments: Vec<OsString>,
    /// The sink that `--sink` names, where the command is `run`.
    sink: Option<PathBuf>,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    directory: Rc<TempDir>,
    sink: Option<PathBuf>,
    started: Instant,
}

/// A command that has ended, and left nothing behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote.
    pub stdout: String,
    /// What it wrote to the other.
    pub stderr: String,
    /// Most memory that the host had at once, in bytes, as far as was sampled.
    pub peak_memory: u64,
    /// How long it took.
    pub took: Duration,
    directory: Rc<TempDir>,
    sink: Option<PathBuf>,
}

impl Mysimbdp {
    /// `mysimbdp <arguments>`.
    ///
    /// # Panics
    /// Where no temporary directory can be made.
    pub fn new<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Mysimbdp {
        let directory = TempDir::new().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        Mysimbdp { directory, arguments: arguments.into_iter().map(Into::into).collect(), sink: None }
    }

    /// `mysimbdp run <app> data.csv --json`, into a sink of its own. Only tests of the deadline make it so short that a
    /// busy machine could come near it.
    ///
    /// # Panics
    /// Where the data cannot be written.
    pub fn run(app: &Path, data: impl AsRef<[u8]>) -> Mysimbdp {
        let mut command = Mysimbdp::new(["run"]);
        let file = command.directory.path().join("data.csv");
        fs::write(&file, data).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        let sink = command.directory.path().join("sink.db");
        command = command.arg(app).arg(&file).arg("--json").arg("--sink").arg(&sink).arg("--collection").arg("rows");
        command = command.option("--stall-seconds", "20").option("--memory", "256M");
        command.sink = Some(sink);
        command
    }

    /// `mysimbdp check <app> --json`.
    pub fn check(app: &Path) -> Mysimbdp {
        Mysimbdp::new(["check"]).arg(app).arg("--json")
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Mysimbdp {
        self.arguments.push(argument.into());
        self
    }

    /// An option and its value; in place of the one that is there.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Mysimbdp {
        match self.arguments.iter().position(|argument| *argument == name) {
            Some(at) => self.arguments[at + 1] = value.into(),
            None => self.arguments.extend([name.into(), value.into()]),
        }
        self
    }

    /// The command's own directory, to put files into.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs it to its end.
    pub fn finish(self) -> Finished {
        self.start().finish()
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(self) -> Running {
        let binary = artefacts::binary();
        let place = |name: &str| self.directory.path().join(name);
        let file =
            |name: &str| File::create(place(name)).unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
        fs::create_dir(place("tmp")).unwrap_or_else(|error| panic!("cannot create tmp: {error}"));
        let child = Command::new(&binary)
            .args(&self.arguments)
            .current_dir(self.directory.path())
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .env("TMPDIR", place("tmp"))
            .env("HOME", place("tmp"))
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            // A villain that signals its group must not reach the test program.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        Running { child, directory: Rc::new(self.directory), sink: self.sink, started: Instant::now() }
    }
}

impl Running {
    /// Process id of the host.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The command's own directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has started a worker.
    ///
    /// # Panics
    /// Where there is none after twenty seconds.
    pub fn wait_for_worker(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while leftovers::workers_of(self.pid()).is_empty() {
            assert!(Instant::now() < deadline, "no worker was started");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the host as a power failure would.
    ///
    /// # Panics
    /// Where it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap_or_else(|error| panic!("cannot kill the host: {error}"));
    }

    /// Waits for its end and looks for what it left behind.
    ///
    /// # Panics
    /// After two minutes, and where a worker or a temporary file is left.
    pub fn finish(mut self) -> Finished {
        let (status, peak_memory) = self.wait();
        let took = self.started.elapsed();
        let place = self.directory.path();
        let (stdout, stderr) = (said(place, "stdout"), said(place, "stderr"));
        if let Err(left) = leftovers::no_worker_of(self.child.id()) {
            panic!("{left}; the host said: {stderr}");
        }
        // A host that was killed has no chance to tidy up; the next one does.
        if status.code().is_some()
            && let Err(left) = leftovers::nothing_in(&place.join("tmp"))
        {
            panic!("{left}; the host said: {stderr}");
        }
        let directory = Rc::clone(&self.directory);
        Finished { status, stdout, stderr, peak_memory, took, directory, sink: self.sink.take() }
    }

    /// Waits for the end; samples the host's memory meanwhile.
    fn wait(&mut self) -> (ExitStatus, u64) {
        let mut peak_memory = 0;
        let mut nap = Duration::from_millis(1);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return (status, peak_memory),
                Ok(None) if self.started.elapsed() < DEADLINE => {
                    peak_memory = peak_memory.max(resident(self.child.id()));
                    std::thread::sleep(nap);
                    nap = (nap * 2).min(Duration::from_millis(20));
                }
                Ok(None) => panic!(
                    "mysimbdp was not done after {DEADLINE:?}; it said: {}",
                    said(self.directory.path(), "stderr")
                ),
                Err(error) => panic!("cannot wait for mysimbdp: {error}"),
            }
        }
    }
}

impl Drop for Running {
    /// A test that fails halfway leaves no host behind, and with its host no worker.
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn said(directory: &Path, name: &str) -> String {
    let bytes = fs::read(directory.join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Finished {
    /// The exit code.
    ///
    /// # Panics
    /// Where a signal ended it: no app may do that to its host.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("the host died: {}; it said: {}", self.status, self.stderr))
    }

    /// What `--json` said.
    ///
    /// # Panics
    /// Where that is no report, or one that does not balance.
    pub fn report(&self) -> Report {
        let report = Report::parse(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "no report: {error}\nexit: {}\nstdout: {}\nstderr: {}",
                self.status,
                cut(&self.stdout),
                cut(&self.stderr)
            )
        });
        assert!(report.balances(), "the counts do not balance: {:?} {:?}", report.rows, report.documents);
        report
    }

    /// The sink that it wrote to.
    ///
    /// # Panics
    /// Where the command was not `run`.
    pub fn sink(&self) -> Sink {
        let path = self.sink.as_ref().unwrap_or_else(|| panic!("only `run` has a sink"));
        Sink::open(path)
    }

    /// Everything that it said, on either output, JSON escapes resolved as far as sentences are concerned.
    pub fn words(&self) -> String {
        let mut words = self.stderr.clone();
        match serde_json::from_str(&self.stdout) {
            Ok(value) => texts(&value, &mut words),
            Err(_) => words.push_str(&self.stdout),
        }
        words
    }

    /// The command's own directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn texts(value: &serde_json::Value, into: &mut String) {
    match value {
        serde_json::Value::String(text) => {
            into.push('\n');
            into.push_str(text);
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}

fn cut(text: &str) -> String {
    text.chars().take(4000).collect()
}

/// Resident memory of a process in bytes; 0 where it cannot be told.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().map_or(0, |kilobytes: u64| kilobytes * 1024)
}
