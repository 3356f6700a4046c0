//! Rows of a file that run again by themselves.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;
mod run_support;

use mysimbdp::batch::report::{TaskOutcome, TaskReport};
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::protocol::Start;
use run_support::{ENOUGH, Event, Gated, INDEPENDENT, Lines, Record, Stage};

/// Where these rows of a text start.
fn starts(text: &str, rows: &[u64]) -> Vec<Start> {
    let mut offsets = vec![0];
    offsets.extend(text.match_indices('\n').map(|(at, _)| at as u64 + 1));
    rows.iter()
        .map(|&number| Start { number, offset: offsets[usize::try_from(number).unwrap() - 1], line: 0 })
        .collect()
}

async fn replay(stage: &Stage, from: Checkpoint, rows: Vec<Start>) -> TaskReport {
    let mut run = stage.begin(from);
    run.rows = Some(rows);
    run.end().await.unwrap()
}

/// The `_id` that the host gives the first document of a row of task 1.
fn first_of_row(row: u64) -> String {
    format!(r#"{{"$oid":"0000000001{row:010x}0000"}}"#)
}

#[tokio::test]
async fn a_row_that_ends_becomes_documents_of_its_task_and_its_letter_goes() {
    for flags in [0, INDEPENDENT] {
        let text = "good\nbad !\nworse !\ngood too\n";
        let app = Lines { flags, ..Lines::default() }.compile();
        let stage = Stage::new(&app, text).await;
        assert_eq!(stage.run(Checkpoint::default()).await.counts.rows.rejected, 2);
        assert_eq!(stage.peek().letter_rows(), [2, 3]);
        // Here the file is mended, as an app would be.
        let mended = text.replace("bad !", "bad ?");
        std::fs::write(stage.path(), &mended).unwrap();
        let report = replay(&stage, Checkpoint::default(), starts(&mended, &[2, 3])).await;
        assert_eq!(report.outcome, TaskOutcome::Done, "{:?}", report.reason);
        assert_eq!((report.counts.rows.read, report.counts.rows.ingested, report.counts.rows.rejected), (2, 1, 1));
        let content = stage.content();
        assert_eq!(content.documents.len(), 6);
        assert!(content.documents[2].contains(&first_of_row(2)), "{:?}", content.documents);
        assert_eq!(content.letter_rows(), [3]);
        assert_eq!(content.letters[0].raw, b"worse !\n");
    }
}

#[tokio::test]
async fn a_letter_goes_only_when_the_documents_of_its_row_are_there() {
    let mut stage = Stage::new(&Lines::default().compile(), "good\nbad !\n").await;
    stage.run(Checkpoint::default()).await;
    std::fs::write(stage.path(), "good\nbad ?\n").unwrap();
    let record = Record::default();
    Gated::before(&mut stage, &record, ENOUGH);
    replay(&stage, Checkpoint::default(), starts("good\nbad ?\n", &[2])).await;
    assert_eq!(*record.lock().unwrap(), [Event::Stored(2), Event::Forgotten(vec![2])]);
}

#[tokio::test]
async fn a_row_that_is_rejected_again_keeps_its_letter_throughout() {
    let mut stage = Stage::new(&Lines::default().compile(), "good\nbad !\n").await;
    stage.run(Checkpoint::default()).await;
    let record = Record::default();
    Gated::before(&mut stage, &record, ENOUGH);
    replay(&stage, Checkpoint::default(), starts("good\nbad !\n", &[2])).await;
    assert_eq!(*record.lock().unwrap(), [Event::Letters(vec![2])]);
}

#[tokio::test]
async fn a_row_that_kills_again_is_convicted_again_and_the_others_go_on() {
    let text = "good\n#\nbad !\n";
    let stage = Stage::new(&Lines::default().compile(), text).await;
    assert_eq!(stage.run(Checkpoint::default()).await.counts.rows.rejected, 2);
    let mended = text.replace("bad !", "bad ?");
    std::fs::write(stage.path(), &mended).unwrap();
    let report = replay(&stage, Checkpoint::default(), starts(&mended, &[2, 3])).await;
    assert_eq!(report.outcome, TaskOutcome::Done, "{:?}", report.reason);
    assert_eq!((report.counts.rows.ingested, report.counts.rows.rejected, report.deaths.len()), (1, 1, 2));
    let content = stage.content();
    assert_eq!((content.documents.len(), content.letter_rows()), (4, vec![2]));
}

#[tokio::test]
async fn an_interrupted_replay_goes_on_where_it_was() {
    let line = |n: u64| match n {
        _ if n.is_multiple_of(1_000) => format!("line {n} #\n"),
        _ if n.is_multiple_of(2) => format!("line {n} !\n"),
        _ => format!("line {n}\n"),
    };
    let text: String = (1..=6_000).map(line).collect();
    let mended: String = (1..=6_000).map(|n| line(n).replace('!', "?")).collect();
    let rows: Vec<u64> = (2..=6_000).step_by(2).collect();
    let app = Lines::default().compile();
    let mut contents = Vec::new();
    let mut cut = 0;
    for deliveries in [usize::MAX, 1, 2] {
        let stage = Stage::new(&app, &text).await;
        assert_eq!(stage.run(Checkpoint::default()).await.counts.rows.rejected, 3_000);
        std::fs::write(stage.path(), &mended).unwrap();
        let (mut from, mut pieces) = (Checkpoint::default(), 0_usize);
        let report = loop {
            let mut run = stage.begin(from);
            run.rows = Some(starts(&mended, &rows));
            run.observer.deliveries = Some(deliveries);
            let report = run.end().await.unwrap();
            pieces += 1;
            if report.outcome != TaskOutcome::Interrupted {
                break report;
            }
            from = report.checkpoint;
        };
        assert_eq!(report.outcome, TaskOutcome::Done, "{:?}", report.reason);
        cut += pieces - 1;
        assert_eq!(
            (report.counts.rows.read, report.counts.rows.ingested, report.counts.rows.rejected),
            (3_000, 2_994, 6)
        );
        assert_eq!(report.checkpoint.settled.row.number, 6_000);
        contents.push(stage.content());
    }
    assert!(cut > 0);
    assert_eq!(contents[0].letter_rows(), [1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    assert_eq!(contents[0].documents.len(), 2 * 5_994);
    assert!(contents[1..].iter().all(|content| *content == contents[0]));
}

#[tokio::test]
async fn what_is_emitted_outside_of_rows_is_left_to_the_whole_run() {
    let text = "one @\nbad ! @\nthree @\n";
    let stage = Stage::new(&Lines::default().compile(), text).await;
    stage.run(Checkpoint::default()).await;
    let before = stage.peek().documents;
    let mended = text.replace('!', "?");
    std::fs::write(stage.path(), &mended).unwrap();
    let report = replay(&stage, Checkpoint::default(), starts(&mended, &[2])).await;
    assert_eq!((report.outcome, report.not_deterministic), (TaskOutcome::Done, false));
    assert_eq!(report.counts.documents.emitted, 2);
    let after = stage.content().documents;
    assert_eq!(after.len(), before.len() + 2);
    assert!(before.iter().all(|document| after.contains(document)));
}

#[tokio::test]
async fn rows_are_replayed_once_and_in_the_order_of_the_file_however_they_are_named() {
    let text = "a !\nb !\nc !\n";
    let stage = Stage::new(&Lines::default().compile(), text).await;
    stage.run(Checkpoint::default()).await;
    let mended = text.replace('!', "?");
    std::fs::write(stage.path(), &mended).unwrap();
    let report = replay(&stage, Checkpoint::default(), starts(&mended, &[3, 1, 3])).await;
    assert_eq!((report.outcome, report.counts.rows.ingested), (TaskOutcome::Done, 2));
    assert_eq!(stage.content().letter_rows(), [2]);
}

#[tokio::test]
async fn a_replay_that_ends_before_its_last_row_is_not_done() {
    let text = "a !\nb !\nc !\n";
    let mut stage = Stage::new(&Lines::default().compile(), text).await;
    stage.run(Checkpoint::default()).await;
    stage.recast(&Lines { rows: 1, ..Lines::default() }.compile());
    let report = replay(&stage, Checkpoint::default(), starts(text, &[1, 3])).await;
    assert_eq!(report.outcome, TaskOutcome::Partial);
    assert_eq!(report.reason.as_deref(), Some("the app ended before row 3, which was to be replayed"));
}
