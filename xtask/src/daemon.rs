//! A daemon for the demo and the benchmark: started, asked by its own command line, and stopped whatever happens.

use crate::bench::wait;
use crate::workshop::shown;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon with its data and staging directories in `folder`. Stopped when dropped.
pub(crate) struct Daemon {
    host: PathBuf,
    folder: PathBuf,
    child: Child,
    ended: bool,
}

impl Daemon {
    pub(crate) fn start(host: &Path, folder: &Path) -> Result<Daemon> {
        Daemon::start_with(host, folder, |_| ())
    }

    /// Starts one whose command `settle` has changed: by what is set in its environment.
    pub(crate) fn start_with(host: &Path, folder: &Path, settle: impl FnOnce(&mut Command)) -> Result<Daemon> {
        let log = File::create(folder.join("daemon.log")).context("cannot write the daemon's log")?;
        let mut command = Command::new(host);
        command.arg("serve").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        settle(&mut command);
        let child = command.spawn().with_context(|| format!("cannot start {}", shown(host)))?;
        let mut daemon = Daemon { host: host.to_owned(), folder: folder.to_owned(), child, ended: false };
        let until = Instant::now() + PATIENCE;
        while !daemon.command(&["status"])?.status.success() {
            let ended = daemon.child.try_wait().context("cannot ask for the daemon")?;
            ensure!(ended.is_none() && Instant::now() < until, "the daemon does not answer:\n{}", daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    /// `mysimbdp <arguments>`, in its folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.host);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.output().with_context(|| format!("cannot start mysimbdp {}", arguments.join(" ")))
    }

    /// Shows a command, runs it, and shows what it prints.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        println!("  $ mysimbdp {}", arguments.join(" "));
        let output = self.command(arguments)?;
        for line in
            String::from_utf8_lossy(&output.stdout).lines().chain(String::from_utf8_lossy(&output.stderr).lines())
        {
            println!("    {line}");
        }
        Ok(())
    }

    /// What a command answers as JSON, whether all rows came through or not.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(&[arguments, &["--json"]].concat())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = || format!("mysimbdp {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).with_context(words)
    }

    /// Waits for the verdict beside a dropped file.
    pub(crate) fn verdict(&self, dropped: &Path) -> Result<Value> {
        let name = dropped.file_name().unwrap_or_default().to_string_lossy();
        let path = dropped.with_file_name(format!("{name}.verdict.json"));
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(verdict) = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok())
            {
                return Ok(verdict);
            }
            if Instant::now() > until {
                bail!("there is no verdict {}; the daemon said:\n{}", shown(&path), self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default()
    }

    /// Stops it in good order.
    pub(crate) fn stop(self) -> Result<()> {
        self.stop_and_count().map(|_| ())
    }

    /// Stops it in good order; answers the CPU seconds of it and of all that it has waited for.
    pub(crate) fn stop_and_count(mut self) -> Result<f64> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("cannot start kill")?;
        let (status, cpu) = wait(&self.child).context("cannot wait for the daemon")?;
        self.ended = true;
        ensure!(status.success(), "the daemon ended with {status}:\n{}", self.log());
        Ok(cpu)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU seconds of its own so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_of(self.child.id(), 2)
    }

    /// CPU seconds so far of it, of its workers that have ended, and of those that have not.
    pub(crate) fn tree_cpu_seconds(&self) -> Result<f64> {
        let workers: f64 = self.children().into_iter().filter_map(|pid| cpu_of(pid, 2).ok()).sum();
        Ok(cpu_of(self.child.id(), 4)? + workers)
    }

    /// Anonymous memory of its own, in bytes.
    pub(crate) fn anonymous_bytes(&self) -> Result<f64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("the daemon is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon is told")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").trim().parse().context("RssAnon is no number")?;
        Ok(kilobytes * 1024.0)
    }

    /// How many workers it has.
    pub(crate) fn workers(&self) -> usize {
        self.children().len()
    }

    fn children(&self) -> Vec<u32> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let of =
            |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        threads
            .flat_map(|thread| of(thread).split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
            .collect()
    }
}

/// The first `fields` of user, system, children's user and children's system time of a process, in seconds.
pub(crate) fn cpu_of(pid: u32, fields: usize) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The name in parentheses may have spaces; eleven fields stand between it and the times.
    let after = stat.rsplit_once(')').context("its state cannot be read")?.1;
    let ticks = after.split_whitespace().skip(11).take(fields).filter_map(|ticks| ticks.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Where it was stopped in good order, it was waited for, and its number may be another's.
        if self.ended {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
