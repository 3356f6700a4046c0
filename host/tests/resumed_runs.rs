//! A run that is stopped anywhere and gone on with from what was kept ends as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Compiled, WORKER, compile};
use mysimbdp::app;
use mysimbdp::batch::attempt::Deadlines;
use mysimbdp::batch::cast::{Bounds, Cast, Observer, Slot, Tolerance};
use mysimbdp::batch::data_file::DataFile;
use mysimbdp::batch::intake::Rejected;
use mysimbdp::batch::ledger::Counts;
use mysimbdp::batch::report::{TaskOutcome, TaskReport};
use mysimbdp::batch::runner::{self, Assignment, Keeper};
use mysimbdp::batch::stop::{Stop, Stopper, Why};
use mysimbdp::sink::BoxFuture;
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::process::WorkerSpec;
use mysimbdp::worker::protocol::{GuestLimits, Isolation, Start};
use mysimbdp::worker::spawner::Spawner;
use mysimbdp::worker::supervisor::Policy;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// One row per line: emits two documents of its length, rejects lines with a `!`, dies at lines with a `#`.
const LINES: &str = r##"
    static char data[1 << 20];
    ssize_t size = pread(input->fd, data, sizeof data, 0);
    uint64_t at = 0, number = 0;
    int asks = 1;
    (void)instance;
    while (1) {
        mysimbdp_start_v1_t start;
        if (asks) {
            int32_t where = host->next_start(host->ctx, &start);
            if (where == MYSIMBDP_STOP) return MYSIMBDP_OK;
            if (where == MYSIMBDP_JUMP) { at = start.offset; number = start.number; }
            else asks = 0;
        }
        if (at >= (uint64_t)size) return MYSIMBDP_OK;
        char *newline = memchr(data + at, '\n', size - at);
        uint64_t end = newline ? (uint64_t)(newline - data) + 1 : (uint64_t)size;
        int32_t status = begin(host, number, at, end);
        number = 0;
        if (status == MYSIMBDP_STOP) return MYSIMBDP_OK;
        if (status == MYSIMBDP_OK) {
            if (memchr(data + at, '#', end - at)) abort();
            emit_number(host, (int64_t)(end - at));
            emit_number(host, (int64_t)(end - at) + SALT);
            if (memchr(data + at, '!', end - at)) mysimbdp_row_reject(host, "line at %d has a mark", (int)at);
            host->row_end(host->ctx, 0);
        }
        at = end;
    }
"##;

fn app(flags: u32, salt: u32) -> Compiled {
    let body = LINES.replace("SALT", &salt.to_string());
    let export = format!(
        "static int32_t ingest(void *instance, const host_t *host, const input_t *input) {{\n{body}\n}}\n\
         MYSIMBDP_EXPORT_BATCH(\"test-app\", \"1.2.3\", {flags}, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"
    );
    compile(&export, &[])
}

/// Row, line, reason, raw bytes.
type Letter = (u64, u64, String, Vec<u8>);

struct Scene {
    folder: TempDir,
    sink: Option<app::OpenSink>,
    cast: Arc<Cast>,
    file: Arc<DataFile>,
}

impl Scene {
    async fn new(app: &Compiled, content: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.txt");
        std::fs::write(&path, content).unwrap();
        let sink = app::open_sink(Some(&folder.path().join("sink.db")), "documents").await.unwrap();
        let spec = WorkerSpec {
            app: Arc::new(std::fs::File::open(&app.path).unwrap()),
            label: "test-app (generation 0)".into(),
            isolation: Isolation::Full,
            limits: GuestLimits { memory: 256 << 20, cpu_seconds: None },
            config: None,
            preload_iconv: false,
            start_deadline: Duration::from_secs(20),
        };
        let cast = Arc::new(Cast {
            spawner: Spawner::start(Some(Path::new(WORKER))).unwrap(),
            spec,
            sink: Arc::clone(sink.port()),
            deadlines: Deadlines { stall: Duration::from_secs(20), total: Duration::from_secs(60) },
            policy: Policy::default(),
            tolerance: Tolerance::default(),
            bounds: Bounds::default(),
        });
        Scene { folder, sink: Some(sink), cast, file: Arc::new(DataFile::open(&path).unwrap()) }
    }

    /// Runs from a checkpoint until so many deliveries are settled. Answers what a later run would go on from.
    async fn run(&self, from: Checkpoint, deliveries: usize, rows: Option<Vec<Start>>) -> (TaskReport, Checkpoint) {
        let (stopper, stop) = Stop::pair();
        let mut memory = Memory(from.clone());
        let mut slot = Slot::default();
        let assignment = Assignment {
            cast: &self.cast,
            slot: &mut slot,
            file: &self.file,
            task: 1,
            from,
            rows,
            keeper: &mut memory,
            stop,
        };
        let report = runner::run(assignment, &mut After(deliveries, stopper)).await.unwrap();
        slot.close().await;
        (report, memory.0)
    }

    /// Runs to the end, however often it is stopped on the way: first after `deliveries`, and from what was kept where the
    /// host is killed, or from what it reports where it is stopped in good order.
    async fn run_in_pieces(&self, deliveries: usize, killed: bool) -> TaskReport {
        let mut from = Checkpoint::default();
        let mut reach = deliveries;
        loop {
            let (report, kept) = self.run(from, reach, None).await;
            if report.outcome != TaskOutcome::Interrupted {
                return report;
            }
            from = if killed { kept } else { report.checkpoint };
            // What was not kept is done again, so each piece has to reach further.
            reach += deliveries;
        }
    }

    /// Everything that is in the sink: documents and dead letters.
    fn content(mut self) -> (Vec<String>, Vec<Letter>) {
        self.sink.take().unwrap_or_else(|| unreachable!()).close().unwrap();
        let sink = rusqlite::Connection::open(self.folder.path().join("sink.db")).unwrap();
        let mut documents = sink.prepare("SELECT doc FROM documents ORDER BY _id").unwrap();
        let documents = documents.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut letters = sink.prepare("SELECT row, line, reason, raw FROM _dead_letters ORDER BY row").unwrap();
        let letters = letters.query_map([], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok((number(0)?, number(1)?, row.get(2)?, row.get(3)?))
        });
        (documents, letters.unwrap().map(Result::unwrap).collect())
    }
}

/// Keeps the last checkpoint.
struct Memory(Checkpoint);

impl Keeper for Memory {
    fn keep<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<(), String>> {
        self.0 = checkpoint.clone();
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Stops the run when so many deliveries are settled.
struct After(usize, Stopper);

impl Observer for After {
    fn progress(&mut self, _: &Counts, _: u64) {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            self.1.stop(Why::Shutdown);
        }
    }
    fn rejected(&mut self, _: &Rejected) {}
    fn log(&mut self, _: u32, _: &str) {}
    fn death(&mut self, _: &str) {}
}

/// Twelve thousand lines, some rejected, two that kill.
fn lines() -> String {
    let line = |number: usize| match number {
        4_000 | 9_000 => format!("line {number} #\n"),
        _ if number % 1_000 == 17 => format!("line {number} !\n"),
        _ => format!("line {number} {}\n", "x".repeat(number % 23)),
    };
    (1..=12_000).map(line).collect()
}

const INDEPENDENT: u32 = 1;

#[tokio::test]
async fn a_run_in_pieces_ends_like_an_undisturbed_one() {
    for flags in [0, INDEPENDENT] {
        let app = app(flags, 1);
        let whole = Scene::new(&app, &lines()).await;
        let (undisturbed, _) = whole.run(Checkpoint::default(), usize::MAX, None).await;
        assert_eq!(undisturbed.outcome, TaskOutcome::Done, "{:?}", undisturbed.reason);
        assert_eq!(undisturbed.counts.rows.rejected, 14);
        let content = whole.content();
        for (deliveries, killed) in [(1, false), (2, true), (3, false), (5, true), (11, true)] {
            let scene = Scene::new(&app, &lines()).await;
            let report = scene.run_in_pieces(deliveries, killed).await;
            assert_eq!(report.outcome, TaskOutcome::Done, "{deliveries}: {:?}", report.reason);
            assert_eq!(report.counts, undisturbed.counts, "flags {flags}, {deliveries} deliveries");
            assert!(!report.not_deterministic);
            assert_eq!(scene.content(), content, "flags {flags}, {deliveries} deliveries");
        }
    }
}

#[tokio::test]
async fn another_app_behind_a_checkpoint_is_noticed() {
    let scene = Scene::new(&app(0, 1), &lines()).await;
    let (stopped, _) = scene.run(Checkpoint::default(), 4, None).await;
    assert_eq!(stopped.outcome, TaskOutcome::Interrupted);
    let other = Scene::new(&app(0, 2), &lines()).await;
    let (report, _) = other.run(stopped.checkpoint, usize::MAX, None).await;
    assert!(report.not_deterministic);
}

#[tokio::test]
async fn replayed_rows_become_documents_of_their_task_and_their_letters_go() {
    let content = "good\nbad !\nworse !\ngood too\n";
    let scene = Scene::new(&app(0, 1), content).await;
    let (first, _) = scene.run(Checkpoint::default(), usize::MAX, None).await;
    assert_eq!(first.counts.rows.rejected, 2);
    // The file is what the replay reads; here it is mended, as an app would be.
    let mended = Scene::new(&app(0, 1), &content.replace("bad !", "bad ?")).await;
    let cast = Cast { sink: Arc::clone(&scene.cast.sink), spec: mended.cast.spec.clone(), ..copy(&mended.cast) };
    let mended = Scene { cast: Arc::new(cast), ..mended };
    let rows = [(2, 5), (3, 11)].map(|(number, offset)| Start { number, offset, line: 0 }).to_vec();
    let (replay, _) = mended.run(Checkpoint::default(), usize::MAX, Some(rows)).await;
    assert_eq!(replay.outcome, TaskOutcome::Done, "{:?}", replay.reason);
    assert_eq!((replay.counts.rows.read, replay.counts.rows.ingested, replay.counts.rows.rejected), (2, 1, 1));
    let (documents, letters) = scene.content();
    assert_eq!(documents.len(), 6);
    assert!(documents[2].contains(r#"{"$oid":"000000000100000000020000"}"#), "{documents:?}");
    assert_eq!(letters.iter().map(|letter| letter.0).collect::<Vec<_>>(), [3]);
}

fn copy(cast: &Cast) -> Cast {
    let Cast { spawner, spec, sink, deadlines, policy, tolerance, bounds } = cast;
    let (spawner, spec, sink) = (spawner.clone(), spec.clone(), Arc::clone(sink));
    Cast { spawner, spec, sink, deadlines: *deadlines, policy: *policy, tolerance: *tolerance, bounds: *bounds }
}

#[tokio::test]
async fn a_limit_that_is_reached_is_named() {
    let rows = Bounds { rows: 100, ..Bounds::default() };
    let documents = Bounds { documents: 100, ..Bounds::default() };
    let cpu = Bounds { cpu: Duration::ZERO, ..Bounds::default() };
    for (bounds, cause, limit) in [
        (rows, "rows", "more than the 100 rows that a file may have (rows_per_task)"),
        (documents, "documents", "more than the 100 documents that a file may make (documents_per_task)"),
        (cpu, "cpu", "more than the 0 CPU seconds that a task may use (cpu_seconds)"),
    ] {
        let scene = Scene::new(&app(0, 1), &lines()).await;
        let cast = Arc::new(Cast { bounds, ..copy(&scene.cast) });
        let scene = Scene { cast, ..scene };
        let (report, _) = scene.run(Checkpoint::default(), usize::MAX, None).await;
        assert_eq!((report.outcome, report.cause), (TaskOutcome::Failed, Some(cause)));
        assert!(report.reason.as_deref().is_some_and(|reason| reason.contains(limit)), "{:?}", report.reason);
    }
}

#[tokio::test]
async fn a_file_that_is_written_to_while_it_is_read_is_never_done() {
    let scene = Scene::new(&app(0, 1), "one\ntwo\n").await;
    let path = scene.folder.path().join("data.txt");
    std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
    let (report, _) = scene.run(Checkpoint::default(), usize::MAX, None).await;
    assert_eq!(report.outcome, TaskOutcome::Partial);
    assert_eq!(
        report.reason.as_deref(),
        Some("the file grew from 8 to 14 bytes while it was read: rows of it may be missing")
    );
}
