//! Villains among messages: as among rows, and lies about outcomes besides.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::{exit, innocent_documents, is_one_clean_sentence, says_one_of, told};
use serde_json::{Value, json};

const CROWD: u64 = 40;

/// Messages `n,deed`, all innocent but one.
fn crowd(guilty: u64, deed: &str) -> String {
    (1..=CROWD).map(|n| format!("{n},{}\n", if n == guilty { deed } else { "none" })).collect()
}

fn run(data: impl AsRef<[u8]>) -> Mysimbdp {
    Mysimbdp::run(&artefacts::villains(), data).arg("--messages")
}

fn innocent(guilty: u64) -> Vec<Value> {
    (1..=CROWD).filter(|n| *n != guilty).map(|n| json!({ "n": n })).collect()
}

/// It is named, becomes the only dead letter, and everything else is stored.
fn the_killing_message_is_named_at(guilty: u64, deed: &str, words: &[&str]) {
    let finished = run(crowd(guilty, deed)).option("--stall-seconds", "3").finish();
    let report = finished.report();
    assert_eq!(report.outcome, "done", "{:?}", report.sentences());
    assert_eq!(finished.code(), exit::DEAD_LETTERS, "{:?}", report.sentences());
    assert_eq!(report.raw["unit"], "message");
    let letters: Vec<_> =
        report.dead_letters.iter().map(|letter| (letter.row, letter.line, letter.raw.as_str())).collect();
    assert_eq!(letters, [(Some(guilty), Some(guilty), format!("{guilty},{deed}").as_str())]);
    let reason = &report.dead_letters[0].reason;
    assert!(reason.starts_with("the app failed at this message, in its place and alone: "), "{reason}");
    assert_eq!(
        report.deaths.iter().map(|death| (death.row, death.alone)).collect::<Vec<_>>(),
        [(Some(guilty), false), (Some(guilty), true)]
    );
    for death in &report.deaths {
        let sentence = &death.sentence;
        assert!(sentence.contains(&format!("at message {guilty} (line {guilty}, byte ")), "{sentence}");
        assert!(sentence.starts_with("app villains (generation "), "{sentence}");
        says_one_of(sentence, words);
        is_one_clean_sentence(sentence);
    }
    assert_eq!(innocent_documents(&finished), innocent(guilty));
    assert_eq!(finished.sink().dead_letters().len(), 1);
    assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (CROWD, CROWD - 1, 1));
    assert!(report.balances());
}

macro_rules! the_killing_message_is_named {
    ($($deed:ident: $words:expr;)*) => {
        mod the_killing_message_is_named {
            $(
                #[test]
                fn $deed() {
                    super::the_killing_message_is_named_at(20, stringify!($deed), &$words);
                }
            )*
        }
    };
}

the_killing_message_is_named! {
    panic: ["panicked at"];
    panic_in_drop: ["SIGABRT"];
    segfault: ["SIGSEGV"];
    abort: ["SIGABRT"];
    stack_overflow: ["SIGSEGV", "overflowed its stack"];
    exit0: ["exited with status 0", "exit"];
    exit_raw: ["exit"];
    endless_loop: ["within 3s and was stopped"];
    sleep_forever: ["within 3s and was stopped"];
    memory_heap_abort: ["memory"];
    half_frame: ["exit"];
    garbage_to_socket: ["protocol"];
    forged_done: ["protocol (it sent a Done frame while it had messages)"];
    forged_tag: ["protocol"];
}

/// In the first message the host has no other reason to refuse the frame than the one that is tested.
macro_rules! the_host_takes_no {
    ($($deed:ident: $words:expr;)*) => {
        mod the_host_takes_no {
            $(
                #[test]
                fn $deed() {
                    super::the_killing_message_is_named_at(1, stringify!($deed), &[$words]);
                }
            )*
        }
    };
}

the_host_takes_no! {
    outcomes_too_many: "protocol (it told of more messages than the ";
    outcomes_of_none: "protocol (it sent a frame of outcomes without an outcome)";
    outcomes_other_delivery: "protocol (it sent a Outcomes frame with the tag ";
    outcomes_unknown_fate: "protocol (it sent ";
    outcomes_cut_head: "protocol (it sent a payload that ends inside a record";
    outcomes_dirty_padding: "protocol (it sent ";
    outcomes_more_bytes_than_sent: "protocol (it sent a payload that ends inside a record";
    outcomes_fewer_documents_than_sent: "protocol (it sent a payload that ends inside a record";
    outcomes_four_billion_documents: "protocol (it reported 4294967295 documents";
    outcomes_reason_not_utf8: "protocol (it sent ";
    outcomes_reason_huge: "protocol (it sent ";
    outcomes_rejected_with_documents: "protocol (it sent ";
}

#[test]
fn lies_that_nobody_can_check_hurt_the_liar_alone() {
    for deed in [
        "outcomes_one_more",
        "outcomes_more_documents_than_sent",
        "outcomes_garbage_document",
        "outcomes_document_over_16mb",
    ] {
        let finished = run(crowd(20, deed)).finish();
        let report = finished.report();
        assert_eq!((report.outcome.as_str(), report.rows.read), ("done", CROWD), "{deed}: {:?}", report.sentences());
        assert!(report.balances(), "{deed}: {:?}", report.raw);
        let all = innocent(0);
        assert!(innocent_documents(&finished).iter().all(|it| it.get("n").is_none() || all.contains(it)), "{deed}");
    }
}

#[test]
fn what_the_sandbox_or_the_host_refuses_is_told_and_everything_else_is_stored() {
    let deeds = [
        "invalid_bson",
        "invalid_bson_length",
        "deep_document",
        "document_over_16mb",
        "own_id_zero",
        "memory_memfd",
        "log_flood",
        "log_huge_line",
        "crawl=50",
        "stderr_1gb",
    ];
    let data: String = (1..).zip(deeds).map(|(n, deed)| format!("{n},{deed}\n{},none\n", n + 100)).collect();
    let finished = run(data).finish();
    let report = finished.report();
    assert_eq!(report.outcome, "done", "{:?}", report.sentences());
    assert!(report.deaths.is_empty() && report.dead_letters.is_empty(), "{:?}", report.sentences());
    for (n, deed) in (1..).zip(deeds) {
        let (verdict, detail) = told(&finished, n).unwrap_or_else(|| panic!("{deed} left no trace"));
        assert!(verdict == "held" || verdict == "harmless", "{deed}: {verdict}: {detail}");
    }
    assert_eq!(innocent_documents(&finished).len(), deeds.len());
}

#[test]
fn a_message_that_is_none_is_rejected_and_nobody_dies_of_it() {
    let mut data =
        b"1,none\nnot a deed\n2,unheard_of\n\n\xff\xfe\r\n3,reject_after_emit\n4,huge_reject_reason\n".to_vec();
    data.extend(vec![b'x'; 15 << 20]);
    data.extend(b"\n5,none");
    let finished = run(&data).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.deaths.len()), (exit::DEAD_LETTERS, 0), "{:?}", report.sentences());
    let lines: Vec<_> = report.dead_letters.iter().map(|letter| (letter.row, letter.line)).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7].map(|row| (Some(row), Some(if row > 3 { row + 1 } else { row }))));
    assert_eq!(innocent_documents(&finished), [json!({ "n": 1 }), json!({ "n": 5 })]);
}

#[test]
fn an_app_that_fails_is_told_so_with_the_message_and_its_own_words() {
    let finished = run(crowd(20, "fail")).finish();
    let report = finished.report();
    let reason = report.reason.clone().unwrap_or_default();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"), "{reason}");
    assert!(reason.contains("at message 20 (line 20, byte "), "{reason}");
    assert!(reason.ends_with("the villain gives up at n 20"), "{reason}");
    assert_eq!(report.rows.read, 19, "what came before is stored");
    assert_eq!(innocent_documents(&finished).len(), 19);
}

#[test]
fn a_death_in_another_message_than_the_guilty_one_convicts_nobody() {
    let finished = run(crowd(20, "strike_later=5")).finish();
    let report = finished.report();
    assert!(report.deaths.iter().all(|death| death.row != Some(20)), "{:?}", report.sentences());
    assert!(report.dead_letters.is_empty(), "{:?}", report.sentences());
    assert!(report.balances());
}

#[test]
fn a_forged_id_changes_nothing_of_what_is_stored() {
    let first: Finished = run("1,none\n").finish();
    let before = first.sink().documents_with_id();
    let id = before[0]["_id"]["$oid"].as_str().unwrap().to_owned();
    let sink = first.directory().join("sink.db");
    let second = run(format!("2,own_id_forged={id}\n3,none\n")).option("--sink", &sink.display().to_string()).finish();
    let report = second.report();
    assert_eq!(report.dead_letters.len(), 1, "{:?}", report.raw);
    assert_eq!(report.dead_letters[0].row, Some(1));
    let after = first.sink().documents_with_id();
    assert!(after.contains(&before[0]), "{after:?}");
    assert_eq!(after.len(), 2);
}
