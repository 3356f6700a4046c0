//! What runs just now, for people who ask: each slot writes its task down here, and what it hears of it.

use crate::task::{Counts, TaskRecord};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stop::{Stopper, Why};

/// A task that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunningTask {
    /// Its number.
    pub task: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The app that reads it.
    pub app: AppName,
    /// The generation it runs on.
    pub generation: String,
    /// Name of the file.
    pub file: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Offset in bytes up to which it is settled.
    pub position: u64,
    /// Rows and documents that are settled.
    pub counts: Counts,
    /// Workers that died so far.
    pub deaths: u32,
    /// Which slot it has, from 1.
    pub slot: usize,
    /// Since when.
    pub since: Timestamp,
}

/// The table. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Running {
    tasks: Arc<Mutex<BTreeMap<u64, (RunningTask, Stopper)>>>,
}

/// A line of the table, erased when it is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    running: Running,
    task: u64,
}

impl Running {
    /// All that runs, by number.
    pub fn all(&self) -> Vec<RunningTask> {
        self.lock().values().map(|(task, _)| task.clone()).collect()
    }

    /// One task, if it runs here.
    pub fn get(&self, task: u64) -> Option<RunningTask> {
        self.lock().get(&task).map(|(task, _)| task.clone())
    }

    /// Stops a task that runs here; `false` where it does not.
    pub fn stop(&self, task: u64, why: Why) -> bool {
        match self.lock().get(&task) {
            Some((_, stopper)) => {
                stopper.stop(why);
                true
            }
            None => false,
        }
    }

    /// Stops everything that runs here.
    pub(super) fn stop_all(&self, why: &Why) {
        for (_, stopper) in self.lock().values() {
            stopper.stop(why.clone());
        }
    }

    pub(super) fn enter(&self, slot: usize, record: &TaskRecord, generation: &str, stopper: Stopper) -> Entry {
        let task = RunningTask {
            task: record.number,
            tenant: record.tenant.clone(),
            app: record.app.clone(),
            generation: generation.to_owned(),
            file: record.file.name.clone(),
            bytes: record.file.bytes,
            position: record.checkpoint.settled.row.end,
            counts: record.checkpoint.counts,
            deaths: 0,
            slot,
            since: Timestamp::now(),
        };
        self.lock().insert(record.number, (task, stopper));
        Entry { running: self.clone(), task: record.number }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (RunningTask, Stopper)>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(super) fn change(&self, change: impl FnOnce(&mut RunningTask)) {
        if let Some((task, _)) = self.running.lock().get_mut(&self.task) {
            change(task);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.lock().remove(&self.task);
    }
}
