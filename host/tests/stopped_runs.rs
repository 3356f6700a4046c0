//! A run ends soon when it is told to, wherever it waits just then, and never claims or writes what it may not. And it
//! ends at its limits.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;
mod run_support;

use mysimbdp::batch::cast::{Bounds, Slot};
use mysimbdp::batch::report::{TaskOutcome, TaskReport};
use mysimbdp::batch::runner::RunError;
use mysimbdp::batch::stop::Why;
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::process::Worker;
use run_support::{Change, ENOUGH, Event, FOREVER, Gated, Lines, Manner, Record, Stage, stop_after};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

const A_WHILE: Duration = Duration::from_millis(300);

fn many_rows() -> String {
    (1..=6_000).map(|number| format!("line {number}\n")).collect()
}

fn is_interrupted(report: &TaskReport) {
    assert_eq!((report.outcome, report.cause), (TaskOutcome::Interrupted, Some("shutdown")), "{:?}", report.reason);
    assert_eq!(report.reason.as_deref(), Some("the host stops; the task goes on later"));
    assert!(report.counts.balance());
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_beforehand_starts_no_worker() {
    let stage = Stage::new(&Lines::default().compile(), "one\n").await;
    let run = stage.begin(Checkpoint::default());
    run.stopper().stop(Why::Shutdown);
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    assert_eq!(report.resources.workers, 0);
}

#[tokio::test]
async fn a_run_stops_while_its_worker_is_being_started() {
    let before = "__attribute__((constructor)) static void hang(void) { for (volatile int forever = 1; forever;) {} }";
    let stage = Stage::new(&Lines { before, ..Lines::default() }.compile(), "one\n").await;
    let run = stage.begin(Checkpoint::default());
    stop_after(run.stopper(), Why::Shutdown, A_WHILE);
    is_interrupted(&run.end().await.unwrap());
}

#[tokio::test]
async fn a_run_stops_while_the_app_hangs_and_keeps_what_is_settled() {
    let lines = many_rows() + "%\n";
    let stage = Stage::new(&Lines::default().compile(), &lines).await;
    let mut run = stage.begin(Checkpoint::default());
    (run.observer.deliveries, run.observer.linger) = (Some(1), A_WHILE);
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    let stored = stage.content().documents.len() as u64;
    assert!(stored > 0);
    assert_eq!((report.counts.documents.stored, report.new_documents), (stored, stored));
    assert_eq!(report.checkpoint.counts, report.counts);
}

#[tokio::test]
async fn a_run_stops_while_a_row_runs_alone() {
    let stage = Stage::new(&Lines::default().compile(), "one\n~\ntwo\n").await;
    let mut run = stage.begin(Checkpoint::default());
    run.observer.on_death = Some((Why::Shutdown, A_WHILE));
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    assert_eq!(report.deaths.len(), 1);
    assert!(report.checkpoint.convicted.is_empty());
}

#[tokio::test]
async fn a_run_stops_while_it_waits_before_another_attempt() {
    // It dies in no row.
    let before = "__attribute__((constructor)) static void ready(void) {}\n#define pread(a, b, c, d) (abort(), 0)";
    let mut stage = Stage::new(&Lines { before, ..Lines::default() }.compile(), "one\n").await;
    stage.cast.policy.back_off = FOREVER;
    let mut run = stage.begin(Checkpoint::default());
    run.observer.on_death = Some((Why::Shutdown, A_WHILE));
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    assert_eq!(report.deaths.len(), 1);
}

#[tokio::test]
async fn a_run_stops_while_the_sink_is_stuck_and_claims_nothing_of_what_it_was_given() {
    let mut stage = Stage::new(&Lines::default().compile(), &many_rows()).await;
    Gated::before(&mut stage, &Record::default(), 0);
    let run = stage.begin(Checkpoint::default());
    stop_after(run.stopper(), Why::Shutdown, A_WHILE);
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    assert_eq!(report.checkpoint, Checkpoint::default());
}

#[tokio::test]
async fn a_run_stops_while_the_keeper_is_stuck() {
    let stage = Stage::new(&Lines::default().compile(), "one\n#\n").await;
    let mut run = stage.begin(Checkpoint::default());
    run.keeper.manner = Manner::Stuck;
    stop_after(run.stopper(), Why::Shutdown, A_WHILE);
    is_interrupted(&run.end().await.unwrap());
}

#[tokio::test]
async fn a_run_stops_while_the_letter_of_a_killing_row_waits_for_the_sink() {
    let mut stage = Stage::new(&Lines::default().compile(), "#\n").await;
    Gated::before(&mut stage, &Record::default(), 0);
    let run = stage.begin(Checkpoint::default());
    stop_after(run.stopper(), Why::Shutdown, A_WHILE * 2);
    let report = run.end().await.unwrap();
    is_interrupted(&report);
    // No letter, so no conviction.
    assert!(report.checkpoint.convicted.is_empty());
}

#[tokio::test]
async fn whoever_has_lost_the_claim_writes_nothing_more() {
    let mut stage = Stage::new(&Lines::default().compile(), &(many_rows() + "%\n")).await;
    let record = Record::default();
    let gated = Gated::before(&mut stage, &record, 0);
    let run = stage.begin(Checkpoint::default());
    let kept = run.keeper.record.clone();
    stop_after(run.stopper(), Why::Lost, A_WHILE);
    let report = run.end().await.unwrap();
    assert_eq!((report.outcome, report.cause), (TaskOutcome::Interrupted, None));
    assert_eq!(report.reason.as_deref(), Some("another attempt has taken it over"));
    gated.permits.add_permits(ENOUGH);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(gated.committed.load(Ordering::SeqCst), 0);
    assert!(record.lock().unwrap().is_empty() && kept.lock().unwrap().is_empty());
    drop(gated);
    assert!(stage.peek().documents.is_empty());
}

#[tokio::test]
async fn a_claim_that_the_keeper_finds_lost_ends_the_run_without_an_error() {
    let stage = Stage::new(&Lines::default().compile(), "one\n#\ntwo\n").await;
    let mut run = stage.begin(Checkpoint::default());
    (run.keeper.manner, run.keeper.stopper) = (Manner::Fenced, Some(run.stopper()));
    let report = run.end().await.unwrap();
    assert_eq!((report.outcome, report.deaths.len()), (TaskOutcome::Interrupted, 1));
}

#[tokio::test]
async fn a_cancelled_run_says_so_and_a_limit_that_is_watched_from_outside_fails_it() {
    for (why, outcome, cause, reason) in [
        (Why::Cancelled, TaskOutcome::Interrupted, "cancelled", "it was cancelled"),
        (
            Why::Limit { name: "storage", sentence: "tenant acme keeps too much".into() },
            TaskOutcome::Failed,
            "storage",
            "tenant acme keeps too much",
        ),
    ] {
        let stage = Stage::new(&Lines::default().compile(), "one\n%\n").await;
        let run = stage.begin(Checkpoint::default());
        stop_after(run.stopper(), why, A_WHILE);
        let report = run.end().await.unwrap();
        assert_eq!((report.outcome, report.cause, report.reason.as_deref()), (outcome, Some(cause), Some(reason)));
    }
}

#[tokio::test]
async fn a_keeper_that_fails_ends_the_run_with_its_sentence() {
    let stage = Stage::new(&Lines::default().compile(), "one\n#\ntwo\n").await;
    let mut run = stage.begin(Checkpoint::default());
    run.keeper.manner = Manner::Failing;
    let error = run.end().await.unwrap_err();
    assert!(matches!(error, RunError::State(_)));
    assert_eq!(error.to_string(), "the state of the task cannot be kept: the disk of the queue is full");
}

#[tokio::test]
async fn a_conviction_is_in_the_sink_then_in_the_keeper_then_relied_on() {
    let mut stage = Stage::new(&Lines::default().compile(), "one\n#\ntwo\n").await;
    let record = Record::default();
    Gated::before(&mut stage, &record, ENOUGH);
    let mut run = stage.begin(Checkpoint::default());
    run.keeper.record = record.clone();
    assert_eq!(run.end().await.unwrap().outcome, TaskOutcome::Done);
    let events = record.lock().unwrap().clone();
    let at = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let letter = at(&|event| *event == Event::Letters(vec![2]));
    let kept = at(&|event| matches!(event, Event::Kept(checkpoint) if !checkpoint.convicted.is_empty()));
    let relied_on = events.iter().rposition(|event| matches!(event, Event::Stored(_))).unwrap();
    assert!(letter < kept && kept < relied_on, "{events:?}");
}

#[tokio::test]
async fn what_is_kept_never_claims_more_than_the_sink_has_committed() {
    // Slow enough that checkpoints are kept along the way.
    let lines: String = (1..=16).map(|number| format!("line {number} .\n")).collect();
    let mut stage = Stage::new(&Lines::default().compile(), &lines).await;
    let record = Record::default();
    Gated::before(&mut stage, &record, ENOUGH);
    let mut run = stage.begin(Checkpoint::default());
    run.keeper.record = record.clone();
    assert_eq!(run.end().await.unwrap().outcome, TaskOutcome::Done);
    let (mut committed, mut kept) = (0, 0);
    for event in record.lock().unwrap().iter() {
        match event {
            Event::Stored(documents) => committed += documents,
            Event::Kept(checkpoint) => {
                kept += 1;
                assert!(checkpoint.counts.documents.stored <= committed);
            }
            Event::Letters(_) | Event::Forgotten(_) => {}
        }
    }
    assert!(kept > 0);
}

#[tokio::test]
async fn the_time_that_keeping_takes_is_not_put_down_to_the_app() {
    let lines: String = (1..=16).map(|number| format!("line {number} .\n")).collect();
    let mut stage = Stage::new(&Lines::default().compile(), &lines).await;
    stage.cast.deadlines.stall = Duration::from_secs(3);
    stage.cast.deadlines.total = Duration::from_secs(4);
    let mut run = stage.begin(Checkpoint::default());
    run.keeper.manner = Manner::Slow(Duration::from_secs(5));
    let report = run.end().await.unwrap();
    assert_eq!((report.outcome, report.deaths.len()), (TaskOutcome::Done, 0), "{:?}", report.reason);
    assert!(report.timings.held_back >= 5.0);
}

#[tokio::test]
async fn a_limit_that_is_reached_is_named_and_what_is_beyond_it_never_reaches_the_sink() {
    let rows = Bounds { rows: 2_000, ..Bounds::default() };
    let documents = Bounds { documents: 3_000, ..Bounds::default() };
    for (bounds, cause, limit) in [
        (rows, "rows", "it has more than the 2000 rows that a file may have (rows_per_task)"),
        (documents, "documents", "it makes more than the 3000 documents that a file may make (documents_per_task)"),
    ] {
        let mut stage = Stage::new(&Lines::default().compile(), &many_rows()).await;
        stage.cast.bounds = bounds;
        let report = stage.run(Checkpoint::default()).await;
        assert_eq!((report.outcome, report.cause), (TaskOutcome::Failed, Some(cause)));
        assert_eq!(report.reason.as_deref(), Some(limit));
        let stored = stage.content().documents.len() as u64;
        assert_eq!(report.counts.documents.stored, stored);
        assert!(stored > 0 && stored <= 2 * bounds.rows.min(bounds.documents / 2), "{stored}");
    }
}

#[tokio::test]
async fn a_file_of_just_as_much_as_is_allowed_is_done() {
    let mut stage = Stage::new(&Lines::default().compile(), &many_rows()).await;
    stage.cast.bounds = Bounds { rows: 6_000, documents: 12_000, ..Bounds::default() };
    assert_eq!(stage.run(Checkpoint::default()).await.outcome, TaskOutcome::Done);
}

#[tokio::test]
async fn cpu_time_is_counted_over_all_workers_of_a_run() {
    // Each row hangs twice before it is convicted, and no worker lives long enough to use as much by itself.
    let mut stage = Stage::new(&Lines::default().compile(), &"%\n".repeat(20)).await;
    stage.cast.bounds.cpu = Duration::from_millis(300);
    stage.cast.deadlines.stall = Duration::from_millis(100);
    let report = stage.run(Checkpoint::default()).await;
    assert_eq!((report.outcome, report.cause), (TaskOutcome::Failed, Some("cpu")));
    let reason = report.reason.unwrap_or_default();
    assert_eq!(reason, "its workers used more than the 0.3 CPU seconds that a task may use (cpu_seconds)");
    assert!(report.resources.worker_cpu > 0.3 && report.resources.workers > 1, "{:?}", report.resources);
}

#[tokio::test]
async fn a_warm_worker_is_charged_for_nothing_that_it_did_before() {
    let mut stage = Stage::new(&Lines::default().compile(), "one\n").await;
    // The constructor of the second app has burnt more than a task may.
    let before = "__attribute__((constructor)) static void burn(void) {\n\
                  for (volatile long rounds = 300000000; rounds > 0; rounds--) {}\n}";
    stage.recast(&Lines { before, ..Lines::default() }.compile());
    let worker = Worker::start(&stage.cast.spawner, &stage.cast.spec).await.unwrap();
    let burnt = worker.cpu();
    stage.cast.bounds.cpu = burnt / 2;
    let mut run = stage.begin(Checkpoint::default());
    run.slot = Slot::with(worker);
    let report = run.end().await.unwrap();
    assert_eq!(report.outcome, TaskOutcome::Done, "{:?}", report.reason);
    assert!(report.resources.worker_cpu < burnt.as_secs_f64() / 2.0);
}

#[tokio::test]
async fn a_warm_worker_that_died_while_it_waited_is_no_death_of_the_next_task() {
    let stage = Stage::new(&Lines::default().compile(), "one\n").await;
    let mut worker = Worker::start(&stage.cast.spawner, &stage.cast.spec).await.unwrap();
    worker.kill();
    assert!(matches!(worker.receive().await, Ok(None) | Err(_)));
    let mut run = stage.begin(Checkpoint::default());
    run.slot = Slot::with(worker);
    let report = run.end().await.unwrap();
    assert_eq!((report.outcome, report.deaths.len(), report.resources.workers), (TaskOutcome::Done, 0, 1));
}

#[tokio::test]
async fn memory_is_on_the_bill_for_as_long_as_it_was_held() {
    let stage = Stage::new(&Lines::default().compile(), "a .\nb .\nc .\n").await;
    let report = stage.run(Checkpoint::default()).await;
    let resources = report.resources;
    #[allow(clippy::cast_precision_loss, reason = "a bill needs no more than 52 bits")]
    let most = resources.worker_memory as f64 * report.timings.total;
    // Held for the 150 ms at least that the app sleeps.
    assert!(resources.memory_byte_seconds > most / report.timings.total * 0.1, "{resources:?}");
    assert!(resources.memory_byte_seconds <= most, "{resources:?}");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_never_done() {
    let grow = |file: &File| file.write_all_at(b"more\n", 6).unwrap();
    let shrink = |file: &File| file.set_len(3).unwrap();
    let touch = |file: &File| file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let changes: [(Change, &str); 3] = [
        (grow, "the file grew from 6 to 11 bytes while it was read: rows of it may be missing"),
        (shrink, "the file shrank from 6 to 3 bytes while it was read: rows of it may be missing"),
        (touch, "the file was written to while it was read: rows of it may be missing"),
    ];
    for (change, told) in changes {
        let stage = Stage::new(&Lines::default().compile(), "ab\ncd\n").await;
        let mut run = stage.begin(Checkpoint::default());
        run.once_opened = Some(change);
        let report = run.end().await.unwrap();
        assert_eq!((report.outcome, report.cause), (TaskOutcome::Partial, Some("file")));
        assert_eq!(report.reason.as_deref(), Some(told));
    }
}
