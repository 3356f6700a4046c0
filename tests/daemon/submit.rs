//! Submitting, watching, cancelling, retrying, rerunning by commands.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;
use serde_json::Value;

fn with_villains() -> Daemon {
    let daemon = Daemon::start("");
    daemon.drop_app("acme", &artefacts::villains());
    daemon
}

fn submit(daemon: &Daemon, files: &[&str], more: &[&str], codes: &[i32]) -> serde_json::Value {
    let arguments: Vec<&str> = ["submit", "acme", "villains"].into_iter().chain(files.iter().copied()).collect();
    daemon.ask(&[&arguments[..], more].concat(), codes)
}

#[test]
fn submitted_files_end_with_books_that_balance() {
    let daemon = with_villains();
    daemon.write("a.csv", Rows::innocent(100).csv());
    daemon.write("b.csv", Rows::innocent(100).with(5, "reject").csv());
    let told = daemon.command(["submit", "acme", "villains", "a.csv", "b.csv"]);
    assert_eq!(told.code, exit::DEAD_LETTERS, "{}", told.stderr);
    assert!(
        told.stdout.contains("a.csv: task 1 done; 100 rows = 100 ingested + 0 passed over + 0 rejected"),
        "{}",
        told.stdout
    );
    assert!(
        told.stdout.contains("b.csv: task 2 done; 100 rows = 99 ingested + 0 passed over + 1 rejected"),
        "{}",
        told.stdout
    );
    assert_eq!(daemon.documents("acme", "documents").len(), 199);
}

#[test]
fn a_batch_submitted_twice_under_one_id_is_one_batch() {
    let daemon = with_villains();
    daemon.write("a.csv", Rows::innocent(10).csv());
    let id = ["--batch", "0198c0de-0000-7000-8000-000000000001"];
    let first = submit(&daemon, &["a.csv"], &id, &[0]);
    let second = submit(&daemon, &["a.csv"], &id, &[0]);
    assert_eq!(first["tasks"][0]["number"], second["tasks"][0]["number"]);
    assert_eq!(daemon.settled().len(), 1);
}

#[test]
fn the_same_content_is_ingested_once_even_in_one_batch_or_at_the_same_time() {
    let daemon = with_villains();
    for name in ["a.csv", "b.csv", "c.csv", "d.csv"] {
        daemon.write(name, Rows::innocent(1_000).csv());
    }
    let told = daemon.command(["submit", "acme", "villains", "a.csv", "b.csv"]);
    assert_eq!(told.code, exit::FAILED);
    let sentence = "b.csv has the content of a.csv of the same batch: to ingest it once, leave one of them out";
    assert!(told.stderr.contains(sentence), "{}", told.stderr);
    assert!(daemon.settled().is_empty());
    let daemon = &daemon;
    let codes = std::thread::scope(|scope| {
        let submit = |name| scope.spawn(move || daemon.command(["submit", "acme", "villains", name]));
        ["a.csv", "b.csv", "c.csv", "d.csv"].map(submit).map(|submitted| submitted.join().unwrap())
    });
    for refused in codes.iter().filter(|told| told.code != exit::DONE) {
        assert!(refused.stderr.contains("has the content of task 1 ("), "{}", refused.stderr);
    }
    assert_eq!(codes.iter().filter(|told| told.code == exit::DONE).count(), 1, "{codes:?}");
    assert_eq!(daemon.settled().len(), 1);
    assert_eq!(daemon.documents("acme", "documents").len(), 1_000);
}

#[test]
fn killing_rows_become_dead_letters_and_the_rest_is_stored() {
    let daemon = with_villains();
    let rows = Rows::innocent(2_000).with(50, "segfault").with(1_500, "abort");
    daemon.write("a.csv", rows.csv());
    let batch = submit(&daemon, &["a.csv"], &[], &[exit::DEAD_LETTERS]);
    assert_eq!(batch["tasks"][0]["state"], "done", "{batch}");
    assert_eq!(daemon.documents("acme", "documents").len(), 1_998);
    let lines: Vec<Value> = daemon.letters("acme").iter().map(|letter| letter["line"].clone()).collect();
    assert_eq!(lines, [rows.line(50), rows.line(1_500)]);
}

#[test]
fn a_task_that_keeps_failing_is_parked_with_its_reason_and_can_be_retried_or_cancelled() {
    let daemon = Daemon::start("adopt_tenants = true\nretry_pause = \"10ms\"\n[profiles.normal]\nattempts = 2\n");
    daemon.drop_app("acme", &artefacts::c_villain("ingest_fails"));
    let app = daemon.ask(&["apps", "list"], &[0])[0]["app"].as_str().unwrap().to_owned();
    daemon.write("a.csv", "n\n1\n");
    let batch = daemon.ask(&["submit", "acme", &app, "a.csv"], &[exit::FAILED]);
    let task = &batch["tasks"][0];
    assert_eq!((&task["state"], &task["attempts"]), (&"parked".into(), &2.into()), "{task}");
    assert!(task["reason"].as_str().unwrap().contains("returned an error"), "{task}");
    let retried = daemon.ask(&["tasks", "retry", "1"], &[0]);
    assert!(retried["attempts"].as_u64().unwrap() < 2, "{retried}");
    assert_eq!(daemon.settled()[0]["state"], "parked");
    assert_eq!(daemon.ask(&["tasks", "cancel", "1"], &[0])["state"], "cancelled");
    let told = daemon.command(["tasks", "cancel", "1"]);
    assert_eq!(told.code, exit::FAILED);
    assert!(
        told.stderr.contains("task 1 is cancelled: only a task that is waiting, running or parked"),
        "{}",
        told.stderr
    );
}

#[test]
fn a_running_task_is_cancelled_and_its_documents_stay() {
    let daemon = with_villains();
    daemon.write("a.csv", Rows::innocent(3_000).with(3_000, "sleep_forever").csv());
    submit(&daemon, &["a.csv"], &["--no-wait"], &[0]);
    let running = || {
        let status = daemon.ask(&["status"], &[0]);
        status["running"].as_array().filter(|tasks| !tasks.is_empty()).map(|_| ())
    };
    daemon.until("a task that runs", running);
    daemon.ask(&["tasks", "cancel", "1"], &[0]);
    let task = daemon.settled().remove(0);
    assert_eq!(task["state"], "cancelled", "{task}");
    assert!(running().is_none());
    assert_eq!(task["checkpoint"]["counts"]["documents"]["stored"], daemon.documents("acme", "documents").len());
}

#[test]
fn a_rerun_from_nothing_ends_with_the_same_documents() {
    let daemon = with_villains();
    daemon.write("a.csv", Rows::innocent(500).with(9, "reject").csv());
    submit(&daemon, &["a.csv"], &[], &[exit::DEAD_LETTERS]);
    let before = daemon.documents("acme", "documents");
    daemon.ask(&["tasks", "rerun", "1"], &[0]);
    let task = daemon.settled().remove(0);
    assert_eq!(
        (&task["state"], &task["checkpoint"]["counts"]["rows"]["read"]),
        (&"done".into(), &500.into()),
        "{task}"
    );
    assert_eq!(daemon.documents("acme", "documents"), before);
}

#[test]
fn a_rerun_that_could_take_what_others_stored_is_refused() {
    let daemon = with_villains();
    daemon.write("a.csv", Rows::innocent(50).with(9, "reject").with(20, "own_id_clash=mine").csv());
    submit(&daemon, &["a.csv"], &[], &[exit::DEAD_LETTERS]);
    let before = daemon.documents("acme", "documents");
    daemon.ask(&["deadletters", "replay", "1"], &[0]);
    daemon.settled();
    for (task, sentence) in [
        ("1", "task 1 stored 1 documents under _ids that its app set: what else they may belong to cannot be told"),
        ("2", "task 2 replays rows of task 1, whose documents they are: rerun task 1"),
    ] {
        let told = daemon.command(["tasks", "rerun", task]);
        assert_eq!(told.code, exit::FAILED, "{}", told.stdout);
        assert!(told.stderr.contains(sentence), "{}", told.stderr);
    }
    assert_eq!(daemon.documents("acme", "documents"), before);
}

#[test]
fn a_daemon_that_is_stopped_amid_a_task_goes_on_from_its_checkpoint() {
    let mut daemon = with_villains();
    let rows = 60_000;
    daemon.write("a.csv", Rows::innocent(rows).csv());
    submit(&daemon, &["a.csv"], &["--no-wait"], &[0]);
    daemon.until("documents", || {
        let stored = &daemon.ask(&["status"], &[0])["running"][0]["counts"]["documents"]["stored"];
        (stored.as_u64()? > 0).then_some(())
    });
    assert_eq!(daemon.stop(), 0);
    daemon.serve();
    let task = daemon.settled().remove(0);
    assert_eq!(task["state"], "done", "{task}");
    assert_eq!(task["checkpoint"]["counts"]["rows"]["read"], rows);
    assert_eq!(daemon.documents("acme", "documents").len() as u64, rows);
}

#[test]
fn commands_say_where_they_looked_for_a_daemon() {
    let daemon = Daemon::prepare("");
    let told = daemon.command(["status"]);
    assert_eq!(told.code, exit::FAILED);
    assert!(
        told.stderr.contains("no mysimbdp answers on data/control.sock: start it with `mysimbdp serve`"),
        "{}",
        told.stderr
    );
}
