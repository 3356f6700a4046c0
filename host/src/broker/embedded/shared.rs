//! What the broker, its threads and its consumers all stand on.

use super::memory::Weight;
use super::queue::Queue;
use super::reader::Ask;
use super::routes::Routes;
use super::settler::Signal;
use crate::broker::{BrokerError, StreamKey};
use crate::queue::embedded::Clock;
use crate::sqlite::Trouble;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};

pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    pub(super) weight: Weight,
    routes: RwLock<Routes>,
    /// Queues of which something is settled that is not written.
    unwritten: Mutex<BTreeMap<i64, Arc<Queue>>>,
    settler: mpsc::Sender<Signal>,
    reader: mpsc::Sender<Ask>,
    closed: AtomicBool,
}

impl Shared {
    pub(super) fn new(path: PathBuf, clock: Clock, settler: mpsc::Sender<Signal>, reader: mpsc::Sender<Ask>) -> Shared {
        Shared {
            path,
            clock,
            weight: Weight::default(),
            routes: RwLock::default(),
            unwritten: Mutex::default(),
            settler,
            reader,
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn routes(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queue(&self, key: &StreamKey) -> Result<Arc<Queue>, BrokerError> {
        self.check_open()?;
        self.routes().queue(key).cloned().ok_or_else(|| BrokerError::NoQueue(key.clone()))
    }

    /// Something of a queue is settled and is to be written soon.
    pub(super) fn settled(&self, queue: &Arc<Queue>) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let first = unwritten.is_empty();
        unwritten.entry(queue.id).or_insert_with(|| Arc::clone(queue));
        if first {
            self.signal(Signal::Soon);
        }
    }

    pub(super) fn take_unwritten(&self) -> BTreeMap<i64, Arc<Queue>> {
        std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Once the broker is closed nobody hears it, and nothing is left to do.
    pub(super) fn signal(&self, signal: Signal) {
        let _gone = self.settler.send(signal);
    }

    /// As [`signal`](Shared::signal).
    pub(super) fn read(&self, ask: Ask) {
        let _gone = self.reader.send(ask);
    }

    pub(super) fn check_open(&self) -> Result<(), BrokerError> {
        match self.closed.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(BrokerError::Permanent("it was closed".into())),
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.routes().all().for_each(|queue| queue.wake_all());
    }

    /// SQLite's trouble in the broker's words.
    pub(super) fn told(&self, trouble: Trouble) -> BrokerError {
        let words = format!("{} ({})", trouble.words, self.path.display());
        match trouble.transient {
            true => BrokerError::Transient(words),
            false => BrokerError::Permanent(words),
        }
    }
}
