//! A file, a sink, and what a task is run with.

use super::FOREVER;
use super::gated::Gated;
use super::keeper::{Memory, Record};
use super::run::Run;
use super::watch::Watch;
use crate::guest_support::{Compiled, WORKER};
use mysimbdp::app;
use mysimbdp::batch::attempt::Deadlines;
use mysimbdp::batch::cast::{Bounds, Cast, Slot, Tolerance};
use mysimbdp::batch::report::{TaskOutcome, TaskReport};
use mysimbdp::batch::stop::Stop;
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::process::WorkerSpec;
use mysimbdp::worker::protocol::{GuestLimits, Isolation};
use mysimbdp::worker::spawner::Spawner;
use mysimbdp::worker::supervisor::Policy;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A file, a sink with its own file, and what a task is run with.
pub(crate) struct Stage {
    folder: TempDir,
    sink: Option<app::OpenSink>,
    pub(crate) cast: Cast,
}

impl Stage {
    pub(crate) async fn new(app: &Compiled, content: &str) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.txt"), content).unwrap();
        let sink = app::open_sink(Some(&folder.path().join("sink.db")), "documents").await.unwrap();
        let cast = Cast {
            spawner: Spawner::start(Some(Path::new(WORKER))).unwrap(),
            spec: WorkerSpec {
                app: Arc::new(std::fs::File::open(&app.path).unwrap()),
                label: "test-app (generation 0)".into(),
                isolation: Isolation::Full,
                limits: GuestLimits { memory: 256 << 20, cpu_seconds: None },
                config: None,
                preload_iconv: false,
                start_deadline: FOREVER,
            },
            sink: Arc::clone(sink.port()),
            deadlines: Deadlines { stall: FOREVER, total: FOREVER },
            policy: Policy::default(),
            tolerance: Tolerance::default(),
            bounds: Bounds::default(),
        };
        Stage { folder, sink: Some(sink), cast }
    }

    /// Another app, or another version of it, reads the file from now on.
    pub(crate) fn recast(&mut self, app: &Compiled) {
        self.cast.spec.app = Arc::new(std::fs::File::open(&app.path).unwrap());
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data.txt")
    }

    pub(crate) fn begin(&self, from: Checkpoint) -> Run<'_> {
        let (stopper, stop) = Stop::pair();
        let (keeper, observer) = (Memory::new(&from), Watch::new(stopper, from.counts));
        Run { stage: self, from, rows: None, once_opened: None, slot: Slot::default(), keeper, observer, stop }
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, from: Checkpoint) -> TaskReport {
        self.begin(from).end().await.unwrap()
    }

    /// Runs until so many deliveries are settled.
    pub(crate) async fn run_until(&self, from: Checkpoint, deliveries: usize) -> TaskReport {
        let mut run = self.begin(from);
        run.observer.deliveries = Some(deliveries);
        run.end().await.unwrap()
    }

    /// Runs until so many deliveries are settled; the sink takes no more of them. It is certain to be interrupted where
    /// there are more.
    pub(crate) async fn interrupt_after(&mut self, deliveries: usize) -> TaskReport {
        let sink = Arc::clone(&self.cast.sink);
        self.cast.sink = Arc::new(Gated::new(self, &Record::default(), deliveries, true));
        let report = self.run_until(Checkpoint::default(), deliveries).await;
        self.cast.sink = sink;
        assert_eq!(report.outcome, TaskOutcome::Interrupted);
        report
    }

    /// Everything that is in the sink.
    pub(crate) fn content(mut self) -> Content {
        self.sink.take().unwrap().close().unwrap();
        self.peek()
    }

    /// What is in the sink so far.
    pub(crate) fn peek(&self) -> Content {
        let sink = rusqlite::Connection::open(self.folder.path().join("sink.db")).unwrap();
        let mut documents = sink.prepare("SELECT doc FROM documents ORDER BY _id").unwrap();
        let documents = documents.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut letters =
            sink.prepare("SELECT row, part, line, reason, raw FROM _dead_letters ORDER BY row, part").unwrap();
        let letters = letters.query_map([], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Letter { row: number(0)?, part: number(1)?, line: number(2)?, reason: row.get(3)?, raw: row.get(4)? })
        });
        Content { documents, letters: letters.unwrap().map(Result::unwrap).collect() }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) documents: Vec<String>,
    pub(crate) letters: Vec<Letter>,
}

impl Content {
    pub(crate) fn letter_rows(&self) -> Vec<u64> {
        self.letters.iter().map(|letter| letter.row).collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) row: u64,
    pub(crate) part: u64,
    pub(crate) line: u64,
    pub(crate) reason: String,
    pub(crate) raw: Vec<u8>,
}
