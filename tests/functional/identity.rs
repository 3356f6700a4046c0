//! The same file again makes the same documents and none twice.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit};
use std::path::Path;

fn again(app: &Path, data: &Path, sink: &Path) -> Finished {
    let sink = sink.to_str().unwrap();
    Mysimbdp::new(["run"])
        .arg(app)
        .arg(data)
        .arg("--json")
        .option("--sink", sink)
        .option("--collection", "rows")
        .finish()
}

#[test]
fn running_a_file_again_into_the_same_sink_stores_nothing_twice() {
    let rows = Rows::innocent(500).with(100, "reject");
    let first = expect::villains(&rows).finish();
    let before = first.sink().documents_with_id();
    let sink = first.directory().join("sink.db");
    let second = again(&artefacts::villains(), &first.directory().join("data.csv"), &sink);
    assert_eq!(second.code(), exit::DEAD_LETTERS, "{}", second.stderr);
    assert_eq!(first.sink().documents_with_id(), before);
    assert_eq!(first.sink().dead_letters().len(), 1);
    assert!(second.report().balances());
}

#[test]
fn another_file_makes_other_documents() {
    let first = expect::villains(&Rows::innocent(10)).finish();
    let sink = first.directory().join("sink.db");
    let other = first.directory().join("other.csv");
    std::fs::write(&other, Rows::innocent(12).csv()).unwrap();
    let second = again(&artefacts::villains(), &other, &sink);
    assert_eq!(second.code(), exit::DONE, "{}", second.stderr);
    assert_eq!(first.sink().count(), 22);
}

#[test]
fn ids_do_not_depend_on_how_often_a_worker_died_on_the_way() {
    let calm = expect::villains(&Rows::innocent(50)).finish().sink().documents_with_id();
    let rows = Rows::innocent(50).with(20, "segfault").with(40, "abort");
    let stormy = expect::villains(&rows).finish().sink().documents_with_id();
    let find = |documents: &[serde_json::Value], n: u64| documents.iter().find(|it| it["n"] == n).cloned();
    for n in (1..=50).filter(|n| ![20, 40].contains(n)) {
        assert_eq!(find(&calm, n), find(&stormy, n));
    }
}
