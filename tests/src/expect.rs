//! What tests ask for: sums, sentences, and that the innocent are untouched.

use crate::artefacts;
use crate::command::{Finished, Mysimbdp};
use crate::data::Rows;
use crate::report::{Death, Report};
use serde_json::Value;

/// Exit codes of `mysimbdp run`.
pub mod exit {
    /// Everything was ingested.
    pub const DONE: i32 = 0;
    /// It failed.
    pub const FAILED: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 2;
    /// Done, but some rows became dead letters.
    pub const DEAD_LETTERS: i32 = 3;
    /// It ended before the end of the file.
    pub const PARTIAL: i32 = 4;
}

/// Rows of the file in which a single villain stands among the innocent, and where it stands.
const CROWD: u64 = 40;
/// See [`CROWD`].
const GUILTY: u64 = 20;

/// One villain among the innocent, with a deed.
pub fn crowd(deed: &str) -> Rows {
    Rows::innocent(CROWD).with(GUILTY, deed)
}

/// Runs the app `villains` on these rows.
pub fn villains(rows: &Rows) -> Mysimbdp {
    Mysimbdp::run(&artefacts::villains(), rows.csv())
}

/// Documents by their `n`, whatever order they were stored in.
pub fn sorted(mut documents: Vec<Value>) -> Vec<Value> {
    documents.sort_by_key(|document| document.get("n").and_then(Value::as_i64));
    documents
}

/// The documents of the sink without those in which a villain tells what came of its deed.
pub fn innocent_documents(finished: &Finished) -> Vec<Value> {
    let mut documents = finished.sink().documents();
    documents.retain(|document| document.get("verdict").is_none());
    sorted(documents)
}

/// What the villain in row `n` told, where it lived to tell: verdict and detail.
pub fn told(finished: &Finished, n: u64) -> Option<(String, String)> {
    let documents = finished.sink().documents();
    let document = documents.into_iter().find(|it| it.get("verdict").is_some() && it["n"] == n)?;
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    Some((text("verdict"), text("detail")))
}

/// Runs one villain among the innocent that kills its worker: its row is named, becomes the only dead letter, and
/// everything else is stored. Each sentence has to contain one of `words`.
///
/// # Panics
/// Where any of that is not so.
pub fn the_killing_row_is_named(deed: &str, words: &[&str]) {
    the_killing_row_is_named_in(&crowd(deed), words);
}

/// The same for a villain that never comes back: the deadline ends it.
///
/// # Panics
/// Where any of that is not so.
pub fn the_hanging_row_is_named(deed: &str) {
    let rows = crowd(deed);
    let finished = villains(&rows).option("--stall-seconds", "2").finish();
    only_the_guilty_die(&finished, &rows, &["it finished no row within 2s and was stopped"]);
}

/// The same where the villain is the first: nothing of the file has reached the host before.
///
/// # Panics
/// Where any of that is not so.
pub fn the_killing_first_row_is_named(deed: &str, words: &[&str]) {
    the_killing_row_is_named_in(&Rows::innocent(CROWD).with(1, deed), words);
}

fn the_killing_row_is_named_in(rows: &Rows, words: &[&str]) {
    let finished = villains(rows).finish();
    only_the_guilty_die(&finished, rows, words);
}

/// As [`the_killing_row_is_named`], for a run that has ended, with any number of killing rows.
///
/// # Panics
/// Where any of that is not so.
pub fn only_the_guilty_die(finished: &Finished, rows: &Rows, words: &[&str]) -> Report {
    let report = finished.report();
    let guilty = rows.guilty();
    assert_eq!(finished.code(), exit::DEAD_LETTERS, "{:?}", report.sentences());
    assert_eq!(report.outcome, "done", "{:?}", report.sentences());
    let convicted: Vec<u64> = report.dead_letters.iter().filter_map(|letter| letter.row).collect();
    assert_eq!(convicted, guilty, "{:?}", report.sentences());
    assert_eq!(report.dead_letters.len(), guilty.len());
    for (row, letter) in guilty.iter().copied().zip(&report.dead_letters) {
        assert_eq!((letter.line, letter.start), (Some(rows.line(row)), rows.start(row)), "{letter:?}");
        assert_eq!(letter.raw, rows.row(row).trim_end());
        let deaths = report.deaths.iter().filter(|death| death.row == Some(row)).count();
        assert!(deaths >= 2, "row {row} was convicted after {deaths} deaths");
    }
    for death in &report.deaths {
        the_sentence_names_everything(&report, death, words);
    }
    assert_eq!(innocent_documents(finished), rows.documents());
    assert_eq!(finished.sink().dead_letters().len(), guilty.len());
    let innocent = rows.count() - guilty.len() as u64;
    assert_eq!((report.rows.read, report.rows.ingested), (rows.count(), innocent));
    assert_eq!((report.documents.emitted, report.documents.stored), (innocent, innocent));
    report
}

/// App, generation and row, one of `words`, and nothing that a terminal would obey.
///
/// # Panics
/// Where one is missing.
pub fn the_sentence_names_everything(report: &Report, death: &Death, words: &[&str]) {
    let sentence = &death.sentence;
    let app = report.app.as_ref().unwrap_or_else(|| panic!("the report names no app: {:?}", report.raw));
    assert!(sentence.contains(&app.name), "no app in: {sentence}");
    assert!(sentence.contains(&app.generation[..8]), "no generation {} in: {sentence}", app.generation);
    if let Some(row) = death.row {
        assert!(sentence.contains(&format!("row {row}")), "no row {row} in: {sentence}");
    }
    says_one_of(sentence, words);
    is_one_clean_sentence(sentence);
}

/// # Panics
/// Where the text has none of the words, whatever their case.
pub fn says_one_of(text: &str, words: &[&str]) {
    let low = text.to_lowercase();
    assert!(words.iter().any(|word| low.contains(&word.to_lowercase())), "none of {words:?} in: {text}");
}

/// # Panics
/// Where the text has several lines, control characters or no end.
pub fn is_one_clean_sentence(text: &str) {
    assert!(!text.chars().any(char::is_control), "control characters in: {text:?}");
    assert!(!text.trim().is_empty() && text.len() < 8192, "not a sentence: {text:?}");
}

/// Runs many deeds that the sandbox must refuse, one row each with innocent rows between, in one file. A deed may also
/// kill its worker, which refuses it as well; none may say that it got through, and no innocent row may be lost.
///
/// # Panics
/// Where a deed got through, or somebody was harmed by it.
pub fn every_deed_is_held(deeds: &[impl AsRef<str>]) -> Finished {
    every_deed_is_held_by("full", deeds)
}

/// The same with this much isolation: `full` or `reduced`.
///
/// # Panics
/// Where a deed got through, or somebody was harmed by it.
pub fn every_deed_is_held_by(isolation: &str, deeds: &[impl AsRef<str>]) -> Finished {
    let (rows, finished) = run_side_by_side(isolation, deeds);
    let report = finished.report();
    assert_eq!(innocent_documents(&finished), rows.documents(), "{:?}", report.sentences());
    for (n, deed) in rows.guilty().into_iter().zip(deeds) {
        let deed = deed.as_ref();
        let convicted = report.dead_letters.iter().find(|letter| letter.row == Some(n));
        match (told(&finished, n), convicted) {
            (Some((verdict, detail)), None) => {
                assert!(verdict == "held" || verdict == "harmless", "{deed}: {verdict}: {detail}");
            }
            (None, Some(letter)) => {
                assert_eq!(letter.raw, rows.row(n).trim_end());
                assert!(!letter.reason.contains("no villain knows"), "{}", letter.reason);
            }
            (None, None) => panic!("{deed} left no trace: {:?}", report.sentences()),
            (Some(told), Some(letter)) => panic!("{deed} told {told:?} and is a dead letter: {}", letter.reason),
        }
    }
    assert_ne!(report.outcome, "failed", "{:?}", report.reason);
    finished
}

fn run_side_by_side(isolation: &str, deeds: &[impl AsRef<str>]) -> (Rows, Finished) {
    let last = deeds.len() as u64 * 3 + 2;
    let mut rows = Rows::innocent(last);
    for (index, deed) in deeds.iter().enumerate() {
        rows = rows.with(index as u64 * 3 + 3, deed.as_ref());
    }
    let finished = villains(&rows).option("--isolation", isolation).finish();
    (rows, finished)
}
