//! Batches that are open: who sends what of them just now, which have fallen silent, and which nobody can tell whether they came
//! into the queue.
//!
//! What an open batch announces is held in memory, so a tenant has no more files announced than may wait as tasks, and never more
//! than [`MOST_PLANNED`].
//!
//! A batch of which something is under way (a file that is sent, a commit) is never silent, however long that takes. What comes to
//! its end after its batch was given up, or opened anew, is no part of it.

use super::batches::unknown_batch;
use super::error::{ActionError, Kind};
use super::uploads::{OpenBatch, PlannedFile};
use crate::batch::submit::Submission;
use crate::queue::Load;
use crate::quota::grouped;
use crate::task::{BatchId, Origin, StoredFile};
use crate::tenant::{Limits, TenantId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most files that a tenant's open batches announce together, however many tasks may wait.
const MOST_PLANNED: u64 = 100_000;

/// Batches that are open. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Uploads {
    open: Arc<Mutex<HashMap<BatchId, Upload>>>,
    /// Batches that come in one request each.
    receiving: Arc<Mutex<HashSet<BatchId>>>,
    /// Batches that are over here and may be in the queue: since when.
    doubtful: Arc<Mutex<HashMap<(TenantId, BatchId), Instant>>>,
}

/// That somebody sends a batch, and nobody else does; dropped, it is over.
pub(super) struct Turn {
    all: Arc<Mutex<HashSet<BatchId>>>,
    batch: BatchId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.batch);
    }
}

struct Upload {
    plan: OpenBatch,
    files: Vec<Option<StoredFile>>,
    touched: Instant,
    /// Whoever is at work on it has this, too.
    under_way: Arc<()>,
}

/// That something of an open batch is under way; dropped, it is over.
pub(super) struct UnderWay {
    uploads: Uploads,
    batch: BatchId,
    mark: Arc<()>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.uploads.its(self, |upload| upload.touched = Instant::now());
    }
}

impl Uploads {
    /// Somebody begins to send a batch; `None` where somebody does already.
    pub(super) fn take(&self, batch: BatchId) -> Option<Turn> {
        let all = Arc::clone(&self.receiving);
        let is_first = all.lock().unwrap_or_else(PoisonError::into_inner).insert(batch);
        is_first.then(|| Turn { all, batch })
    }

    /// Whose a batch is that is open.
    pub(super) fn owner(&self, batch: BatchId) -> Option<TenantId> {
        self.lock().get(&batch).map(|upload| upload.plan.tenant.clone())
    }

    /// Whether the very same batch is open: then that is touched, and nothing else is to be done.
    ///
    /// # Errors
    /// Another one is, under its id.
    pub(super) fn is_open(&self, batch: BatchId, plan: &OpenBatch) -> Result<bool, ActionError> {
        is_open(&mut self.lock(), batch, plan)
    }

    /// Opens a batch of a tenant with these limits and so much in the queue.
    ///
    /// # Errors
    /// Another one is open under its id, or the tenant's open batches announce too much.
    pub(super) fn open(
        &self,
        batch: BatchId,
        plan: OpenBatch,
        limits: &Limits,
        load: &Load,
    ) -> Result<(), ActionError> {
        let mut open = self.lock();
        if is_open(&mut open, batch, &plan)? {
            return Ok(());
        }
        let its = open.values().filter(|upload| upload.plan.tenant == plan.tenant);
        let planned: u64 = its.map(|upload| upload.files.len() as u64).sum();
        let (more, queued) = (plan.files.len() as u64, load.waiting.saturating_add(load.running));
        let (planned_text, more_text) = (grouped(planned), grouped(more));
        if planned + more > MOST_PLANNED {
            let sentence = format!(
                "{planned_text} files are announced by batches of tenant {} that are open and {more_text} more are to come, where \
                 {} are allowed: commit what is open first",
                plan.tenant,
                grouped(MOST_PLANNED)
            );
            return Err(ActionError { kind: Kind::Limit, code: "open_files", sentence });
        }
        if planned > 0 && queued.saturating_add(planned + more) > limits.waiting_tasks {
            let sentence = format!(
                "{} tasks wait or run, {planned_text} files are announced by batches that are open and {more_text} more are to \
                 come, where {} are allowed (waiting_tasks of tenant {}): commit what is open first, or wait",
                grouped(queued),
                grouped(limits.waiting_tasks),
                plan.tenant
            );
            return Err(ActionError { kind: Kind::Limit, code: "waiting_tasks", sentence });
        }
        let files = vec![None; plan.files.len()];
        open.insert(batch, Upload { plan, files, touched: Instant::now(), under_way: Arc::default() });
        Ok(())
    }

    /// Somebody begins to send a file of an open batch. Answers what was announced, too.
    ///
    /// # Errors
    /// The batch is not open, or has no such file.
    pub(super) fn send(&self, batch: BatchId, index: usize) -> Result<(UnderWay, OpenBatch, PlannedFile), ActionError> {
        let open = self.lock();
        let upload = open.get(&batch).ok_or_else(|| unknown_batch(batch))?;
        let planned = upload.plan.files.get(index).cloned().ok_or_else(|| {
            let count = upload.plan.files.len();
            let sentence = format!("batch {batch} has {count} files: there is no file {index}");
            ActionError::not_found("unknown_file", sentence)
        })?;
        let plan = OpenBatch { files: Vec::new(), ..upload.plan.clone() };
        Ok((self.under_way(batch, upload), plan, planned))
    }

    /// A file has come; `false` where its batch is not open any more.
    pub(super) fn sent(&self, under_way: &UnderWay, index: usize, stored: &StoredFile) -> bool {
        let place = |upload: &mut Upload| {
            if let Some(place) = upload.files.get_mut(index) {
                *place = Some(stored.clone());
            }
        };
        self.its(under_way, place).is_some()
    }

    /// Somebody begins to commit an open batch.
    ///
    /// # Errors
    /// It is not open, or a file is missing.
    pub(super) fn commit(&self, batch: BatchId) -> Result<(UnderWay, Submission), ActionError> {
        let open = self.lock();
        let upload = open.get(&batch).ok_or_else(|| unknown_batch(batch))?;
        if let Some(missing) = upload.files.iter().position(Option::is_none) {
            let sentence = format!("file {missing} of batch {batch} was not sent: send it, then commit again");
            return Err(ActionError::conflict("missing_file", sentence));
        }
        let files = upload.files.iter().flatten().cloned().collect();
        let (tenant, app) = (upload.plan.tenant.clone(), upload.plan.app.clone());
        let submission = Submission { id: batch, tenant, app, origin: Origin::Submitted, files };
        Ok((self.under_way(batch, upload), submission))
    }

    /// A batch is open no more.
    pub(super) fn close(&self, batch: BatchId) {
        self.lock().remove(&batch);
    }

    /// Closes a batch of which nothing else is under way; `false` where something is.
    pub(super) fn close_alone(&self, under_way: &UnderWay) -> bool {
        let mut open = self.lock();
        // The batch itself, and the one who asks.
        let is_alone = open
            .get(&under_way.batch)
            .is_some_and(|upload| is_of(upload, under_way) && Arc::strong_count(&upload.under_way) == 2);
        is_alone && open.remove(&under_way.batch).is_some()
    }

    /// Closes the batches of which nothing is under way, nor was for so long.
    pub(super) fn close_silent(&self, patience: Duration) -> Vec<(TenantId, BatchId)> {
        let is_silent =
            |upload: &Upload| Arc::strong_count(&upload.under_way) == 1 && upload.touched.elapsed() >= patience;
        let mut open = self.lock();
        let silent = open.extract_if(|_, upload| is_silent(upload));
        silent.map(|(batch, upload)| (upload.plan.tenant, batch)).collect()
    }

    /// Nobody can tell yet whether the queue has a batch, which is over here.
    pub(super) fn doubt(&self, tenant: &TenantId, batch: BatchId) {
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        doubtful.insert((tenant.clone(), batch), Instant::now());
    }

    /// Takes those that have been doubtful for so long, but for what is sent again meanwhile.
    pub(super) fn take_doubtful(&self, age: Duration) -> Vec<(TenantId, BatchId)> {
        let old: Vec<(TenantId, BatchId)> = {
            let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
            doubtful.extract_if(|_, since| since.elapsed() >= age).map(|(which, _)| which).collect()
        };
        let receiving = self.receiving.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.lock();
        old.into_iter().filter(|(_, batch)| !open.contains_key(batch) && !receiving.contains(batch)).collect()
    }

    fn under_way(&self, batch: BatchId, upload: &Upload) -> UnderWay {
        UnderWay { uploads: self.clone(), batch, mark: upload.under_way.clone() }
    }

    /// Does something with the open batch of which this is under way, where it is open still.
    fn its<T>(&self, under_way: &UnderWay, act: impl FnOnce(&mut Upload) -> T) -> Option<T> {
        let mut open = self.lock();
        open.get_mut(&under_way.batch).filter(|upload| is_of(upload, under_way)).map(act)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BatchId, Upload>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(upload: &Upload, under_way: &UnderWay) -> bool {
    Arc::ptr_eq(&upload.under_way, &under_way.mark)
}

fn is_open(open: &mut HashMap<BatchId, Upload>, batch: BatchId, plan: &OpenBatch) -> Result<bool, ActionError> {
    let Some(upload) = open.get_mut(&batch) else { return Ok(false) };
    if (&upload.plan.tenant, &upload.plan.app, &upload.plan.files) != (&plan.tenant, &plan.app, &plan.files) {
        let sentence = format!("batch {batch} is open with another tenant, app or files: open yours under another id");
        return Err(ActionError::conflict("another_batch", sentence));
    }
    upload.touched = Instant::now();
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(tenant: &str, names: &[&str]) -> OpenBatch {
        let files = names.iter().map(|name| PlannedFile { name: (*name).to_owned(), bytes: 3 }).collect();
        OpenBatch { batch: None, tenant: tenant.parse().unwrap(), app: "orders".parse().unwrap(), files }
    }

    fn stored() -> StoredFile {
        StoredFile { name: "a.csv".into(), bytes: 3, content: "c".into(), key: "k".into() }
    }

    const NOTHING: Load = Load { waiting: 0, running: 0, parked: 0 };

    fn open(uploads: &Uploads, batch: BatchId, plan: OpenBatch) -> Result<(), ActionError> {
        uploads.open(batch, plan, &Limits::default(), &NOTHING)
    }

    #[test]
    fn a_batch_of_which_something_is_under_way_is_never_silent() {
        let (uploads, batch) = (Uploads::default(), BatchId::new());
        open(&uploads, batch, plan("acme", &["a.csv"])).unwrap();
        let (sending, _, planned) = uploads.send(batch, 0).unwrap();
        assert_eq!(planned.name, "a.csv");
        assert!(uploads.close_silent(Duration::ZERO).is_empty());
        assert!(uploads.sent(&sending, 0, &stored()));
        drop(sending);
        let (committing, _) = uploads.commit(batch).unwrap();
        assert!(uploads.close_silent(Duration::ZERO).is_empty());
        drop(committing);
        // It was touched at that moment.
        assert!(uploads.close_silent(Duration::from_secs(60)).is_empty());
        assert_eq!(uploads.close_silent(Duration::ZERO), [("acme".parse().unwrap(), batch)]);
        assert_eq!(uploads.owner(batch), None);
    }

    #[test]
    fn what_ends_after_its_batch_was_closed_is_no_part_of_one_of_the_same_id() {
        let (uploads, batch) = (Uploads::default(), BatchId::new());
        open(&uploads, batch, plan("acme", &["a.csv"])).unwrap();
        let (late, ..) = uploads.send(batch, 0).unwrap();
        uploads.close(batch);
        assert!(!uploads.sent(&late, 0, &stored()));
        open(&uploads, batch, plan("acme", &["a.csv"])).unwrap();
        assert!(!uploads.sent(&late, 0, &stored()) && !uploads.close_alone(&late));
        assert_eq!(uploads.commit(batch).err().unwrap().code, "missing_file");
    }

    #[test]
    fn a_batch_is_closed_by_the_last_who_sends_of_it() {
        let (uploads, batch) = (Uploads::default(), BatchId::new());
        open(&uploads, batch, plan("acme", &["a.csv", "b.csv"])).unwrap();
        let (first, ..) = uploads.send(batch, 0).unwrap();
        let (second, ..) = uploads.send(batch, 1).unwrap();
        assert!(!uploads.close_alone(&first));
        drop(first);
        assert!(uploads.close_alone(&second));
    }

    #[test]
    fn the_same_plan_again_is_the_same_batch_and_another_is_a_conflict() {
        let (uploads, batch) = (Uploads::default(), BatchId::new());
        let acmes = plan("acme", &["a.csv"]);
        assert!(!uploads.is_open(batch, &acmes).unwrap());
        open(&uploads, batch, acmes.clone()).unwrap();
        let (sending, ..) = uploads.send(batch, 0).unwrap();
        assert!(uploads.sent(&sending, 0, &stored()));
        assert!(uploads.is_open(batch, &acmes).unwrap());
        open(&uploads, batch, acmes).unwrap();
        assert!(uploads.commit(batch).is_ok(), "what was sent is still there");
        for other in [plan("globex", &["a.csv"]), plan("acme", &["b.csv"]), plan("acme", &["a.csv", "b.csv"])] {
            assert_eq!(uploads.is_open(batch, &other).unwrap_err().code, "another_batch");
            assert_eq!(open(&uploads, batch, other).unwrap_err().code, "another_batch");
        }
    }

    #[test]
    fn a_tenant_announces_no_more_files_than_may_wait_as_tasks() {
        let uploads = Uploads::default();
        let limits = Limits { waiting_tasks: 5, ..Limits::default() };
        let load = Load { waiting: 1, running: 1, parked: 9 };
        let next = |tenant: &str, names: &[&str]| uploads.open(BatchId::new(), plan(tenant, names), &limits, &load);
        next("acme", &["a.csv", "b.csv"]).unwrap();
        let refused = next("acme", &["a.csv", "b.csv"]).unwrap_err();
        assert_eq!(
            (refused.kind, refused.code, refused.sentence.as_str()),
            (
                Kind::Limit,
                "waiting_tasks",
                "2 tasks wait or run, 2 files are announced by batches that are open and 2 more are to come, where 5 are \
                 allowed (waiting_tasks of tenant acme): commit what is open first, or wait"
            )
        );
        next("acme", &["a.csv"]).unwrap();
        next("globex", &["a.csv", "b.csv"]).unwrap();
        let unlimited = Limits { waiting_tasks: u64::MAX, ..Limits::default() };
        let many = vec!["a.csv"; usize::try_from(MOST_PLANNED).unwrap()];
        let refused = uploads.open(BatchId::new(), plan("acme", &many), &unlimited, &load).unwrap_err();
        assert_eq!(refused.code, "open_files");
    }

    #[test]
    fn what_is_doubtful_is_taken_once_and_not_while_it_is_sent_again() {
        let (uploads, tenant): (Uploads, TenantId) = (Uploads::default(), "acme".parse().unwrap());
        let (over, again, opened) = (BatchId::new(), BatchId::new(), BatchId::new());
        for batch in [over, again, opened] {
            uploads.doubt(&tenant, batch);
        }
        assert!(uploads.take_doubtful(Duration::from_secs(60)).is_empty());
        let _turn = uploads.take(again);
        open(&uploads, opened, plan("acme", &["a.csv"])).unwrap();
        assert_eq!(uploads.take_doubtful(Duration::ZERO), [(tenant, over)]);
        assert!(uploads.take_doubtful(Duration::ZERO).is_empty());
    }
}
