//! Nothing of a worker is left where its task ends by an error of the host's own.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{WORKER, batch_app};
use mysimbdp::batch::attempt::Deadlines;
use mysimbdp::batch::cast::{Bounds, Cast, Observer, Slot, Tolerance};
use mysimbdp::batch::data_file::DataFile;
use mysimbdp::batch::intake::Rejected;
use mysimbdp::batch::ledger::Counts;
use mysimbdp::batch::runner::{self, Assignment, ForgetfulKeeper};
use mysimbdp::batch::stop::Stop;
use mysimbdp::sink::{
    BoxFuture, DeadLetter, DocumentBatch, DocumentSink, KeptLetter, LetterFilter, SinkError, Written,
};
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::process::WorkerSpec;
use mysimbdp::worker::protocol::{GuestLimits, Isolation};
use mysimbdp::worker::spawner::Spawner;
use mysimbdp::worker::supervisor::Policy;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Its disk is full.
struct FullSink;

fn full() -> SinkError {
    SinkError::Permanent { sink: "full".into(), reason: "no space left on device".into() }
}

impl DocumentSink for FullSink {
    fn write(&self, _: DocumentBatch) -> BoxFuture<'_, Result<Written, SinkError>> {
        Box::pin(async { Err(full()) })
    }

    fn keep(&self, _: Vec<DeadLetter>) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async { Err(full()) })
    }

    fn erase(&self, _: u64, _: usize) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(async { Err(full()) })
    }

    fn letters<'a>(&'a self, _: &'a LetterFilter, _: usize) -> BoxFuture<'a, Result<Vec<KeptLetter>, SinkError>> {
        Box::pin(async { Err(full()) })
    }

    fn count_letters<'a>(&'a self, _: &'a LetterFilter) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(async { Err(full()) })
    }

    fn forget(&self, _: u64, _: Vec<u64>) -> BoxFuture<'_, Result<u64, SinkError>> {
        Box::pin(async { Err(full()) })
    }
}

struct Deaf;

impl Observer for Deaf {
    fn progress(&mut self, _: &Counts, _: u64) {}
    fn rejected(&mut self, _: &Rejected) {}
    fn log(&mut self, _: u32, _: &str) {}
    fn death(&mut self, _: &str) {}
}

fn cast(app: &Path) -> Arc<Cast> {
    let limits = GuestLimits { memory: 256 << 20, cpu_seconds: None };
    let spec = WorkerSpec {
        app: Arc::new(std::fs::File::open(app).unwrap()),
        label: "app (generation 0)".into(),
        isolation: Isolation::Full,
        limits,
        config: None,
        preload_iconv: false,
        start_deadline: Duration::from_secs(20),
    };
    Arc::new(Cast {
        spawner: Spawner::start(Some(Path::new(WORKER))).unwrap(),
        spec,
        sink: Arc::new(FullSink),
        deadlines: Deadlines { stall: Duration::from_secs(20), total: Duration::from_secs(60) },
        policy: Policy::default(),
        tolerance: Tolerance::default(),
        bounds: Bounds::default(),
    })
}

/// Children of this process, zombies among them.
fn children() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    threads.flat_map(|thread| of(thread).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn a_sink_that_fails_leaves_no_worker_behind() {
    // It hands over a row that is large enough to be sent at once, and never comes back.
    let app = batch_app(
        "begin(host, 0, 0, 1);\n\
         for (int n = 0; n < 5000; n++) emit_number(host, n);\n\
         host->row_end(host->ctx, 1);\n\
         for (volatile int forever = 1; forever;) {}\n\
         return 0;",
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.csv");
    std::fs::write(&path, "x").unwrap();
    let (cast, file) = (cast(&app.path), Arc::new(DataFile::open(&path).unwrap()));
    let mut slot = Slot::default();
    let assignment = Assignment {
        cast: &cast,
        slot: &mut slot,
        file: &file,
        task: 1,
        from: Checkpoint::default(),
        rows: None,
        keeper: &mut ForgetfulKeeper,
        stop: Stop::never(),
    };
    let error = runner::run(assignment, &mut Deaf).await.unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    let deadline = Instant::now() + Duration::from_secs(5);
    while !children().is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", children());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
