//! The daemon of the demo: started, asked by its own command line, and stopped whatever happens.

use crate::workshop::shown;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing that the demo waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon with its data and staging directories in `folder`. Stopped when dropped.
pub(super) struct Daemon {
    host: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Daemon {
    pub(super) fn start(host: &Path, folder: &Path) -> Result<Daemon> {
        let log = File::create(folder.join("daemon.log")).context("cannot write the daemon's log")?;
        println!("  $ cd {} && mysimbdp serve", shown(folder));
        let child = Command::new(host)
            .arg("serve")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", shown(host)))?;
        let mut daemon = Daemon { host: host.to_owned(), folder: folder.to_owned(), child };
        let until = Instant::now() + PATIENCE;
        while !daemon.command(&["status"])?.status.success() {
            let ended = daemon.child.try_wait().context("cannot ask for the daemon")?;
            ensure!(ended.is_none() && Instant::now() < until, "the daemon does not answer:\n{}", daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon.log().lines().for_each(|line| println!("  {line}"));
        Ok(daemon)
    }

    /// `mysimbdp <arguments>`, in the demo's folder.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.host);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.output().with_context(|| format!("cannot start mysimbdp {}", arguments.join(" ")))
    }

    /// Shows a command, runs it, and shows what it prints.
    pub(super) fn show(&self, arguments: &[&str]) -> Result<()> {
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
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(&[arguments, &["--json"]].concat())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = || format!("mysimbdp {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).with_context(words)
    }

    /// Waits for the verdict beside a dropped file.
    pub(super) fn verdict(&self, dropped: &Path) -> Result<Value> {
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

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default()
    }

    /// Stops it in good order.
    pub(super) fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("cannot start kill")?;
        let status = self.child.wait().context("cannot wait for the daemon")?;
        ensure!(status.success(), "the daemon ended with {status}:\n{}", self.log());
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Where it was stopped in good order, there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
