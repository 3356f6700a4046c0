//! A keeper of checkpoints that can be told how to behave, and the record that it shares with the sink.

use mysimbdp::batch::runner::Keeper;
use mysimbdp::batch::stop::{Stopper, Why};
use mysimbdp::sink::BoxFuture;
use mysimbdp::task::Checkpoint;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happened, in order, as sink and keeper saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The sink has so many more documents.
    Stored(u64),
    /// The sink keeps letters of these rows.
    Letters(Vec<u64>),
    /// The sink forgets letters of these rows.
    Forgotten(Vec<u64>),
    /// A checkpoint was kept.
    Kept(Box<Checkpoint>),
}

impl Event {
    /// The checkpoint that was kept.
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        match self {
            Event::Kept(checkpoint) => checkpoint,
            other => panic!("{other:?} is no checkpoint"),
        }
    }
}

/// A record that sink and keeper share.
pub(crate) type Record = Arc<Mutex<Vec<Event>>>;

/// How the keeper behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Willing,
    /// It takes so long.
    Slow(Duration),
    /// It never answers.
    Stuck,
    Failing,
    /// It learns that another has the claim.
    Fenced,
}

/// Keeps the last checkpoint, whatever its manner is.
pub(crate) struct Memory {
    pub(crate) last: Arc<Mutex<Checkpoint>>,
    pub(crate) record: Record,
    pub(crate) manner: Manner,
    pub(crate) stopper: Option<Stopper>,
}

impl Memory {
    pub(super) fn new(from: &Checkpoint) -> Memory {
        let (record, manner) = (Record::default(), Manner::Willing);
        Memory { last: Arc::new(Mutex::new(from.clone())), record, manner, stopper: None }
    }
}

impl Keeper for Memory {
    fn keep<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            match self.manner {
                Manner::Willing => {}
                Manner::Slow(time) => tokio::time::sleep(time).await,
                Manner::Stuck => std::future::pending().await,
                Manner::Failing => return Err("the disk of the queue is full".into()),
                Manner::Fenced => {
                    self.stopper.iter().for_each(|stopper| stopper.stop(Why::Lost));
                    return Err("another attempt has taken it over".into());
                }
            }
            *self.last.lock().unwrap() = checkpoint.clone();
            self.record.lock().unwrap().push(Event::Kept(Box::new(checkpoint.clone())));
            Ok(())
        })
    }
}
