//! Ordinary code works after the last stage of the sandbox.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::exit;
use std::collections::BTreeMap;

/// Task, input, and what must come of it.
const TASKS: &[(&str, &str, &str)] = &[
    ("hash_map", "to be or not to be", "be=2 not=1 or=1 to=2"),
    ("sort", "pear fig apple kiwi", "fig kiwi pear apple"),
    ("format", "framed", "*****************framed*****************    0.333 0xff"),
    ("regex", "due on 2024-05-17 at noon", "05/2024"),
    ("maths", "2", "0.9092974268256817 1.4142135623730951 0.6931471805599453"),
    ("chrono", "1715950800", "Friday 2024-05-17 13:00:00"),
    ("chrono_local", "1715950800", "2024-05-17T13:00:00+00:00"),
    ("strftime", "1715950800", "Fri 17 May 2024 13:00:00 UTC"),
    ("uuid", "", "version 4"),
    ("random_state", "", "true"),
    ("iconv_latin1", "5a6feb", "Zoë"),
    ("iconv_utf16", "5a006f00eb00", "Zoë"),
    ("clock", "", "time passes"),
    ("environment", "", "UTC"),
    ("memory", "", "100"),
];

fn run(isolation: &str) -> Finished {
    let mut data = String::from("task,input\n");
    for (task, input, _) in TASKS {
        data.push_str(&format!("{task},{input}\n"));
    }
    data.push_str("thread,\n");
    Mysimbdp::run(&artefacts::citizen(), data).option("--isolation", isolation).finish()
}

fn outputs(finished: &Finished) -> BTreeMap<String, String> {
    let documents = finished.sink().documents();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    documents.iter().map(|document| (text(&document["task"]), text(&document["output"]))).collect()
}

fn everything_works(isolation: &str) {
    let finished = run(isolation);
    let report = finished.report();
    assert_eq!(finished.code(), exit::DONE, "{:?}", report.sentences());
    let outputs = outputs(&finished);
    for (task, _, output) in TASKS {
        assert_eq!(outputs.get(*task).map(String::as_str), Some(*output), "{task}");
    }
    // Apps have one thread: to ask for another is an error that they can deal with, no death.
    assert!(outputs["thread"].starts_with("no threads: "), "{}", outputs["thread"]);
}

#[test]
fn ordinary_code_works_in_the_full_sandbox() {
    everything_works("full");
}

#[test]
fn ordinary_code_works_in_the_reduced_sandbox() {
    everything_works("reduced");
}

#[test]
fn the_hosts_time_zone_is_nobodys_business() {
    let finished = run("full");
    assert_eq!(outputs(&finished)["chrono_local"], "2024-05-17T13:00:00+00:00");
}
