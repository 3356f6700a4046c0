//! Writing what is settled: as a part of whatever is written, so that an acknowledgement costs no transaction of its own while
//! messages come.
//!
//! What a transaction writes is taken out of the state of its queue, and put back when the transaction fails. Chunks go a
//! few at a time, so that throwing away a million messages holds nobody up.

use super::queue::Queue;
use super::runs::Runs;
use super::shared::Shared;
use crate::sqlite::Job;
use rusqlite::{Connection, params};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Chunks of one run that are deleted in one transaction.
const AT_ONCE: usize = 64;

/// What a job writes besides.
pub(super) struct Settling {
    shared: Arc<Shared>,
    written: Mutex<Vec<Written>>,
}

struct Written {
    queue: Arc<Queue>,
    /// What was taken out.
    touched: Runs,
    /// Of this, what still has chunks.
    left: Runs,
}

impl Settling {
    pub(super) fn new(shared: &Arc<Shared>) -> Settling {
        Settling { shared: Arc::clone(shared), written: Mutex::default() }
    }

    /// Writes what is settled and not written. May be called again after a rollback.
    pub(super) fn perform(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.undo();
        for queue in self.shared.take_unwritten().into_values() {
            let (settled, touched) = queue.lock().take_touched();
            let id = queue.id;
            let mut all = self.written();
            // First, so that it is put back when the statements fail.
            all.push(Written { queue, touched: touched.clone(), left: Runs::default() });
            let left = write(connection, id, &settled, &touched)?;
            if let Some(last) = all.last_mut() {
                last.left = left;
            }
        }
        Ok(())
    }

    /// What was performed last is committed. Whether there is more to do.
    pub(super) fn committed(&self) -> bool {
        let written = std::mem::take(&mut *self.written());
        let left: Vec<Written> = written.into_iter().filter(|written| !written.left.is_empty()).collect();
        for Written { queue, left, .. } in &left {
            queue.lock().touch_again(left);
            self.shared.settled(queue);
        }
        !left.is_empty()
    }

    fn undo(&self) {
        let written = std::mem::take(&mut *self.written());
        for Written { queue, touched, .. } in &written {
            queue.lock().touch_again(touched);
            self.shared.settled(queue);
        }
    }

    fn written(&self) -> MutexGuard<'_, Vec<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.undo();
    }
}

/// Answers which of the runs still have chunks that are settled.
fn write(connection: &Connection, queue: i64, settled: &Runs, touched: &Runs) -> rusqlite::Result<Runs> {
    let sql = "UPDATE queues SET settled = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![queue, settled.to_bytes()])?;
    let sql = "DELETE FROM chunks WHERE number IN (
        SELECT number FROM chunks WHERE queue = ?1 AND first >= ?2 AND first < ?3 AND first + count <= ?3 LIMIT ?4)";
    let mut delete = connection.prepare_cached(sql)?;
    let (mut left, mut done) = (Runs::default(), 0);
    for run in touched.iter() {
        // What is settled in one run has its chunks deleted at once, however many of its parts are new.
        let Some(whole) = settled.run_of(run.start).filter(|whole| whole.end > done) else { continue };
        done = whole.end;
        let (start, end) = (whole.start.cast_signed(), whole.end.cast_signed());
        if delete.execute(params![queue, start, end, AT_ONCE.cast_signed()])? == AT_ONCE {
            left.insert(run);
        }
    }
    Ok(left)
}

/// Writes what is settled, and nothing else. Answers whether there is more to do.
pub(super) struct Settle {
    settling: Settling,
}

impl Settle {
    pub(super) fn new(shared: &Arc<Shared>) -> Settle {
        Settle { settling: Settling::new(shared) }
    }
}

impl Job for Settle {
    type Outcome = bool;

    fn perform(&self, connection: &Connection) -> rusqlite::Result<bool> {
        self.settling.perform(connection)?;
        Ok(false)
    }

    fn bytes(&self) -> usize {
        0
    }

    fn committed(&self, more: &mut bool) {
        *more = self.settling.committed();
    }
}
