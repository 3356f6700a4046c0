//! A newcomer with no configuration: an app and a file dropped with `cp`.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::fs;

#[test]
fn an_app_and_a_file_dropped_without_any_configuration_become_documents() {
    let mut daemon = Daemon::start("");
    let verdict = daemon.drop_app("acme", &artefacts::villains());
    assert_eq!((&verdict["verdict"], &verdict["apps"][0]), (&"live".into(), &"villains".into()), "{verdict}");
    let inbox = daemon.staging("acme").join("inbox/villains");
    daemon.until("the inbox of the app", || inbox.is_dir().then_some(()));
    let rows = Rows::innocent(500).with(7, "reject");
    fs::write(inbox.join("data.csv"), rows.csv()).unwrap();
    let verdict = daemon.verdict(&inbox.join("data.csv.verdict.json"), None);
    assert_eq!(verdict["verdict"], "accepted", "{verdict}");
    let tasks = daemon.settled();
    assert_eq!(tasks.len(), 1);
    assert_eq!((&tasks[0]["state"], &tasks[0]["file"]["name"]), (&"done".into(), &"data.csv".into()), "{}", tasks[0]);
    let documents = daemon.documents("acme", "documents");
    assert_eq!(documents.len(), 499);
    assert!(!inbox.join("data.csv").exists(), "it was taken");
    let letters = daemon.letters("acme");
    assert_eq!(letters.len(), 1);

    let log = daemon.log();
    assert!(log.contains("staging/<tenant>/") && log.contains("control socket"), "{log}");
    let ended: Vec<Value> = fs::read_to_string(daemon.path("data/tenants/acme/journal/journal.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &Value| event["event"] == "task_ended")
        .collect();
    assert_eq!(ended.len(), 1);
    assert_eq!((&ended[0]["rows"]["read"], &ended[0]["documents"]["stored"]), (&500.into(), &499.into()));
    assert_eq!(daemon.stop(), 0);
    assert!(!daemon.path("data/control.sock").exists());
}

#[test]
fn what_was_dropped_while_nobody_was_there_is_found_at_the_start() {
    let mut daemon = Daemon::prepare("");
    let folder = daemon.staging("acme");
    fs::create_dir_all(folder.join("apps")).unwrap();
    fs::create_dir_all(folder.join("inbox/villains")).unwrap();
    fs::copy(artefacts::villains(), folder.join("apps/libvillains.so")).unwrap();
    fs::write(folder.join("inbox/villains/odd \"name\"\n.csv"), Rows::innocent(10).csv()).unwrap();
    daemon.serve();
    daemon.until("a task", || {
        daemon.ask(&["tasks", "list"], &[0]).as_array().filter(|tasks| !tasks.is_empty()).map(|_| ())
    });
    assert_eq!(daemon.settled()[0]["state"], "done");
    assert_eq!(daemon.documents("acme", "documents").len(), 10);
}

#[test]
fn two_tenants_with_the_same_app_have_nothing_in_common() {
    let daemon = Daemon::start("");
    for (tenant, rows) in [("acme", 10), ("globex", 20)] {
        daemon.drop_app(tenant, &artefacts::villains());
        let file = daemon.write("data.csv", Rows::innocent(rows).csv());
        let batch = daemon.ask(&["submit", tenant, "villains", file.to_str().unwrap()], &[0]);
        assert_eq!(batch["tasks"][0]["state"], "done", "{batch}");
        assert_eq!(daemon.documents(tenant, "documents").len() as u64, rows);
    }
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    let mut daemon = Daemon::start("");
    let told = daemon.command(["serve"]);
    assert_eq!(told.code, 1);
    let sentence = format!("another mysimbdp (process {}) already runs on", daemon.pid());
    assert!(told.stderr.contains(&sentence), "{}", told.stderr);
    assert!(daemon.is_running());
}

#[test]
fn the_same_content_again_is_refused_or_a_new_batch_as_configured() {
    for (config, state) in
        [("", "refused"), ("adopt_tenants = true\n[staging_rules]\non_known = \"new-batch\"\n", "accepted")]
    {
        let daemon = Daemon::start(config);
        daemon.drop_app("acme", &artefacts::villains());
        let inbox = daemon.staging("acme").join("inbox/villains");
        daemon.until("the inbox of the app", || inbox.is_dir().then_some(()));
        fs::write(inbox.join("first.csv"), Rows::innocent(10).csv()).unwrap();
        daemon.verdict(&inbox.join("first.csv.verdict.json"), None);
        fs::write(inbox.join("second.csv"), Rows::innocent(10).csv()).unwrap();
        let place = match state {
            "refused" => daemon.staging("acme").join("refused/villains/second.csv.verdict.json"),
            _ => inbox.join("second.csv.verdict.json"),
        };
        let verdict = daemon.verdict(&place, None);
        assert_eq!(verdict["verdict"], state, "{verdict}");
        if state == "refused" {
            let sentence = verdict["sentence"].as_str().unwrap();
            assert!(sentence.contains("has the content of task 1 (first.csv"), "{sentence}");
            assert!(daemon.staging("acme").join("refused/villains/second.csv").exists(), "nothing is lost");
        }
        daemon.settled();
    }
}
