//! The embedded broker: one SQLite file, which one process has for itself, and the state of its queues in memory.
//!
//! ```text
//!   publish ─▶ sorted by queue ─▶ chunks ─▶ writer: one transaction per group, synced ─▶ state of each queue ─▶ consumers
//!                                              ▲                                         │    ▲            │
//!                                              └── what is settled, with whatever is written ◀────┼── acknowledge
//!                                                                                  reader ─▶ chunks that are not in memory
//! ```
//!
//! # The file
//! ```text
//!   queues   tenant, stream ⇄ routing keys, limits; number of the next message; which are settled, as runs of numbers
//!   chunks   queue, number of the first message, count, bytes of bodies, time, messages one after another
//! ```
//! - Messages of a queue are numbered in the order in which they are accepted. What one call publishes to one queue is a row
//!   (or several: at most 1,024 messages or 256 KiB each), so that the file has few rows however small messages are. A
//!   message is as a worker is sent it, without the address, and is copied once into the payload of its consumer.
//! - A call's chunks are one transaction, whichever queues they go to: a message is in all of its queues or in none.
//! - A message is *settled* when it is acknowledged or thrown away. A chunk goes when all of it is settled.
//!
//! # Acknowledging
//! settles in memory. It is written by the next transaction that publishes, or soon after by a thread that has nothing else
//! to do, or at once when a consumer is dropped. What is lost by a kill comes again.
//!
//! # Who holds what
//! is known in memory only: nobody else has the file, and after a kill everything that is not settled waits. What was in the
//! file when it was opened is delivered as *may have been delivered before*.
//!
//! # Memory
//! A chunk that was published stays in memory for the consumers of its queue, as long as they are no more than 4 MiB behind
//! and all queues together have no more than 64 MiB. Otherwise chunks are read back, a megabyte at a time, ahead of the
//! consumers. A queue without consumers has nothing in memory but its numbers.
//!
//! # Who waits for whom
//! Locks are held for the choice of messages, never while they are copied or written. Whoever has published is answered by
//! the writer, which has made the messages known to the queue's state before, in the order of its transactions; a publisher
//! that goes away before its answer changes nothing of that.

mod chunk;
mod consumer;
mod manage;
mod memory;
mod opening;
mod publish;
mod queue;
mod reader;
mod routes;
mod runs;
mod schema;
mod settler;
mod settling;
mod shared;
mod state;
#[cfg(test)]
mod tests;

use super::{Broker, BrokerError, Consumer, Depth, Envelope, Outgoing, Published, QueueSpec, StreamKey, Subscription};
use crate::queue::embedded::Clock;
use crate::sink::BoxFuture;
use crate::sqlite::{Database, FileError, Job, Settings};
use crate::tenant::{StreamName, TenantId};
use consumer::EmbeddedConsumer;
use manage::{Declare, Delete};
use publish::Sorted;
use reader::Ask;
use schema::BROKER_FILE;
use settler::{Settler, Signal};
use settling::Settle;
use shared::Shared;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long an acknowledgement may be in memory only, where nothing else is written.
const LINGER: Duration = Duration::from_millis(50);

/// An open broker. Dropped or closed, it writes what is settled, and its consumers end.
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
    database: Option<Database>,
    threads: Vec<JoinHandle<()>>,
    /// Number of the next consumer.
    consumers: AtomicU64,
}

impl EmbeddedBroker {
    /// Opens the file, making it where there is none. Does file I/O in the calling thread.
    ///
    /// # Errors
    /// The file is not what it should be, or cannot be written.
    pub fn open(path: &Path, clock: Clock) -> Result<EmbeddedBroker, FileError> {
        EmbeddedBroker::open_with(path, clock, &Settings::default(), LINGER)
    }

    fn open_with(
        path: &Path,
        clock: Clock,
        settings: &Settings,
        linger: Duration,
    ) -> Result<EmbeddedBroker, FileError> {
        let database = Database::open(path, BROKER_FILE, settings)?;
        let (path, connection) = Database::open_for_reading(database.path(), BROKER_FILE)?;
        let (signals, signalled) = mpsc::channel();
        let (asks, asked) = mpsc::channel();
        let shared = Arc::new(Shared::new(path, clock, signals, asks));
        opening::open(&connection, &shared).map_err(|source| {
            let path = database.path().to_owned();
            FileError::Sqlite { doing: "reading", what: BROKER_FILE.what, path, source }
        })?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().map_err(|why| cannot_start(&database, &why))?;
        let settler =
            Settler { shared: Arc::clone(&shared), asker: database.asker(), runtime, signals: signalled, linger };
        let mut broker = EmbeddedBroker { shared, database: None, threads: Vec::new(), consumers: AtomicU64::new(0) };
        // Those that were started are ended when the broker is dropped.
        for started in [
            thread::Builder::new().name("broker-reader".into()).spawn(move || reader::run(&connection, &asked)),
            thread::Builder::new().name("broker-settler".into()).spawn(move || settler.run()),
        ] {
            broker.threads.push(started.map_err(|why| cannot_start(&database, &why))?);
        }
        broker.database = Some(database);
        Ok(broker)
    }

    /// Writes what is settled and closes the file. Blocks until then; consumers are told that it was closed.
    ///
    /// # Errors
    /// The log could not be moved into the database; nothing is lost.
    pub fn close(mut self) -> Result<(), FileError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), FileError> {
        self.shared.close();
        self.shared.signal(Signal::Stop);
        self.shared.read(Ask::Stop);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the embedded broker has panicked: this is a mistake in mysimbdp");
            }
        }
        self.database.take().map_or(Ok(()), Database::close)
    }

    async fn ask<J: Job>(&self, job: J) -> Result<J::Outcome, BrokerError> {
        let Some(database) = &self.database else {
            return Err(BrokerError::Permanent("it was closed".into()));
        };
        database.ask(job).await.map_err(|trouble| self.shared.told(trouble))
    }

    async fn write(&self, sorted: Sorted) -> Result<Published, BrokerError> {
        let (job, published) = sorted.into_job(&self.shared);
        if let Some(job) = job {
            self.ask(job).await?;
        }
        Ok(published)
    }

    async fn measured(&self, key: &StreamKey) -> Result<Depth, BrokerError> {
        let queue = self.shared.queue(key)?;
        let (mut depth, oldest) = {
            let state = queue.lock();
            let depth = Depth {
                waiting: state.waiting(),
                held: state.held.len(),
                bytes: Some(state.bytes),
                oldest: None,
                consumers: state.consumers.len() as u64,
            };
            (depth, state.oldest().map(|number| (number, state.chunk_of(number).map(|chunk| chunk.at))))
        };
        let since = match oldest {
            None => None,
            Some((_, Some(at))) => Some(at),
            Some((number, None)) => {
                let (answer, answered) = oneshot::channel();
                self.shared.read(Ask::Time(queue.id, number, answer));
                let answered = answered.await.map_err(|_gone| BrokerError::Permanent("it was closed".into()))?;
                answered.map_err(|trouble| self.shared.told(trouble))?
            }
        };
        depth.oldest = since.map(|at| {
            let millis = (self.shared.clock)().saturating_sub(at).max(0);
            Duration::from_millis(millis.unsigned_abs())
        });
        Ok(depth)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the embedded broker was not closed cleanly");
        }
    }
}

fn cannot_start(database: &Database, why: &std::io::Error) -> FileError {
    let (what, path) = (BROKER_FILE.what, database.path().to_owned());
    FileError::Writer { what, path, reason: format!("needs threads that cannot be started: {why}") }
}

impl Broker for EmbeddedBroker {
    fn declare<'a>(&'a self, queue: &'a QueueSpec) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.shared.check_open()?;
            if queue.routing_keys.is_empty() {
                let why = format!("the stream {} names no routing key: name at least one", queue.key);
                return Err(BrokerError::Permanent(why));
            }
            let there = self.shared.routes().queue(&queue.key).cloned();
            if there.is_some_and(|there| there.lock().spec == *queue) {
                return Ok(());
            }
            let job = Declare { shared: Arc::clone(&self.shared), spec: queue.clone() };
            self.ask(job).await.map(|_id| ())
        })
    }

    fn delete<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            match self.shared.queue(key) {
                Ok(queue) => self.ask(Delete { shared: Arc::clone(&self.shared), queue }).await,
                Err(BrokerError::NoQueue(_)) => Ok(0),
                Err(error) => Err(error),
            }
        })
    }

    fn purge<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let queue = self.shared.queue(key)?;
            let purged = queue.lock().purge();
            self.shared.settled(&queue);
            self.ask(Settle::new(&self.shared)).await?;
            Ok(purged)
        })
    }

    fn depth<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Depth, BrokerError>> {
        Box::pin(self.measured(key))
    }

    fn publish<'a>(
        &'a self,
        tenant: &'a TenantId,
        messages: Vec<Outgoing>,
    ) -> BoxFuture<'a, Result<Published, BrokerError>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let sorted = Sorted::by_key(&self.shared, tenant, &messages);
            drop(messages);
            self.write(sorted).await
        })
    }

    fn put_back<'a>(&'a self, key: &'a StreamKey, message: Envelope) -> BoxFuture<'a, Result<Published, BrokerError>> {
        Box::pin(async move {
            let queue = self.shared.queue(key)?;
            let mut sorted = Sorted::default();
            sorted.add(0, &[queue], &message);
            self.write(sorted).await
        })
    }

    /// Every queue is listed here, so none needs to be known.
    fn forget_tenant<'a>(
        &'a self,
        tenant: &'a TenantId,
        _streams: &'a [StreamName],
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let own = self.shared.routes().of(tenant);
            for queue in own {
                self.ask(Delete { shared: Arc::clone(&self.shared), queue }).await?;
            }
            Ok(())
        })
    }

    fn consume(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let queue = self.shared.queue(&subscription.queue.key)?;
            let number = self.consumers.fetch_add(1, Ordering::Relaxed);
            let consumer = EmbeddedConsumer::new(Arc::clone(&self.shared), queue, number, &subscription);
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        })
    }
}
