//! A daemon on servers: started afresh for each run, asked to ingest files, and stopped.

use super::super::measure::{self, Run};
use super::super::shop::{DONE, Shop};
use crate::daemon::Daemon;
use anyhow::{Context as _, Result, ensure};
use mysimbdp_servers::Redis;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const APP: &str = "clientbatchingestapp-csv";
const DAY: f64 = 86_400.0;

/// A daemon with the CSV app live for its tenants.
pub(super) struct Platform<'s> {
    shop: &'s Shop,
    folder: PathBuf,
    pub(super) daemon: Daemon,
}

impl<'s> Platform<'s> {
    /// Starts one with a queue of its own on this Redis.
    pub(super) fn start(shop: &'s Shop, redis: &Redis, mongodb: &str, tenants: &[&str]) -> Result<Platform<'s>> {
        let folder = shop.folder.join("servers");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let queue = format!("bench-{}", since_1970().as_nanos());
        let daemon = Daemon::start_with(&shop.host, &folder, |command| {
            command.env("MYSIMBDP_QUEUE__KIND", "redis").env("MYSIMBDP_REDIS__URL", redis.url());
            command.env("MYSIMBDP_REDIS__PREFIX", queue);
            command.env("MYSIMBDP_SINK__KIND", "mongodb").env("MYSIMBDP_MONGODB__URL", mongodb);
        })?;
        for tenant in tenants {
            let place = folder.join("staging").join(tenant);
            fs::create_dir_all(&place)?;
            fs::copy(&shop.rust_app, place.join("app.so"))?;
            let verdict = daemon.verdict(&place.join("app.so"))?;
            ensure!(verdict["verdict"] == "live", "the app should be live: {verdict}");
        }
        Ok(Platform { shop, folder, daemon })
    }

    /// Submits a batch for each tenant, all at once, and waits for them. The time is that from the submission until the
    /// last task was over; the CPU seconds are those of host, workers and the commands that submit, in that time.
    pub(super) fn ingest(&self, batches: &[(&str, Vec<PathBuf>)]) -> Result<Run> {
        let before = self.daemon.tree_cpu_seconds()?;
        let began = since_1970().as_secs_f64();
        let runs = std::thread::scope(|scope| {
            let submit = |(tenant, files)| scope.spawn(move || measure::run(&mut self.submit(tenant, files), DONE));
            let all: Vec<_> = batches.iter().map(|(tenant, files)| submit((*tenant, &files[..]))).collect();
            let joined = all.into_iter().map(|one| one.join().map_err(|_| anyhow::anyhow!("a submission panicked"))?);
            joined.collect::<Result<Vec<Run>>>()
        })?;
        let cpu = self.daemon.tree_cpu_seconds()? - before + runs.iter().map(|run| run.cpu_seconds).sum::<f64>();
        let tasks: Vec<&Value> = runs.iter().filter_map(|run| run.account["tasks"].as_array()).flatten().collect();
        let sum = |pointer: &str| tasks.iter().filter_map(|task| task.pointer(pointer)?.as_f64()).sum::<f64>();
        let ended = tasks.iter().map(|task| seconds_after(began, task)).collect::<Result<Vec<f64>>>()?;
        Ok(Run {
            wall_seconds: ended.into_iter().fold(0.0, f64::max),
            cpu_seconds: cpu,
            account: json!({
                "rows": sum("/checkpoint/counts/rows/read"),
                "documents": sum("/checkpoint/counts/documents/stored"),
            }),
        })
    }

    /// Stops it and removes what it kept.
    pub(super) fn stop(self) -> Result<()> {
        self.daemon.stop()?;
        fs::remove_dir_all(&self.folder).context("cannot remove what the daemon kept")
    }

    fn submit(&self, tenant: &str, files: &[PathBuf]) -> Command {
        let mut submit = Command::new(&self.shop.host);
        submit.args(["submit", tenant, APP, "--json"]).args(files).current_dir(&self.folder);
        submit
    }
}

/// As somebody would type it.
pub(super) fn line(files: &str) -> String {
    format!(
        "MYSIMBDP_QUEUE__KIND=redis MYSIMBDP_SINK__KIND=mongodb mysimbdp serve; mysimbdp submit acme {APP} {files} --json"
    )
}

/// The same rows as files of different content, as the daemon wants them.
pub(super) fn distinct(shop: &Shop, file: &Path, count: usize) -> Result<Vec<PathBuf>> {
    let data = fs::read(file)?;
    let write = |number| {
        let path = shop.folder.join(format!("trips-{number}.csv"));
        fs::write(&path, [&data[..], &vec![b'\n'; number]].concat())?;
        Ok(path)
    };
    (0..count).map(write).collect()
}

pub(super) fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds from `began` until the task was over. No run takes a day.
fn seconds_after(began: f64, task: &Value) -> Result<f64> {
    let ended = task["ended_at"].as_str().and_then(second_of_day);
    let ended = ended.with_context(|| format!("the task does not tell when it was over: {task}"))?;
    Ok((ended - began % DAY).rem_euclid(DAY))
}

/// The seconds since midnight of a time such as `2013-01-01T00:00:07.25Z`.
fn second_of_day(time: &str) -> Option<f64> {
    let mut parts = time.strip_suffix('Z')?.split_once('T')?.1.split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some(hours * 3_600.0 + minutes * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_task_is_counted_from_the_beginning_over_midnight_too() {
        let task = |time: &str| json!({ "ended_at": time });
        let after = |began, time| seconds_after(began, &task(time)).unwrap();
        assert!((after(10.0 * DAY + 60.0, "2013-01-01T00:01:02.5Z") - 2.5).abs() < 1e-6);
        assert!((after(10.0 * DAY - 1.0, "2013-01-01T00:00:02Z") - 3.0).abs() < 1e-6);
        assert!(seconds_after(0.0, &json!({})).is_err());
    }
}
