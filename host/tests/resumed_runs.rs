//! A run that is interrupted anywhere and gone on with from what was kept ends as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;
mod run_support;

use mysimbdp::batch::report::{TaskOutcome, TaskReport};
use mysimbdp::task::Checkpoint;
use run_support::{INDEPENDENT, Lines, Stage};

/// Lines for some ten frames: some rejected, two that kill, some with a document outside of rows where `loose`.
fn lines(loose: bool) -> String {
    let line = |number: usize| match number {
        2_000 | 4_999 => format!("line {number} #\n"),
        _ if number % 500 == 17 => format!("line {number} !\n"),
        _ if loose && number % 700 == 3 => format!("line {number} @\n"),
        _ => format!("line {number} {}\n", "x".repeat(number % 23)),
    };
    (1..=6_000).map(line).collect()
}

/// App and file: one whose rows hang together, one whose rows do not, and both with documents outside of rows.
fn kinds() -> impl Iterator<Item = (u32, bool)> {
    [0, INDEPENDENT].into_iter().flat_map(|flags| [(flags, false), (flags, true)])
}

/// Runs to the end, however often it is stopped on the way, each time after so many deliveries.
async fn run_in_pieces(stage: &Stage, deliveries: usize) -> (TaskReport, usize) {
    let mut from = Checkpoint::default();
    for piece in 1.. {
        let report = stage.run_until(from, deliveries).await;
        if report.outcome != TaskOutcome::Interrupted {
            return (report, piece);
        }
        assert_eq!(report.cause, Some("shutdown"));
        from = report.checkpoint;
    }
    unreachable!()
}

#[tokio::test]
async fn a_run_in_pieces_ends_like_an_undisturbed_one() {
    for (flags, loose) in kinds() {
        let (app, lines) = (Lines { flags, ..Lines::default() }.compile(), lines(loose));
        let whole = Stage::new(&app, &lines).await;
        let undisturbed = whole.run(Checkpoint::default()).await;
        assert_eq!(undisturbed.outcome, TaskOutcome::Done, "{:?}", undisturbed.reason);
        assert_eq!((undisturbed.counts.rows.read, undisturbed.counts.rows.rejected), (6_000, 14));
        assert_eq!(undisturbed.checkpoint.settled.loose > 0, loose);
        let content = whole.content();
        let mut cut = 0;
        for deliveries in 1..=6 {
            let stage = Stage::new(&app, &lines).await;
            let (report, pieces) = run_in_pieces(&stage, deliveries).await;
            let which = format!("flags {flags}, loose {loose}, {deliveries} deliveries, {pieces} pieces");
            cut += pieces - 1;
            assert_eq!(report.outcome, TaskOutcome::Done, "{which}: {:?}", report.reason);
            assert_eq!(report.checkpoint, undisturbed.checkpoint, "{which}");
            assert!(!report.not_deterministic, "{which}");
            assert_eq!(stage.content(), content, "{which}");
        }
        assert!(cut >= 6, "{cut}");
    }
}

#[tokio::test]
async fn a_run_from_a_checkpoint_that_the_sink_is_ahead_of_ends_like_an_undisturbed_one() {
    for (flags, loose) in kinds() {
        let (app, lines) = (Lines { flags, ..Lines::default() }.compile(), lines(loose));
        let whole = Stage::new(&app, &lines).await;
        let undisturbed = whole.run(Checkpoint::default()).await;
        let content = whole.content();
        // What was kept when the host was killed, and what the sink had committed by then.
        for (kept, committed) in [(0, 1), (0, 20), (1, 3), (2, 20), (5, 6), (5, 20)] {
            let mut from = Checkpoint::default();
            if kept > 0 {
                from = Stage::new(&app, &lines).await.run_until(from, kept).await.checkpoint;
            }
            let stage = Stage::new(&app, &lines).await;
            stage.run_until(Checkpoint::default(), committed).await;
            let report = stage.run(from).await;
            let which = format!("flags {flags}, loose {loose}, {kept} kept, {committed} committed");
            assert_eq!(report.outcome, TaskOutcome::Done, "{which}: {:?}", report.reason);
            assert_eq!(report.checkpoint, undisturbed.checkpoint, "{which}");
            assert!(!report.not_deterministic, "{which}");
            assert_eq!(stage.content(), content, "{which}");
        }
    }
}

#[tokio::test]
async fn what_was_kept_along_the_way_is_as_good_as_what_is_reported() {
    let lines = lines(false);
    let app = Lines::default().compile();
    let whole = Stage::new(&app, &lines).await;
    let run = whole.begin(Checkpoint::default());
    let record = run.keeper.record.clone();
    let undisturbed = run.end().await.unwrap();
    let content = whole.content();
    let kept: Vec<Checkpoint> = record.lock().unwrap().iter().map(run_support::Event::checkpoint).cloned().collect();
    // After each of the two deaths, in place and alone, and after each conviction.
    assert!(kept.len() >= 6, "{}", kept.len());
    for from in kept {
        let stage = Stage::new(&app, &lines).await;
        stage.run_until(Checkpoint::default(), 20).await;
        let report = stage.run(from).await;
        assert_eq!(report.checkpoint, undisturbed.checkpoint);
        assert_eq!(stage.content(), content);
    }
}

#[tokio::test]
async fn a_convicted_row_does_not_kill_again_in_a_later_run() {
    let app = Lines::default().compile();
    let stage = Stage::new(&app, &lines(false)).await;
    let mut from = Checkpoint::default();
    loop {
        let report = stage.run_until(from.clone(), 2).await;
        let dead = report.deaths.iter().filter_map(|death| death.row).collect::<Vec<_>>();
        assert!(from.convicted.iter().all(|row| !dead.contains(&row.number)), "{dead:?} after {from:?}");
        from = report.checkpoint;
        if report.outcome == TaskOutcome::Done {
            break;
        }
    }
    assert_eq!(from.convicted.iter().map(|row| row.number).collect::<Vec<_>>(), [2_000, 4_999]);
}

#[tokio::test]
async fn documents_under_an_id_of_the_apps_own_are_counted_over_all_runs() {
    let lines: String = (0..6_000).map(|n| format!("line {n} {}\n", if n % 2 == 0 { "$" } else { "" })).collect();
    for flags in [0, INDEPENDENT] {
        let stage = Stage::new(&Lines { flags, ..Lines::default() }.compile(), &lines).await;
        let (report, _) = run_in_pieces(&stage, 1).await;
        assert_eq!((report.checkpoint.own_ids, report.counts.documents.stored), (3_000, 15_000));
    }
}

#[tokio::test]
async fn an_app_that_makes_other_documents_is_noticed() {
    let mut stage = Stage::new(&Lines::default().compile(), &lines(false)).await;
    let stopped = stage.interrupt_after(4).await;
    assert!(!stopped.not_deterministic);
    stage.recast(&Lines { salt: 2, ..Lines::default() }.compile());
    let report = stage.run(stopped.checkpoint).await;
    assert_eq!((report.outcome, report.not_deterministic), (TaskOutcome::Done, true));
    assert_eq!(report.counts.rows.read, 6_000);
}

#[tokio::test]
async fn an_app_that_comes_to_less_than_before_is_noticed() {
    let mut stage = Stage::new(&Lines::default().compile(), &lines(false)).await;
    let stopped = stage.interrupt_after(4).await;
    stage.recast(&Lines { rows: 10, ..Lines::default() }.compile());
    let report = stage.run(stopped.checkpoint).await;
    assert_eq!((report.outcome, report.not_deterministic), (TaskOutcome::Partial, true));
}

#[tokio::test]
async fn a_convicted_row_at_the_end_of_a_file_does_not_hide_that_rows_before_it_are_missing() {
    let lines: String = (1..=50).map(|n| if n == 50 { "#\n".to_owned() } else { format!("{n}\n") }).collect();
    let mut stage = Stage::new(&Lines::default().compile(), &lines).await;
    let first = stage.run(Checkpoint::default()).await;
    assert_eq!((first.outcome, first.counts.rows.rejected), (TaskOutcome::Done, 1));
    // The rest of the file was not settled when the host was killed, and another app comes to less.
    let from = Checkpoint { convicted: first.checkpoint.convicted, ..Checkpoint::default() };
    stage.recast(&Lines { rows: 10, ..Lines::default() }.compile());
    let report = stage.run(from).await;
    assert_eq!((report.outcome, report.counts.rows.read), (TaskOutcome::Partial, 10));
    let reason = report.reason.unwrap_or_default();
    assert_eq!(reason, "the app ended before row 11, which an earlier attempt had passed");
    // And the row that stands behind the gap is not settled: whoever goes on from here reads what is missing.
    assert_eq!(report.checkpoint.settled.row.number, 10);
}

#[tokio::test]
async fn killing_rows_are_counted_over_all_runs() {
    let lines: String = (1..=9).map(|n| if n % 3 == 0 { "#\n" } else { "fine\n" }).collect();
    let mut stage = Stage::new(&Lines::default().compile(), &lines).await;
    stage.cast.policy.max_convicted = 1;
    let first = stage.run(Checkpoint::default()).await;
    assert_eq!((first.outcome, first.cause), (TaskOutcome::Failed, Some("killing_rows")));
    let again = stage.run(first.checkpoint).await;
    assert_eq!(again.cause, Some("killing_rows"));
    let reason = again.reason.unwrap_or_default();
    assert!(
        reason.starts_with("3 rows kill the app, which is more than the 1 that are borne (killing_rows)"),
        "{reason}"
    );
    stage.cast.policy.max_convicted = 3;
    let last = stage.run(again.checkpoint).await;
    assert_eq!((last.outcome, last.counts.rows.rejected), (TaskOutcome::Done, 3));
}
