//! The threads that consumers live on: few, each with an event loop of its own.
//!
//! A consumer stays on one of them with its broker connection, its worker's socket, its sink's connections and what is on its way,
//! so that a message crosses no other thread of ours between the broker and the sink.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// See the module. Dropping them ends what is still on them.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lanes {
    /// Starts so many; at least one. Before one ends it does what `farewell` says.
    ///
    /// # Errors
    /// A thread or its event loop cannot be started.
    pub fn start<F: Future<Output = ()>>(
        count: usize,
        farewell: impl Fn() -> F + Clone + Send + 'static,
    ) -> io::Result<Lanes> {
        let mut lanes = Vec::new();
        for number in 1..=count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let (stop, stopped) = oneshot::channel::<()>();
            let farewell = farewell.clone();
            let lane = move || {
                runtime.block_on(async move {
                    // Told to stop, or nobody is left who could tell.
                    let _ = stopped.await;
                    farewell().await;
                });
            };
            let thread = thread::Builder::new().name(format!("streams-{number}")).spawn(lane)?;
            lanes.push(Lane { runtime: handle, stop: Some(stop), thread: Some(thread) });
        }
        Ok(Lanes { lanes, next: AtomicUsize::new(0) })
    }

    /// Runs it on one of them, in turn.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        self.lanes[next].runtime.spawn(work)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for lane in &mut self.lanes {
            lane.stop.take();
        }
        for thread in self.lanes.iter_mut().filter_map(|lane| lane.thread.take()) {
            if thread.join().is_err() {
                tracing::error!("a thread of streams has panicked: this is a mistake in mysimbdp");
            }
        }
    }
}
