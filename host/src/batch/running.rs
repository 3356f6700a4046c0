//! What runs just now, for people who ask: each slot writes its task down here, and what it hears of it.

use crate::task::{Counts, TaskRecord};
use crate::tenant::{AppName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// What has been settled of a tenant's tasks on this host, over a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows that were read.
    pub rows: u64,
    /// Documents that were stored.
    pub documents: u64,
    /// Rows and documents that became dead letters.
    pub dead_letters: u64,
}

/// The table. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Running {
    tasks: Arc<Mutex<BTreeMap<u64, (RunningTask, Stopper)>>>,
    moved: Arc<Mutex<BTreeMap<TenantId, Moved>>>,
    drained: Arc<AtomicBool>,
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

    /// Nothing more is claimed here from now on.
    pub fn drain(&self) {
        self.drained.store(true, Ordering::Release);
    }

    /// Whether nothing more is claimed here.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    /// What has been settled since this was asked last, of tasks that are over too: each row is answered once.
    pub fn take_moved(&self) -> BTreeMap<TenantId, Moved> {
        std::mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner))
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
    /// It has come so far. Of a task, counts only rise.
    pub(super) fn come_to(&self, counts: &Counts, position: u64) {
        self.change(|task| {
            let letters = |counts: &Counts| counts.rows.rejected + counts.documents.refused;
            let (rows, documents) = (counts.rows.read, counts.documents.stored);
            let mut all = self.running.moved.lock().unwrap_or_else(PoisonError::into_inner);
            let moved = all.entry(task.tenant.clone()).or_default();
            moved.rows += rows.saturating_sub(task.counts.rows.read);
            moved.documents += documents.saturating_sub(task.counts.documents.stored);
            moved.dead_letters += letters(counts).saturating_sub(letters(&task.counts));
            (task.counts, task.position) = (*counts, position);
        });
    }

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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::batch::stop::Stop;
    use crate::task::{BatchId, Checkpoint, DocumentCounts, Origin, RowCounts, StoredFile, TaskState, Work};

    fn counts(rows: u64, rejected: u64) -> Counts {
        Counts {
            rows: RowCounts { read: rows, ingested: rows - rejected, rejected, ..RowCounts::default() },
            documents: DocumentCounts {
                emitted: rows,
                stored: rows - rejected,
                refused: 1,
                ..DocumentCounts::default()
            },
        }
    }

    /// A task that runs, under its second epoch.
    pub(in crate::batch) fn record(counts: Counts) -> TaskRecord {
        let file = StoredFile { name: "a.csv".into(), bytes: 1, content: String::new(), key: String::new() };
        let (tenant, app) = ("acme".parse().unwrap(), "csv".parse().unwrap());
        let checkpoint = Checkpoint { counts, ..Checkpoint::default() };
        TaskRecord {
            number: 7,
            batch: BatchId::new(),
            origin: Origin::Submitted,
            tenant,
            app,
            file,
            work: Work::Ingest,
            state: TaskState::Running,
            generation: None,
            epoch: 2,
            attempts: 0,
            reason: None,
            cancel: false,
            checkpoint,
            enqueued_at: Timestamp::UNIX_EPOCH,
            not_before: None,
            begun_at: None,
            ended_at: None,
        }
    }

    #[test]
    fn what_moves_is_told_once_while_a_task_runs_and_begins_where_an_earlier_attempt_ended() {
        let running = Running::default();
        let task = record(counts(100, 2));
        let entry = running.enter(1, &task, "a generation", Stop::pair().0);
        assert!(running.take_moved().is_empty());
        entry.come_to(&counts(150, 4), 1_500);
        entry.come_to(&counts(160, 4), 1_600);
        let moved = Moved { rows: 60, documents: 58, dead_letters: 2 };
        assert_eq!(running.take_moved(), BTreeMap::from([(task.tenant.clone(), moved)]));
        assert!(running.take_moved().is_empty());
        entry.come_to(&counts(161, 4), 1_610);
        drop(entry);
        assert_eq!(running.take_moved()[&task.tenant], Moved { rows: 1, documents: 1, dead_letters: 0 });
    }
}
