//! A real daemon: `mysimbdp serve` on a directory of its own, driven as its users do: by dropping files and by commands.

use crate::artefacts;
use crate::leftovers;
use crate::servers::Servers;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing that a test waits for takes longer, however slow the machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon's directory, and the daemon where one runs.
#[derive(Debug)]
pub struct Daemon {
    directory: TempDir,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    /// Servers that it uses instead of their embedded twins, where the whole test program runs on them.
    servers: Option<Servers>,
}

/// Where this is set, every daemon of a test program has its tasks on a Redis and its documents in a MongoDB.
const SERVERS: &str = "MYSIMBDP_TEST_SERVERS";

/// What a command of the command line has come to.
#[derive(Debug)]
pub struct Answer {
    /// Its exit status.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

/// What a file has become.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// Its name.
    pub file: String,
    /// State of its task.
    pub state: String,
    /// Its documents: what the `_id` says of row and index, and `n`.
    pub documents: Vec<String>,
    /// Its dead letters: row, line, text.
    pub letters: Vec<String>,
}

impl Answer {
    /// What it printed, as JSON.
    ///
    /// # Panics
    /// Where that is none.
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().next_back().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

impl Daemon {
    /// A directory with a configuration (none, where the text is empty) and no daemon.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn prepare(config: &str) -> Daemon {
        // A short path: a Unix socket's has at most 107 bytes.
        let directory = TempDir::new().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let mut daemon = Daemon { directory, child: None, environment: Vec::new(), servers: None };
        if std::env::var_os(SERVERS).is_some() {
            let servers = Servers::start();
            daemon.use_servers(if config.contains(".streams.") { servers.with_broker() } else { servers });
        }
        if !config.is_empty() {
            daemon.write("mysimbdp.toml", config);
        }
        daemon
    }

    /// The same, for what is about the embedded twins: such tests have `embedded_twins` in their names, and the pass on servers
    /// leaves them out by that.
    ///
    /// # Panics
    /// On servers.
    pub fn prepare_embedded(config: &str) -> Daemon {
        let daemon = Daemon::prepare(config);
        assert!(daemon.servers.is_none(), "this is about the embedded twins: run it without {SERVERS}");
        daemon
    }

    /// A daemon with this configuration, that answers.
    pub fn start(config: &str) -> Daemon {
        let mut daemon = Daemon::prepare(config);
        daemon.serve();
        daemon
    }

    /// Has the daemon use these servers from its next start on, instead of their embedded twins.
    pub fn use_servers(&mut self, servers: Servers) {
        for (name, value) in servers.variables() {
            self.set(name, &value);
        }
        self.servers = Some(servers);
    }

    /// How long a broker may be behind with what it tells of its queues: RabbitMQ counts anew every five seconds.
    pub fn broker_lag(&self) -> Duration {
        let is_behind = self.servers.as_ref().is_some_and(Servers::has_broker);
        if is_behind { Duration::from_secs(6) } else { Duration::ZERO }
    }

    /// One variable of the environment for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// No variable any more.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn serve(&mut self) {
        self.launch();
        let until = Instant::now() + PATIENCE;
        while self.command(["status", "--json"]).code != 0 {
            assert!(self.is_running(), "the daemon ended: {}", self.log());
            assert!(Instant::now() < until, "the daemon does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the daemon and waits for nothing.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "a daemon runs already");
        let log = File::options().append(true).create(true).open(self.path("log"));
        let log = log.unwrap_or_else(|error| panic!("cannot write the log: {error}"));
        let child = Command::new(artefacts::binary())
            .arg("serve")
            .current_dir(self.directory.path())
            .env_remove("MYSIMBDP_CONFIG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // A villain that signals its group must not reach the test program.
            .process_group(0)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("cannot start the daemon: {error}")));
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Its process id.
    ///
    /// # Panics
    /// Where none runs.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or_else(|| panic!("no daemon runs"), Child::id)
    }

    /// Files that it has open.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn files(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        open.unwrap_or_else(|error| panic!("the daemon's files: {error}")).count()
    }

    /// Ends it as a power failure would.
    ///
    /// # Panics
    /// Where a worker is left.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Where it has ended by itself, that is as good.
        let _ = child.kill();
        let _ = child.wait();
        leftovers::no_worker_of(child.id()).unwrap_or_else(|left| panic!("{left}"));
    }

    /// Stops it in good order; answers its exit status.
    ///
    /// # Panics
    /// Where it does not end, or leaves a worker.
    pub fn stop(&mut self) -> i32 {
        let Some(mut child) = self.child.take() else { return 0 };
        send(child.id(), "TERM");
        let until = Instant::now() + PATIENCE;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    leftovers::no_worker_of(child.id()).unwrap_or_else(|left| panic!("{left}"));
                    return status.code().unwrap_or(-1);
                }
                _ if Instant::now() > until => {
                    let _ = child.kill();
                    panic!("the daemon does not stop: {}", self.log());
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Sends it a signal of this name.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn signal(&self, name: &str) {
        send(self.pid(), name);
    }

    /// Waits for an end that comes by itself; answers its exit status.
    ///
    /// # Panics
    /// Where it does not come.
    pub fn wait(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(Instant::now() < until, "the daemon goes on: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended = self.child.take().and_then(|mut child| child.wait().ok());
        ended.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// Runs a command of the command line to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Answer {
        let output: Output = Command::new(artefacts::binary())
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("cannot start a command: {error}"));
        Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, with `--json`; it has to succeed with one of these statuses.
    ///
    /// # Panics
    /// Where it does not.
    pub fn ask(&self, arguments: &[&str], codes: &[i32]) -> Value {
        let answer = self.command(arguments.iter().copied().chain(["--json"]));
        assert!(codes.contains(&answer.code), "{arguments:?} ended with {}: {}", answer.code, answer.stderr);
        answer.json()
    }

    /// Drops an app as its tenant would: `cp app.so staging/<tenant>/`. Answers the verdict.
    ///
    /// # Panics
    /// Where there is none.
    pub fn drop_app(&self, tenant: &str, app: &Path) -> Value {
        let name = app.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.drop_app_as(tenant, app, &name)
    }

    /// The same, under another name. Answers the verdict that comes after the drop.
    ///
    /// # Panics
    /// Where there is none.
    pub fn drop_app_as(&self, tenant: &str, app: &Path, name: &str) -> Value {
        let folder = self.staging(tenant);
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
        let verdict = format!("{name}.verdict.json");
        let before = fs::read_to_string(folder.join(&verdict)).ok();
        fs::copy(app, folder.join(name)).unwrap_or_else(|error| panic!("cannot drop {name}: {error}"));
        self.verdict(&folder.join(verdict), before.as_deref())
    }

    /// Waits for a verdict that is another than `before`.
    ///
    /// # Panics
    /// Where none comes.
    pub fn verdict(&self, path: &Path, before: Option<&str>) -> Value {
        self.until(&format!("the verdict {}", path.display()), || {
            let text = fs::read_to_string(path).ok().filter(|text| Some(text.as_str()) != before)?;
            serde_json::from_str(&text).ok()
        })
    }

    /// Waits until something is there.
    ///
    /// # Panics
    /// Where it never is.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < until, "{what} does not come; the daemon said: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until no task waits or runs, and answers all of them, the oldest first.
    pub fn settled(&self) -> Vec<Value> {
        self.until("the end of all tasks", || {
            let tasks = self.ask(&["tasks", "list", "--limit", "1000"], &[0]);
            let mut tasks = tasks.as_array()?.clone();
            let is_over = |task: &Value| task["state"] != "waiting" && task["state"] != "running";
            tasks.reverse();
            tasks.iter().all(is_over).then_some(tasks)
        })
    }

    /// `staging/<tenant>`.
    pub fn staging(&self, tenant: &str) -> PathBuf {
        self.path("staging").join(tenant)
    }

    /// A path in the daemon's directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the daemon's directory; answers its path.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// What each file of a tenant has become once nothing waits or runs any more, whatever the numbers of the tasks.
    ///
    /// # Panics
    /// Where there are not so many tasks, or they do not end.
    pub fn outcome(&self, tenant: &str, files: usize) -> Vec<Outcome> {
        self.until("all tasks", || (self.ask(&["tasks", "list"], &[0]).as_array()?.len() == files).then_some(()));
        let tasks = self.settled();
        let parse = |text: &String| -> Value { serde_json::from_str(text).unwrap_or_default() };
        let documents: Vec<Value> = self.documents(tenant, "documents").iter().map(parse).collect();
        let letters = self.letters(tenant);
        let of = |task: &Value| {
            let prefix = format!("{:010x}", task["number"].as_u64().unwrap_or_default());
            let own = |document: &Value| {
                let id = document["_id"]["$oid"].as_str()?.strip_prefix(&prefix)?;
                Some(format!("{id} {}", document["n"]))
            };
            let letters = letters.iter().filter(|letter| letter["task"] == task["number"]);
            Outcome {
                file: task["file"]["name"].as_str().unwrap_or_default().to_owned(),
                state: task["state"].as_str().unwrap_or_default().to_owned(),
                documents: documents.iter().filter_map(own).collect(),
                letters: letters.map(|it| format!("{} {} {}", it["row"], it["line"], it["text"])).collect(),
            }
        };
        let mut outcome: Vec<Outcome> = tasks.iter().map(of).collect();
        outcome.sort();
        outcome
    }

    /// Dead letters of a tenant, by task and row.
    pub fn letters(&self, tenant: &str) -> Vec<Value> {
        let page = self.ask(&["deadletters", "list", tenant, "--limit", "1000"], &[0]);
        page["letters"].as_array().cloned().unwrap_or_default()
    }

    /// Documents of a tenant's collection as text, by `_id`.
    ///
    /// # Panics
    /// Where the sink cannot be read.
    pub fn documents(&self, tenant: &str, collection: &str) -> Vec<String> {
        if let Some(servers) = &self.servers {
            return servers.documents(tenant, collection);
        }
        self.query(tenant, &format!("SELECT doc FROM \"{collection}\" ORDER BY _id"))
    }

    /// One column of a query to a tenant's sink, as text.
    ///
    /// # Panics
    /// Where the sink cannot be read.
    pub fn query(&self, tenant: &str, sql: &str) -> Vec<String> {
        let path = self.path("data/tenants").join(tenant).join("sink.db");
        let read = || -> rusqlite::Result<Vec<String>> {
            let sink = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            sink.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        read().unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn send(process: u32, signal: &str) {
    let sent = Command::new("kill").args([format!("-{signal}"), process.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send {signal} to the daemon");
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
