use super::*;
use crate::sink::Written;
use crate::task::Checkpoint;
use bson::{doc, oid::ObjectId};

const SIZE: u64 = 1_000;

/// A frame being put together as a worker does.
#[derive(Default)]
struct Frame(Vec<u8>);

impl Frame {
    fn row(self, number: u64, documents: &[bson::Document]) -> Frame {
        let bytes: Vec<u8> = documents.iter().flat_map(|document| document.to_vec().unwrap()).collect();
        self.record(number, RowFate::Ended, u32::try_from(documents.len()).unwrap(), &bytes)
    }

    fn rejected(self, number: u64, reason: &str) -> Frame {
        self.record(number, RowFate::Rejected, 0, reason.as_bytes())
    }

    fn loose(self, ordinal: u64, document: &bson::Document) -> Frame {
        self.record(LOOSE_ROWS + ordinal, RowFate::Loose, 1, &document.to_vec().unwrap())
    }

    fn record(mut self, number: u64, fate: RowFate, documents: u32, bytes: &[u8]) -> Frame {
        let (start, end) = if fate == RowFate::Loose { (0, 0) } else { (number * 10, number * 10 + 10) };
        let length = u32::try_from(bytes.len()).unwrap();
        let header = RowHeader { number, start, end, line: number, refused: 0, documents, bytes: length, fate };
        self.0.extend_from_slice(&header.encode());
        self.0.extend_from_slice(bytes);
        self
    }

    fn payload(self) -> BytesMut {
        BytesMut::from(self.0.as_slice())
    }
}

fn numbered(value: i32) -> bson::Document {
    doc! { "_id": ObjectId::from_bytes([0; 12]), "value": value }
}

fn settle(ledger: &mut Ledger, delivery: &Delivery) {
    let written = Written { stored: delivery.batch.documents.len() as u64, ..Written::default() };
    ledger.settle(&delivery.rows, delivery.emitted, delivery.refused, delivery.reached, &written);
}

#[test]
fn documents_are_numbered_by_task_row_and_index() {
    let mut intake = Intake::new(&Ledger::new(7, &Checkpoint::default()), SIZE, None);
    let delivery = intake.take(Frame::default().row(1, &[numbered(1), numbered(2)]).payload()).unwrap();
    let ids: Vec<_> = delivery
        .batch
        .documents
        .iter()
        .map(|document| DocumentId::of_document(delivery.batch.document(document)).unwrap())
        .map(|id| (id.task(), id.row(), id.index()))
        .collect();
    assert_eq!(ids, [(7, 1, 0), (7, 1, 1)]);
}

#[test]
fn rows_are_counted_by_their_fate_and_the_counts_balance() {
    let mut ledger = Ledger::new(1, &Checkpoint::default());
    let mut intake = Intake::new(&ledger, SIZE, None);
    let frame = Frame::default().row(1, &[numbered(1)]).row(2, &[]).rejected(3, "why").loose(0, &numbered(4));
    let delivery = intake.take(frame.payload()).unwrap();
    assert_eq!(delivery.rows, RowCounts { read: 3, ingested: 1, passed_over: 1, rejected: 1 });
    assert_eq!(delivery.rejected[0].reason, "why");
    settle(&mut ledger, &delivery);
    assert!(ledger.counts().balance());
    assert_eq!(ledger.counts().documents.stored, 2);
}

#[test]
fn a_document_that_is_not_bson_rejects_its_row_and_nothing_else() {
    let mut ledger = Ledger::new(1, &Checkpoint::default());
    let mut intake = Intake::new(&ledger, SIZE, None);
    let mut broken = numbered(2).to_vec().unwrap();
    broken[4] = 0x77;
    let frame = Frame::default().row(1, &[numbered(1)]).record(2, RowFate::Ended, 1, &broken).row(3, &[numbered(3)]);
    let delivery = intake.take(frame.payload()).unwrap();
    assert_eq!(delivery.batch.documents.len(), 2);
    assert!(delivery.rejected[0].reason.starts_with("document 1 cannot be stored: "));
    settle(&mut ledger, &delivery);
    assert!(ledger.counts().balance());
    assert_eq!(ledger.counts().documents.refused, 1);
}

#[test]
fn an_app_cannot_take_the_id_of_a_document_that_the_host_will_number() {
    let forged = DocumentId::new(2, 1, 0).unwrap().bytes();
    let own = doc! { "_id": ObjectId::from_bytes(forged) };
    let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None)
        .take(Frame::default().row(1, &[own]).payload())
        .unwrap();
    assert!(delivery.rejected[0].reason.contains("ObjectId of before 2004"), "{}", delivery.rejected[0].reason);
    let newer = doc! { "_id": ObjectId::new() };
    let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None)
        .take(Frame::default().row(1, &[newer]).payload())
        .unwrap();
    assert!(delivery.rejected.is_empty());
}

#[test]
fn rows_out_of_order_end_the_worker() {
    for frame in [Frame::default().row(2, &[]), Frame::default().row(1, &[]).row(1, &[]), Frame::default().row(0, &[])]
    {
        let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
        assert!(matches!(intake.take(frame.payload()), Err(Violation::Order { .. })));
    }
}

#[test]
fn rows_outside_of_the_file_end_the_worker() {
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), 15, None);
    assert!(matches!(intake.take(Frame::default().row(1, &[]).payload()), Err(Violation::Place { .. })));
}

#[test]
fn a_frame_that_is_empty_or_goes_on_after_it_is_full_ends_the_worker() {
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
    assert!(matches!(intake.take(BytesMut::new()), Err(Violation::Empty)));
    let large = doc! { "_id": 1, "text": "x".repeat(LARGE_FLUSH_BYTES) };
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
    let overfull = Frame::default().row(1, &[large]).row(2, &[]).payload();
    assert!(matches!(intake.take(overfull), Err(Violation::Overfull(_))));
}

#[test]
fn a_file_has_no_more_rows_than_bytes() {
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), 0, None);
    let row = |number| {
        let header =
            RowHeader { number, start: 0, end: 0, line: 0, refused: 0, documents: 0, bytes: 0, fate: RowFate::Ended };
        BytesMut::from(header.encode().as_slice())
    };
    assert!(intake.take(row(1)).is_ok());
    assert!(matches!(intake.take(row(2)), Err(Violation::Order { .. })));
}

#[test]
fn a_count_of_documents_that_lies_ends_the_worker_or_rejects_the_row() {
    let bytes = numbered(1).to_vec().unwrap();
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
    let fewer = Frame::default().record(1, RowFate::Ended, 0, &bytes).payload();
    assert!(matches!(intake.take(fewer), Err(Violation::Codec(CodecError::Short(_)))));
    let mut intake = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None);
    let more = Frame::default().record(1, RowFate::Ended, 2, &bytes).payload();
    assert_eq!(intake.take(more).unwrap().rejected.len(), 1);
}

#[test]
fn a_rerun_suppresses_what_is_settled_and_notices_what_differs() {
    for (second, differs) in [(numbered(2), false), (numbered(99), true)] {
        let mut ledger = Ledger::new(1, &Checkpoint::default());
        let first = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2)]).payload();
        let delivery = Intake::new(&ledger, SIZE, None).take(first).unwrap();
        settle(&mut ledger, &delivery);
        let mut rerun = Intake::new(&ledger, SIZE, None);
        let again = Frame::default().row(1, &[numbered(1)]).row(2, &[second]).row(3, &[numbered(3)]).payload();
        let delivery = rerun.take(again).unwrap();
        assert_eq!(delivery.batch.documents.len(), 1);
        assert_eq!(delivery.rows.read, 1);
        assert_eq!(delivery.differs, differs);
    }
}

#[test]
fn a_resumed_run_suppresses_the_row_it_starts_at() {
    let mut ledger = Ledger::new(1, &Checkpoint::default());
    let first = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2)]).payload();
    let delivery = Intake::new(&ledger, SIZE, None).take(first).unwrap();
    settle(&mut ledger, &delivery);
    let start = ledger.resume().unwrap();
    assert_eq!(start, Start { number: 2, offset: 20, line: 2 });
    let mut resumed = Intake::new(&ledger, SIZE, Some(start));
    let delivery = resumed.take(Frame::default().row(2, &[numbered(2)]).row(3, &[numbered(3)]).payload()).unwrap();
    assert_eq!((delivery.rows.read, delivery.batch.documents.len(), delivery.differs), (1, 1, false));
}

/// The books after these frames of an undisturbed run.
fn after(frames: impl IntoIterator<Item = Frame>) -> Ledger {
    let mut ledger = Ledger::new(1, &Checkpoint::default());
    let mut intake = Intake::new(&ledger, SIZE, None);
    for frame in frames {
        let delivery = intake.take(frame.payload()).unwrap();
        settle(&mut ledger, &delivery);
    }
    ledger
}

#[test]
fn a_rerun_whose_loose_documents_come_elsewhere_differs() {
    let ledger = after([Frame::default().row(1, &[]).loose(0, &numbered(1)).row(2, &[])]);
    let rerun = |frame: Frame| Intake::new(&ledger, SIZE, None).take(frame.payload()).unwrap();
    assert!(!rerun(Frame::default().row(1, &[]).loose(0, &numbered(1)).row(2, &[]).row(3, &[])).differs);
    assert!(rerun(Frame::default().row(1, &[]).row(2, &[]).row(3, &[])).differs);
    assert!(rerun(Frame::default().loose(0, &numbered(1)).row(1, &[]).row(2, &[])).differs);
    assert!(rerun(Frame::default().row(1, &[]).loose(0, &numbered(1)).loose(1, &numbered(1)).row(2, &[])).differs);
}

#[test]
fn a_rerun_that_ends_before_it_came_to_what_was_settled_falls_short() {
    let ledger = after([Frame::default().row(1, &[]).row(2, &[])]);
    let mut rerun = Intake::new(&ledger, SIZE, None);
    assert!(rerun.falls_short());
    rerun.take(Frame::default().row(1, &[]).payload()).unwrap();
    assert!(rerun.falls_short());
    rerun.take(Frame::default().row(2, &[]).payload()).unwrap();
    assert!(!rerun.falls_short());
}

#[test]
fn convicted_rows_at_the_end_of_what_is_settled_are_not_waited_for() {
    let mut ledger = after([Frame::default().row(1, &[numbered(1)])]);
    for number in [2, 3] {
        ledger.convict(ClaimedRow { number, start: number * 10, end: number * 10 + 10, line: number });
    }
    ledger.close();
    assert_eq!(ledger.settled().row.number, 3);
    let mut rerun = Intake::new(&ledger, SIZE, None);
    let delivery = rerun.take(Frame::default().row(1, &[numbered(1)]).row(4, &[]).payload()).unwrap();
    assert_eq!((delivery.differs, rerun.falls_short(), delivery.rows.read), (false, false, 1));
}

#[test]
fn a_run_that_was_resumed_comes_to_the_hash_of_a_whole_one() {
    let rows = |from: u64, to: u64| {
        (from..=to).fold(Frame::default(), |frame, number| frame.row(number, &[numbered(number.try_into().unwrap())]))
    };
    let whole = after([rows(1, 9)]);
    let mut pieces = after([rows(1, 2), rows(3, 4)]);
    let delivery = Intake::new(&pieces, SIZE, pieces.resume()).take(rows(4, 9).payload()).unwrap();
    settle(&mut pieces, &delivery);
    assert_eq!(pieces.settled(), whole.settled());
    assert_eq!(pieces.counts(), whole.counts());
}

#[test]
fn documents_under_an_id_of_the_apps_own_are_counted_unless_their_row_is_rejected() {
    let own = || doc! { "_id": 7 };
    let mut broken = own().to_vec().unwrap();
    broken.extend([9, 0, 0, 0, 0x77, 0, 0, 0, 0]);
    let frame = Frame::default().row(1, &[own(), numbered(1), own()]).record(2, RowFate::Ended, 2, &broken);
    let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None).take(frame.payload()).unwrap();
    assert_eq!((delivery.own_ids, delivery.rejected.len()), (2, 1));
}

#[test]
fn convicted_rows_are_counted_where_they_are_passed_and_at_the_end() {
    let mut ledger = Ledger::new(1, &Checkpoint::default());
    for number in [2, 4] {
        ledger.convict(ClaimedRow { number, start: number * 10, end: number * 10 + 10, line: number });
    }
    let frame = Frame::default().row(1, &[numbered(1)]).row(3, &[numbered(3)]).payload();
    let delivery = Intake::new(&ledger, SIZE, None).take(frame).unwrap();
    settle(&mut ledger, &delivery);
    assert_eq!(ledger.counts().rows, RowCounts { read: 3, ingested: 2, passed_over: 0, rejected: 1 });
    ledger.close();
    assert_eq!(ledger.counts().rows, RowCounts { read: 4, ingested: 2, passed_over: 0, rejected: 2 });
    assert_eq!(ledger.settled().row.end, 50);
    assert!(ledger.counts().balance());
}

#[test]
fn a_replay_takes_the_rows_of_its_list_and_no_others() {
    let rows = [2, 5, 9].map(|number| Start { number, offset: number * 10, line: number });
    let ledger = Ledger::new(7, &Checkpoint::default());
    let mut intake = Intake::replay(&ledger, SIZE, &rows);
    let frame = Frame::default().row(2, &[numbered(2)]).rejected(5, "still").row(9, &[numbered(9)]);
    let delivery = intake.take(frame.payload()).unwrap();
    assert_eq!(delivery.rows, RowCounts { read: 3, ingested: 2, passed_over: 0, rejected: 1 });
    assert_eq!(delivery.replayed, [2, 9]);
    let mut intake = Intake::replay(&ledger, SIZE, &rows);
    assert!(matches!(
        intake.take(Frame::default().row(3, &[]).payload()),
        Err(Violation::Order { got: 3, expected: 2 })
    ));
}

#[test]
fn what_a_replay_emits_outside_of_rows_is_dropped_in_every_attempt() {
    let rows = [2, 5].map(|number| Start { number, offset: number * 10, line: number });
    let mut ledger = Ledger::new(7, &Checkpoint::default());
    for number in [2, 5] {
        let frame = Frame::default().loose(0, &numbered(0)).row(number, &[numbered(1)]).loose(1, &numbered(9));
        let delivery = Intake::replay(&ledger, SIZE, &rows).take(frame.payload()).unwrap();
        assert_eq!((delivery.batch.documents.len(), delivery.emitted), (1, 1));
        settle(&mut ledger, &delivery);
    }
    assert_eq!((ledger.settled().row.number, ledger.settled().loose), (5, 0));
}

#[test]
fn a_replay_goes_on_behind_what_is_settled_and_passes_what_kills() {
    let rows = [2, 5, 9].map(|number| Start { number, offset: number * 10, line: number });
    let mut ledger = Ledger::new(7, &Checkpoint::default());
    let delivery = Intake::replay(&ledger, SIZE, &rows).take(Frame::default().row(2, &[numbered(2)]).payload());
    settle(&mut ledger, &delivery.unwrap());
    ledger.convict(ClaimedRow { number: 5, start: 50, end: 60, line: 5 });
    let mut again = Intake::replay(&ledger, SIZE, &rows);
    let delivery = again.take(Frame::default().row(9, &[numbered(9)]).payload()).unwrap();
    assert_eq!(delivery.rows, RowCounts { read: 2, ingested: 1, passed_over: 0, rejected: 1 });
}

#[test]
fn a_document_that_the_sink_refused_is_traced_to_its_row() {
    let frame = Frame::default().row(1, &[numbered(1)]).row(2, &[numbered(2), numbered(3)]).payload();
    let delivery = Intake::new(&Ledger::new(1, &Checkpoint::default()), SIZE, None).take(frame).unwrap();
    let refused = refused_documents(&delivery.batch, &[(2, "another document has this _id".into())]);
    let row = Row { number: 2, start: 20, end: 30, line: 2 };
    assert_eq!(refused, [(Rejected { row, reason: "another document has this _id".into() }, 2)]);
}
